/* What people type: the browser's half of `engine/core/entry.py`; both are run against `tests/engine/core/entries.json`. */
Orrery.entry = (() => {
  'use strict';
  const ALIKE = { '、': ',', '。': '.', '−': '-', '–': '-', '\u3000': ' ', '\u00a0': ' ', '\u202f': ' ', '\u2009': ' ' };
  const GROUPED_BY_SPACE = /^[+-]?\d{1,3}(?: \d{3})+(?=[.,eE]|$)/;
  const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?$/;
  const GROUPED_BY_COMMA = /^[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?(?:[eE][+-]?\d{1,4})?$/;
  const DECIMAL_COMMA = /^[+-]?\d*,\d+(?:[eE][+-]?\d{1,4})?$/;
  const LONGEST = 400;

  /* Full-width digits, signs and punctuation, an ideographic comma or stop, and odd spaces as ASCII has them. */
  const normalised = text => text.replace(/[\uff01-\uff5e]/g, c => String.fromCharCode(c.charCodeAt(0) - 0xfee0))
    .replace(/[、。−–\u3000\u00a0\u202f\u2009]/g, c => ALIKE[c]);

  /* {value}, or {why} where the text is no number: what else it might be, or null. In a field of whole numbers "1,500" can
     only be grouped; elsewhere it could be 1500 or 1.5, and is not guessed. */
  function number(text, whole = false) {
    let plain = normalised(text).trim();
    if (plain.length > LONGEST) return { why: null };
    if (GROUPED_BY_SPACE.test(plain)) plain = plain.replace(/ /g, '');
    const grouped = GROUPED_BY_COMMA.test(plain), decimal = DECIMAL_COMMA.test(plain);
    if (grouped && decimal && !whole) {
      const many = plain.replace(/,/g, ''), few = plain.replace(',', '.');
      return { why: Orrery.T(`which is ${many} or ${few}: write it without a comma`, `可能是 ${many} 或 ${few}：请不要写逗号`) };
    }
    if (grouped) plain = plain.replace(/,/g, '');
    else if (decimal && !whole) plain = plain.replace(',', '.');
    return NUMBER.test(plain) ? { value: Number(plain) } : { why: null };
  }
  return { normalised, number };
})();
