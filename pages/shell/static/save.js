/* A figure taken away: with its question, the parameters, the provenance and the address, so that it can be made again. */
Orrery.makeSaving = (lab, drawing, told) => {
  'use strict';
  const { say, css, download, number } = Orrery;
  const LINE = 17, EDGE = 16, TITLE = 44, WIDE = 11.5;  // px; a full-width character of 12 px, half of it for a Latin one
  const wide = c => (c > '\u2e80' ? 1 : 0.55);
  const MOST = 120;  // characters of a value that a line tells; the address and JSON have it whole, or say that they do not

  /* The lines that say where a figure comes from. */
  function source() {
    const { controls } = Orrery, { at, provenance } = told();
    const short = v => (typeof v === 'number' ? number(v) : String(v).length > MOST ? `${String(v).slice(0, MOST)}…` : String(v));
    const values = controls.shown().map(n => `${say(controls.title(n))} = ${short(controls.state[n]).replace(/\s+/g, ' ')}`);
    return [[...values, at].filter(Boolean).join('; '), provenance, location.origin + controls.address().url];
  }

  /* A line broken where the figure ends. */
  function broken(text, width) {
    const lines = [''];
    let filled = 0;
    for (const part of text.match(/[\u2e80-\uffff]|[^\s\u2e80-\uffff]{1,40}|\s+/g) || []) {
      const size = [...part].reduce((sum, c) => sum + wide(c) * WIDE, 0);
      if (filled + size > width && part.trim()) { lines.push(''); filled = 0; }
      lines[lines.length - 1] += part;
      filled += size;
    }
    return lines;
  }

  const escaped = text => text.replace(/[&<>]/g, c => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);

  /* The figure between its question and its source, on the page's ground. */
  async function svg() {
    const width = drawing.plot.clientWidth, height = drawing.plot.clientHeight, sans = css('--sans').replace(/"/g, "'");
    const uri = await drawing.image('svg');
    const inner = decodeURIComponent(uri.replace(/^data:image\/svg\+xml,/, '')).replace('<svg ', `<svg y="${TITLE}" `);
    const lines = source().flatMap(line => broken(line, width - 2 * EDGE));
    const whole = TITLE + height + 12 + lines.length * LINE + EDGE;
    const words = lines.map((line, i) => `<text x="${EDGE}" y="${TITLE + height + 12 + (i + 0.7) * LINE}" font-size="12" fill="${css('--ink-2')}">${escaped(line)}</text>`);
    return { width, height: whole, text: `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${whole}" viewBox="0 0 ${width} ${whole}" font-family="${sans}">`
      + `<rect width="100%" height="100%" fill="${css('--surface')}"/><text x="${EDGE}" y="28" font-size="17" font-weight="600" fill="${css('--ink')}">${escaped(`${say(lab.title)}: ${say(told().question)}`)}</text>${inner}${words.join('')}</svg>` };
  }

  async function png() {
    const made = await svg(), image = new Image(), canvas = document.createElement('canvas'), RATIO = 2;
    image.src = URL.createObjectURL(new Blob([made.text], { type: 'image/svg+xml' }));
    await image.decode();
    canvas.width = made.width * RATIO;
    canvas.height = made.height * RATIO;
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(image.src);
    return new Promise(done => { canvas.toBlob(done, 'image/png'); });
  }

  /* Every trace's numbers, a row a point or a cell; a column for each axis that has a name of its own. */
  function csv() {
    const layout = drawing.plot._fullLayout, columns = ['curve'], rows = [];
    const plain = text => String(text || '').replace(/<br>/g, ' ').replace(/<[^>]*>/g, '').trim();
    const column = (name, letter) => {
      let named = name || letter;
      if (letter === 'y' && rows.across === named) named = `${named} (y)`;
      if (!columns.includes(named)) columns.push(named);
      return columns.indexOf(named);
    };
    const titled = (trace, letter) => {
      const axis = layout[(trace[`${letter}axis`] || letter).replace(/^(.)/, '$1axis')] || (layout[trace.scene || 'scene'] || {})[`${letter}axis`] || {};
      const text = plain((axis.title || {}).text);
      return /^Click to enter/.test(text) ? '' : text;
    };
    const list = v => (v === undefined || v === null ? null : Array.from(v));
    const put = (...cells) => { const row = []; for (const [place, value] of cells) row[place] = value; rows.push(row); };
    (drawing.plot._fullData || []).forEach((trace, t) => {
      const curve = plain(trace.name) || `trace ${t + 1}`, x = list(trace.x), y = list(trace.y), z = list(trace.z);
      rows.across = titled(trace, 'x') || 'x';
      const at = { x: column(titled(trace, 'x'), 'x'), y: column(titled(trace, 'y'), 'y') };
      if (z) at.z = column(plain(((trace.colorbar || {}).title || {}).text) || titled(trace, 'z'), 'value');
      if (z && (Array.isArray(z[0]) || ArrayBuffer.isView(z[0]))) {
        z.forEach((row, r) => Array.from(row).forEach((v, c) => put([0, curve], [at.x, x ? x[c] : c], [at.y, y ? y[r] : r], [at.z, v])));
      } else if (trace.type === 'image') {
        put([0, curve], [at.x, trace.x0], [at.y, trace.y0]);  // where the picture begins: its pixels are in the NPZ
      } else {
        for (let i = 0; i < Math.max(x ? x.length : 0, y ? y.length : 0); i++) {
          put([0, curve], [at.x, x ? x[i] : i], [at.y, y ? y[i] : ''], ...(z ? [[at.z, z[i]]] : []));
        }
      }
    });
    (drawing.figure.strips || []).forEach((strip, s) => {
      const at = [column('place'), column('text')];
      strip.tokens.forEach((token, i) => put([0, say(strip.title) || `text ${s + 1}`], [at[0], i], [at[1], token]));
    });
    const cell = v => (typeof v === 'string' && /[",\n\r]/.test(v) ? `"${v.replace(/"/g, '""')}"` : v ?? '');
    const lines = [columns, ...rows].map(row => columns.map((_, i) => cell(row[i])).join(','));
    const head = [`${say(lab.title)}: ${say(told().question)}`, ...source()].map(line => `# ${line.replace(/\s+/g, ' ')}`);
    return [...head, ...lines].join('\n') + '\n';
  }

  return {
    source,
    files: {
      PNG: async () => download(`${lab.slug}.png`, await png()),
      SVG: async () => download(`${lab.slug}.svg`, (await svg()).text, 'image/svg+xml'),
      CSV: () => download(`${lab.slug}.csv`, csv(), 'text/csv'),
      JSON: () => Orrery.controls.ask('export', 'json'),
      NPZ: () => Orrery.controls.ask('export', 'npz'),
    },
  };
};
