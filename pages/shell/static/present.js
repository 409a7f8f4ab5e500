/* Present: what a teacher does on the stage of a large room. The style sheet lays it out; figures are drawn for their size. */
Orrery.presenting = (() => {
  'use strict';
  const { el, words, say, T, label, stage, controls } = Orrery, { views } = window.ORRERY.lab;
  const root = document.documentElement, byId = id => document.getElementById(id);
  const REST = 2500;  // ms without a move after which pointer and cursor go
  const W = {
    leave: T('Leave', '退出'), before: T('The question before', '上一个问题'), after: T('The next question', '下一个问题'),
    control: T('The control beside the figure', '图旁的控件'), presets: T('Presets', '预设'), none: T('No control', '不显示控件'),
  };
  const NONE = ' none', PRESETS = ' presets';

  const asked = el('h2', { 'aria-live': 'polite' }), place = el('span');
  const before = el('button', { type: 'button', onclick: () => step(-1) }, '‹'), after = el('button', { type: 'button', onclick: () => step(1) }, '›');
  const pick = el('select', { onchange: () => { choose(pick.value); pick.blur(); } });
  const head = el('div', { class: 'presenting', tabindex: -1 }, asked, el('span', { class: 'steps' }, before, place, after), pick,
    el('button', { type: 'button', class: 'leave', onclick: () => show(false) }, words(W.leave), ' Esc'));
  for (const [node, text] of [[before, W.before], [after, W.after], [pick, W.control]]) label(node, 'aria-label', text);
  document.querySelector('.bench').prepend(head);
  const pointer = el('div', { class: 'pointer', 'aria-hidden': 'true' });
  document.body.append(pointer);

  /* --- questions --- */
  const tabs = () => views.map((_, i) => byId(`tab-${i}`)).filter(tab => !tab.hidden);
  function step(way) {
    const offered = tabs(), at = offered.indexOf(byId(`tab-${stage.view}`));
    if (offered[at + way]) offered[at + way].click();
  }
  function question() {
    const offered = tabs(), at = offered.indexOf(byId(`tab-${stage.view}`));
    asked.replaceChildren(words(views[stage.view].question));
    place.textContent = `${at + 1} / ${offered.length}`;
    before.disabled = at <= 0;
    after.disabled = at >= offered.length - 1;
  }

  /* --- the one control --- */
  const fields = () => [...document.querySelectorAll('#controls .field')].filter(box => !box.hidden && !box.closest('.more'));
  let chosen = null;
  function choose(name) {
    chosen = name;
    root.classList.toggle('whole', name === NONE);
    byId('controls').classList.toggle('by-presets', name === PRESETS);
    for (const box of document.querySelectorAll('#controls .field')) box.classList.toggle('chosen', box.dataset.param === name);
  }
  function fill() {
    const there = fields(), held = document.activeElement.closest('#controls .field');
    const names = there.map(box => box.dataset.param), extra = document.querySelector('#controls .presets') ? [PRESETS] : [];
    if (chosen === null && held) chosen = held.dataset.param;
    const first = there.find(box => box.querySelector('input[type=range]')) || there[0];
    const now = [...names, ...extra, NONE].includes(chosen) ? chosen : first ? first.dataset.param : extra[0] || NONE;
    pick.replaceChildren(...names.map(n => el('option', { value: n }, say(controls.title(n)))),
      ...extra.map(value => el('option', { value }, say(W.presets))), el('option', { value: NONE }, say(W.none)));
    pick.value = now;
    choose(now);
  }

  /* --- on and off --- */
  const on = () => root.classList.contains('present');
  const grow = () => root.style.setProperty('--k', Math.max(1.2, Math.min(root.clientHeight / 640, 3.4)));
  function follow() {
    if (!on()) return;
    question();
    fill();
  }
  function show(wanted) {
    if (wanted === on()) return;
    if (wanted) { grow(); fill(); }
    root.classList.toggle('present', wanted);
    root.classList.remove('black', 'pointing', 'resting');
    if (wanted) {
      question();
      head.focus();
      // A whole screen where the browser gives one; else the window.
      if (root.requestFullscreen) root.requestFullscreen().catch(() => {});
    } else {
      root.classList.remove('whole');
      if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    }
    dispatchEvent(new Event('resize'));
  }
  for (const event of ['orrery:view', 'orrery:language']) addEventListener(event, follow);
  document.addEventListener('orrery:state', () => on() && fill());
  addEventListener('resize', grow);
  document.addEventListener('fullscreenchange', () => { if (!document.fullscreenElement) show(false); });

  addEventListener('keydown', e => {
    if (on() && e.key === 'Enter' && Orrery.typing()) document.activeElement.blur();  // what is typed is done: keys command again
    if (!on() || e.ctrlKey || e.metaKey || e.altKey || Orrery.typing()) return;
    if (root.classList.contains('black')) { root.classList.remove('black'); e.preventDefault(); return; }
    if (e.key === 'Escape') show(false);
    // What many clickers send for a black screen is a full stop.
    if (e.key.toLowerCase() === 'b' || e.key === '.') root.classList.add('black');
  });

  let rest = 0;
  addEventListener('pointermove', e => {
    if (!on() || e.pointerType !== 'mouse') return;
    pointer.style.transform = `translate(${e.clientX}px, ${e.clientY}px)`;
    root.classList.toggle('pointing', !!e.target.closest('.pair, .change'));
    root.classList.remove('resting');
    clearTimeout(rest);
    rest = setTimeout(() => { root.classList.remove('pointing'); root.classList.add('resting'); }, REST);
  });
  return { show, toggle: () => show(!on()) };
})();
