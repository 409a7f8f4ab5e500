/* A lesson: one step's words and state, perhaps a prediction; what it asks for comes from the server after one has committed oneself. */
Orrery.makeLesson = (told, stage, controls) => {
  'use strict';
  const { el, words, say, T, label, isText } = Orrery, { number, percent, size, duration } = Orrery.amounts;
  const { steps, follow } = told, root = document.documentElement, drawing = stage.drawing;
  const W = {
    lesson: T('Lesson', '课程'), leave: T('Leave', '退出'), back: T('Back', '上一步'), next: T('Next', '下一步'), done: T('To the lab', '进入实验'),
    commit: T('Show me', '揭晓'), again: T('Start over', '重来'), five: T('Give it as numbers', '用数字给出'), you: T('you', '你'), restore: T('Back to the step', '回到这一步'),
    running: T('computing …', '计算中……'), away: T('The server does not answer; the page keeps trying.', '服务器没有回应，页面会继续尝试。'), follows: T('What follows from here:', '接下来可以看：'),
    first: {
      curve: T('Draw in the figure first, from one side to the other', '先在图上从一边画到另一边'), place: T('Click in the figure first', '先在图上点一下'), box: T('Draw a box in the figure first', '先在图上画一个框'),
      number: T('Move the slider first', '先拖动滑块'), line: T('Drag the line first', '先拖动这条线'), choice: T('Choose one first', '先选一个'),
    },
    keys: { place: T('Arrow keys move the mark, with Shift further.', '方向键移动标记，按住 Shift 移得更远。'), box: T('Arrow keys move the box, with Shift its corner.', '方向键移动方框，按住 Shift 移动它的角。') },
  };
  const COLUMNS = 97, SWIPE = 60, CLOSE = 0.05, MOST_MISSES = 30;  // of a drawn curve; px; of an axis: nothing to remark on; strokes from guess to truth
  const svg = (tag, given = {}) => { const n = document.createElementNS('http://www.w3.org/2000/svg', tag); for (const k in given) n.setAttribute(k, given[k]); return n; };
  const me = { at: 0, phase: '', guess: null, truth: null, steps };
  /* A guess or a truth with its unit, in both languages. */
  const both = v => (isText(v) ? v : { en: v, zh: v });
  function written(p, v, digits = 3) {
    if (p.share || p.unit === 'B' || p.unit === 's') return both(p.share ? percent(v, digits) : p.unit === 'B' ? size(v, digits) : duration(v));
    const unit = both(p.unit ?? ''), one = text => `${number(v, digits)}${text && ` ${text}`}`;
    return T(one(unit.en), one(unit.zh));
  }
  let visit = 0, sheet = null, set = () => {}, filled = () => {};

  /* --- the card --- */
  const count = el('span', { class: 'count' }), dots = el('span', { class: 'dots', 'aria-hidden': 'true' }, ...steps.map(() => el('i')));
  const leave = el('button', { type: 'button', class: 'plain', onclick: () => quit() }, words(W.leave), ' ×');
  const text = el('p', { class: 'words' }), ask = el('p', { class: 'ask' }), pad = el('div', { class: 'pad' }), live = el('div', { class: 'told', role: 'status' });
  const read = el('div', { 'aria-live': 'polite' }, text, ask);
  const commit = el('button', { type: 'button', class: 'commit', onclick: () => reveal() }, words(W.commit)), hint = el('span', { class: 'hint' });
  const act = el('div', { class: 'act' }, commit, hint);
  const back = el('button', { type: 'button', class: 'move', onclick: () => go(me.at - 1) }, '←');
  const next = el('button', { type: 'button', class: 'move next', onclick: () => on() });
  const restore = el('button', { type: 'button', class: 'plain restore', hidden: true, onclick: () => go(me.at) }, '↺ ', words(W.restore));
  const after = el('p', { class: 'follow', hidden: true }, words(W.follows), ...follow.map(lab => el('a', { href: `./${lab.slug}` }, words(lab.title))));
  const card = el('section', { class: 'card lesson-card', id: 'lesson', tabindex: '-1' },
    el('div', { class: 'lesson-top' }, el('span', { class: 'chapter' }, words(W.lesson)), count, dots, leave),
    read, pad, act, live, restore, after, el('div', { class: 'moves' }, back, next));
  label(card, 'aria-label', W.lesson);
  label(back, 'aria-label', W.back);
  /* The step's own question stands over the figure in the place of all questions. */
  const title = el('h2', { class: 'step-question' });
  document.querySelector('.questions').prepend(title);
  const knobs = document.getElementById('controls'), column = el('div', { class: 'lesson-column' });

  /* --- a sheet over one panel's axes: what is drawn on it is kept in the axes' own linear units, so that it survives resizing,
     another theme, Present, and a figure that is redrawn under it --- */
  class Sheet {
    constructor(asked) {
      this.asked = asked;
      this.kind = asked.kind === 'number' ? 'line' : asked.box ? 'box' : asked.kind;
      this.svg = svg('svg', { class: this.kind === 'curve' ? 'sketch under' : 'sketch' });
      this.notes = el('div', { class: 'sketch-notes' });
      this.ys = new Float64Array(COLUMNS).fill(NaN);
      this.knots = null;  // typed numbers are kept as they were typed
      if (['place', 'box', 'line'].includes(this.kind)) {
        Object.entries({ tabindex: 0, role: 'application' }).forEach(([k, v]) => this.svg.setAttribute(k, v));
        label(this.svg, 'aria-label', asked.ask);
      }
      drawing.board.append(this.svg, this.notes);
      this.svg.addEventListener('pointerdown', e => this.down(e));
      this.svg.addEventListener('pointermove', e => this.held && this.moved(e));
      for (const end of ['pointerup', 'pointercancel']) this.svg.addEventListener(end, () => { this.held = false; });
      this.svg.addEventListener('keydown', e => this.key(e));
    }
    /* The axes: private names of Plotly, on which the figure's handles rest as well. */
    get axes() {
      const full = drawing.plot._fullLayout, n = this.asked.panel ? String(this.asked.panel + 1) : '';
      const x = full && full[`xaxis${n}`], y = full && full[`yaxis${n}`];
      return x && y && x._length ? { x, y } : null;
    }
    lin(axis, v) { return axis.type === 'log' ? Math.log10(v) : v; }
    val(axis, l) { return axis.type === 'log' ? 10 ** l : l; }
    ends(axis) { return axis.range.map(v => axis.r2l(v)); }
    px(l) { return this.axes.x.l2p(l); }
    py(l) { return this.axes.y.l2p(l); }
    drop() { this.svg.remove(); this.notes.remove(); }

    /* --- what one does --- */
    at(e) {
      const box = this.svg.getBoundingClientRect(), { x, y } = this.axes, within = (v, most) => Math.max(0, Math.min(most, v));
      return [x.p2l(within(e.clientX - box.left, box.width)), y.p2l(within(e.clientY - box.top, box.height))];
    }
    down(e) {
      if (me.phase !== 'ask') return;
      e.preventDefault();
      this.svg.focus({ preventScroll: true });
      this.svg.setPointerCapture(e.pointerId);
      this.held = true;
      this.last = null;
      this.from = this.at(e);
      this.moved(e);
    }
    moved(e) {
      const all = e.getCoalescedEvents ? e.getCoalescedEvents() : [];
      for (const one of all.length ? all : [e]) this.put(...this.at(one));
      this.place();
    }
    put(x, y) {
      if (this.kind === 'curve') this.draw(x, y);
      else if (this.kind === 'place') me.guess = [x, y];
      else if (this.kind === 'box') me.guess = [Math.min(x, this.from[0]), Math.min(y, this.from[1]), Math.max(x, this.from[0]), Math.max(y, this.from[1])];
      else set(this.asked.along === 'x' ? x : y);
      ready();
    }
    /* Every whole column between the last place of the pen and this one. */
    draw(x, y) {
      const [a, b] = this.ends(this.axes.x), most = COLUMNS - 1, at = ((x - a) / (b - a)) * most, [was, wasY] = this.last || [at, y];
      const from = Math.ceil(Math.min(was, at)), to = Math.floor(Math.max(was, at));
      for (let i = from; i <= to; i++) this.ys[i] = was === at ? y : wasY + ((y - wasY) * (i - was)) / (at - was);
      if (to < from || was === at) this.ys[Math.round(at)] = y;
      this.last = [at, y];
      this.knots = null;
      me.guess = this.spans() ? this.ys : null;
      filled();
    }
    type(knots) {
      const [a, b] = this.ends(this.axes.x);
      this.knots = knots.length ? knots : null;
      this.ys.forEach((_, i) => {
        const l = a + ((b - a) * i) / (COLUMNS - 1);
        this.ys[i] = this.knots && l >= knots[0][0] && l <= knots[knots.length - 1][0] ? this.read(l) : NaN;
      });
    }
    /* From the first named place to the last; a short gap is bridged. */
    spans() {
      const [a, b] = this.ends(this.axes.x), column = l => Math.round(((l - a) / (b - a)) * (COLUMNS - 1)), named = this.places().map(([l]) => column(l)).sort((p, q) => p - q);
      const known = [...this.ys.keys()].filter(i => Number.isFinite(this.ys[i])), first = known[0], last = known[known.length - 1];
      return known.length > 0 && first <= named[0] + 3 && last >= named[named.length - 1] - 3 && known.length >= 0.7 * (last - first);
    }
    /* What was drawn at x; beyond its ends it goes on level. */
    read(l) {
      const [a, b] = this.ends(this.axes.x), known = this.knots || [...this.ys.keys()].filter(i => Number.isFinite(this.ys[i])).map(i => [a + ((b - a) * i) / (COLUMNS - 1), this.ys[i]]);
      if (!known.length) return NaN;
      const right = known.find(([x]) => x >= l) || known[known.length - 1], left = known.findLast(([x]) => x <= l) || known[0];
      return left[0] === right[0] ? left[1] : left[1] + ((right[1] - left[1]) * (l - left[0])) / (right[0] - left[0]);
    }
    /* The places that are asked for in numbers: the axis's named ticks where there are few, else five even ones. */
    places() {
      const { x } = this.axes, [a, b] = this.ends(x), shown = (drawing.figure.layout[x._name] || {});
      const within = (shown.tickvals || []).map((v, i) => [this.lin(x, v), String(say(shown.ticktext[i])).split('<br>')[0]]).filter(([l]) => l >= Math.min(a, b) && l <= Math.max(a, b));
      if (within.length > 1 && within.length <= 8) return within;
      return Array.from({ length: this.asked.at }, (_, i) => a + ((b - a) * (i + 0.5)) / this.asked.at).map(l => [l, number(this.val(x, l), 2)]);
    }
    key(e) {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
      if (!way || me.phase !== 'ask' || this.kind === 'curve') return;
      e.preventDefault();
      e.stopPropagation();
      const { x, y } = this.axes, part = e.shiftKey && this.kind !== 'box' ? 0.1 : 0.02;
      const [dx, dy] = [x, y].map((axis, i) => { const [a, b] = this.ends(axis); return (b - a) * part * way[i]; });
      const [mx, my] = [x, y].map(axis => { const [a, b] = this.ends(axis); return (a + b) / 2; });
      if (this.kind === 'box') {
        const [a, b, c, d] = me.guess || [mx - Math.abs(mx) * 0.2, my - Math.abs(my) * 0.2, mx + Math.abs(mx) * 0.2, my + Math.abs(my) * 0.2];
        this.from = e.shiftKey ? [a, b] : [a + dx, b + dy];
        this.put(c + dx, d + dy);
      } else {
        const [gx, gy] = this.kind === 'place' ? me.guess || [mx, my] : [me.guess ?? mx, me.guess ?? my];
        this.put(gx + dx, gy + dy);
      }
      this.place();
    }

    /* --- what is seen; anew whenever Plotly has drawn --- */
    note(x, y, node, look) {
      const n = el('span', { class: look }, node);
      n.style.left = `${x}px`;
      n.style.top = `${y}px`;
      this.notes.append(n);
    }
    place() {
      const axes = this.axes;
      if (!axes) return;
      const wide = axes.x._length, tall = axes.y._length, parts = [], add = (tag, given) => parts.push(svg(tag, given));
      const rect = { left: axes.x._offset, top: axes.y._offset, width: wide, height: tall };
      for (const node of [this.svg, this.notes]) for (const k in rect) node.style[k] = `${rect[k]}px`;
      this.notes.replaceChildren();
      this.svg.dataset.phase = me.phase;
      if (me.guess === null && me.phase === 'ask' && (this.kind !== 'curve' || !this.ys.some(Number.isFinite))) this.note(wide / 2, tall / 2, words(this.asked.ask), 'invite');
      this[`show_${this.kind}`]?.(axes, add, wide, tall);
      if (this.ring) add('circle', { class: 'look', cx: this.px(this.lin(axes.x, this.ring[0])), cy: this.py(this.lin(axes.y, this.ring[1])), r: 24 });
      this.svg.replaceChildren(...parts);
      this.svg.style.pointerEvents = me.phase === 'ask' ? 'auto' : 'none';
      if (me.phase !== 'ask') this.svg.removeAttribute('tabindex');
    }
    show_curve(axes, add) {
      const [a, b] = this.ends(axes.x);
      const known = this.knots || [...this.ys.keys()].filter(i => Number.isFinite(this.ys[i])).map(i => [a + ((b - a) * i) / (COLUMNS - 1), this.ys[i], i]);
      const sparse = me.truth ? Math.ceil(me.truth.x.length / MOST_MISSES) : 1;
      if (me.truth) for (const [i, x] of me.truth.x.entries()) {
        if (i % sparse) continue;
        const l = this.lin(axes.x, x), to = this.py(this.lin(axes.y, me.truth.y[i])), from = this.py(this.read(l));
        if (Number.isFinite(to + from)) add('path', { class: 'miss', d: `M${this.px(l)} ${from}V${to}` });
      }
      const d = known.map(([l, y, i], k) => `${k && (i === undefined || known[k - 1][2] === i - 1) ? 'L' : 'M'}${this.px(l).toFixed(1)} ${this.py(y).toFixed(1)}`).join('');
      add('path', { class: 'guess', d });
      if (me.truth && known.length) this.note(this.px(known[0][0]) + 6, this.py(known[0][1]) - 8, words(W.you), 'yours above');
    }
    show_place(axes, add) {
      const [tx, ty, ux, uy] = me.truth ? me.truth.map((v, i) => (i % 2 ? this.py(this.lin(axes.y, v)) : this.px(this.lin(axes.x, v)))) : [];
      const [gx, gy] = me.guess ? [this.px(me.guess[0]), this.py(me.guess[1])] : [];
      if (me.truth && ux === undefined) { add('path', { class: 'miss', d: `M${gx} ${gy}L${tx} ${ty}` }); for (const look of ['halo', 'truth']) add('circle', { class: look, cx: tx, cy: ty, r: 12 }); }
      if (me.truth && ux !== undefined) this.frame(add, 'truth', tx, ty, ux, uy);
      if (!me.guess) return;
      for (const look of ['halo', 'guess']) add('path', { class: look, d: `M${gx - 9} ${gy}H${gx + 9}M${gx} ${gy - 9}V${gy + 9}` });
      if (me.truth) this.note(gx + 12, gy - 10, words(W.you), 'yours');
    }
    show_box(axes, add) {
      const pixels = box => box.map((v, i) => (i % 2 ? this.py(v) : this.px(v)));
      if (me.truth) this.frame(add, 'truth', ...pixels(me.truth));
      if (!me.guess) return;
      const [a, b, c] = pixels(me.guess);
      this.frame(add, 'guess', ...pixels(me.guess));
      if (me.truth) this.note(Math.min(a, c) + 2, b - 2, words(W.you), 'yours above');
    }
    frame(add, look, a, b, c, d) {
      for (const one of ['halo', look]) add('rect', { class: one, x: Math.min(a, c), y: Math.min(b, d), width: Math.abs(c - a), height: Math.abs(d - b) });
    }
    show_line(axes, add, wide, tall) {
      const { along } = this.asked, axis = axes[along];
      const put = (l, look) => add('path', { class: look, d: along === 'x' ? `M${this.px(l)} 0V${tall}` : `M0 ${this.py(l)}H${wide}` });
      const beside = (l, node, look, row) => (along === 'x' ? this.note(this.px(l) + 7, 6 + 20 * row, node, look) : this.note(8 + 64 * row, this.py(l) - 4, node, `${look} above`));
      if (me.truth !== null) { put(this.lin(axis, me.truth), 'truth'); beside(this.lin(axis, me.truth), words(written(this.asked, me.truth)), 'theirs', 1); }
      if (me.guess === null) return;
      put(me.guess, 'guess');
      beside(me.guess, words(me.truth === null ? written(this.asked, this.val(axis, me.guess)) : W.you), 'yours', 0);
    }
  }

  /* --- what is asked, in the card: all of it can be given there as well --- */
  function predicting(p) {
    pad.replaceChildren();
    set = filled = () => {};
    if (p.kind === 'choice') {
      const group = el('div', { class: 'options', role: 'radiogroup' }, ...p.options.map((option, i) => el('label', { 'data-option': i },
        el('input', { type: 'radio', name: 'guess', value: i, onchange: () => { if (me.phase === 'ask') { me.guess = i; ready(); } } }), el('span', {}, words(option)))));
      pad.append(label(group, 'aria-label', p.ask));
    } else if (p.kind === 'number') {
      const to = v => (p.log ? Math.log10(v) : v), from = l => (p.log ? 10 ** l : l), [low, high] = p.between.map(to);
      const bar = el('input', { type: 'range', min: low, max: high, step: 'any', value: (low + high) / 2, class: 'guessbar' }), shown = el('output', {}, '?');
      label(bar, 'aria-label', p.ask);
      bar.addEventListener('keydown', e => {
        const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[e.key];
        if (!way || me.phase !== 'ask') return;
        e.preventDefault();
        set(Number(bar.value) + way * (high - low) * (e.shiftKey ? 0.1 : 0.01));
        if (sheet) sheet.place();
      });
      set = l => {
        const kept = Math.max(low, Math.min(high, l)), said = p.whole ? Math.round(from(kept)) : Number(from(kept).toPrecision(3));
        me.guess = to(said);
        bar.value = kept;
        bar.style.setProperty('--done', `${(100 * (kept - low)) / (high - low)}%`);
        shown.replaceChildren(words(written(p, said)));
        bar.setAttribute('aria-valuetext', say(written(p, said)));
        ready();
      };
      // A click where the thumb stands already moves nothing, and is an answer all the same.
      for (const kind of ['input', 'click']) bar.addEventListener(kind, () => { if (me.phase === 'ask') { set(Number(bar.value)); if (sheet) sheet.place(); } });
      pad.append(el('div', { class: 'guessline' }, bar, shown));
    } else if (p.kind === 'curve') {
      const body = el('div', { class: 'numbers' }), boxes = () => [...body.querySelectorAll('input')];
      const fill = () => body.replaceChildren(...sheet.places().map(([, name]) => el('label', {}, name, el('input', { inputmode: 'decimal', autocomplete: 'off', onchange: typed }))));
      const typed = () => {
        if (me.phase !== 'ask') return;
        const places = sheet.places(), { y } = sheet.axes;
        const given = boxes().map((box, i) => [places[i][0], sheet.lin(y, Orrery.entry.number(box.value).value)]).filter(([, v]) => Number.isFinite(v));
        sheet.type(given.sort((p, q) => p[0] - q[0]));
        me.guess = given.length === places.length ? sheet.ys : null;
        ready();
        sheet.place();
      };
      filled = () => boxes().forEach((box, i) => { const v = sheet.read(sheet.places()[i][0]); box.value = Number.isFinite(v) ? Number(sheet.val(sheet.axes.y, v).toPrecision(3)) : ''; });
      const five = el('details', { class: 'five' }, el('summary', {}, words(W.five)), body);
      five.addEventListener('toggle', () => { if (five.open && !body.firstChild) { fill(); filled(); } });
      pad.append(five);
    }
  }
  function ready() {
    const none = me.guess === null, p = steps[me.at - 1].predict, kind = sheet ? sheet.kind : p.kind;
    commit.disabled = none;
    hint.replaceChildren(...(none ? [words(W.first[kind]), ...(W.keys[kind] ? [' ', el('span', { class: 'keys' }, words(W.keys[kind]))] : [])] : []));
    // What was drawn is taken back here.
    if (!none && (kind === 'curve' || kind === 'box')) hint.replaceChildren(el('button', { type: 'button', class: 'plain', onclick: restart }, '↺ ', words(W.again)));
  }
  function restart() {
    me.guess = null;
    sheet.type([]);
    filled();
    ready();
    sheet.place();
  }

  /* --- from step to step --- */
  const patience = ms => new Promise(done => setTimeout(done, ms));
  /* The server's answer; null if one has gone elsewhere meanwhile. While nobody is there it is asked again. */
  async function answered(value, mine) {
    for (;;) {
      const got = await Orrery.transport.step(value);
      if (mine !== visit) return null;
      if (got) { if (got.refused || got.error) stage.notice(got.refused || got.error); return got.refused || got.error ? null : got; }
      stage.notice(W.away);
      await patience(1000);
    }
  }
  const urlOf = n => {
    const query = new URLSearchParams(location.search), kept = new URLSearchParams();
    for (const name of ['lang', 'theme']) if (query.has(name)) kept.set(name, query.get(name));
    if (n) kept.set('step', n);
    return location.pathname + (String(kept) ? `?${kept}` : '');
  };
  function phase(name) {
    me.phase = card.dataset.phase = name;
    root.classList.toggle('asking', name === 'ask' || name === 'wait');
  }
  function away() {
    if (sheet) sheet.drop();
    sheet = null;
  }
  function lone(name) {
    knobs.classList.add('lone');
    knobs.querySelectorAll('.field').forEach(f => f.classList.toggle('of-step', f.dataset.param === name));
  }
  function onSheet(asked) {
    sheet = new Sheet(asked);
    if (!drawing.plot.lesson) drawing.plot.on('plotly_afterplot', () => sheet && sheet.place());
    drawing.plot.lesson = true;
    return sheet;
  }
  const toMoment = step => {
    const frames = drawing.figure && drawing.figure.frames;
    if (step.moment && frames) stage.goto(frames.list.findIndex(frame => frame.name === step.moment));
  };

  async function go(n, push = true) {
    n = Math.max(1, Math.min(steps.length, Math.round(n) || 1));
    const mine = ++visit, step = steps[n - 1], p = step.predict, last = n === steps.length;
    away();
    Object.assign(me, { at: n, guess: null, truth: null, needs: null });
    phase('wait');
    if (!column.isConnected) { knobs.before(column); column.append(card, knobs); }
    root.classList.add('learning');
    card.dataset.step = n;
    count.textContent = `${n} / ${steps.length}`;
    [...dots.children].forEach((dot, i) => dot.classList.toggle('on', i < n));
    title.replaceChildren(words(window.ORRERY.lab.views[step.view].question));
    text.replaceChildren(words(step.words));
    ask.hidden = act.hidden = !p;
    ask.replaceChildren(...(p ? [words(p.ask)] : []));
    for (const node of [live, pad]) node.replaceChildren();
    restore.hidden = true;
    after.hidden = !last || !follow.length;
    back.disabled = n === 1;
    next.replaceChildren(words(last ? W.done : W.next), ' →');
    next.classList.toggle('strong', !p);
    // On an address, what was changed by hand stands beside the step: ?step=2&steps=800.
    const own = !push && [...new URLSearchParams(location.search).keys()].some(name => name in controls.state || name === 'view');
    stage.wipe();
    const id = controls.load(step.params, step.view);
    lone(step.control);
    if (push) history.pushState({ step: n }, '', urlOf(n));
    if (push) card.focus({ preventScroll: true });
    const got = await answered({ lesson: n, id }, mine);
    if (!got) return;
    stage.take({ ...got, needs: undefined, fraction: 1 });
    me.needs = got.needs;
    if (!p && got.needs) stage.begin();
    if (!p) toMoment(step);
    await drawing.ready();
    if (mine !== visit) return;
    if (p) {
      if (p.kind !== 'choice' && (p.kind !== 'number' || p.along)) onSheet(p);
      predicting(p);
      ready();
    } else if (got.look) onSheet({ kind: 'look', panel: 0 }).ring = got.look;
    phase(p ? 'ask' : 'told');
    if (sheet) sheet.place();
    if (own) { const said = controls.read(); touched(); controls.ask('boot'); if (said) stage.notice(said); }
  }

  async function reveal() {
    if (me.phase !== 'ask' || me.guess === null) return;
    const mine = visit, n = me.at, step = steps[n - 1];
    phase('wait');
    commit.disabled = true;
    if (me.needs) {
      live.replaceChildren(words(W.running));
      stage.begin();
      while (stage.busy && mine === visit) await patience(60);
    }
    const got = await answered({ lesson: n, id: controls.load(step.params, step.view), reveal: true }, mine);
    if (!got || got.truth === undefined) { if (mine === visit) { phase('ask'); ready(); live.replaceChildren(); } return; }
    lone(step.control);
    me.truth = got.truth;
    stage.take(got);
    toMoment(step);
    await drawing.ready();
    if (mine !== visit) return;
    phase('told');
    if (got.look) (sheet || onSheet({ kind: 'look', panel: step.predict.panel })).ring = got.look;
    if (sheet) sheet.place();
    live.replaceChildren(el('p', { class: 'far' }, words(far(step.predict, got.truth))), el('p', { class: 'why' }, words(got.why)));
    pad.querySelectorAll('[data-option]').forEach((option, i) => option.classList.toggle('truth', i === got.truth));
    pad.querySelectorAll('input').forEach(input => { input.disabled = true; });
    next.classList.add('strong');
    act.hidden = true;
    next.focus({ preventScroll: true });
  }

  /* How far off, in the figure's own units; nobody is graded. */
  function far(p, truth) {
    const w = (v, digits) => written(p, v, digits);
    if (p.kind === 'choice') {
      const is = both(p.options[truth]);
      return me.guess === truth ? T('Yes.', '对。') : T(`It is: ${is.en}`, `答案是：${is.zh}`);
    }
    if (p.kind === 'number') {
      const guess = p.log ? 10 ** me.guess : me.guess, ends = p.log ? p.between.map(Math.log10) : p.between;
      const off = Math.abs((p.log ? Math.log10(guess / truth) : guess - truth) / (ends[1] - ends[0])), times = number(Math.max(guess / truth, truth / guess), 2);
      const by = !p.log || off < CLOSE ? T('', '') : guess > truth ? T(`, ${times} times too much`, `，是实际的 ${times} 倍`) : T(`, ${times} times too little`, `，只有实际的 1/${times}`);
      const close = off < CLOSE ? T('Close: you', '很接近：你') : T('You', '你'), [said, is] = [w(guess), w(truth)];
      return T(`${close.en} said ${said.en}, it is ${is.en}${by.en}.`, `${close.zh}说 ${said.zh}，实际是 ${is.zh}${by.zh}。`);
    }
    if (sheet.kind === 'box') {
      const [a, b, c, d] = me.guess, [e, f, g, h] = truth, area = (x0, y0, x1, y1) => Math.max(0, x1 - x0) * Math.max(0, y1 - y0);
      const shared = area(Math.max(a, e), Math.max(b, f), Math.min(c, g), Math.min(d, h)), share = percent(shared / (area(a, b, c, d) + area(e, f, g, h) - shared), 2);
      return T(`Your box and the true one share ${share} of what they cover together.`, `你画的框与真实框的交并比为 ${share}。`);
    }
    if (p.kind === 'place') {
      const [x, y] = [sheet.val(sheet.axes.x, me.guess[0]), sheet.val(sheet.axes.y, me.guess[1])], box = truth.length === 4;
      const near = box ? [Math.max(truth[0], Math.min(truth[2], x)), Math.max(truth[1], Math.min(truth[3], y))] : truth, d = Math.hypot(x - near[0], y - near[1]), by = w(d);
      return box && !d ? T('Yes, there.', '对，就在那里。') : T(`You were ${by.en} away.`, `你偏离了 ${by.zh}。`);
    }
    const { x, y } = sheet.axes, log = y.type === 'log', [low, high] = sheet.ends(y);
    const off = truth.x.map((v, i) => { const guess = sheet.read(sheet.lin(x, v)); return { guess, d: Math.abs(guess - sheet.lin(y, truth.y[i])), i }; }).filter(o => Number.isFinite(o.d));
    const mean = off.reduce((sum, o) => sum + o.d, 0) / off.length, worst = off.reduce((a, b) => (b.d > a.d ? b : a));
    const where = truth.names ? both(truth.names[worst.i]) : both(number(truth.x[worst.i], 2)), drew = w(sheet.val(y, worst.guess)), is = w(truth.y[worst.i]), by = w(mean, 2);
    const amount = log ? T(`by a factor of ${number(10 ** mean, 2)}`, `差 ${number(10 ** mean, 2)} 倍`) : T(`by ${by.en}`, `差 ${by.zh}`);
    const close = mean < CLOSE * Math.abs(high - low) ? T('Close: off', '很接近：平均') : T('Off', '平均');
    return T(`${close.en} ${amount.en} on average, most at ${where.en}: you drew ${drew.en}, it is ${is.en}.`, `${close.zh}${amount.zh}，在 ${where.zh} 处最多：你画的是 ${drew.zh}，实际是 ${is.zh}。`);
  }

  /* A control is touched: the step's own state is a click away; a prediction that is open is not answered by it. */
  function touched() {
    if (!me.at) return;
    away();
    restore.hidden = false;
    act.hidden = true;
    phase('free');
  }
  addEventListener('orrery:touched', touched);
  function end() {
    visit += 1;
    away();
    me.at = 0;
    phase('');
    root.classList.remove('learning');
    if (column.isConnected) column.replaceWith(knobs);
    knobs.classList.remove('lone');
    controls.load({}, 0);
  }
  function quit() {
    end();
    history.pushState(null, '', urlOf(0));
    stage.wipe();
    controls.ask('back');
    document.getElementById('learn').focus();
  }
  /* The browser's own back and forward; whether that was all. */
  function popped() {
    const n = Number(new URLSearchParams(location.search).get('step'));
    if (n) { go(n, false); return true; }
    if (me.at) { end(); stage.wipe(); }
    return false;
  }

  /* --- keys and swipes; a clicker's PageDown reveals what is answered, and passes over what is not --- */
  function on() {
    if (me.at === steps.length) quit(); else go(me.at + 1);
  }
  function forth() {
    if (me.phase === 'ask' && me.guess !== null) reveal(); else if (me.at < steps.length) go(me.at + 1);
  }
  const previous = () => { if (me.at > 1) go(me.at - 1); };
  addEventListener('keydown', e => {
    if (!me.at || e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
    const here = document.activeElement, typing = /^(INPUT|TEXTAREA|SELECT)$/.test(here.tagName) && !/^(range|radio)$/.test(here.type);
    const free = here === document.body || here === card || (card.contains(here) && here.tagName === 'BUTTON');
    const act = { PageDown: !typing && forth, PageUp: !typing && previous, ArrowRight: free && forth, ArrowLeft: free && previous, ' ': free && here.tagName !== 'BUTTON' && (e.shiftKey ? previous : forth) }[e.key];
    if (!act) return;
    e.preventDefault();
    e.stopPropagation();
    act();
  }, { capture: true });
  let finger = null;
  card.addEventListener('touchstart', e => { finger = e.touches.length === 1 && !e.target.closest('input') ? e.touches[0] : null; }, { passive: true });
  card.addEventListener('touchend', e => {
    if (!finger) return;
    const { clientX, clientY } = e.changedTouches[0], dx = clientX - finger.clientX, dy = clientY - finger.clientY;
    if (Math.abs(dx) > SWIPE && Math.abs(dy) < 0.6 * Math.abs(dx)) (dx < 0 ? forth : previous)();
  });
  addEventListener('orrery:language', () => { if (sheet) requestAnimationFrame(() => sheet && sheet.place()); });
  Object.defineProperty(me, 'sheet', { get: () => sheet });
  return Object.assign(me, { go, quit, popped, reveal });
};
