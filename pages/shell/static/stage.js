/* The stage: questions as tabs over one result, the figure, its scrubber, export, provenance, what there is to say. */
Orrery.makeStage = (root, boot) => {
  'use strict';
  const { el, words, say, T, label, number, download } = Orrery;
  const lab = boot.lab;
  const W = {
    play: T('Play', '播放'), pause: T('Pause', '暂停'), back: T('One step back', '后退一步'), on: T('One step on', '前进一步'), moment: T('Moment', '时刻'),
    run: T('Run', '运行'), stop: T('Stop', '停止'), running: T('computing', '计算中'), left: T('left', '剩余'),
    line: T('in line, place', '排队中，位次'),
    stopped: T('stopped; what was done stays', '已停止；保留已算出的部分'), views: T('Questions', '问题'),
    halted: T('stopped before anything was computed', '已停止，尚无结果'), release: T('release to compute', '松开后计算'), minutes: T('These parameters need a longer run.', '这组参数需要较长的计算。'),
    none: T('A longer run, and no recording yet: press Run to compute it here.', '需要较长的计算，且尚无录制结果：点击“运行”在此计算。'),
    recorded: T('A recording: press Run to compute it here.', '这是录制结果：点击“运行”在此计算。'),
    wait: T('No answer from the server yet. The page keeps trying.', '服务器尚未回应，页面会继续尝试。'),
    silent: T('the server is away', '服务器没有回应'),
    unheard: T('A long run cannot start on this page: its part of Gradio has not loaded (a sub-path without a root path, or a strict content policy). What is answered at once goes on working.',
      '此页无法开始较长的计算：Gradio 的部分未能加载（子路径未设置根路径，或内容策略过严）。即时计算不受影响。'),
    rest: T('More', '更多'),
    export: T('Save', '保存'), speed: T('Speed', '速度'), compare: T('Compare', '对比'), end: T('End comparing', '结束对比'),
    present: T('Present', '演示'), whole: T('The figure and its question fill the screen: P', '图形与问题占满屏幕：P'),
    change: T('the change, B − A', '差值 B − A'),
    same: T('the same parameters: change one', '参数相同：请改动一个'),
  };
  const state = { view: 0, figures: {}, drawn: -1, playing: 0, busy: false, cleared: true };
  const LATE = 250, PULSE = 1000, SILENCE = 5000, UNHEARD = 10000;  // ms

  /* --- the parts --- */
  const tabs = el('div', { class: 'views', role: 'tablist' });
  label(tabs, 'aria-label', W.views);
  const list = el('div', { class: 'rest', role: 'menu', hidden: true });
  const opener = el('button', { type: 'button', class: 'opener', 'aria-haspopup': 'menu', 'aria-expanded': 'false' });
  const rest = el('div', { class: 'more-views', hidden: true }, opener, list);
  const canvas = el('div', { class: 'fig', id: 'figure', role: 'tabpanel', tabindex: 0 });
  const kept = el('div', { class: 'fig kept' });
  const change = el('div', { class: 'fig change', hidden: true });
  const captions = [el('p', { class: 'caption' }), el('p', { class: 'caption' })];
  const pair = el('div', { class: 'pair' }, el('div', { class: 'side', hidden: true }, captions[0], kept), el('div', { class: 'side' }, captions[1], canvas));
  const compare = el('button', { class: 'compare', type: 'button', 'aria-pressed': 'false' }, words(W.compare));
  const present = el('button', { id: 'present', type: 'button', onclick: () => Orrery.present() }, words(W.present), el('kbd', { 'aria-hidden': 'true' }, 'P'));
  label(present, 'title', W.whole);
  const facts = el('dl', { class: 'facts', hidden: true });
  const play = el('button', { class: 'round', type: 'button', 'aria-pressed': 'false' }, '▶');
  const back = el('button', { class: 'round small', type: 'button' }, '‹');
  const on = el('button', { class: 'round small', type: 'button' }, '›');
  const scrub = el('input', { type: 'range', class: 'scrub', 'data-scrub': true, min: 0, value: 0, step: 1 });
  const moment = el('span', { class: 'moment' });
  const speed = el('select', { class: 'speed', hidden: true });
  const time = el('div', { class: 'time', hidden: true }, back, play, on, moment, scrub, speed);
  const saves = el('span', { class: 'saves' });
  const tells = el('p', { class: 'tells', hidden: true });
  const timebar = el('div', { class: 'figbar', hidden: true }, time, tells), bar = el('div', { class: 'figbar' }, present, compare, saves);
  const table = el('div', { class: 'table', hidden: true, tabindex: 0 });
  new ResizeObserver(cut).observe(table);
  new ResizeObserver(() => { facts.tabIndex = facts.scrollWidth > facts.clientWidth || facts.scrollHeight > facts.clientHeight ? 0 : -1; }).observe(facts);  // what is scrolled can be by keys
  const run = el('button', { class: 'run', type: 'button' }, words(W.run));
  const stop = el('button', { class: 'stop', type: 'button', hidden: true }, words(W.stop));
  const gauge = el('progress', { max: 1, value: 0, hidden: true });
  const progress = el('span', { class: 'progress', role: 'status' });
  const work = el('div', { class: 'work', hidden: true }, run, stop, gauge, progress);
  const prov = el('div', { class: 'prov' });
  const said = el('div', { class: 'said', role: 'alert' });
  const findings = el('div', { class: 'findings' });
  for (const [node, text] of [[play, W.play], [back, W.back], [on, W.on], [scrub, W.moment], [gauge, W.running], [speed, W.speed]]) label(node, 'aria-label', text);
  root.append(el('div', { class: 'card' }, el('div', { class: 'questions' }, tabs, rest), work, el('div', { class: 'held' }, pair, change, timebar), facts, table, bar), prov, said, findings);
  const drawing = new Orrery.Drawing(canvas);
  const drawnKept = new Orrery.Drawing(kept), drawnChange = new Orrery.Drawing(change, 0.5);

  /* --- tabs --- */
  const buttons = lab.views.map((view, i) => el('button', {
    role: view.more ? 'menuitemradio' : 'tab', type: 'button', id: `tab-${i}`, 'aria-controls': 'figure', onclick: () => { unfold(false); open(i, true); },
  }, words(view.question)));
  buttons.forEach((button, i) => (lab.views[i].more ? list : tabs).append(button));
  function unfold(wide) {
    list.hidden = !wide;
    opener.setAttribute('aria-expanded', String(wide));
  }
  opener.onclick = () => unfold(list.hidden);
  document.addEventListener('pointerdown', e => { if (!rest.contains(e.target)) unfold(false); });
  rest.addEventListener('focusout', e => { if (e.relatedTarget && !rest.contains(e.relatedTarget)) unfold(false); });
  /* The arrow keys walk among the buttons that are offered: along the tabs a step opens, in the menu it only points. */
  function walk(box, keys) {
    box.addEventListener('keydown', e => {
      if (e.key === 'Escape') { unfold(false); opener.focus(); return; }
      if (!(e.key in keys)) return;
      e.preventDefault();
      if (box === rest) unfold(true);
      const offered = [...(box === rest ? list : box).children].filter(t => !t.hidden), at = offered.indexOf(document.activeElement);
      const next = offered[at < 0 ? (keys[e.key] > 0 ? 0 : offered.length - 1) : (at + keys[e.key] + offered.length) % offered.length];
      next.focus();
      if (box === tabs) next.click();
    });
  }
  walk(tabs, { ArrowRight: 1, ArrowLeft: -1 });
  walk(rest, { ArrowDown: 1, ArrowUp: -1 });
  const offered = (i, params) => Object.entries(lab.views[i].when).every(([n, vs]) => vs.includes(params[n]));
  function restrict(params) {
    buttons.forEach((button, i) => { button.hidden = !offered(i, params); });
    rest.hidden = !buttons.some((button, i) => lab.views[i].more && !button.hidden);
    if (!offered(state.view, params)) turn(buttons.findIndex(button => !button.hidden));
    mark();
  }
  function mark() {
    const folded = lab.views[state.view].more;
    buttons.forEach((button, i) => {
      button.setAttribute(lab.views[i].more ? 'aria-checked' : 'aria-selected', String(i === state.view));
      button.tabIndex = i === state.view && !folded ? 0 : -1;
    });
    if (folded) (buttons.find((button, i) => !lab.views[i].more && !button.hidden) || opener).tabIndex = 0;
    opener.replaceChildren(words(W.rest), ...(folded ? [': ', words(lab.views[state.view].question)] : []), ' ▾');
    opener.classList.toggle('on', folded);
    dispatchEvent(new CustomEvent('orrery:view'));
    const tab = buttons[state.view];
    if (!folded && tabs.scrollWidth > tabs.clientWidth) tabs.scrollTo({ left: tab.offsetLeft - tabs.offsetLeft - 18 });
  }
  /* Another question: what was kept to compare with answered the last one. */
  function turn(i) {
    if (i !== state.view) release();
    state.view = i;
  }
  /* Whether what is at hand of a question answers the parameters as they stand. */
  const fresh = i => !!state.figures[i] && (!Orrery.controls || state.key === Orrery.controls.key());
  function open(i, byHand) {
    if (i === state.view && state.figures[i]) return;
    turn(i);
    mark();
    pause();
    if (byHand) Orrery.controls.visited();
    if (fresh(i)) { drawing.figure = null; show(); } else if (byHand) Orrery.controls.ask('view');
  }

  /* --- time --- */
  function goto(at) {
    drawing.at = Math.max(0, Math.min(at, drawing.figure.frames.list.length - 1));
    drawing.later();
    const { bound, list } = drawing.figure.frames;
    if (bound) { Orrery.controls.hold(bound, Number(list[drawing.at].name)); alone(); }
    if (state.kept) { drawnKept.at = Math.min(drawing.at, (drawnKept.figure.frames || { list: [0] }).list.length - 1); drawnKept.later(); contrast(); }
    clock();
  }
  /* The other questions' figures were drawn for another value. */
  function alone() { state.figures = { [state.view]: state.figures[state.view] }; }
  /* A parameter that the shown figure's frames stand for is answered here; whether it is. */
  function seek(name, value) {
    const { frames } = drawing.figure || {};
    if (!frames || frames.bound !== name || state.busy || state.asking || state.cleared) return false;
    const off = frames.list.map(f => Math.abs(Number(f.name) - value));
    pause();
    drawing.at = off.indexOf(Math.min(...off));
    drawing.later();
    alone();
    clock();
    return true;
  }
  function clock() {
    const frames = drawing.figure && drawing.figure.frames;
    time.hidden = timebar.hidden = !frames;
    describe();
    if (!frames) return;
    if (frames.real_time) pace(frames);
    speed.hidden = !frames.real_time;
    scrub.max = frames.list.length - 1;
    scrub.value = drawing.at;
    tell(frames.list[drawing.at].name);
    scrub.setAttribute('aria-valuetext', [moment.textContent, say(frames.list[drawing.at].tells || '')].filter(Boolean).join(': '));
    scrub.style.setProperty('--done', `${(100 * drawing.at) / Math.max(1, frames.list.length - 1)}%`);
  }
  function tell(value) {
    const { frames } = drawing.figure;
    const name = say(frames.title), shown = frames.real_time ? elapsed(Number(value), span(frames)) : value;
    moment.textContent = name ? `${name} = ${shown}` : shown;
  }
  /* Seconds as a clock shows them, as fine as the whole span asks for: 3.2 s, 0:07:05, 2 d 07:00:00. */
  const span = frames => Number(frames.list[frames.list.length - 1].name);
  function elapsed(seconds, whole) {
    if (whole < 60) return `${seconds.toFixed(whole < 2 ? 3 : 1)} s`;
    const two = v => String(Math.floor(v)).padStart(2, '0');
    const [d, h, rest] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, `${two((seconds / 60) % 60)}:${two(seconds % 60)}`];
    return whole < 86400 ? `${h}:${rest}` : `${d} ${say(T('d', '天'))} ${two(h)}:${rest}`;
  }
  /* Real time, and slower or faster as long as the whole lasts a moment; at first at a rate that takes a few seconds. */
  function pace(frames) {
    const whole = span(frames), slow = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5].filter(s => whole < 2 && whole / s <= 40);
    const offered = [...slow, ...[1, 10, 60, 600, 3600, 36000, 86400, 604800].filter(s => s === 1 || whole / s >= 2)];
    if ([...speed.options].map(o => Number(o.value)).join() === offered.join()) return;
    const picked = speed.dataset.picked && offered.includes(Number(speed.value)) ? Number(speed.value) : 0;
    speed.replaceChildren(...offered.map(s => el('option', { value: s }, `×${number(s)}`)));
    speed.value = String(picked || offered.findLast(s => span(frames) / s >= 5) || 1);
  }
  addEventListener('orrery:language', clock);
  /* Where frames follow the link, to point at an item is to go to its frame. */
  addEventListener('orrery:select', ({ detail: { link, i } }) => {
    const { figure } = drawing;
    if (i === null || !figure || figure.link !== link || !(figure.frames || {}).follow || i === drawing.at) return;
    pause();
    goto(i);
  });
  speed.onchange = () => { speed.dataset.picked = '1'; if (state.playing) { pause(); start(); } };
  function pause() {
    cancelAnimationFrame(state.playing);
    state.playing = 0;
    play.textContent = '▶';
    play.setAttribute('aria-pressed', 'false');
    label(play, 'aria-label', W.play);
  }
  function start() {
    const { frames } = drawing.figure;
    const last = frames.list.length - 1;
    if (drawing.at >= last) goto(0);
    const times = frames.real_time ? frames.list.map(f => parseFloat(f.name)) : null;
    const from = drawing.at, begun = performance.now();
    play.textContent = '❚❚';
    play.setAttribute('aria-pressed', 'true');
    label(play, 'aria-label', W.pause);
    const tick = now => {
      const seconds = (now - begun) / 1000;
      let at, face = null;
      if (times) {
        const t = times[from] + seconds * Number(speed.value);
        at = times.findIndex(v => v > t);
        at = at < 0 ? last : Math.max(from, at - 1);
        face = Math.min(t, times[last]);
      } else at = from + Math.floor((seconds / frames.seconds) * last);
      if (Math.min(at, last) !== drawing.at) goto(Math.min(at, last));
      if (face !== null) tell(face);
      if (at >= last) return pause();
      state.playing = requestAnimationFrame(tick);
    };
    state.playing = requestAnimationFrame(tick);
  }
  play.onclick = () => (state.playing ? pause() : start());
  back.onclick = () => { pause(); goto(drawing.at - 1); };
  on.onclick = () => { pause(); goto(drawing.at + 1); };
  scrub.oninput = () => { pause(); goto(Number(scrub.value)); };

  /* --- A with B: on the same axes, in one figure where the traces are the same; and their difference --- */
  const axisValues = v => (v && v.length !== undefined ? Array.from(v) : null);
  function keep() {
    if (!state.figures[state.view] || state.cleared) return;
    hold(state.figures[state.view], { ...Orrery.controls.state });
    Orrery.controls.put();
  }
  function hold(figure, params) {
    state.kept = { figure, params };
    compare.setAttribute('aria-pressed', 'true');
    compare.replaceChildren(words(W.end));
    drawnKept.figure = null;
    drawnKept.set(figure, drawing.at);
    together();
  }
  function release() {
    if (!state.kept) return;
    state.kept = null;
    pair.classList.remove('two');
    kept.parentNode.hidden = true;
    change.hidden = true;
    captions[1].replaceChildren();
    compare.setAttribute('aria-pressed', 'false');
    compare.replaceChildren(words(W.compare));
    drawing.against(null);
  }
  /* A value of a parameter as its control shows it. */
  const shown = (n, v) => { const named = (lab.schema[n]['x-orrery'].labels || {})[String(v)]; return named ? words(named) : number(v, 4); };
  /* In one figure or side by side; there, on axes that hold both. */
  async function together() {
    if (!state.kept) return;
    const figure = state.figures[state.view], one = !!figure && Orrery.Drawing.alike(state.kept.figure, figure);
    if (figure) {
      state.one = one;
      pair.classList.toggle('two', !one);
      kept.parentNode.hidden = one;
      drawing.against(one ? drawnKept : null);
      drawnKept.against(null);
    }
    contrast();
    if (!figure || one) return;
    await Promise.all([drawing.ready(), drawnKept.ready()]);
    if (!state.kept || state.one || figure !== state.figures[state.view]) return;
    const [a, b] = [drawnKept, drawing].map(d => d.plot._fullLayout);
    if (!a || !b || Orrery.Drawing.axesOf(figure.layout).some(key => !a[key] || !b[key] || a[key].type !== b[key].type)) return;
    const given = full => Object.fromEntries(Orrery.Drawing.axesOf(figure.layout).filter(key => !full[key].scaleanchor).map(key => [key, { range: full[key].range }]));
    const [ofA, ofB] = [given(a), given(b)];
    drawing.against(null, ofA);
    drawnKept.against(null, ofB);
  }
  /* What differs in the parameters, and where both figures' first traces share a place, the difference of what they show there. */
  async function contrast() {
    if (!state.kept) return;
    const now = Orrery.controls.state, then = state.kept.params;
    const differing = Object.keys(now).filter(n => now[n] !== then[n]);
    const list = values => differing.flatMap((n, i) => [i ? ', ' : '', words(Orrery.controls.title(n)), ' ', shown(n, values[n])]);
    const first = () => (differing.length ? ['A: ', ...list(then)] : ['A']), second = ['B: ', ...(differing.length ? list(now) : [words(W.same)])];
    captions[0].replaceChildren(...first());
    captions[1].replaceChildren(...(state.one ? ['┄ ', ...first(), '\u2003━ '] : []), ...second);
    change.hidden = state.cleared;
    if (state.cleared) return;
    await Promise.all([drawing.ready(), drawnKept.ready()]);
    if (!state.kept || !drawing.figure) return;
    const own = drawing.plot._fullData || [], traces = [state.one ? own[drawing.figure.data.length] : (drawnKept.plot._fullData || [])[0], own[0]];
    if (traces.some(t => !t || t.z || !axisValues(t.x) || !axisValues(t.y))) { change.hidden = true; return; }
    const a = new Map(axisValues(traces[0].x).map((x, i) => [x, traces[0].y[i]]));
    const shared = axisValues(traces[1].x).map((x, i) => [x, traces[1].y[i] - a.get(x)]).filter(([, d]) => Number.isFinite(d));
    change.hidden = shared.length < 2 || shared.every(([, d]) => d === 0);
    if (change.hidden) return;
    const { xaxis } = drawing.figure.layout;
    drawnChange.figure = null;
    drawnChange.set({
      data: [{ type: 'bar', x: shared.map(p => p[0]), y: shared.map(p => p[1]), marker: { color: '--second' }, name: W.change }],
      layout: { xaxis, yaxis: { title: { text: W.change } } }, says: W.change,
    });
  }
  /* A of an address: the figure that these parameters give, where it is at hand. */
  async function against(params) {
    const { view } = state, reply = await Orrery.transport.question({ params, view: view + 1, id: 0 });
    const figure = reply && reply.figures && reply.figures[view];
    if (figure && view === state.view) hold(figure, params);
  }
  compare.onclick = () => { if (state.kept) { release(); Orrery.controls.put(); } else keep(); };

  /* --- drawing a reply --- */
  function show() {
    const figure = state.figures[state.view];
    if (!figure) return;
    state.cleared = false;
    for (const button of [compare, ...saves.children]) button.disabled = false;
    if (state.shown !== state.view) {
      // Another question: nothing of the last one's moment or zoom is kept.
      drawing.figure = null;
      drawing.revision = state.shown = state.view;
    }
    drawing.set(figure);
    drawing.ready().then(() => { if (!state.cleared) canvas.classList.remove('stale', 'blank'); });
    if (state.line) provenance(state.line);
    clock();
    together();
  }

  /* What is shown answers other parameters: numbers, findings, provenance and files go at once. The figure stays as a shade
     of itself while one turns a knob and the next answer is under way, and goes where the question is another. */
  function clear(shade = false) {
    pause();
    state.cleared = true;
    state.figures = {};
    state.key = state.line = null;
    facts.hidden = table.hidden = time.hidden = timebar.hidden = true;
    prov.replaceChildren();
    findings.replaceChildren();
    for (const button of saves.children) button.disabled = true;
    compare.disabled = !state.kept;
    const kin = shade && drawing.figure && state.shown === state.view;
    canvas.classList.add(kin ? 'stale' : 'blank');
    if (!kin) { drawing.figure = null; state.shown = -1; }
    if (state.kept) contrast();
  }

  /* Nothing of what was shown stays in the page: a lesson may ask for it next. */
  function wipe() {
    release();
    drawing.figure = null;
    clear();
    for (const part of [facts, table, tells]) part.replaceChildren();
    drawnKept.figure = drawnChange.figure = null;
    for (const plot of [drawnKept.plot, drawnChange.plot]) if (plot.data) Plotly.purge(plot);
  }

  /* A table that is cut says that it scrolls. */
  function cut() { table.classList.toggle('cut', table.scrollWidth > table.clientWidth + 1); }

  /* Numbers to read off and a table: the moment's own, or the figure's. */
  function describe() {
    const { figure } = drawing;
    if (!figure) return;
    const moment = figure.frames ? figure.frames.list[drawing.at] : {};
    tells.hidden = !moment.tells;
    tells.replaceChildren(...(moment.tells ? [words(moment.tells)] : []));
    const read = moment.facts || figure.facts, rowed = moment.table || figure.table;
    findings.replaceChildren(...(figure.findings || []).map(f => el('p', {}, words(f))));
    facts.hidden = !read;
    facts.replaceChildren(...(read || []).map(([name, value]) => el('div', {}, el('dt', {}, words(name)), el('dd', {}, words(value)))));
    table.hidden = !rowed;
    if (rowed) {
      const [head, ...rows] = rowed;
      table.replaceChildren(el('table', {}, el('thead', {}, el('tr', {}, ...head.map(c => el('th', { scope: 'col' }, words(c))))),
        el('tbody', {}, ...rows.map(r => el('tr', {}, ...r.map(c => el('td', {}, words(c))))))));
      cut();
    }
  }

  function provenance(line) {
    // A figure of what was measured before says so itself: how this run went tells nothing about it.
    const earlier = (state.figures[state.view] || {}).recorded;
    const kind = earlier || line.recorded ? 'recorded' : lab.views[state.view].kind;
    const parts = earlier ? [earlier] : [...(line.recorded ? [line.recorded] : []), ...line.parts];
    const shown = parts.flatMap((part, i) => (i ? [' · ', words(part)] : [words(part)]));
    prov.replaceChildren(el('span', { class: `tag ${kind}` }, words(boot.kinds[kind])), ' ', ...shown);
  }

  function take(reply) {
    if (!reply) return;
    if (reply.instance && reply.instance !== boot.instance) return renew();
    if (reply.file) return save(reply);
    if (reply.id < state.drawn) return;
    if (!Orrery.controls || reply.id >= Orrery.controls.last()) state.asking = false;
    state.drawn = reply.id;
    state.heard = performance.now();
    if (state.notice === W.wait) notice(null);
    if (reply.error) {
      settle();
      clear(true);
      said.replaceChildren(el('p', { class: 'refused' }, words(reply.error)));
      Orrery.controls.blame(reply.error.name);
      return;
    }
    Orrery.controls.blame(null);
    if (!state.notice) said.replaceChildren();
    if (reply.figures) {
      const key = Orrery.controls ? Orrery.controls.keyOf(reply.id) : '';
      state.figures = key === state.key ? { ...state.figures, ...reply.figures } : reply.figures;
      state.key = key;
      state.line = reply.provenance;
      // While results stream in, a slow machine paints at most half of the time: Stop must answer.
      if (!(reply.fraction < 1) || !drawing.painted || performance.now() - drawing.last > drawing.took) show();
      if (!state.cleared) provenance(reply.provenance);
    }
    if (reply.needs) {
      // What was asked since begins its own run, or is the run of these very parameters.
      const overtaken = Orrery.controls && reply.id < Orrery.controls.last();
      if (!overtaken || !state.busy) costly(reply.needs, !!reply.figures, overtaken);
      return;
    }
    const done = reply.fraction === undefined || reply.fraction >= 1;
    if (done) settle(); else advance(reply);
    // Another question was opened while this answer was on its way.
    const controls = Orrery.controls;
    if (done && controls && Object.keys(reply.figures || {}).length && reply.id === controls.last() && !state.figures[state.view]) controls.ask('view');
  }

  /* --- costly runs --- */
  function costly(cost, drawn, overtaken) {
    state.cost = cost;
    work.hidden = false;
    run.hidden = false;
    stop.hidden = true;
    gauge.hidden = true;
    const begins = cost === 'seconds' && !drawn && !overtaken, held = Orrery.controls.held();
    if (!drawn && !state.busy && !overtaken) clear(begins);
    progress.replaceChildren(words(cost === 'minutes' ? (drawn ? W.minutes : W.none) : drawn ? W.recorded : W.release));
    if (begins && !held) begin();
  }
  function begin() {
    if (state.busy) Orrery.transport.send('stop', null);
    state.busy = true;
    work.hidden = false;
    run.hidden = true;
    stop.hidden = false;
    gauge.hidden = false;
    gauge.removeAttribute('value');
    progress.replaceChildren(words(W.running));
    Orrery.controls.ask('start');
    state.heard = performance.now();
    clearInterval(state.listening);
    state.listening = setInterval(listen, PULSE);
  }
  /* A run of which nothing is heard: is anybody there? A bar that nobody moves is no progress. */
  async function listen() {
    if (!state.busy) return clearInterval(state.listening);
    if (performance.now() - state.heard < SILENCE) return;
    if (!Orrery.transport.connected()) { if (performance.now() - state.heard > UNHEARD) unheard(); return; }
    const alive = await Orrery.transport.alive();
    if (!state.busy) return;
    gauge.hidden = !alive;
    if (!alive) { progress.replaceChildren(words(W.silent)); if (state.notice !== W.wait) notice(W.wait); return; }
    if (state.notice === W.wait) { notice(null); progress.replaceChildren(words(W.running)); }
  }
  function unheard() {
    Orrery.transport.forget();
    halt();
    work.hidden = true;
    if (state.cleared) clear();
    notice(W.unheard);
  }
  function advance(reply) {
    if (!state.busy) return;
    gauge.hidden = false;
    if (reply.waiting) {
      gauge.removeAttribute('value');
      return progress.replaceChildren(words(W.line), ` ${reply.waiting.place}`, ...(reply.waiting.seconds ? [` · ${Orrery.amounts.duration(reply.waiting.seconds)}`] : []));
    }
    gauge.value = reply.fraction;
    const left = reply.left === null || reply.left === undefined ? '' : ` · ${Orrery.amounts.duration(reply.left)} `;
    progress.replaceChildren(words(W.running), ` ${Math.round(100 * reply.fraction)} %${left}`, ...(left ? [words(W.left)] : []));
  }
  function settle() {
    state.busy = false;
    state.cost = null;
    work.hidden = true;
  }
  function halt() {
    if (!state.busy) return;
    Orrery.transport.send('stop', null);
    state.busy = false;
    state.drawn = Orrery.controls.next();  // whatever still arrives of that run is stale
    stop.hidden = true;
    run.hidden = false;
    gauge.hidden = true;
    progress.replaceChildren(words(state.cleared ? W.halted : W.stopped));
  }
  run.onclick = begin;
  stop.onclick = () => { halt(); if (state.cleared) clear(); };

  /* --- saving --- */
  const takeAway = Orrery.makeSaving(lab, drawing, () => ({
    question: lab.views[state.view].question, at: time.hidden ? '' : moment.textContent, provenance: prov.innerText,
  }));
  saves.append(...Object.entries(takeAway.files).map(([name, act]) => el('button', { type: 'button', 'data-save': name, onclick: act }, name)));
  label(saves, 'aria-label', W.export);
  function save(reply) {
    const raw = atob(reply.bytes);
    const bytes = Uint8Array.from(raw, c => c.charCodeAt(0));
    download(reply.file, new Blob([bytes]));
  }
  clear();

  /* The server was restarted under this page: its event numbers may mean something else now. The address restores the state. */
  function renew() {
    const last = Number(sessionStorage.getItem('orrery-renewed') || 0);
    if (Date.now() - last < 5000) return;
    sessionStorage.setItem('orrery-renewed', String(Date.now()));
    location.reload();
  }

  /* A sentence of the page's own (a bad address), which stays until the next change. */
  function notice(text) {
    state.notice = text;
    said.replaceChildren(...(text ? [el('p', { class: 'refused' }, words(text))] : []));
  }

  function awaiting(event) {
    if (event !== 'run') return;
    state.asking = true;
    clearTimeout(state.late);
    state.late = setTimeout(() => { if (state.asking) clear(true); }, LATE);
  }
  const away = () => { if (state.notice !== W.wait) notice(W.wait); if (state.asking) clear(true); };
  /* Refused before the lab was asked (another site's page, a proxy, a body too large): said, and not asked again. */
  function refuse(sentence) {
    state.asking = false;
    settle();
    clear(true);
    notice(sentence);
  }

  return {
    /* Whether the last question is answered and its answer painted. */
    settled: () => !state.asking && !state.busy && !drawing.waiting && !drawing.painting,
    wipe, goto, take, open, restrict, against, notice, halt, awaiting, away, refuse, begin, source: takeAway.source, seek, drawing, state,
    get view() { return state.view; },
    get kept() { return state.kept && state.kept.params; },
    set view(i) { turn(i); mark(); },
    get busy() { return state.busy; },
    get cost() { return state.cost; },
  };
};
