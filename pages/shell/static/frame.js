/* The page's frame: rail, search, theme, language, link; and the start of a lab's page. */
(() => {
  'use strict';
  const { el, T, say, label } = Orrery;
  const boot = window.ORRERY || {};
  const byId = id => document.getElementById(id);
  const keep = (key, value) => { try { localStorage.setItem(key, value); } catch { /* a private window keeps nothing */ } };

  /* Whether keys are letters just now: then they command nothing. */
  Orrery.typing = () => { const at = document.activeElement; return /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName) && at.type !== 'range'; };
  /* Scripts and styles that are used by few, loaded when they are. */
  const loaded = {};
  Orrery.load = name => {
    const part = src => new Promise((onload, onerror) => {
      document.head.append(src.endsWith('.css') ? el('link', { rel: 'stylesheet', href: src, onload, onerror }) : el('script', { src, onload, onerror }));
    });
    loaded[name] ??= Promise.all(boot.later[name].map(part)).catch(error => { delete loaded[name]; throw error; });
    return loaded[name];
  };

  /* --- the ways to the server: what is answered at once by a plain request, of which one is under way and the latest
     waits; long runs by Gradio's wires, where what is asked before Gradio is ready waits --- */
  Orrery.transport = (() => {
    let wire = null, underWay = false, next = null;
    const waiting = {}, AWAY = new Set([502, 503, 504]), asking = boot.lab && `./orrery-ask/${boot.lab.slug}`;
    /* Gradio knows a run's number only when its join is answered, and cannot stop it before: a stop waits for that, and
       what is to be started after it waits behind; a later stop drops what has not begun. */
    let begun = 0, joined = 0, queue = [];
    const observer = new PerformanceObserver(list => {
      const found = list.getEntries().filter(entry => entry.name.includes('/queue/join')), joins = found.length;
      const refused = found.find(entry => entry.responseStatus >= 400 && !AWAY.has(entry.responseStatus));
      if (refused && Orrery.stage.busy) Orrery.stage.refuse(sentence('', refused.responseStatus));
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

    /* The answer to a question; a refusal with the server's own sentence; null where nobody is there: then, and only then,
       it is worth asking again. */
    async function posted(address, body, kind) {
      let answer;
      try {
        answer = await fetch(address, { method: 'POST', headers: { 'content-type': kind }, body });
        if (AWAY.has(answer.status)) return null;
        if (answer.ok) return await answer.json();
        return { refused: sentence(await answer.text(), answer.status) };
      } catch (error) {
        return error instanceof SyntaxError ? { refused: sentence('', answer.status) } : null;
      }
    }
    const question = value => posted(asking, JSON.stringify(value), 'application/json');
    /* The server says a line in each language; what a proxy says is no sentence for people. */
    function sentence(text, status) {
      const [en, zh] = text.trim().split('\n');
      if (!en || /[<{]/.test(text) || text.length > 500) return T(`The answer was refused on its way (HTTP ${status}).`, `回应在途中被拒绝（HTTP ${status}）。`);
      return T(`The server refuses: ${en}.`, `服务器拒绝：${zh || en}。`);
    }
    async function ask(value) {
      next = value;
      if (underWay) return;
      underWay = true;
      while (next !== null) {
        const now = next;
        next = null;
        const reply = await question(now);
        if (reply === null) {  // the latest question waits for the server
          Orrery.stage.away();
          next ??= now;
          await patience(1000);
        } else if (!reply.refused) Orrery.stage.take(reply);
        else if (next === null) Orrery.stage.refuse(reply.refused);
      }
      underWay = false;
    }
    /* A file of the result. That it cannot be had leaves what is shown as it is. */
    async function save(value) {
      const reply = await question(value);
      if (reply && reply.file) Orrery.stage.take(reply);
      else Orrery.stage.notice(reply ? reply.refused || reply.error : T('The server does not answer: the file was not saved.', '服务器没有回应：文件未保存。'));
    }
    return {
      ask,
      save,
      question,
      step: question,
      upload: file => posted('./orrery-file/upload', file, 'application/octet-stream'),
      alive: () => fetch(asking, { method: 'HEAD' }).then(answer => !AWAY.has(answer.status), () => false),
      forget: () => { delete waiting.start; },
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

  /* Gradio's base address would lead a link within the page to the gallery. */
  document.addEventListener('click', e => {
    const link = e.target.closest('a[href^="#"]'), to = link && byId(link.getAttribute('href').slice(1));
    if (!to) return;
    e.preventDefault();
    to.scrollIntoView({ block: 'nearest' });
    to.focus();
  });

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
  const search = byId('search'), searches = [search, byId('find')].filter(Boolean);
  for (const box of searches) label(box, 'placeholder', T(box.dataset.en, box.dataset.zh));

  /* --- rail and search --- */
  const drawer = open => { document.body.classList.toggle('drawer', open); byId('menu').setAttribute('aria-expanded', String(open)); };
  byId('menu').onclick = () => { drawer(!document.body.classList.contains('drawer')); };
  byId('scrim').onclick = () => drawer(false);
  addEventListener('keydown', e => {
    if (e.key === 'Escape') drawer(false);
    if (e.ctrlKey || e.metaKey || e.altKey || Orrery.typing()) return;
    if (e.key.toLowerCase() === 'p' && Orrery.present) Orrery.present();
    if (e.key === '/') { e.preventDefault(); if (matchMedia('(max-width: 860px)').matches) drawer(true); search.focus(); }
  });
  for (const box of searches) {
    box.addEventListener('input', () => {
      for (const other of searches) other.value = box.value;
      // Every word that is typed must be there, or all of it without its spaces and hyphens ("flash attention").
      const typed = box.value.normalize('NFKC').trim().toLowerCase(), joined = t => t.replace(/[\s-]+/g, '');
      const fits = found => typed.split(/\s+/).every(word => found.includes(word)) || joined(found).includes(joined(typed));
      document.querySelectorAll('[data-words]').forEach(a => { a.hidden = !fits(a.dataset.words); });
      document.querySelectorAll('.group').forEach(g => { g.hidden = ![...g.querySelectorAll('[data-words]')].some(a => !a.hidden); });
    });
    box.addEventListener('keydown', e => {
      const first = document.querySelector('.rail [data-words]:not([hidden])');
      if (e.key === 'Enter' && first) location.href = first.href;
    });
  }
  /* The gallery in the order of the chapters, or of what needs what; its cards are read in that order too. */
  const cards = document.querySelector('.cards'), orders = ['by-chapter', 'by-need'].map(byId);
  if (cards) {
    const tiles = [...cards.children], needed = [...tiles].sort((a, b) => a.style.getPropertyValue('--need') - b.style.getPropertyValue('--need'));
    orders.forEach((button, i) => { button.onclick = () => {
      orders.forEach((other, k) => other.setAttribute('aria-pressed', String(k === i)));
      cards.append(...[tiles, needed][i]);
    }; });
  }

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
  Orrery.present = () => Orrery.load('present').then(() => Orrery.presenting.toggle());

  /* --- the notes: what belongs to the open view stands below the bench, the whole text is a click away, and is printed.
     A rule, since Gradio draws the notes when it comes to them. --- */
  const rule = new CSSStyleSheet(), whole = byId('whole');
  document.adoptedStyleSheets.push(rule);
  const follow = () => rule.replaceSync(whole.ariaPressed === 'true' ? '' : `@media screen { .notes .of:not(.of-${stage.view + 1}) { display: none; } }`);
  whole.onclick = () => { whole.ariaPressed = String(whole.ariaPressed !== 'true'); follow(); };
  addEventListener('orrery:view', follow);
  follow();

  /* --- the lesson: its code comes when one begins --- */
  const { steps } = boot.lab, asked = new URLSearchParams(location.search).get('step');
  Orrery.learn = async (n, push = true) => {
    const [told] = await Promise.all([Orrery.lesson || fetch(`./orrery-lesson/${boot.lab.slug}`).then(answer => answer.json()), Orrery.load('lesson')]);
    Orrery.lesson ??= Orrery.makeLesson(told, stage, controls);
    return Orrery.lesson.go(n, push);
  };
  if (steps) {
    byId('learn').onclick = () => Orrery.learn(1);
    byId('free').onclick = () => { document.documentElement.classList.add('free-hand'); keep('orrery-free', '1'); };
  } else document.documentElement.classList.remove('learning');
  if (steps && asked !== null) Orrery.learn(Number(asked), false);
  else {
    const bad = controls.read();
    if (controls.isDefault() && boot.opening) {
      stage.take(boot.opening);
    } else controls.ask('boot');
    if (bad) stage.notice(bad);
    const kept = controls.kept();
    if (kept) stage.against(kept);
  }

  /* The call for these parameters, for Python and for the shell: each runs as it is pasted. A text too long for an
     argument of the command line is written to a file first; one that came as a file is read from it. */
  const { module, function: name, params, slug } = boot.lab.call;
  const ARGUMENT = 4000;  // characters
  const python = v => (typeof v === 'boolean' ? (v ? 'True' : 'False') : JSON.stringify(v));
  const quoted = v => (/^[\w.+,:;/=@-]*[\w.+,:/=@-]$/.test(v) && !v.includes(';') ? v : `'${v.replace(/'/g, `'\\''`)}'`);
  function call() {
    const before = [], given = [], flags = [];
    let reads = false;
    for (const [n, v] of Object.entries(controls.state)) {
      if (v === controls.defaults[n]) continue;
      const text = typeof v === 'string', file = text ? controls.file(v) : null;
      reads ||= !!file;
      given.push(`${n}=${file ? `Path(${python(file)}).read_text()` : python(v)}`);
      if (file) flags.push(`--${n}=${quoted(`@${file}`)}`);
      else if (text && v.length > ARGUMENT) {
        before.push(`cat > ${n}.txt <<'END_OF_TEXT'\n${v}\nEND_OF_TEXT\n`);
        flags.push(`--${n}=@${n}.txt`);
      } else flags.push(`--${n}=${quoted(text && v.startsWith('@') ? `@${v}` : String(v))}`);
    }
    byId('call').textContent = `${reads ? 'from pathlib import Path\n\n' : ''}from ${module} import ${params}, ${name}\n\nresult = ${name}(${params}(${given.join(', ')}))`;
    byId('shell').textContent = `${before.join('')}python -m engine run ${[slug, ...flags].join(' ')} --json`;
    byId('printed').replaceChildren(...Orrery.stage.source().map(line => el('p', {}, line)));
  }
  document.addEventListener('orrery:state', call);
  addEventListener('beforeprint', call);
  call();
  const source = byId('source');
  source.addEventListener('toggle', async () => {
    const body = source.querySelector('.source-body');
    if (source.open && !body.firstChild) body.innerHTML = await (await fetch(source.dataset.from)).text();
  });
})();
