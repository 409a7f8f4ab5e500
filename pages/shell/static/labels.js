/* Words on a figure: where traces are named, what colours mean, and how words stand apart from each other, from what is
   drawn, and within the card, at any size and in any language. */
Orrery.labels = (() => {
  'use strict';
  const { css, unpacked, resolve, say } = Orrery;
  const CELL = 4;          // px of the map of what is drawn
  const INK = 140;         // px of way that a label goes rather than stand wholly on what is drawn
  const EDGE = 3, APART = 2;
  const CONTRAST = 4.5;

  /* --- how wide and how dark words are --- */

  const pen = document.createElement('canvas').getContext('2d');
  const plain = text => String(text).replace(/<[^>]+>/g, '');
  function wide(text, size = 13) {
    pen.font = `${size}px ${css('--sans')}`;
    return Math.max(...String(text).split(/<br ?\/?>/).map(row => pen.measureText(plain(row)).width));
  }

  /* A text in as many rows as it needs to be at most so wide, broken at spaces and behind Chinese marks and characters. */
  function broken(text, most, size = 13) {
    if (wide(text, size) <= most || /<(?!br)/.test(text)) return text;
    const parts = String(text).match(/[^\s\u2e80-\uffef-]+[-\s]*|[\u2e80-\uffef][\s，。：；、）”]*|[\s-]+|<br>/g) || [text];
    const rows = [''];
    for (const part of parts) {
      if (rows.at(-1) && wide((rows.at(-1) + part).trimEnd(), size) > most) rows.push('');
      rows[rows.length - 1] += part;
    }
    return rows.map(row => row.trim()).join('<br>');
  }

  const channels = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
  function light(rgb) {
    const [r, g, b] = rgb.map(v => v / 255).map(v => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  /* A colour of what is drawn as the colour of words: mixed with ink until it can be read on the card. */
  function readable(color) {
    if (!/^#[0-9a-f]{6}$/i.test(color)) return color;
    const [own, ink, ground] = [color, css('--ink'), css('--surface')].map(channels);
    for (let share = 0; share <= 1; share += 0.05) {
      const mixed = own.map((v, i) => Math.round(v + (ink[i] - v) * share));
      if (contrast(mixed, ground) >= CONTRAST) return share ? `#${mixed.map(v => v.toString(16).padStart(2, '0')).join('')}` : color;
    }
    return css('--ink');
  }

  /* --- words that belong to traces and panels --- */

  const list = v => (v === undefined || v === null ? null : v.bdata ? unpacked(v) : v);
  const known = v => v !== null && v !== undefined && v !== '' && !Number.isNaN(v);
  const axisOf = (layout, ref) => layout[ref.replace(/^(.)/, '$1axis')] || {};

  /* Whether a trace has texts beside its points: they are labels like any other. Texts in the middle of their places stay there. */
  const MOST_TEXTS = 80;
  const worded = t => t.type === 'scatter' && /text/.test(t.mode || '') && Array.isArray(t.text) && t.text.length <= MOST_TEXTS && !/^(middle center)?$/.test(t.textposition || '') && t.visible !== false;
  const bare = t => (worded(t) ? { ...t, mode: t.mode.split('+').filter(m => m !== 'text').join('+') || 'none' } : t);
  function texts(trace, layout) {
    const x = list(trace.x), y = list(trace.y), xref = trace.xaxis || 'x', yref = trace.yaxis || 'y', [up, across] = trace.textposition.split(' ');
    const at = (ref, v) => (axisOf(layout, ref).type === 'log' ? Math.log10(v) : v), font = trace.textfont || {}, one = (v, i) => (Array.isArray(v) ? v[i] : v);
    return trace.text.flatMap((text, i) => (!text || !known(x[i]) || !known(y[i]) ? [] : [{
      x: at(xref, x[i]), y: at(yref, y[i]), xref, yref, text, showarrow: false, xanchor: { left: 'right', right: 'left' }[across] || 'center', yanchor: { top: 'bottom', bottom: 'top' }[up] || 'middle',
      xshift: { left: -4, right: 4 }[across] || 0, yshift: { top: 4, bottom: -4 }[up] || 0,
      font: { color: one(font.color, i) || one((trace.marker || {}).color, i) || '--ink-2', size: one(font.size, i) || 12 }, bgcolor: '--surface/0.8', borderpad: 1,
    }]));
  }

  /* The names that traces carry, as annotations in data units: at their end, start, middle or peak, within the axes' ranges. */
  function names(data, layout) {
    return data.flatMap(trace => {
      if (worded(trace)) return texts(trace, layout);
      const place = (trace.meta || {}).label, y = list(trace.y), x = list(trace.x);
      if (!place || !y || !trace.name || trace.visible === false) return [];
      const xref = trace.xaxis || 'x', yref = trace.yaxis || 'y', across = axisOf(layout, xref), up = axisOf(layout, yref);
      const at = (axis, v) => (axis.type === 'log' ? Math.log10(v) : v);
      const seen = (axis, v) => known(v) && (axis.type !== 'log' || v > 0)
        && (!axis.range || typeof v !== 'number' || (at(axis, v) >= Math.min(...axis.range) && at(axis, v) <= Math.max(...axis.range)));
      const xOf = i => (x ? x[i] : (trace.x0 || 0) + i * (trace.dx || 1));
      const there = Array.from(y, (_, i) => i).filter(i => seen(up, y[i]) && seen(across, xOf(i)));
      if (!there.length) return [];
      const i = place === 'peak' ? there.reduce((best, k) => (y[k] > y[best] ? k : best)) : there.at({ start: 0, middle: there.length >> 1 }[place] ?? -1);
      const color = String((trace.line || {}).color || (trace.marker || {}).color || '--ink-2').split('/')[0];
      const above = place === 'peak' || place === 'middle';
      return [{
        x: at(across, xOf(i)), y: at(up, y[i]), xref, yref, text: trace.name, showarrow: false, xshift: { end: 4, start: -4 }[place] || 0, yshift: above ? 3 : 0,
        xanchor: { end: 'left', start: 'right' }[place] || 'center', yanchor: above ? 'bottom' : 'middle',
        font: { color, size: 13 }, bgcolor: '--surface/0.8', borderpad: 1, end: place === 'end',
      }];
    });
  }

  const SWATCH = { line: '━', dash: '╍', dot: '●', patch: '■', 'circle-open': '○', cross: '✚', diamond: '◆', 'diamond-open': '◇', 'line-ew-open': '–', 'line-ns-open': '|', square: '■', 'square-open': '□', 'triangle-up': '▲', x: '✖', 'x-thin-open': '×' };
  /* What a panel's colours mean, in rows of at most so many px. */
  function key(rows, most, size) {
    const lines = [[]];
    let used = 0;
    for (const [color, words, swatch] of rows) {
      const width = wide(`${SWATCH[swatch]} ${words}`, size) + 16;
      if (used && used + width > most) { lines.push([]); used = 0; }
      used += width;
      lines.at(-1).push(`<span style="color:${color}">${SWATCH[swatch]}</span>\u00a0${broken(words, most - 20, size)}`);
    }
    return lines.map(line => line.join('\u2003')).join('<br>');
  }

  /* --- keeping apart --- */

  const area = (a, b) => Math.max(0, Math.min(a.r, b.r) - Math.max(a.l, b.l)) * Math.max(0, Math.min(a.b, b.b) - Math.max(a.t, b.t));
  const boxOf = ({ x, y, width, height }) => ({ l: x, t: y, r: x + width, b: y + height });
  const moved = (a, dx, dy) => ({ l: a.l + dx, t: a.t + dy, r: a.r + dx, b: a.b + dy });

  /* How much is drawn above and left of each cell of the figure, from which how much is drawn in any box. */
  function inked(plot, width, height) {
    const across = Math.ceil(width / CELL) + 1, down = Math.ceil(height / CELL) + 1, full = plot._fullLayout;
    const cells = new Uint8Array(across * down);
    const dab = (x, y) => { if (x >= 0 && y >= 0 && x < width && y < height) cells[Math.floor(y / CELL) * across + Math.floor(x / CELL)] = 1; };
    for (const trace of plot._fullData) {
      if (!/^scatter(gl)?$/.test(trace.type) || trace.visible !== true || !trace.x || !trace.y) continue;
      const xa = axisOf(full, trace.xaxis || 'x'), ya = axisOf(full, trace.yaxis || 'y');
      if (!xa.d2p) continue;
      const strokes = trace.mode.includes('lines') && trace.line.width > 0, marks = trace.mode.includes('markers');
      const size = marks && typeof trace.marker.size === 'number' ? trace.marker.size / 2 : 3;
      let before = null;
      for (let i = 0; i < trace.x.length; i++) {
        const x = xa._offset + xa.d2p(trace.x[i]), y = ya._offset + ya.d2p(trace.y[i]);
        if (!Number.isFinite(x) || !Number.isFinite(y)) { if (!trace.connectgaps) before = null; continue; }
        if (marks) for (let dx = -size; dx <= size; dx += CELL) for (let dy = -size; dy <= size; dy += CELL) dab(x + dx, y + dy);
        if (strokes && before) {
          const steps = Math.min(400, Math.ceil(Math.hypot(x - before[0], y - before[1]) / 3));
          for (let k = 0; k <= steps; k++) dab(before[0] + ((x - before[0]) * k) / steps, before[1] + ((y - before[1]) * k) / steps);
        }
        before = [x, y];
      }
    }
    const sums = new Uint32Array((across + 1) * (down + 1));
    for (let r = 0; r < down; r++) for (let c = 0; c < across; c++) {
      sums[(r + 1) * (across + 1) + c + 1] = cells[r * across + c] + sums[r * (across + 1) + c + 1] + sums[(r + 1) * (across + 1) + c] - sums[r * (across + 1) + c];
    }
    const at = (x, y) => sums[Math.max(0, Math.min(down, y)) * (across + 1) + Math.max(0, Math.min(across, x))];
    return b => {
      const [l, t, r, d] = [Math.floor(b.l / CELL), Math.floor(b.t / CELL), Math.ceil(b.r / CELL), Math.ceil(b.b / CELL)];
      return (at(r, d) - at(l, d) - at(r, t) + at(l, t)) / Math.max(1, (r - l) * (d - t));
    };
  }

  /* Where labels may not stand: tick labels, titles of axes and panels, scales, handles. */
  function taken(plot, board) {
    const origin = plot.getBoundingClientRect();
    const nodes = [...plot.querySelectorAll('.xaxislayer-above text, .yaxislayer-above text, .infolayer [class^="g-"], .infolayer .colorbar'), ...board.querySelectorAll('.knob')];
    return nodes.map(node => node.getBoundingClientRect()).filter(b => b.width)
      .map(b => boxOf({ x: b.x - origin.x, y: b.y - origin.y, width: b.width, height: b.height }));
  }

  /* Move each label as little as it must. kept: the last ways by label, so that words do not jump while time runs. Gives the
     ways of all that were moved: {place: [dx, dy]}. */
  function place(plot, board, kept) {
    const full = plot._fullLayout, ways = {};
    const notes = [...plot.querySelectorAll('.annotation[data-index]')].map(node => {
      const note = full.annotations[Number(node.dataset.index)];
      return { node, note, box: boxOf(node.getBBox()), free: !/domain|paper/.test(`${note.xref}${note.yref}`), way: [0, 0] };
    }).filter(n => n.note && n.box.r > n.box.l);
    const free = notes.filter(n => n.free);
    if (!free.length) return ways;
    const { width, height } = full, ink = inked(plot, width, height);
    const fixed = [...taken(plot, board), ...notes.filter(n => !n.free).map(n => n.box)];
    const rooms = Object.values(full._plots || {}).map(p => ({ id: p.id, l: p.xaxis._offset, r: p.xaxis._offset + p.xaxis._length, t: p.yaxis._offset, b: p.yaxis._offset + p.yaxis._length }));
    const into = ({ l, t, r, b }) => [l < EDGE ? EDGE - l : Math.min(0, width - EDGE - r), t < EDGE ? EDGE - t : Math.min(0, height - EDGE - b)];
    for (const n of free) {
      const { box, note } = n, w = box.r - box.l, h = box.b - box.t, home = into(box);
      const others = rooms.filter(p => p.id !== `${note.xref}${note.yref}`);
      const last = kept.get(n.name = `${note.text}|${note.xref}|${note.yref}`);
      n.home = box;
      n.choices = [[0, 0], ...(last ? [last] : [])];
      for (const dy of [0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8]) for (const dx of [0, 0.25, 0.5, 0.75, 1, 1.5]) {
        for (const [sx, sy] of [[1, 1], [1, -1], [-1, 1], [-1, -1]]) n.choices.push([home[0] + sx * dx * (w + 6), home[1] + sy * dy * (h + APART)]);
      }
      n.costs = n.choices.map(way => {
        const b = moved(box, ...way), out = into(b);
        const same = last && way[0] === last[0] && way[1] === last[1] ? 12 : 0;
        return Math.hypot(way[0], 1.4 * way[1]) + INK * ink(b) + 1e4 * Math.hypot(...out) - same
          + 40 * fixed.reduce((sum, f) => sum + area(b, f), 0) + others.reduce((sum, p) => sum + area(b, p), 0);
      });
    }
    for (let sweep = 0; sweep < 3; sweep++) {
      for (const n of free) {
        const rest = free.filter(other => other !== n && (sweep || other.done)).map(other => moved(other.home, ...other.way)).map(b => ({ l: b.l - APART, t: b.t - APART, r: b.r + APART, b: b.b + APART }));
        let best = Infinity;
        n.choices.forEach((way, i) => {
          if (n.costs[i] >= best) return;
          const b = moved(n.home, ...way), cost = n.costs[i] + 40 * rest.reduce((sum, f) => sum + area(b, f), 0);
          if (cost < best) { best = cost; n.way = way; }
        });
        n.done = true;
      }
    }
    for (const { node, note, way, name } of free) {
      kept.set(name, way);
      node.setAttribute('transform', `translate(${way[0]},${way[1]})`);
      if (way[0] || way[1]) ways[note._index] = way;
    }
    return ways;
  }

  return { names, bare, key, place, readable, broken, wide };
})();
