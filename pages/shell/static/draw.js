/* One figure: painted by Plotly from what the server sent, in the page's theme and language; scrubbed, exported, dragged. */
Orrery.Drawing = (() => {
  'use strict';
  const { css, resolve, say, el, label } = Orrery;
  const NARROW = 560;
  const drawings = new Set();

  const axis = () => ({
    gridcolor: css('--hairline'), zeroline: false, linecolor: css('--hairline'), tickcolor: css('--hairline'),
    ticks: 'outside', ticklen: 4, automargin: true, tickfont: { color: css('--ink-3'), size: 12 },
    title: { font: { color: css('--ink-2'), size: 13 } }, exponentformat: 'power',
  });
  const solid = () => ({ ...axis(), backgroundcolor: css('--surface'), showbackground: false });

  /* The template: light or dark is only a matter of what the tokens are. */
  function template(narrow) {
    return {
      paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', showlegend: false, autosize: true, uirevision: 'keep',
      font: { family: css('--sans'), color: css('--ink-2'), size: narrow ? 12 : 13 }, hovermode: 'closest', bargap: 0.12,
      margin: { l: narrow ? 46 : 58, r: narrow ? 10 : 16, t: 18, b: 46 },
      hoverlabel: { bgcolor: css('--surface'), bordercolor: css('--hairline'), font: { color: css('--ink'), family: css('--sans') } },
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

  function laidOut(spec, width) {
    const narrow = width < NARROW;
    const layout = template(narrow);
    for (const key of Object.keys(spec)) {
      if (/^xaxis/.test(key)) layout[key] = { ...axis(), showgrid: false };
      else if (/^yaxis/.test(key)) layout[key] = axis();
      else if (/^scene/.test(key)) layout[key] = { xaxis: solid(), yaxis: solid(), zaxis: solid(), camera: { eye: { x: 1.2, y: -1.3, z: 0.75 } } };
    }
    merge(layout, spec);
    if (layout.grid && narrow) {
      const panels = layout.grid.rows * layout.grid.columns;
      layout.grid = { ...layout.grid, rows: panels, columns: 1 };
      for (const key of Object.keys(layout)) {
        if (/^scene/.test(key) && layout[key].domain) layout[key].domain = { row: Number(key.slice(5) || 1) - 1, column: 0 };
      }
    }
    // Between panels side by side there is room for ticks and a title, however many they are.
    // Pictures without axes need no room for them.
    const bare = Object.entries(layout).filter(([key]) => /^[xy]axis/.test(key)).every(([, a]) => a.visible === false);
    if (bare) Object.assign(layout.margin, { l: 12, r: 12, b: 12 });
    if (layout.grid && bare) merge(layout.grid, { ygap: 0.12, xgap: 0.05 });
    else if (layout.grid) merge(layout.grid, { ygap: narrow ? 0.3 : 0.28, xgap: Math.min(0.4, (72 * layout.grid.columns) / (width - 74)) });
    if ((layout.annotations || []).some(a => String(a.yref).endsWith('domain'))) layout.margin.t = 34;
    return layout;
  }

  class Drawing {
    /* height: pixels of a figure of one row on a desktop, where it is not the usual. */
    constructor(div, height = 430) {
      this.div = div;
      this.height = height;
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
      this.width = 0;
      new ResizeObserver(() => this.resized()).observe(div);
    }

    resized() {
      const width = this.div.clientWidth;
      if (!width || width === this.width) return;
      const turned = (width < NARROW) !== (this.width < NARROW);
      this.width = width;
      if (!this.painted) return this.later();
      if (turned) this.later(); else Plotly.Plots.resize(this.plot).then(() => this.place());
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
      this.width = this.div.clientWidth;
      this.painting = true;
      const begun = performance.now();
      const narrow = this.width < NARROW;
      const spec = this.spec();
      const layout = laidOut(resolve(spec.layout), this.width);
      layout.uirevision = `view ${this.revision}`;
      const panels = layout.grid ? layout.grid.rows : 1;
      // A figure may ask for another height on a desktop, where there is a strip above it.
      const height = Math.min(layout.height || this.height, this.height);
      delete layout.height;
      const tall = narrow ? Math.min(330, this.height) + (panels - 1) * 250 : height + Math.max(0, panels - 1) * 220;
      this.board.style.height = `${tall}px`;
      this.div.style.height = 'auto';
      this.strips.set(this.figure.strips);
      this.tint();
      try {
        await Plotly.react(this.plot, resolve(spec.data), layout, { displayModeBar: false, responsive: false });
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
      this.plot.on('plotly_relayout', () => this.place());
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
        knob.setAttribute('aria-label', `${say(handle.text) || handle.x}: ${typeof handle.x === 'number' ? '' : `${Orrery.number(x, 4)}, `}${Orrery.number(y, 4)}`);
      });
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
      const x = typeof handle.x === 'number' ? handle.x : handle.scale * get(handle.x);
      return [base[0] + x, base[1] + handle.scale * get(handle.y)];
    }

    knob(i) {
      const knob = el('button', { class: 'knob', type: 'button' });
      const handle = () => this.figure.handles[i];
      const move = (x, y, done) => {
        const h = handle();
        const base = this.base(h);
        const across = typeof h.x === 'number' ? {} : { [h.x]: (x - base[0]) / h.scale };
        Orrery.controls.set({ ...across, [h.y]: (y - base[1]) / h.scale }, done ? 'commit' : 'drag', h.share);
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

    image(format) {
      const ratio = format === 'png' ? 2 : 1;
      const height = this.plot.clientHeight, width = this.plot.clientWidth;
      return Plotly.toImage(this.plot, { format, width, height, scale: ratio });
    }

    /* Every trace's numbers: one row a point; grids give a row a cell. */
    csv() {
      const rows = [['trace', 'x', 'y', 'z']];
      const list = v => (v === undefined || v === null ? null : Array.from(v));
      (this.plot._fullData || []).forEach((trace, t) => {
        const name = trace.name || `trace ${t + 1}`;
        const x = list(trace.x), y = list(trace.y), z = list(trace.z);
        if (z && (Array.isArray(z[0]) || ArrayBuffer.isView(z[0]))) {
          z.forEach((row, r) => Array.from(row).forEach((v, c) => rows.push([name, x ? x[c] : c, y ? y[r] : r, v])));
        } else {
          const n = Math.max(x ? x.length : 0, y ? y.length : 0);
          for (let i = 0; i < n; i++) rows.push([name, x ? x[i] : i, y ? y[i] : '', z ? z[i] : '']);
        }
      });
      (this.figure.strips || []).forEach((strip, s) => strip.tokens.forEach((token, i) => rows.push([say(strip.title) || `text ${s + 1}`, i, token, ''])));
      const cell = v => (typeof v === 'string' && /[",\n]/.test(v) ? `"${v.replace(/"/g, '""')}"` : v ?? '');
      return rows.map(row => row.map(cell).join(',')).join('\n') + '\n';
    }
  }

  addEventListener('orrery:select', e => drawings.forEach(d => d.select(e.detail)));
  const again = () => drawings.forEach(d => d.painted && d.later());
  addEventListener('orrery:theme', again);
  addEventListener('orrery:language', again);
  return Drawing;
})();
