/* All controls of a lab, drawn from its parameter model's JSON schema, and kept in step with the address. */
Orrery.makeControls = (root, boot, stage) => {
  'use strict';
  const { el, words, T, label, number, say } = Orrery;
  const lab = boot.lab, schema = lab.schema, names = Object.keys(schema);
  const HINTS = 'x-orrery', RESERVED = new Set(['A', 'view', 'step', 'lang', 'theme']);
  const LONG = 500;
  const W = {
    again: T('Draw a new seed', '换一个随机种子'), presets: T('Presets', '预设'), yes: T('on', '开'), no: T('off', '关'),
    rule: T('must be', '必须'), reset: T('Reset', '重置'), more: T('Parameters of other questions', '其他问题的参数'),
    file: T('Load a file…', '载入文件…'), drop: T('or drop one', '也可拖放'), opening: T('loading…', '正在载入…'), aside: T('Put aside', '移除'),
    held: T('a file on the server', '服务器上的文件'), away: T('The server does not answer: the file was not loaded.', '服务器没有回应：文件未载入。'),
  };
  const hints = n => schema[n][HINTS] || {};
  const title = n => T(hints(n).en || n, hints(n).zh || n);
  const defaults = Object.fromEntries(names.map(n => [n, schema[n].default]));
  const state = { ...defaults };
  let base = defaults, baseView = 0;  // what the address leaves unsaid: the defaults, or a lesson's step
  const fields = {};
  let id = 0, holding = false;

  /* --- values --- */
  function parse(n, raw) {
    const p = schema[n];
    if (p.enum) return p.enum.find(option => String(option) === String(raw));
    if (p.type === 'boolean') return { true: true, false: false, 1: true, 0: false }[String(raw).toLowerCase()];
    if (p.type === 'string') return String(raw).length <= (p.maxLength ?? 1e5) ? String(raw) : undefined;
    const { value: v } = Orrery.entry.number(String(raw), p.type === 'integer');
    const ok = Number.isFinite(v) && v >= p.minimum && v <= p.maximum && (p.type !== 'integer' || Number.isInteger(v));
    return ok ? v : undefined;
  }
  function rule(n) {
    const p = schema[n];
    if (p.enum) return T(`one of ${p.enum.join(', ')}`, `是下列之一：${p.enum.join(', ')}`);
    if (p.type === 'boolean') return T('true or false', '为 true 或 false');
    if (p.type === 'string') return T(`at most ${p.maxLength} characters long`, `不超过 ${p.maxLength} 个字符`);
    const kind = p.type === 'integer' ? T('a whole number', '为整数') : T('a number', '为数');
    return T(`${kind.en} from ${p.minimum} to ${p.maximum}`, `${kind.zh}，且在 ${p.minimum} 到 ${p.maximum} 之间`);
  }
  const short = raw => { const s = String(raw); return s.length > 40 ? `${s.slice(0, 39)}…` : s; };
  function refusal(n, raw, must = rule(n)) {
    const { why } = schema[n].maximum === undefined ? {} : Orrery.entry.number(String(raw), schema[n].type === 'integer');
    return T(`${n} must be ${must.en}; got '${short(raw)}'${why ? `, ${why.en}` : ''}`, `${title(n).zh} 必须${must.zh}；收到 '${short(raw)}'${why ? `，${why.zh}` : ''}`);
  }
  const clamp = (n, v) => {
    const p = schema[n];
    const kept = Math.min(p.maximum, Math.max(p.minimum, v));
    return p.type === 'integer' ? Math.round(kept) : Number(kept.toPrecision(6));
  };

  /* Parameters that must stay one under another push each other. */
  function restrain(moved) {
    for (const n of names) {
      const other = hints(n).below;
      if (!other || state[n] < state[other]) continue;
      const gap = schema[n].type === 'integer' ? 1 : (schema[n].maximum - schema[n].minimum) / 1000;
      if (moved === other) state[n] = clamp(n, state[other] - gap);
      else state[other] = clamp(other, state[n] + gap);
      if (state[n] >= state[other]) state[n] = clamp(n, state[other] - gap);
    }
  }

  /* --- one control --- */
  function slider(n, box) {
    const p = schema[n], h = hints(n), lo = p.minimum, hi = p.maximum, whole = p.type === 'integer';
    const log = h.scale === 'log';
    const fine = !log && whole && hi - lo <= 2000;
    const step = h.step || (whole ? 1 : (hi - lo) / 1000);
    const to = v => (fine ? v : log ? (1000 * Math.log(v / lo)) / Math.log(hi / lo) : (1000 * (v - lo)) / (hi - lo));
    const from = s => {
      if (fine) return s;
      let v = log ? lo * (hi / lo) ** (s / 1000) : lo + ((hi - lo) * s) / 1000;
      if (log) v = Number(v.toPrecision(v >= 100 || !whole ? 3 : 15));
      else v = lo + Math.round((v - lo) / step) * step;
      return clamp(n, whole ? Math.round(v) : Number(v.toPrecision(12)));
    };
    const track = el('input', { type: 'range', id: `p-${n}`, min: fine ? lo : 0, max: fine ? hi : 1000, step: fine ? step : 'any' });
    const entry = el('input', { class: 'num', inputmode: whole ? 'numeric' : 'decimal', autocomplete: 'off', spellcheck: 'false' });
    label(track, 'aria-label', title(n));
    label(entry, 'aria-label', title(n));
    track.addEventListener('input', () => change(n, from(Number(track.value)), 'drag', track));
    track.addEventListener('change', () => change(n, from(Number(track.value)), 'commit', track));
    track.addEventListener('pointerdown', () => { holding = true; });
    track.addEventListener('keydown', e => {
      const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[e.key];
      if (!way || fine) return;
      e.preventDefault();
      // A key always moves the value, however fine the scale is there.
      let v = state[n], pos = to(v);
      for (let k = 1; v === state[n] && k <= 2000; k++) v = from(Math.min(1000, Math.max(0, pos + way * k)));
      change(n, v, 'commit');
    });
    const take = () => {
      const v = parse(n, entry.value);
      entry.setAttribute('aria-invalid', String(v === undefined));
      if (v === undefined) { stage.notice(refusal(n, entry.value)); return; }
      if (v !== state[n]) change(n, v, 'commit'); else { stage.notice(null); show(); }
    };
    entry.addEventListener('change', take);
    entry.addEventListener('keydown', e => { if (e.key === 'Escape') { entry.blur(); show(); } });
    entry.style.width = `${Math.max(9, number(hi).length + 1)}ch`;
    const unit = h.unit ? el('span', { class: 'unit' }, words(h.unit)) : null;
    box.append(el('div', { class: 'head' }, el('label', { for: `p-${n}` }, words(title(n))), el('span', { class: 'value' }, entry, unit)));
    if (h.control !== 'number') {
      box.append(track, el('div', { class: 'ends', 'aria-hidden': 'true' }, el('span', {}, short_number(lo)), el('span', {}, short_number(hi))));
    }
    return src => {
      if (document.activeElement !== entry || src !== entry) entry.value = number(state[n], 6);
      entry.setAttribute('aria-invalid', 'false');
      if (src !== track) track.value = to(state[n]);
      track.style.setProperty('--done', `${Math.min(100, Math.max(0, fine ? (100 * (state[n] - lo)) / (hi - lo) : to(state[n]) / 10))}%`);
      track.setAttribute('aria-valuetext', number(state[n]));
    };
  }
  const SUPERSCRIPT = '⁰¹²³⁴⁵⁶⁷⁸⁹';
  const power = v => {
    const exponent = Math.floor(Math.log10(v)), lead = number(v / 10 ** exponent, 3);
    return (lead === '1' ? '' : `${lead}×`) + '10' + [...String(exponent)].map(d => SUPERSCRIPT[d]).join('');
  };
  const short_number = v => {
    if (v >= 1e9) return document.createTextNode(power(v));
    return v >= 1e6 ? words(T(`${number(v / 1e6)} million`, `${number(v / 1e4)} 万`)) : document.createTextNode(number(v));
  };

  function choice(n, box) {
    const options = schema[n].enum, [by, named] = hints(n).labels_by || [];
    /* What the choices are called now; where another parameter says so, those that it has no name for are not offered. */
    const labels = () => ({ ...hints(n).labels, ...(by && named[state[by]]) });
    const text = o => labels()[String(o)] || String(o), offered = o => !by || String(o) in labels() || o === state[n];
    const wide = options.reduce((s, o) => s + Math.max(4, say(text(o)).length), 0) > 30 || options.length > 4;
    const head = el('div', { class: 'head' }, el('span', { id: `l-${n}`, class: 'name' }, words(title(n))));
    if (wide) {
      const pick = el('select', { 'aria-labelledby': `l-${n}`, onchange: () => change(n, options[pick.selectedIndex], 'commit') });
      const fill = () => { pick.replaceChildren(...options.map(o => el('option', { hidden: !offered(o), disabled: !offered(o) }, say(text(o))))); pick.selectedIndex = options.indexOf(state[n]); };
      addEventListener('orrery:language', fill);
      fill();
      box.append(head, pick);
      return by ? fill : () => { pick.selectedIndex = options.indexOf(state[n]); };
    }
    const group = el('div', { class: 'seg', role: 'radiogroup', 'aria-labelledby': `l-${n}` });
    options.forEach(o => group.append(el('button', { type: 'button', role: 'radio', 'data-value': String(o), onclick: () => change(n, o, 'commit') }, words(text(o)))));
    group.addEventListener('keydown', e => {
      const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
      if (!way) return;
      e.preventDefault();
      const at = (options.indexOf(state[n]) + way + options.length) % options.length;
      change(n, options[at], 'commit');
      group.children[at].focus();
    });
    box.append(head, group);
    return () => [...group.children].forEach((b, i) => {
      b.setAttribute('aria-checked', String(options[i] === state[n]));
      b.tabIndex = options[i] === state[n] ? 0 : -1;
    });
  }

  function toggle(n, box) {
    const button = el('button', { type: 'button', class: 'switch', role: 'switch', id: `p-${n}`, onclick: () => change(n, !state[n], 'commit') });
    label(button, 'aria-label', title(n));
    box.append(el('div', { class: 'head' }, el('label', { for: `p-${n}` }, words(title(n))), button));
    return () => button.setAttribute('aria-checked', String(state[n]));
  }

  function text(n, box) {
    const p = schema[n], code = ['code', 'matrix', 'mask'].includes(hints(n).control);
    const entry = code
      ? el('textarea', { id: `p-${n}`, rows: 4, class: 'code-entry', spellcheck: 'false' })
      : el('input', { id: `p-${n}`, type: 'text', class: 'text-entry', spellcheck: 'false', autocomplete: 'off' });
    let wait = 0;
    const take = () => { clearTimeout(wait); if (entry.value !== state[n]) change(n, entry.value, 'commit', entry); };
    entry.addEventListener('input', () => { clearTimeout(wait); wait = setTimeout(take, 350); });
    entry.addEventListener('change', take);
    box.append(el('div', { class: 'head' }, el('label', { for: `p-${n}` }, words(title(n)))), entry);
    const showFile = p.maxLength >= LONG && hints(n).control !== 'mask' ? loadable(n, box, entry) : () => {};
    return src => { if (src !== entry && entry.value !== state[n]) entry.value = state[n]; showFile(); };
  }

  /* A long text comes as a file too: a short one as the text itself; a long one goes up once, and its handle is the value. */
  const HANDLE = /^file:[0-9a-f]{40}$/, SHORT = 20000;
  const names_of = {};
  function loadable(n, box, entry) {
    const file = el('input', { type: 'file', hidden: true });
    const own = el('button', { type: 'button', class: 'quiet', onclick: () => file.click() }, words(W.file));
    const aside = el('button', { type: 'button', class: 'own', hidden: true, onclick: () => change(n, defaults[n], 'commit') }, words(W.aside));
    const held = el('span', { class: 'hint' });
    const bar = el('div', { class: 'picture-control', hidden: true }, aside, held, file);
    label(own, 'title', W.drop);
    label(file, 'aria-label', T(`${title(n).en}: a file`, `${title(n).zh}：文件`));
    box.querySelector('.head').append(own);
    box.append(bar);
    async function load(given, called) {
      if (!given) return;
      own.disabled = true;
      held.replaceChildren(words(W.opening));
      bar.hidden = false;
      const plain = given.size <= SHORT ? await given.arrayBuffer().then(raw => new TextDecoder('utf-8', { fatal: true }).decode(raw)).catch(() => null) : null;
      const made = plain !== null ? { handle: plain } : await Orrery.transport.upload(given);
      own.disabled = false;
      file.value = '';
      if (!made || !made.handle) { show(); stage.notice(made ? made.refused || made.error : W.away); return; }
      names_of[made.handle] = called || given.name;
      if (state[n] === made.handle) show(); else change(n, made.handle, 'commit', box);
    }
    file.addEventListener('change', () => load(file.files[0]));
    box.addEventListener('dragover', e => { e.preventDefault(); box.classList.add('over'); });
    box.addEventListener('dragleave', () => box.classList.remove('over'));
    box.addEventListener('drop', e => { if (!e.dataTransfer.files.length) return; e.preventDefault(); box.classList.remove('over'); load(e.dataTransfer.files[0]); });
    entry.addEventListener('paste', e => {
      const pasted = e.clipboardData.getData('text');
      if (pasted.length > SHORT) { e.preventDefault(); load(new Blob([pasted]), `${n}.txt`); }
    });
    function show() {
      const far = HANDLE.test(state[n]);
      entry.hidden = far;
      aside.hidden = bar.hidden = !far;
      if (far) held.replaceChildren(names_of[state[n]] || words(W.held));
    }
    return show;
  }

  /* A text such as "2,1;1,3" while it has few numbers: a cell for each, to drag sideways, step or type in. The text stays. */
  function matrix(n, box) {
    const FEW = 4, PIXELS = 6;
    const showText = text(n, box);
    const entry = box.lastChild, grid = el('div', { class: 'matrix', role: 'group', hidden: true });
    label(grid, 'aria-label', title(n));
    entry.before(grid);
    let rows = null;
    const normal = s => Orrery.entry.normalised(s).replace(/\n/g, ';');
    const valueOf = token => {
      const [top, bottom = '1', ...rest] = token.split('/').map(part => (part.trim() === '' ? NaN : Number(part)));
      const v = rest.length ? NaN : top / bottom;
      return Number.isFinite(v) ? v : undefined;
    };
    /* The cells of the text; null where it is no table of few numbers. */
    function read(s) {
      const lines = normal(s).split(';').map(line => line.trim());
      while (lines.length && !lines[lines.length - 1]) lines.pop();
      const found = lines.map(line => (line.includes(',') ? line.split(',').map(cell => cell.trim()) : line.split(/\s+/)));
      const fits = found.length && found.length <= FEW && found[0].length <= FEW && found.every(row => row.length === found[0].length);
      return fits && found.flat().every(cell => valueOf(cell) !== undefined) ? found : null;
    }
    function write(i, j, token, how) {
      rows[i][j] = token;
      change(n, rows.map(row => row.join(',')).join(';'), how, grid);
    }
    const stepOf = v => {
      const size = Math.max(Math.abs(v), ...rows.flat().map(cell => Math.abs(valueOf(cell)) / 10)) || 1;
      return 10 ** (Math.floor(Math.log10(size) + 1e-9) - 1);
    };
    const by = (v, step, count) => String(Number((v + step * count).toPrecision(12)));
    function cell(i, j) {
      const box = el('input', { class: 'cell', inputmode: 'decimal', autocomplete: 'off', spellcheck: 'false' });
      label(box, 'aria-label', T(`${title(n).en}, row ${i + 1}, column ${j + 1}`, `${title(n).zh}，第 ${i + 1} 行第 ${j + 1} 列`));
      let from = null;
      // A press drags; a click without a drag types.
      box.addEventListener('mousedown', e => { if (document.activeElement !== box) e.preventDefault(); });
      box.addEventListener('pointerdown', e => {
        if (document.activeElement === box) return;
        const v = valueOf(rows[i][j]);
        from = { x: e.clientX, v, step: stepOf(v), count: 0 };
        box.setPointerCapture(e.pointerId);
      });
      box.addEventListener('pointermove', e => {
        const count = from ? Math.round((e.clientX - from.x) / PIXELS) : 0;
        if (!from || count === from.count) return;
        from.count = count;
        from.moved = holding = true;
        write(i, j, by(from.v, from.step, count), 'drag');
      });
      const end = e => {
        if (from && from.moved) write(i, j, rows[i][j], 'commit');
        else if (from && e.type === 'pointerup') { box.focus(); box.select(); }
        from = null;
      };
      box.addEventListener('pointerup', end);
      box.addEventListener('pointercancel', end);
      box.addEventListener('keydown', e => {
        const way = { ArrowUp: 1, ArrowDown: -1 }[e.key];
        if (e.key === 'Escape') box.value = rows[i][j];
        if (!way) return;
        e.preventDefault();
        const v = valueOf(rows[i][j]);
        write(i, j, by(v, stepOf(v), e.shiftKey ? 10 * way : way), 'commit');
      });
      box.addEventListener('change', () => {
        const { value, why } = Orrery.entry.number(box.value), token = value === undefined ? normal(box.value).trim() : String(value);
        const bad = valueOf(token) === undefined;
        box.setAttribute('aria-invalid', String(bad));
        const must = why ? T(`made of numbers, ${why.en}`, `由数组成，${why.zh}`) : T('made of numbers', '由数组成');
        if (bad) stage.notice(refusal(n, box.value, must)); else write(i, j, token, 'commit');
      });
      return box;
    }
    return src => {
      showText(src);
      const found = read(state[n]);
      const same = found && rows && !grid.hidden && found.length === rows.length && found[0].length === rows[0].length;
      rows = found;
      grid.hidden = !found;
      entry.rows = found ? 1 : 4;
      if (!found) return;
      if (!same) {
        grid.style.setProperty('--columns', rows[0].length);
        grid.replaceChildren(...rows.flatMap((row, i) => row.map((_, j) => cell(i, j))));
      }
      rows.flat().forEach((token, k) => { grid.children[k].value = token; grid.children[k].setAttribute('aria-invalid', 'false'); });
    };
  }

  /* A mask to paint on; its text can be typed as well. Masks of one lab are always sized alike by its "Size". */
  function mask(n, box) {
    const typed = el('div'), showText = text(n, typed), all = names.filter(other => hints(other).control === 'mask');
    typed.querySelector('.head').remove();
    label(typed.querySelector('textarea'), 'aria-label', title(n));
    box.append(el('div', { class: 'head' }, el('span', { class: 'label' }, words(title(n)))));
    const showMask = Orrery.masks.control(box, {
      title: title(n), typed, get: () => state[n],
      put: (value, how) => { if (how === 'drag') holding = true; change(n, value, how, box); },
      others: () => all.filter(other => other !== n).map(other => state[other]), refuse: stage.notice,
      resize: by => { for (const other of all) state[other] = by(state[other]); change(n, state[n], 'resize'); },
    });
    return src => { showText(src); showMask(); };
  }

  /* A picture: one of the lab's by name, or an upload as a text. */
  function picture(n, box) {
    box.append(el('div', { class: 'head' }, el('span', { class: 'label' }, words(title(n)))));
    return Orrery.pictures.control(box, {
      title: title(n), labels: hints(n).labels || {}, get: () => state[n], put: value => change(n, value, 'commit', box), refuse: stage.notice,
    });
  }

  function seed(n, box) {
    const entry = el('input', { class: 'num', inputmode: 'numeric', id: `p-${n}`, autocomplete: 'off' });
    const again = el('button', { type: 'button', class: 'again', onclick: () => change(n, Math.floor(Math.random() * 1e6), 'commit') }, '↻');
    label(again, 'aria-label', W.again);
    label(again, 'title', W.again);
    entry.addEventListener('change', () => {
      const v = parse(n, entry.value);
      entry.setAttribute('aria-invalid', String(v === undefined));
      if (v === undefined) stage.notice(refusal(n, entry.value)); else change(n, v, 'commit');
    });
    box.append(el('div', { class: 'head' }, el('label', { for: `p-${n}` }, words(title(n))), el('span', { class: 'value' }, entry, again)));
    return () => { entry.value = number(state[n]); entry.setAttribute('aria-invalid', 'false'); };
  }

  /* --- all of them --- */
  if (lab.presets.length) {
    const row = el('div', { class: 'presets', role: 'group' });
    label(row, 'aria-label', W.presets);
    lab.presets.forEach(p => row.append(el('button', { type: 'button', class: 'preset', onclick: () => adopt(p) }, words(p.name))));
    root.append(row);
  }
  const used = el('div'), others = el('div'), more = el('details', { class: 'more', hidden: true }, el('summary', {}, words(W.more)), others);
  root.append(used, more);
  for (const n of names) {
    const p = schema[n], h = hints(n);
    const kind = h.control === 'hidden' ? null : n === 'seed' || h.control === 'seed' ? seed : p.enum ? choice : p.type === 'boolean' ? toggle : p.type !== 'string' ? slider : h.control === 'matrix' ? matrix : h.control === 'mask' ? mask : h.control === 'picture' ? picture : text;
    if (!kind) { fields[n] = { box: null, show: () => {} }; continue; }
    const box = el('div', { class: 'field', 'data-param': n });
    fields[n] = { box, show: kind(n, box) };
    if (h.help) box.append(el('p', { class: 'help' }, words(h.help)));
  }

  /* What the open view does not answer to is folded away; where a view names nothing, all is open. */
  function arrange() {
    const uses = (lab.views[stage.view] || {}).uses;
    const rank = box => names.indexOf(box.dataset.param);
    for (const n of names) {
      const { box } = fields[n];
      const home = !uses || !uses.length || uses.includes(n) ? used : others;
      if (box && box.parentNode !== home) home.insertBefore(box, [...home.children].find(other => rank(other) > names.indexOf(n)) || null);
    }
    more.hidden = ![...others.children].some(box => !box.hidden);
  }
  addEventListener('orrery:view', arrange);
  addEventListener('pointerup', () => { if (holding) { holding = false; if (stage.cost === 'seconds') stage.begin(); } });

  function show(src) {
    for (const n of names) {
      fields[n].show(src);
      const when = Object.entries(hints(n).when || {});
      if (fields[n].box) fields[n].box.hidden = !when.every(([other, values]) => values.includes(state[other]));
    }
    arrange();
    lab.presets.forEach((p, i) => {
      const on = names.every(n => n === 'seed' || state[n] === (n in p.values ? p.values[n] : defaults[n]));
      root.querySelectorAll('.preset')[i].classList.toggle('on', on);
      root.querySelectorAll('.preset')[i].setAttribute('aria-pressed', String(on));
    });
    document.dispatchEvent(new CustomEvent('orrery:state'));
  }

  function change(n, v, how, src) {
    if (how === 'commit') holding = false;
    const same = state[n] === v;
    state[n] = v;
    restrain(n);
    stage.notice(null);
    show(src);
    if ((same && how === 'commit' && id > 0 && !stage.cost) || stage.seek(n, v)) return put();
    changed(how);
  }
  /* A handle holds a number: a parameter, or as "start[1]" an entry, counted from 0, of a text such as "-2,2". */
  const ENTRY = /^(\w+)\[(\d+)\]$/;
  const entriesOf = n => Orrery.entry.normalised(state[n]).split(/[,;]|\s+/).filter(Boolean);
  function get(name) {
    const [, n, i] = ENTRY.exec(name) || [];
    return n ? Number(entriesOf(n)[i] ?? 0) : state[name];
  }
  function putEntry(n, i, v) {
    const entries = entriesOf(n);
    while (entries.length <= i) entries.push('0');
    entries[i] = rounded(v);
    state[n] = entries.join(',');
  }
  const rounded = v => String(Math.abs(v) < 1e-9 ? 0 : Number(v.toPrecision(4)));
  /* One entry of a distribution is set; the others take what is left, in their proportions. */
  function putShare(n, i, v) {
    const entries = entriesOf(n).map(Number);
    while (entries.length <= i) entries.push(0);
    const share = Math.max(0, Math.min(1, v)), rest = entries.reduce((sum, e, k) => (k === i ? sum : sum + e), 0);
    state[n] = entries.map((e, k) => rounded(k === i ? share : rest > 0 ? (e * (1 - share)) / rest : (1 - share) / (entries.length - 1))).join(', ');
  }
  function set(values, how, share = false) {
    for (const [name, v] of Object.entries(values)) {
      const [, n, i] = ENTRY.exec(name) || [];
      if (n) (share ? putShare : putEntry)(n, Number(i), v); else state[name] = schema[name].maximum === undefined ? v : clamp(name, v);
    }
    holding = how === 'drag';
    stage.notice(null);
    show();
    changed(how);
  }
  function changed(how) {
    dispatchEvent(new Event('orrery:touched'));
    stage.restrict(state);
    stage.halt();
    put(how === 'preset');
    ask(how);
  }
  /* The state of a lesson's step, which asks for it itself by the number that is given back. */
  function load(values, view) {
    base = { ...defaults, ...values };
    baseView = view;
    Object.assign(state, base);
    stage.view = view;
    stage.restrict(state);
    stage.halt();
    stage.notice(null);
    show();
    latest = { id: next(), key: JSON.stringify(state) };
    return id;
  }
  /* A value that the figure shows already: the control follows, nothing is asked. */
  function hold(n, v) {
    if (state[n] === v) return;
    state[n] = v;
    show();
    put();
  }
  function adopt(preset) {
    Object.assign(state, defaults, preset.values);
    if (preset.view !== null && preset.view !== undefined) stage.view = preset.view;
    stage.drawing.figure = null;
    stage.notice(null);
    show();
    changed('preset');
  }

  /* --- asking --- */
  const next = () => ++id;
  let latest = { id: 0, key: JSON.stringify(defaults) };
  /* Which parameters a reply belongs to; null for one that was overtaken. */
  const keyOf = number => (number === latest.id ? latest.key : null);
  function ask(how, format) {
    const event = { start: 'start', export: 'export' }[how] || 'run';
    if (event !== 'export') next();
    const value = { params: { ...state }, view: stage.view + 1, id };
    if (event !== 'export') latest = { id, key: JSON.stringify(state) };
    if (format) Object.assign(value, { format, address: location.origin + address().url });
    stage.awaiting(event);
    if (event === 'run') Orrery.transport.ask(value);
    else if (event === 'export') Orrery.transport.save(value);
    else Orrery.transport.send(event, value);
  }

  /* --- the address --- */
  function address(full) {
    const query = new URLSearchParams(location.search);
    const left = [];
    for (const n of names) {
      const long = typeof state[n] === 'string' && state[n].length > LONG;
      if (long) left.push(n);
      if (state[n] === base[n] || long) query.delete(n); else query.set(n, String(state[n]));
    }
    if (stage.view !== baseView) query.set('view', String(stage.view + 1)); else query.delete('view');
    const then = stage.kept, other = then && names.filter(n => then[n] !== defaults[n] && String(then[n]).length <= LONG).map(n => [n, String(then[n])]);
    if (then) query.set('A', String(new URLSearchParams(other))); else query.delete('A');
    const text = query.toString();
    return { url: location.pathname + (text ? `?${text}` : ''), left };
  }
  let putTimer = 0, lastPut = 0;
  function put(push) {
    clearTimeout(putTimer);
    if (push) { history.pushState(null, '', address().url); lastPut = Date.now(); return; }
    // Browsers limit how often the address may change.
    putTimer = setTimeout(() => { history.replaceState(history.state, '', address().url); lastPut = Date.now(); }, Math.max(0, 250 - (Date.now() - lastPut)));
  }
  function visited() {
    clearTimeout(putTimer);
    history.pushState(null, '', address().url);
  }
  function read() {
    const query = new URLSearchParams(location.search);
    const bad = [];
    Object.assign(state, base);
    for (const [n, raw] of query) {
      if (RESERVED.has(n) || n.startsWith('__')) continue;
      if (!(n in schema)) { bad.push(T(`'${short(n)}' is not a parameter of this lab`, `此实验没有参数 '${short(n)}'`)); continue; }
      const v = parse(n, raw);
      if (v === undefined) bad.push(refusal(n, raw)); else state[n] = v;
    }
    for (const n of names) {
      const other = hints(n).below;
      if (other && state[n] >= state[other]) {
        bad.push(T(`${n} must be below ${other}, which is ${state[other]}; got ${state[n]}`, `${n} 必须小于 ${other}（现为 ${state[other]}）；收到 ${state[n]}`));
        state[n] = defaults[n];
        state[other] = defaults[other];
      }
    }
    const view = Number(query.get('view') || baseView + 1) - 1;
    const known = Number.isInteger(view) && view >= 0 && view < lab.views.length;
    if (!known) bad.push(T(`view must be from 1 to ${lab.views.length}; got '${short(query.get('view'))}'`, `view 必须在 1 到 ${lab.views.length} 之间；收到 '${short(query.get('view'))}'`));
    stage.view = known ? view : 0;
    stage.restrict(state);
    show();
    return bad.length ? T(`${bad.map(b => b.en).join('; ')}. The default is shown instead.`, `${bad.map(b => b.zh).join('；')}。改用默认值。`) : null;
  }
  addEventListener('popstate', () => { if (Orrery.lesson && Orrery.lesson.popped()) return; const said = read(); stage.drawing.figure = null; stage.halt(); stage.notice(said); ask('back'); });

  /* The parameters of A in the address, which B is compared with; null where there is none. */
  function kept() {
    const text = new URLSearchParams(location.search).get('A');
    if (text === null) return null;
    const given = [...new URLSearchParams(text)].filter(([n]) => n in schema).map(([n, raw]) => [n, parse(n, raw)]);
    return { ...defaults, ...Object.fromEntries(given.filter(([, v]) => v !== undefined)) };
  }

  function blame(name) {
    for (const n of names) if (fields[n].box) fields[n].box.classList.toggle('blamed', n === name);
    if (fields[name] && others.contains(fields[name].box)) more.open = true;
  }
  const isDefault = () => names.every(n => state[n] === defaults[n]);

  show();
  return { load, put, state, get, set, hold, ask, next, keyOf, title, shown: () => names.filter(n => fields[n].box && !fields[n].box.hidden), file: v => (HANDLE.test(v) ? names_of[v] || `${v.slice(5, 13)}.txt` : null),
    key: () => JSON.stringify(state), last: () => latest.id, read, kept, visited, address, blame, isDefault, held: () => holding, defaults };
};
