/* One figure: painted by Plotly from what the server sent, in the page's theme and language; scrubbed, exported, dragged. */
Orrery.Drawing = (() => {
  'use strict';
  const { css, resolve, say, el, label, T } = Orrery, { broken, readable, wide } = Orrery.labels;
  const NARROW = 560;
  const drawings = new Set(), root = document.documentElement;
  const FINGERS = matchMedia('(pointer: coarse)').matches;  // which scroll the page and swipe panels, and do not zoom a figure
  const presenting = () => root.classList.contains('present');
  const high = () => root.clientHeight;  // the window's, which on a phone its address bar does not change
  const between = (low, v, most) => Math.max(low, Math.min(v, most));

  /* Pixels of a figure of one row: what the window leaves beside the words around it. */
  const LEAST = 430, PHONE = 330, STICKS = 0.42;
  const tall = () => Math.max(LEAST, high() - parseFloat(css('--around')));
  /* On a phone panels stand side by side, and the next one looks in from the right. */
  const PEEK = 0.9;
  /* By how much type, strokes and marks grow: in Present by the room's height, on a large figure with its root. */
  const scale = (width, height) => (presenting() ? between(1.2, high() / 640, 3.4) : between(1, Math.sqrt(Math.min(width / 1000, height / 560)), 1.8));
  const PIXELS = /^(size|width|height|thickness|ticklen|(grid|line|tick)width|standoff|borderpad|[xy]shift|xpad|[lrtb])$/;
  const STYLED = /^(marker|line|\w*font|error_[xy]|colorbar|title|margin|hoverlabel|annotations|[xyz]axis\d*|scene\d*)$/;
  /* A part of a figure (not a trace, whose own numbers are data) with its pixels k times as many. */
  function grown(part, k) {
    if (Array.isArray(part)) return part.map(each => grown(each, k));
    return Object.fromEntries(Object.entries(part).map(([key, v]) => {
      if (typeof v === 'number') return [key, PIXELS.test(key) ? v * k : v];
      if (v === null || typeof v !== 'object') return [key, v];
      if (key === 'size') return [key, Array.from(flat(v), size => size * k)];
      return [key, STYLED.test(key) ? grown(v, k) : v];
    }));
  }
  const styled = (trace, k) => ({ ...trace, ...grown(Object.fromEntries(Object.entries(trace).filter(([key]) => STYLED.test(key))), k) });

  const axis = narrow => ({
    gridcolor: css('--hairline'), zeroline: false, linecolor: css('--hairline'), tickcolor: css('--hairline'),
    ticks: 'outside', ticklen: 4, gridwidth: 1, linewidth: 1, tickwidth: 1, automargin: true, tickfont: { color: css('--ink-3'), size: narrow ? 11 : 12 },
    title: { font: { color: css('--ink-2'), size: narrow ? 12 : 13 } }, exponentformat: 'power',
  });
  const solid = narrow => ({ ...axis(narrow), backgroundcolor: css('--surface'), showbackground: false });

  /* The template: light or dark is only a matter of what the tokens are. */
  function template(narrow) {
    return {
      paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', showlegend: false, autosize: true, uirevision: 'keep',
      font: { family: css('--sans'), color: css('--ink-2'), size: narrow ? 12 : 13 }, hovermode: 'closest', bargap: 0.12, dragmode: FINGERS ? false : 'zoom',
      margin: { l: narrow ? 46 : 58, r: narrow ? 10 : 16, t: 18, b: 46 },
      hoverlabel: { bgcolor: css('--surface'), bordercolor: css('--hairline'), font: { color: css('--ink'), family: css('--sans'), size: 13 } },
      colorway: ['--measured', '--second', '--third', '--fourth', '--accept', '--reject'].map(css),
      modebar: { remove: [] },
    };
  }

  const merge = (base, over) => {
    for (const [key, value] of Object.entries(over)) {
      const both = value && typeof value === 'object' && !Array.isArray(value) && base[key] && typeof base[key] === 'object';
      base[key] = both ? merge({ ...base[key] }, value) : value;
    }
    return base;
  };

  const { unpacked } = Orrery;
  const flat = v => (v.bdata ? unpacked(v) : v.flat(2));
  const shape = v => (v.shape ? v.shape.split(',').map(Number) : v.bdata ? [unpacked(v).length] : Array.isArray(v[0]) ? [v.length, ...shape(v[0])] : [v.length]);

  /* Part k of an array of shape (frames, points) or (frames, rows, columns). */
  function part(array, k) {
    const [, ...inner] = shape(array), size = inner.reduce((a, b) => a * b, 1), all = flat(array);
    const cut = (from, dims) => (dims.length < 2 ? (dims.length ? Array.from(all.slice(from, from + dims[0])) : all[from])
      : Array.from({ length: dims[0] }, (_, r) => cut(from + r * dims[1], dims.slice(1))));
    return cut(k * size, inner);
  }

  /* The rows of `base`, each times its factor at moment k. */
  function product([base, factors], k) {
    const [rows, columns] = shape(base), all = flat(base), by = part(factors, k);
    return Array.from({ length: rows }, (_, r) => Array.from(all.slice(r * columns, (r + 1) * columns), v => v * by[r]));
  }

  /* A trace of whose points a frame shows the first `upto`: what grows costs a number a frame, not an array. */
  function upTo({ upto, ...trace }) {
    if (upto === undefined) return trace;
    for (const axis of 'xyz') {
      const v = trace[axis];
      if (v) trace[axis] = Array.from(v.bdata ? unpacked(v).subarray(0, upto) : v.slice(0, upto));
    }
    return trace;
  }

  /* --- the layout: axes in the page's colours, panels with room for their words --- */

  const ROW = 17;  // px of a row of words above a panel
  const number = i => (i ? String(i + 1) : '');
  const rowsOf = text => (text ? text.split('<br>').length : 0);
  const panelsOf = layout => Object.keys(layout).filter(key => /^(xaxis|scene)\d*$/.test(key)).length;

  function laidOut(spec, data, { width, one, height, fill, rooms, zoom }) {
    const narrow = one < NARROW;
    const layout = template(narrow);
    for (const key of Object.keys(spec)) {
      if (/^xaxis/.test(key)) layout[key] = { ...axis(narrow), showgrid: false };
      else if (/^yaxis/.test(key)) layout[key] = axis(narrow);
      else if (/^scene/.test(key)) layout[key] = { xaxis: solid(narrow), yaxis: solid(narrow), zaxis: solid(narrow), dragmode: 'turntable', camera: { eye: { x: 1.2, y: -1.3, z: 0.75 } } };
    }
    merge(layout, spec);
    layout.annotations = (layout.annotations || []).map(note => ({
      ...note, font: { ...note.font, color: readable(note.font.color), size: Math.max(11, note.font.size - (narrow ? 1 : 0)) },
    }));
    return arranged(layout, data, { narrow, width, height, fill, rooms, zoom });
  }

  /* Where the panels stand. Each gets room for its title and key above it, the names at its curves' ends and its scale to its
     right; and for the ticks between panels, what the last painting needed (rooms). */
  function arranged(layout, data, { narrow, width, height, fill, rooms, zoom }) {
    const { margin, grid = { rows: 1, columns: 1 } } = layout, panels = panelsOf(layout), keys = (layout.meta || {}).keys || {};
    const columns = fill ? filling(panels, grid.columns, width, height, layout) : narrow ? panels : grid.columns, rows = Math.ceil(panels / columns);
    const places = Array.from({ length: panels }, (_, i) => ({ i, n: number(i), c: i % columns, r: Math.floor(i / columns), x: layout[`xaxis${number(i)}`], y: layout[`yaxis${number(i)}`] }));
    const hidden = places.every(p => (!p.x || p.x.visible === false) && (!p.y || p.y.visible === false)) && places.some(p => p.x);
    if (hidden) Object.assign(margin, { l: 12, r: 12, b: 12 });
    const lefts = Array.from({ length: columns }, (_, c) => (c ? Math.max(rooms.left[c] ?? 64 * !hidden, 16) : 0));
    const gaps = sum(lefts), cell = Math.max(60, (width - margin.l - margin.r - gaps) / columns);
    for (const p of places) {
      const mine = layout.annotations.filter(a => a.xref === `x${p.n}` && a.yref === `y${p.n}`), ends = mine.filter(a => a.end);
      const most = cell * (narrow ? 0.3 : 0.34);
      const bar = data.some(t => t.showscale && (t.xaxis || 'x') === `x${p.n}` && !t.scene) ? (narrow ? 48 : 58) : 0;
      for (const note of mine) note.text = broken(note.text, note.end ? most : Math.max(most, 0.62 * cell), note.font.size);
      p.right = p.x && p.x.range && ends.length ? Math.max(...ends.map(a => wide(a.text, a.font.size))) + 8 : 0;
      p.right = bar + (bar ? 0 : Math.max(0, p.right - margin.r + 6));
      let title = layout.annotations.find(a => a.yref === `y${p.n} domain`);
      const rows_ = keys[p.i] ? Orrery.labels.key(keys[p.i], cell - 24, 12) : '';
      if (title) title.text = broken(title.text, cell, title.font.size);
      if (rows_ && title) title.text += `<br>${rows_}`;
      if (rows_ && !title) {
        title = { text: rows_, xref: `x${p.n} domain`, yref: `y${p.n} domain`, x: 0.5, y: 1, xanchor: 'center', yanchor: 'bottom', showarrow: false, font: { color: css('--ink-2'), size: 12 } };
        layout.annotations.push(title);
      }
      p.top = title ? ROW * rowsOf(title.text) + 10 : 10;
      p.bottom = !p.x || p.x.visible === false ? 12 : 50;
    }
    const row = r => places.filter(p => p.r === r), greatest = (list, of) => Math.max(0, ...list.map(of));
    const tops = Array.from({ length: rows }, (_, r) => greatest(row(r), p => p.top)), bottoms = tops.map((_, r) => rooms.bottom[r] ?? greatest(row(r), p => p.bottom));
    margin.t = Math.max(margin.t, tops[0]);
    const gutters = tops.slice(1).map((top, r) => top + bottoms[r]), across = (width - margin.l - margin.r - gaps) / columns;
    layout.width = width;
    for (const p of places) p.right = narrow ? p.right : greatest(places.filter(o => o.c === p.c), o => o.right);
    const words = tops.reduce((sum, top) => sum + Math.max(0, top - 44), 0), around = margin.t + margin.b + sum(gutters);
    layout.height = fill ? height : narrow ? height : Math.max(height, Math.min(height, LEAST) + (rows - 1) * 220) + words;
    const shapes = places.map(aspect);
    if (!fill && shapes.every(Boolean)) layout.height = Math.min(layout.height, around + rows * Math.max(...places.map((p, i) => shapes[i] * (across - p.right))));
    const W = width - margin.l - margin.r, H = layout.height - margin.t - margin.b, down = Math.max(40, (layout.height - around) / rows);
    for (const p of places) {
      const from = sum(lefts.slice(0, p.c + 1)) + p.c * across;
      const under = sum(gutters.slice(0, p.r)) + p.r * down;
      const domain = { x: [from, from + Math.max(across - p.right, across / 2)].map(v => Math.min(1, v / W)), y: [H - under - down, H - under].map(v => Math.max(0, Math.min(1, v / H))) };
      for (const [letter, length] of [['x', across - p.right], ['y', down]]) {
        const own = p[letter];
        if (!own) continue;
        if (narrow && letter === 'x' && own.ticktext) own.tickangle ??= 0;  // else Plotly turns them upright
        Object.assign(own, { domain: domain[letter] }, logTicks(own, data, letter, p.n, length, zoom), fewer(own, letter, length));
        if (own.title && own.title.text) own.title = { ...own.title, text: broken(own.title.text, length - 28, own.title.font.size) };
        if (own.tickfont) own.tickfont = { ...own.tickfont, size: Math.max(11, own.tickfont.size) };
      }
      if (layout[`scene${p.n}`]) layout[`scene${p.n}`].domain = domain;
      for (const trace of data.filter(t => t.texttemplate && (t.xaxis || 'x') === `x${p.n}`)) inCells(trace, data.filter(t => t.name === trace.name), p, across - p.right, down);
      let scaled = false;
      for (const trace of data.filter(t => t.showscale && !t.scene && (t.xaxis || 'x') === `x${p.n}`)) {
        if (scaled) { trace.showscale = false; continue; }
        scaled = true;
        trace.colorbar = merge({
          x: domain.x[1] + 8 / W, xanchor: 'left', xpad: 0, y: (domain.y[0] + domain.y[1]) / 2, ypad: 0, len: domain.y[1] - domain.y[0], thickness: 9, outlinewidth: 0,
          nticks: 6, tickfont: { color: css('--ink-3'), size: 11 }, exponentformat: 'power', title: { side: 'right', font: { color: css('--ink-2'), size: 12 } },
        }, trace.colorbar || {});
      }
    }
    if (layout.grid) layout.grid = { ...layout.grid, rows, columns };
    return layout;
  }

  /* Numbers in a map's cells: with as many decimals as the cells have room for, alike in all maps of its name; no number where
     it could not be read, or where without decimals little would be left of it. */
  function inCells(trace, kin, { x, y }, across, down) {
    const digits = Number((/\.(\d)f/.exec(trace.texttemplate) || [])[1]);
    if (!digits || !x.range || !y.range) return;
    const pixels = (axis, step, length) => ((step || 1) * length) / Math.abs(axis.range[1] - axis.range[0]) - (trace.xgap || 0);
    const width = pixels(x, trace.dx, across), most = Math.min(CELL_TEXT[1], Math.floor(pixels(y, trace.dy, down) / 1.15));
    const values = kin.flatMap(t => Array.from(flat(t.z))).filter(Number.isFinite), ends = [Math.max(...values), Math.min(...values)];
    const least = Math.max(...ends.map(Math.abs)) < 10 ? 1 : 0, fits = Array.from({ length: digits + 1 - least }, (_, k) => digits - k).map(n => [n, Math.min(most, Math.floor((width / Math.max(...ends.map(v => wide(v.toFixed(n), 100)))) * 100))]);
    const [n, size] = fits.find(([, size]) => size >= CELL_TEXT[0]) || [];
    Object.assign(trace, { texttemplate: size ? `%{z:.${n}f}` : '', textfont: { ...trace.textfont, size: size || CELL_TEXT[0] } });
  }
  const CELL_TEXT = [11, 12];  // px, least and most

  const sum = list => list.reduce((a, b) => a + b, 0);
  /* Height over width of a panel whose axes have equal units and given ranges, as pictures have; else 0. */
  const aspect = ({ x, y }) => (x && y && y.scaleanchor && x.range && y.range ? Math.abs((y.range[1] - y.range[0]) / (x.range[1] - x.range[0])) : 0);
  /* How many panels side by side fill a room best: as the page says, unless another way makes them clearly larger. */
  function filling(panels, own, width, height, layout) {
    const shape = aspect({ x: layout.xaxis, y: layout.yaxis }) || 0.7, GAP = 70;
    const size = c => {
      const rows = Math.ceil(panels / c), across = width / c - GAP, down = height / rows - GAP;
      return Math.min(across, down / shape) * Math.sqrt(panels / (c * rows)) * (c === own ? 1.15 : 1);
    };
    return Array.from({ length: panels }, (_, i) => i + 1).reduce((best, c) => (size(c) > size(best) ? c : best), own);
  }

  /* Of named ticks that would run into each other every second, third, …; where Plotly may turn them, they need a row each. */
  function fewer({ type, tickvals, ticktext, tickangle, range }, letter, length) {
    if (!ticktext || tickvals.length < 2 || typeof tickvals[0] !== 'number') return {};
    const at = type === 'log' ? tickvals.map(Math.log10) : tickvals;
    const least = Math.min(...at.slice(1).map((v, i) => Math.abs(v - at[i]))), whole = range ? Math.abs(range[1] - range[0]) : Math.abs(at.at(-1) - at[0]) + least;
    const level = letter === 'x' && tickangle === 0, need = level ? Math.max(...ticktext.flatMap(t => t.split('<br>')).map(t => wide(t, 11))) + 4 : 13;
    const step = Math.ceil((need * whole) / (least * length) - 0.05);
    return step > 1 ? { tickvals: tickvals.filter((_, i) => i % step === 0), ticktext: ticktext.filter((_, i) => i % step === 0) } : {};
  }

  /* The ticks of a logarithmic axis, whatever sets its range: decades, or 1, 2 and 5 of each where there are few; evenly spaced
     ones where even these are not there. */
  function logTicks(axis, data, letter, n, length, zoom) {
    if (axis.type !== 'log' || axis.dtick || axis.tickvals) return {};
    const values = () => data.filter(t => t.visible !== false && (t[`${letter}axis`] || letter) === `${letter}${n}`).flatMap(t => Array.from(t[letter] ? flat(t[letter]) : [])).filter(v => v > 0 && Number.isFinite(v));
    const ends = zoom[`${letter}axis${n}`] || axis.range || (v => (v.length ? [v.reduce((a, b) => Math.min(a, b)), v.reduce((a, b) => Math.max(a, b))].map(Math.log10) : [0, 1]))(values());
    const low = Math.min(...ends), high = Math.max(...ends), span = high - low;
    const step = Math.ceil(span / Math.max(2, length / (letter === 'x' ? 56 : 30)) - 0.01), fine = span < 2 && step === 1;
    const within = [...Array(60).keys()].flatMap(k => [1, 2, 5].map(d => Math.log10(d) + k - 30)).filter(v => v >= low && v <= high).length;
    if (within < 2) return { nticks: 4, ...(axis.tickformat ? {} : { tickformat: '~g' }) };
    if (axis.tickformat) return { dtick: fine ? 'D2' : step };
    const powers = Array.from({ length: Math.ceil(high) - Math.floor(low) + 3 }, (_, k) => Math.floor(low) - 1 + k).filter(k => fine || k % step === 0);
    const vals = powers.flatMap(k => (fine ? [1, 2, 5] : [1]).map(d => [d, k]));
    return { tickvals: vals.map(([d, k]) => d * 10 ** k), ticktext: vals.map(([d, k]) => powerOf(d, k)) };
  }
  const powerOf = (d, k) => {
    if (k >= -3 && k <= 4) return k < 0 ? (d * 10 ** k).toFixed(-k) : String(d * 10 ** k).replace(/\B(?=(\d{3})+$)/g, '\u202f');
    return `${d > 1 ? `${d} × ` : ''}10${[...String(k)].map(c => '⁰¹²³⁴⁵⁶⁷⁸⁹⁻'[c === '-' ? 10 : Number(c)]).join('')}`;
  };

  /* --- another figure of the same kind, laid under this one's axes as a ghost of itself --- */

  const CURVES = /^(scatter|scattergl|bar)$/;
  const axesOf = layout => Object.keys(layout).filter(key => /^[xy]axis\d*$/.test(key));
  /* Whether two figures have the same traces on the same axes, and nothing that covers what lies under it. */
  const alike = (a, b) => !a.strips && !b.strips && a.data.length === b.data.length && panelsOf(a.layout) === panelsOf(b.layout)
    && a.data.every((t, i) => CURVES.test(t.type) && t.type === b.data[i].type && (t.xaxis || 'x') === (b.data[i].xaxis || 'x'))
    && axesOf(b.layout).every(key => ['type', 'visible', 'ticktext'].every(part => JSON.stringify((a.layout[key] || {})[part]) === JSON.stringify(b.layout[key][part])));
  const ghost = trace => ({
    ...trace, name: T(`A: ${(trace.name || {}).en || ''}`, `A：${(trace.name || {}).zh || ''}`), opacity: 0.55, meta: { link: 'none' }, text: undefined,
    ...(trace.line && { line: { ...trace.line, dash: 'dot' } }), ...(trace.fillcolor && { fillcolor: 'rgba(0,0,0,0)' }),
    ...(trace.marker && { marker: trace.type === 'bar'
      ? { color: 'rgba(0,0,0,0)', line: { color: Array.isArray(trace.marker.color) ? '--ink-3' : trace.marker.color, width: 1.5 } }
      : { ...trace.marker, symbol: `${String(trace.marker.symbol || 'circle').replace(/-open$/, '')}-open` } }),
  });
  /* The axes of one layout, wide enough for what other ones show: {axis: its range}. */
  const widened = (layout, ...others) => Object.fromEntries(axesOf(layout).map(key => {
    const own = layout[key], ranges = others.map(other => (other[key] || {}).range).filter(Boolean);
    if (!own.range || !ranges.length) return [key, own];
    const ends = [own.range, ...ranges].flat(), low = Math.min(...ends), most = Math.max(...ends);
    return [key, { ...own, range: own.range[0] > own.range[1] ? [most, low] : [low, most] }];
  }));

  class Drawing {
    /* share: of the height that a figure usually has. */
    constructor(div, share = 1) {
      this.div = div;
      this.share = share;
      this.figure = null;
      this.at = 0;
      this.painted = 0;
      this.waiting = false;
      drawings.add(this);
      this.marked = null;
      this.strips = new Orrery.Strips(i => this.tell(i), (s, i) => this.pick({ strip: s, x: i, i }));
      this.overlay = el('div', { class: 'handles' });
      this.plot = el('div', { class: 'plot' });
      this.board = el('div', { class: 'board' }, this.plot, this.overlay);
      this.divider = new Orrery.Divider(this.board);
      div.append(this.strips.node, this.board);
      new ResizeObserver(() => this.resized()).observe(div);
    }

    /* under: a drawing of a figure alike, shown as a ghost with this one. shared: ranges that the axes have at least. */
    against(under, shared = null) {
      this.under = under;
      this.shared = shared;
      if (this.figure) this.later();
    }

    /* What the figure's size rests on. */
    size() {
      return `${this.div.clientWidth} ${presenting() ? this.board.clientHeight : high()}`;
    }

    resized() {
      if (!this.div.clientWidth || this.size() === this.drawnAt) return;
      this.later();
    }

    /* The room that the figure is drawn in, in units of its scale k: pixels of a figure on a desk. */
    room() {
      const fill = presenting(), width = this.div.clientWidth, narrow = !fill && width < NARROW;
      const { strips } = this.figure, most = narrow ? (strips ? Math.max(280, 0.34 * high()) : Math.max(PHONE, STICKS * high())) : tall() * (strips ? 0.7 : 1);
      const height = fill ? this.board.clientHeight : most * this.share, k = scale(width, height);
      const panels = narrow ? panelsOf(this.figure.layout) : 1;
      return { k, fill, one: width / k, width: (panels > 1 ? PEEK * panels : 1) * (width / k), height: height / k };
    }

    set(figure, at) {
      const fresh = !this.figure || !this.figure.frames;  // what had no moments has none to keep
      const ended = !fresh && this.figure.frames && this.at === this.figure.frames.list.length - 1;
      this.figure = figure;
      const last = figure.frames ? figure.frames.list.length - 1 : 0;
      this.at = Math.min(at ?? (fresh && figure.frames ? figure.frames.start : ended ? last : this.at), last);
      this.later();
    }

    /* However many changes come between two pictures of the screen, the figure is painted once. */
    later() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(async () => {
        this.waiting = false;
        if (this.painting) { this.again = true; return; }
        await this.paint();
        if (this.again) { this.again = false; this.later(); }
      });
    }

    /* Resolves when what is set is painted. */
    async ready() {
      while (this.waiting || this.painting) await new Promise(requestAnimationFrame);
    }

    /* An array, where it is or where the figure has it already. */
    sent(array) { return array.same ? array.same.reduce((at, key) => at[key], this.figure) : array; }

    spec() {
      const { data, layout, frames } = this.figure;
      if (!frames) return { data, layout };
      const frame = frames.list[this.at];
      const rows = frames.rows || {};
      const moved = data.map((trace, i) => {
        const patch = { ...frame.data[i] };
        for (const [axis, array] of Object.entries(rows[i] || {})) patch[axis] = part(this.sent(array), this.at);
        for (const [axis, pair] of Object.entries((frames.products || {})[i] || {})) patch[axis] = product(pair.map(v => this.sent(v)), this.at);
        return Object.keys(patch).length ? upTo(merge({ ...trace }, patch)) : trace;
      });
      return { data: moved, layout: frame.annotations ? { ...layout, annotations: frame.annotations } : layout };
    }

    async paint() {
      if (!this.figure || !window.Plotly || !this.div.clientWidth) return;
      this.painting = true;
      const begun = performance.now();
      const spec = this.spec(), under = this.under ? this.under.spec() : { data: [], layout: {} };
      spec.layout = { ...spec.layout, ...widened(spec.layout, under.layout, this.shared || {}), ...(this.under && { barmode: 'overlay' }) };
      const data = resolve([...spec.data, ...under.data.map(ghost)].map(Orrery.labels.bare));
      const words = [...(spec.layout.annotations || []), ...Orrery.labels.names(spec.data, spec.layout)];
      this.strips.set(this.figure.strips);
      this.tint();
      const room = this.room(), { k, fill } = room;
      this.drawnAt = this.size();
      this.renew(spec, room);
      try {
        for (let pass = 0; pass < 2; pass++) {
          const layout = laidOut(resolve({ ...spec.layout, annotations: words }), data, { ...room, rooms: this.rooms, zoom: this.zoom });
          layout.uirevision = `view ${this.revision}`;
          const sized = k === 1 ? layout : grown(layout, k);
          this.board.style.height = fill ? '' : `${sized.height}px`;
          this.div.style.height = fill ? '' : 'auto';
          this.board.style.width = sized.width > this.div.clientWidth ? `${sized.width}px` : '';
          await Plotly.react(this.plot, k === 1 ? data : data.map(trace => styled(trace, k)), sized, { displayModeBar: false, responsive: false });
          if (!this.tooNear(layout, k)) break;
        }
      } finally { this.painting = false; }
      this.painted += 1;
      this.last = performance.now();
      this.took = this.last - begun;
      this.first ??= this.last;
      this.div.dataset.painted = this.painted;
      label(this.plot, 'aria-label', this.figure.says);
      this.plot.setAttribute('role', 'img');
      this.listen();
      this.place();
    }

    /* What an earlier figure of other panels or another question needed is not kept. */
    renew({ layout }, { k, fill }) {
      const kind = `${this.revision} ${fill ? this.drawnAt : this.div.clientWidth} ${k} ${panelsOf(layout)} ${Orrery.lang()}`;
      if (kind === this.kind) return;
      Object.assign(this, { kind, rooms: { left: [], bottom: [] }, zoom: {}, ways: new Map() });
      if (this.plot._fullLayout) this.plot._fullLayout._pushmargin = {};  // of axes that are hidden now, too
    }

    /* Whether ticks and titles between panels take other room than they were given; what they take is remembered. */
    tooNear({ grid }, k) {
      if (!grid) return false;
      const { columns } = grid, origin = this.plot.getBoundingClientRect(), full = this.plot._fullLayout;
      const needs = { left: [], bottom: [] };
      for (const { id, xaxis: x, yaxis: y } of Object.values(full._plots || {})) {
        const i = Number(/x(\d*)/.exec(id)[1] || 1) - 1, boxes = list => list.map(node => node.getBoundingClientRect()).filter(b => b.width);
        const left = boxes([...this.plot.querySelectorAll(`.${y._id}tick text, .g-${y._id}title`)]).map(b => x._offset - (b.left - origin.left));
        const under = boxes([...this.plot.querySelectorAll(`.${x._id}tick text, .g-${x._id}title`)]).map(b => b.bottom - origin.top - y._offset - y._length);
        const c = i % columns, r = Math.floor(i / columns);
        if (c) needs.left[c] = Math.max(needs.left[c] || 0, ...left.map(v => v / k + 16));
        needs.bottom[r] = Math.max(needs.bottom[r] || 0, ...under.map(v => v / k + 8));
      }
      const off = ['left', 'bottom'].some(side => needs[side].some((v, k) => Math.abs(v - (this.rooms[side][k] ?? -99)) > 6));
      if (off) this.rooms = needs;
      return off;
    }

    tint() {
      const { frames } = this.figure;
      this.strips.paint(s => Object.fromEntries(Object.entries((frames && (frames.strips || {})[s]) || {}).map(([name, array]) => [name, part(this.sent(array), this.at)])),
        frames && frames.follow ? this.at : this.marked);
    }

    listen() {
      if (this.listening) return;
      this.listening = true;
      this.plot.on('plotly_hover', e => {
        if (!this.figure.link || this.linking) return;
        const i = this.item(e.points[0]);
        if (i === null) return;
        if (!(this.figure.frames || {}).follow) this.mark(i, e.points[0].data);
        this.tell(i);
      });
      this.plot.on('plotly_unhover', () => this.figure.link && this.tell(null));
      this.plot.on('plotly_relayout', changed => {
        for (const [, axis, what] of Object.keys(changed).map(key => /^([xy]axis\d*)\.(range|autorange)/.exec(key) || [])) {
          if (what === 'range') this.zoom[axis] = this.plot._fullLayout[axis].range; else delete this.zoom[axis];
        }
        this.later();
      });
      // A solid figure is turned and pinched; the wheel is the page's.
      this.plot.addEventListener('wheel', e => this.plot._fullLayout._has('gl3d') && e.stopPropagation(), { capture: true });
      this.plot.on('plotly_click', e => {
        const at = e.points[0], axes = at.fullData.xaxis || 'x';
        this.pick({ panel: Number(axes.slice(1) || 1) - 1, x: at.x, y: at.y, i: at.pointIndex ?? at.pointNumber, trace: at.curveNumber });
      });
    }

    /* Which item of the link a hovered point is: its own place, a heat map's row, or what the trace's `meta.link` names:
       "x", "y", "custom", "none", or {axis, cell, of}: along the axis stand cells of that many units, the last a gap,
       and each shows the link's `of` items. */
    item(at) {
      const by = (at.data.meta || {}).link, place = at.pointIndex ?? at.pointNumber;
      if (by && by.cell) {
        const within = Math.round(at[by.axis]) % by.cell;
        return within < by.cell - 1 ? Math.floor(((within + 0.5) * by.of) / (by.cell - 1)) : null;
      }
      const i = by === 'x' || by === 'y' ? Math.round(at[by]) : by === 'custom' ? at.customdata : by === 'none' ? null : Array.isArray(place) ? place[0] : place;
      return typeof i === 'number' ? i : null;
    }

    /* Tell the page which item is pointed at; null: none. */
    tell(i) {
      if (!this.figure.link) return;
      this.marked = i;
      this.tint();
      dispatchEvent(new CustomEvent('orrery:select', { detail: { link: this.figure.link, i, from: this } }));
    }

    /* A click sets the parameters that are bound to its place. */
    pick({ panel, strip = null, x, y, i, trace = null }) {
      for (const pick of this.figure.picks || []) {
        if (strip === null ? pick.strip !== null || pick.panel !== panel : pick.strip !== strip) continue;
        if (pick.trace !== undefined && pick.trace !== trace) continue;
        const cell = v => Math.floor((Number(v) + 0.5) / pick.cell);
        const item = pick.columns ? cell(y) * pick.columns + cell(x) : Array.isArray(i) ? i[0] : i;
        const set = pick.sets.length ? pick.sets[item] : { ...(pick.x && { [pick.x]: cell(x) }), ...(pick.y && { [pick.y]: cell(y) }) };
        if (set && Orrery.controls) Orrery.controls.set(set, 'commit');
      }
    }

    select({ link, i, from }) {
      if (from === this || !this.painted || !this.figure.link || this.figure.link !== link) return;
      this.marked = i;
      this.tint();
      if ((this.figure.frames || {}).follow) return;
      if (i === null) Plotly.Fx.unhover(this.plot); else this.mark(i);
    }

    /* Light up point i in every panel, the one under the pointer included. */
    mark(i, under) {
      if (typeof i !== 'number') return;
      const full = this.plot._fullData, panels = new Map();
      full.forEach((trace, k) => {
        const place = `${trace.xaxis || 'x'}${trace.yaxis || 'y'}`;
        if (!('link' in (trace.meta || {})) && trace.y && trace.y.length > i && !trace.z && (!panels.has(place) || trace === under)) panels.set(place, { curveNumber: k, pointNumber: i });
      });
      this.linking = true;
      Plotly.Fx.hover(this.plot, [...panels.values()], [...panels.keys()]);
      this.linking = false;
    }

    /* --- points that a person drags, each bound to two parameters --- */

    place() {
      if (!this.figure) return;
      this.divider.set(this.figure.divider, this.plot);
      const handles = this.figure.handles || [];
      while (this.overlay.children.length > handles.length) this.overlay.lastChild.remove();
      handles.forEach((handle, i) => {
        const knob = this.overlay.children[i] || this.knob(i);
        const axes = this.axes(handle);
        if (!axes || !Orrery.controls) return;
        const [x, y] = this.where(handle);
        knob.style.left = `${axes.x._offset + axes.x.l2p(x)}px`;
        knob.style.top = `${axes.y._offset + axes.y.l2p(y)}px`;
        knob.style.setProperty('--knob', resolve(handle.color));
        knob.setAttribute('aria-label', `${say(handle.text) || handle.x}: ${[x, y].filter((_, k) => typeof [handle.x, handle.y][k] !== 'number').map(v => Orrery.number(v, 4)).join(', ')}`);
      });
      this.shifts = Orrery.labels.place(this.plot, this.board, this.ways);
    }

    axes(handle) {
      const full = this.plot._fullLayout;
      const n = handle.panel ? String(handle.panel + 1) : '';
      return full && full[`xaxis${n}`] ? { x: full[`xaxis${n}`], y: full[`yaxis${n}`] } : null;
    }

    /* The point that a handle's parameters count from. */
    base(handle) {
      return (handle.origin || [0, 0]).map(o => (typeof o === 'number' ? o : Orrery.controls.get(o)));
    }

    where(handle) {
      const { get } = Orrery.controls, base = this.base(handle);
      return [handle.x, handle.y].map((at, k) => base[k] + (typeof at === 'number' ? at : handle.scale * get(at)));
    }

    knob(i) {
      const knob = el('button', { class: 'knob', type: 'button' });
      const handle = () => this.figure.handles[i];
      const move = (x, y, done) => {
        const h = handle();
        const base = this.base(h);
        const moved = [[h.x, x - base[0]], [h.y, y - base[1]]].filter(([name]) => typeof name !== 'number').map(([name, by]) => [name, by / h.scale]);
        Orrery.controls.set(Object.fromEntries(moved), done ? 'commit' : 'drag', h.share);
        this.place();
      };
      const at = event => {
        const axes = this.axes(handle());
        const box = this.plot.getBoundingClientRect();
        return [axes.x.p2l(event.clientX - box.left - axes.x._offset), axes.y.p2l(event.clientY - box.top - axes.y._offset)];
      };
      knob.addEventListener('pointerdown', e => { knob.setPointerCapture(e.pointerId); knob.dataset.held = '1'; e.preventDefault(); knob.focus(); });
      knob.addEventListener('pointermove', e => knob.dataset.held && move(...at(e), false));
      const release = e => { if (knob.dataset.held) { delete knob.dataset.held; move(...at(e), true); } };
      knob.addEventListener('pointerup', release);
      knob.addEventListener('pointercancel', release);
      knob.addEventListener('keydown', e => {
        const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
        if (!way) return;
        e.preventDefault();
        const axes = this.axes(handle());
        const [x, y] = this.where(handle());
        const part = e.shiftKey ? 0.1 : 0.01;
        const span = a => Math.abs(a.range[1] - a.range[0]) * part;
        move(x + way[0] * span(axes.x), y + way[1] * span(axes.y), true);
      });
      this.overlay.append(knob);
      return knob;
    }
    /* --- taking it away --- */

    /* As it stands: the same ranges, and words where they were moved to. */
    image(format) {
      const { data, layout, _fullLayout: full } = this.plot;
      const axes = Object.keys(layout).filter(key => /^[xy]axis/.test(key)).map(key => [key, { ...layout[key], range: full[key].range, autorange: false }]);
      const annotations = (layout.annotations || []).map((note, i) => {
        const [dx, dy] = this.shifts[i] || [0, 0];
        return { ...note, xshift: (note.xshift || 0) + dx, yshift: (note.yshift || 0) - dy };
      });
      return Plotly.toImage({ data, layout: { ...layout, ...Object.fromEntries(axes), annotations } }, { format, width: layout.width, height: layout.height, scale: format === 'png' ? 2 : 1 });
    }
  }

  addEventListener('orrery:select', e => drawings.forEach(d => d.select(e.detail)));
  const again = () => drawings.forEach(d => d.painted && d.later());
  addEventListener('orrery:theme', again);
  addEventListener('orrery:language', again);
  addEventListener('resize', () => drawings.forEach(d => d.painted && d.resized()));
  return Object.assign(Drawing, { alike, axesOf });
})();
