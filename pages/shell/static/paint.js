/* A mask that a person paints: labels by rows, kept as the text that the engine reads ("0*30,1*4 x12;…"). */
Orrery.masks = (() => {
  'use strict';
  const { el, words, T, label, css } = Orrery;
  const LARGEST = 2048, KINDS = 10, SIZES = [16, 32, 64, 128, 256, 512], BRUSHES = [1, 3, 7, 15, 31];
  const W = {
    brush: T('Brush', '画笔'), side: T('Size', '边长'), clear: T('Clear', '清空'), undo: T('Undo', '撤销'), load: T('Load…', '载入…'), text: T('As text', '文本形式'),
    keys: T('paint with the pointer; or arrows, Space, and 0–9 for the label', '用指针绘制；或用方向键、空格，以及 0–9 选择标签'),
    picture: T('a label picture: PNG, GIF, BMP or WebP', '标签图像：PNG、GIF、BMP 或 WebP'),
    opening: T('opening…', '正在打开…'), away: T('The server does not answer: try again.', '服务器没有回应：请重试。'),
  };

  /* Labels (height × width) of a text, and the colours that they count, if any; null where it is no mask that is small enough. */
  function read(text) {
    const rows = [], lines = text.trim().replace(/^;+|;+$/g, '').split(/[;\n]+/);
    const colours = lines[0].startsWith('#') ? lines.shift().split(',') : null;
    for (const line of lines) {
      const [, entries, times = '1'] = /^([^x]+?)(?:\s*x\s*(\d{1,4}))?$/.exec(line.trim()) || [];
      if (!entries) return null;
      const row = [];
      for (const entry of entries.replace(/^[ ,]+|[ ,]+$/g, '').split(/[,\s]+/)) {
        const [, value, run = '1'] = /^(\d{1,3})(?:\*(\d{1,4}))?$/.exec(entry) || [];
        if (value === undefined || row.length + Number(run) > LARGEST) return null;
        for (let i = 0; i < Number(run); i++) row.push(Number(value));
      }
      for (let i = 0; i < Number(times) && rows.length <= LARGEST; i++) rows.push(row);
    }
    const width = rows.length ? rows[0].length : 0;
    if (!width || rows.length > LARGEST || rows.some(row => row.length !== width)) return null;
    const labels = new Uint8Array(width * rows.length);
    rows.forEach((row, r) => labels.set(row, r * width));
    return { width, height: rows.length, labels, colours };
  }

  function written({ width, height, labels, colours }) {
    const lines = colours ? [[colours.join(','), 1]] : [];
    for (let r = 0; r < height; r++) {
      const runs = [];
      for (let c = 0; c < width; c++) {
        const v = labels[r * width + c], last = runs[runs.length - 1];
        if (last && last[0] === v) last[1] += 1; else runs.push([v, 1]);
      }
      const line = runs.map(([v, n]) => (n > 2 ? `${v}*${n}` : Array(n).fill(v).join(','))).join(','), last = lines[lines.length - 1];
      if (last && last[0] === line) last[1] += 1; else lines.push([line, 1]);
    }
    return lines.map(([line, times]) => (times > 1 ? `${line} x${times}` : line)).join(';');
  }

  const scaled = (mask, side) => ({
    width: side, height: side, colours: mask.colours,
    labels: Uint8Array.from({ length: side * side }, (_, i) => mask.labels[Math.floor((Math.floor(i / side) * mask.height) / side) * mask.width + Math.floor(((i % side) * mask.width) / side)]),
  });

  /* What the pointer paints with, the same for all masks of a page. */
  const tool = { label: 1, brush: 7 };
  const told = () => dispatchEvent(new CustomEvent('orrery:brush'));

  /* title: both languages; get: the text; put(text, how); resize: of all masks, to be sized alike; typed: the node to type it in;
     others: the texts of all masks; refuse(sentence). */
  function control(box, { title, get, put, resize, typed, others, refuse }) {
    const canvas = el('canvas', { class: 'mask', tabindex: 0 });
    label(canvas, 'aria-label', T(`${title.en}: ${W.keys.en}`, `${title.zh}：${W.keys.zh}`));
    const swatches = el('div', { class: 'swatches', role: 'radiogroup' });
    const brush = el('select', {}, ...BRUSHES.map(b => el('option', { value: b }, `${b} px`)));
    const side = el('select', {}, ...SIZES.map(s => el('option', { value: s }, `${s} × ${s}`)), el('option', { value: '', hidden: true }));
    const clear = el('button', { type: 'button' }, words(W.clear)), undo = el('button', { type: 'button' }, words(W.undo));
    const file = el('input', { type: 'file', accept: 'image/*', hidden: true });
    const load = el('button', { type: 'button', onclick: () => file.click() }, words(W.load));
    for (const [node, text] of [[brush, W.brush], [side, W.side], [load, W.picture]]) { label(node, 'aria-label', text); label(node, 'title', text); }
    const marks = Array.from({ length: KINDS }, (_, k) => el('button', { type: 'button', role: 'radio', 'data-label': k, style: `--swatch: var(--class-${k})`, onclick: () => { tool.label = k; told(); } }, String(k)));
    swatches.append(...marks);
    box.append(canvas, swatches, el('div', { class: 'tools' }, brush, side, undo, clear, load, file), el('details', {}, el('summary', {}, words(W.text)), typed));

    let mask = null, cursor = null, past = [], from = null;
    const ink = canvas.getContext('2d');

    function draw() {
      canvas.hidden = !mask;
      if (!mask) return;
      if (canvas.width !== mask.width || canvas.height !== mask.height) { canvas.width = mask.width; canvas.height = mask.height; }
      const shades = Array.from({ length: KINDS }, (_, k) => css(`--class-${k}`)).map(hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)));
      // One 32-bit number a pixel: a mask of 512 × 512 is drawn at every move of the hand.
      const image = ink.createImageData(mask.width, mask.height), packed = new Uint32Array(image.data.buffer), table = new Uint32Array(256);
      const bytes = new Uint8ClampedArray(table.buffer);
      for (let v = 0; v < 256; v++) bytes.set([...(shades[v % KINDS] || [0, 0, 0]), v >= KINDS ? 90 : 255], 4 * v);
      for (let i = 0; i < packed.length; i++) packed[i] = table[mask.labels[i]];
      ink.putImageData(image, 0, 0);
      if (cursor) { ink.strokeStyle = css('--brass'); ink.lineWidth = Math.max(0.5, mask.width / 160); ink.strokeRect(cursor[0] - tool.brush / 2, cursor[1] - tool.brush / 2, tool.brush, tool.brush); }
    }
    function dab(x, y) {
      const reach = tool.brush / 2;
      for (let r = Math.max(0, Math.floor(y - reach)); r <= Math.min(mask.height - 1, y + reach); r++) {
        for (let c = Math.max(0, Math.floor(x - reach)); c <= Math.min(mask.width - 1, x + reach); c++) {
          if (tool.brush < 3 ? r === Math.floor(y) && c === Math.floor(x) : Math.hypot(c + 0.5 - x, r + 0.5 - y) <= reach) mask.labels[r * mask.width + c] = tool.label;
        }
      }
    }
    /* From the last place to this one, so that a quick hand leaves no gaps. */
    function stroke(x, y) {
      const [x0, y0] = from || [x, y], steps = Math.ceil(Math.hypot(x - x0, y - y0) / Math.max(1, tool.brush / 3)) || 1;
      for (let s = 1; s <= steps; s++) dab(x0 + ((x - x0) * s) / steps, y0 + ((y - y0) * s) / steps);
      from = [x, y];
      draw();
    }
    const at = e => {
      const place = canvas.getBoundingClientRect();
      return [((e.clientX - place.left) / place.width) * mask.width, ((e.clientY - place.top) / place.height) * mask.height];
    };
    const remember = () => { past.push(get()); past = past.slice(-30); };
    const send = how => put(written(mask), how);
    canvas.addEventListener('pointerdown', e => {
      if (e.button) return;
      canvas.setPointerCapture(e.pointerId);
      remember();
      from = null;
      stroke(...at(e));
      canvas.dataset.held = '1';
      send('drag');
    });
    canvas.addEventListener('pointermove', e => {
      cursor = at(e);
      if (canvas.dataset.held) { stroke(...cursor); send('drag'); } else draw();
    });
    const release = () => { if (!canvas.dataset.held) return; delete canvas.dataset.held; from = null; send('commit'); };
    canvas.addEventListener('pointerup', release);
    canvas.addEventListener('pointercancel', release);
    canvas.addEventListener('pointerleave', () => { cursor = null; draw(); });
    canvas.addEventListener('keydown', e => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
      if (/^\d$/.test(e.key)) { tool.label = Number(e.key); told(); return; }
      if (!way && e.key !== ' ') return;
      e.preventDefault();
      cursor ??= [Math.floor(mask.width / 2) + 0.5, Math.floor(mask.height / 2) + 0.5];
      const by = Math.max(1, tool.brush / 2);
      if (way) cursor = [Math.min(mask.width - 0.5, Math.max(0.5, cursor[0] + way[0] * by)), Math.min(mask.height - 0.5, Math.max(0.5, cursor[1] + way[1] * by))];
      else { remember(); from = null; stroke(...cursor); from = null; send('commit'); }
      draw();
    });
    undo.onclick = () => { if (past.length) put(past.pop(), 'commit'); };
    clear.onclick = () => { if (!mask) return; remember(); mask.labels.fill(0); send('commit'); };
    side.onchange = () => { remember(); resize(text => { const m = read(text); return m ? written(scaled(m, Number(side.value))) : text; }); };
    brush.onchange = () => { tool.brush = Number(brush.value); told(); };
    /* The server reads the labels: a browser would only see colours. Those of the other mask keep their numbers. */
    let number = 0;
    file.onchange = async () => {
      const given = file.files[0], mine = ++number, known = others().map(text => (/^#[^;\n]*/.exec(text) || [''])[0]).sort((a, b) => b.length - a.length)[0];
      file.value = '';
      if (!given) return;
      tell([W.opening]);
      let made;
      try {
        const answer = await fetch(`./orrery-mask/upload?colours=${encodeURIComponent(known)}`, { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: given });
        made = answer.ok ? await answer.json() : { error: W.away };
      } catch { made = { error: W.away }; }
      if (mine !== number) return;
      if (made.error) { tell([]); return refuse(made.error); }
      remember();
      put(made.text, 'commit');
      tell([T(`${made.width} × ${made.height}.`, `${made.width} × ${made.height}。`), ...made.said]);
    };
    const said = el('p', { class: 'help', hidden: true });
    const tell = sentences => { said.hidden = !sentences.length; said.replaceChildren(...sentences.flatMap(s => [words(s), ' '])); };
    box.append(said);
    function tools() {
      marks.forEach((mark, k) => mark.setAttribute('aria-checked', String(k === tool.label)));
      brush.value = String(tool.brush);
      draw();
    }
    addEventListener('orrery:brush', tools);
    addEventListener('orrery:theme', draw);
    return () => {
      if (!canvas.dataset.held) mask = read(get());
      side.value = mask && mask.width === mask.height && SIZES.includes(mask.width) ? String(mask.width) : '';
      tools();
    };
  }
  return { control, read, written };
})();
