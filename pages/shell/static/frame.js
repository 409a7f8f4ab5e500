/* The page's frame: rail, search, theme, language, link; and the start of a lab's page. */
(() => {
  'use strict';
  const { el, T, say, label } = Orrery;
  const boot = window.ORRERY || {};
  const byId = id => document.getElementById(id);
  const keep = (key, value) => { try { localStorage.setItem(key, value); } catch { /* a private window keeps nothing */ } };

  /* --- the ways to the server: what is answered at once by a plain request, of which one is under way and the latest
     waits; long runs by Gradio's wires, where what is asked before Gradio is ready waits --- */
  Orrery.transport = (() => {
    let wire = null, underWay = false, next = null;
    const waiting = {};
    /* Gradio knows a run's number only when its join is answered, and cannot stop it before: a stop waits for that, and
       what is to be started after it waits behind; a later stop drops what has not begun. */
    let begun = 0, joined = 0, queue = [];
    const observer = new PerformanceObserver(list => {
      const joins = list.getEntries().filter(entry => entry.name.includes('/queue/join')).length;
      if (joins) setTimeout(() => answered(Math.min(begun, joined + joins)), 20);
    });
    observer.observe({ type: 'resource' });
    function answered(runs) {
      joined = Math.max(joined, runs);
      flush();
    }
    function flush() {
      while (queue.length) {
        const [event, value] = queue[0];
        if (event === 'stop' && joined < begun) return;
        queue.shift();
        if (event === 'start') begun += 1;
        if (event !== 'stop') wire.props.value = value;
        wire.trigger(event);
      }
    }
    const patience = ms => new Promise(done => setTimeout(done, ms));

    async function question(value) {
      const body = JSON.stringify(value);
      const answer = await fetch(`./orrery-ask/${boot.lab.slug}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      if (!answer.ok) throw new Error(await answer.text());
      return answer.json();
    }
    async function ask(value) {
      next = value;
      if (underWay) return;
      underWay = true;
      while (next !== null) {
        const now = next;
        next = null;
        let reply = null;
        try { reply = await question(now); } catch { /* the server is away: the latest question waits for it */ }
        if (reply) { Orrery.stage.take(reply); continue; }
        Orrery.stage.away();
        next ??= now;
        await patience(1000);
      }
      underWay = false;
    }
    return {
      ask,
      save: async value => Orrery.stage.take(await question(value)),
      connected: () => wire !== null,
      send(event, value) {
        if (!wire) { if (event !== 'stop') waiting[event] = value; return; }
        if (event === 'stop') {
          queue = [];
          setTimeout(answered, 5000, begun);  // an answer that never comes holds up nothing for long
        }
        queue.push([event, value]);
        flush();
      },
      connect(props, trigger) {
        wire = { props, trigger };
        for (const [event, value] of Object.entries(waiting)) { delete waiting[event]; this.send(event, value); }
      },
    };
  })();
  Orrery.wireControls = (props, trigger) => Orrery.transport.connect(props, trigger);
  Orrery.wireStage = (props, watch) => watch('value', () => Orrery.stage && Orrery.stage.take(typeof props.value === 'string' ? JSON.parse(props.value) : props.value));

  /* --- theme --- */
  const isDark = () => document.documentElement.classList.contains('dark');
  function setDark(dark) {
    document.documentElement.classList.toggle('dark', dark);
    document.body.classList.toggle('dark', dark);
    dispatchEvent(new Event('orrery:theme'));
  }
  document.body.classList.toggle('dark', isDark());
  byId('theme').onclick = () => { setDark(!isDark()); keep('orrery-theme', isDark() ? 'dark' : 'light'); };
  // Gradio sets the body's class when it boots: the page's own choice stands.
  new MutationObserver(() => { if (document.body.classList.contains('dark') !== isDark()) document.body.classList.toggle('dark', isDark()); })
    .observe(document.body, { attributes: true, attributeFilter: ['class'] });

  /* --- language --- */
  byId('language').onclick = () => {
    const lang = Orrery.lang() === 'zh' ? 'en' : 'zh-CN';
    document.documentElement.lang = lang;
    keep('orrery-lang', lang);
    dispatchEvent(new Event('orrery:language'));
  };
  const search = byId('search');
  label(search, 'placeholder', T(search.dataset.en, search.dataset.zh));

  /* --- rail and search --- */
  const drawer = open => { document.body.classList.toggle('drawer', open); byId('menu').setAttribute('aria-expanded', String(open)); };
  byId('menu').onclick = () => { drawer(!document.body.classList.contains('drawer')); };
  byId('scrim').onclick = () => drawer(false);
  addEventListener('keydown', e => {
    if (e.key === 'Escape') drawer(false);
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName) && document.activeElement.type !== 'range';
    if (e.key === '/' && !typing && !e.ctrlKey && !e.metaKey) { e.preventDefault(); if (matchMedia('(max-width: 860px)').matches) drawer(true); search.focus(); }
  });
  search.addEventListener('input', () => {
    const wanted = search.value.trim().toLowerCase();
    document.querySelectorAll('[data-words]').forEach(a => { a.hidden = !a.dataset.words.includes(wanted); });
    document.querySelectorAll('.group').forEach(g => { g.hidden = ![...g.querySelectorAll('[data-words]')].some(a => !a.hidden); });
  });
  search.addEventListener('keydown', e => {
    const first = document.querySelector('.rail [data-words]:not([hidden])');
    if (e.key === 'Enter' && first) location.href = first.href;
  });

  /* --- the link to this state --- */
  async function copy(text) {
    try { await navigator.clipboard.writeText(text); } catch {
      const box = el('textarea', {}, text);
      document.body.append(box);
      box.select();
      document.execCommand('copy');
      box.remove();
    }
  }
  byId('copy').onclick = async () => {
    const { url, left } = Orrery.controls ? Orrery.controls.address() : { url: location.pathname, left: [] };
    await copy(location.origin + url);
    const names = left.join(', ');
    const said = left.length ? T(`Copied, without ${names}`, `已复制（不含 ${names}）`) : T('Copied', '已复制');
    const old = [...byId('copy').childNodes];
    byId('copy').textContent = say(said);
    setTimeout(() => byId('copy').replaceChildren(...old), 1600);
  };

  if (!boot.lab) return;

  /* --- a lab's page --- */
  const stage = Orrery.makeStage(byId('stage'), boot);
  const controls = Orrery.makeControls(byId('controls'), boot, stage);
  Orrery.stage = stage;
  Orrery.controls = controls;
  const bad = controls.read();
  if (controls.isDefault() && boot.opening) {
    stage.take(boot.opening);
    if (!boot.opening.figures[stage.view]) controls.ask('view');
  } else controls.ask('boot');
  if (bad) stage.notice(bad);

  /* The call that made the figure, ready to paste. */
  const { module, function: name, params, slug } = boot.lab.call;
  const LONG = 500, brief = v => (typeof v === 'string' && v.length > LONG ? `${v.slice(0, 40)}…` : v);
  const python = v => (typeof v === 'boolean' ? (v ? 'True' : 'False') : JSON.stringify(v));
  const shell = v => (/^[\w.+-]+$/.test(String(v)) ? String(v) : `'${String(v).replace(/'/g, `'\\''`)}'`);
  function call() {
    const changed = Object.entries(controls.state).filter(([n, v]) => v !== controls.defaults[n]).map(([n, v]) => [n, brief(v)]);
    const given = changed.map(([n, v]) => `${n}=${python(v)}`).join(', ');
    const flags = changed.map(([n, v]) => ` --${n} ${shell(v)}`).join('');
    byId('call').textContent = `from ${module} import ${params}, ${name}\nresult = ${name}(${params}(${given}))\n\npython -m engine run ${slug}${flags} --json`;
  }
  document.addEventListener('orrery:state', call);
  call();
  const source = byId('source');
  source.addEventListener('toggle', async () => {
    const body = source.querySelector('.source-body');
    if (source.open && !body.firstChild) body.innerHTML = await (await fetch(source.dataset.from)).text();
  });
})();
