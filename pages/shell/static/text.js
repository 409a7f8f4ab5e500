/* Languages, numbers and colours: what a figure or a control needs to say a value. */
window.Orrery = (() => {
  'use strict';
  const lang = () => (document.documentElement.lang.startsWith('zh') ? 'zh' : 'en');
  const isText = v => v !== null && typeof v === 'object' && typeof v.en === 'string' && typeof v.zh === 'string';
  const say = v => (isText(v) ? v[lang()] : v);
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const TOKEN = /^(--[a-z0-9-]+)(?:\/([\d.]+))?$/;

  function colour(value) {
    const [, token, alpha] = TOKEN.exec(value);
    const hex = css(token);
    if (!alpha || !/^#[0-9a-f]{6}$/i.test(hex)) return hex;
    const [r, g, b] = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
    return `rgba(${r},${g},${b},${alpha})`;
  }

  /* A copy of part of a figure with its tokens as colours and its texts in the page's language. */
  function resolve(value) {
    if (typeof value === 'string') return TOKEN.test(value) ? colour(value) : value;
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.length > 8 && typeof value[0] === 'number' ? value : value.map(resolve);
    if (isText(value)) return value[lang()];
    if ('bdata' in value) return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolve(v)]));
  }

  /* 20000 -> "20 000"; a small or large real keeps up to `digits` significant digits. */
  function number(v, digits = 6) {
    if (typeof v !== 'number') return String(v);
    if (Number.isInteger(v) && Math.abs(v) < 1e15) return String(v).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
    return String(Number(v.toPrecision(digits)));
  }

  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, '');
      else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
    }
    node.append(...children.filter(c => c !== null && c !== undefined));
    return node;
  }

  /* Words that follow the page's language without being rebuilt. */
  const words = text => {
    if (!isText(text)) return document.createTextNode(text ?? '');
    return el('span', {}, el('span', { class: 'lang-en', lang: 'en' }, text.en), el('span', { class: 'lang-zh', lang: 'zh-CN' }, text.zh));
  };
  const T = (en, zh) => ({ en, zh });

  /* Attributes (aria-label, placeholder) in the page's language, renewed when it changes. */
  const attributed = new Set();
  function label(node, name, text) {
    attributed.add([new WeakRef(node), name, text]);
    node.setAttribute(name, say(text));
    return node;
  }
  addEventListener('orrery:language', () => {
    for (const entry of attributed) {
      const node = entry[0].deref();
      if (node) node.setAttribute(entry[1], say(entry[2])); else attributed.delete(entry);
    }
  });

  function download(name, body, type) {
    const url = URL.createObjectURL(body instanceof Blob ? body : new Blob([body], { type }));
    const link = el('a', { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  const ARRAYS = {
    f4: Float32Array, f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array, u1: Uint8Array, u2: Uint16Array,
  };
  const unpackings = new WeakMap();
  /* The numbers of a packed array, unpacked once. */
  function unpacked(v) {
    if (!unpackings.has(v)) unpackings.set(v, new ARRAYS[v.dtype](Uint8Array.from(atob(v.bdata), c => c.charCodeAt(0)).buffer));
    return unpackings.get(v);
  }

  return { lang, say, css, unpacked, resolve, number, el, words, T, label, download, isText };
})();
