/* Runs in <head> before anything is painted: language and theme, so that neither flashes. */
(() => {
  const query = new URLSearchParams(location.search);
  const kept = key => { try { return localStorage.getItem(key); } catch { return null; } };
  const wanted = query.get('lang') || kept('orrery-lang') || navigator.language || 'en';
  const lang = wanted.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
  // Gradio reads navigator.language once, when it boots.
  Object.defineProperty(navigator, 'language', { get: () => lang, configurable: true });
  Object.defineProperty(navigator, 'languages', { get: () => [lang], configurable: true });
  const asked = query.get('theme') || query.get('__theme') || kept('orrery-theme');
  const dark = asked ? asked === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  const root = document.documentElement;
  root.lang = lang;
  root.classList.toggle('dark', dark);
  root.classList.toggle('learning', query.has('step'));
  root.classList.toggle('free-hand', kept('orrery-free') === '1');
  window.Orrery_early = { theme: dark ? 'dark' : 'light' };
})();
