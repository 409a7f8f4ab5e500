/* Numbers as people read them: the same functions as engine/core/amounts.py, held to the same table of cases. */
Orrery.amounts = (() => {
  'use strict';
  const THIN = '\u202f', SPACE = '\u00a0', MINUS = '−', NONE = '–';
  const LARGE = 1e6, SMALL = 1e-4, MOST_SHARE_DIGITS = 6;
  const RAISED = { '-': '⁻', 0: '⁰', 1: '¹', 2: '²', 3: '³', 4: '⁴', 5: '⁵', 6: '⁶', 7: '⁷', 8: '⁸', 9: '⁹' };

  const lacks = v => (v === null || v === undefined || Number.isNaN(v) ? NONE : v === Infinity ? '∞' : v === -Infinity ? `${MINUS}∞` : null);
  const trimmed = text => (text.includes('.') ? text.replace(/0+$/, '').replace(/\.$/, '') : text);
  const grouped = text => text.replace(/^\d+/, whole => whole.replace(/\B(?=(\d{3})+$)/g, THIN));
  const power_of = (base, exponent) => base + [...String(exponent)].map(c => RAISED[c] || c).join('');
  const power = (mantissa, exponent) => (mantissa === '1' ? '' : `${mantissa}${SPACE}×${SPACE}`) + power_of('10', exponent);
  const minus = (v, text) => (v < 0 ? MINUS : '') + text;
  /* Mantissa and exponent of a number to so many digits. */
  const parts = (v, digits) => Math.abs(v).toExponential(digits - 1).split('e').map((p, i) => (i ? Number(p) : p));

  function count(v) {
    const word = lacks(v);
    if (word !== null) return word;
    const whole = Math.abs(Math.round(v));
    if (whole < 1e15) return minus(whole && v, grouped(String(whole)));
    const [mantissa, exponent] = parts(whole, 3);
    return minus(v, power(trimmed(mantissa), exponent));
  }
  function number(v, digits = 3) {
    const word = lacks(v);
    if (word !== null) return word;
    if (Number.isInteger(v) && Math.abs(v) < LARGE) return count(v);
    const [mantissa, exponent] = parts(v, digits);
    if (Number(mantissa) === 0) return '0';
    if (Math.abs(v) >= SMALL && exponent < 6) {
      return minus(v, grouped(trimmed(Number(`${mantissa}e${exponent}`).toFixed(Math.max(0, digits - 1 - exponent)))));
    }
    return minus(v, power(trimmed(mantissa), exponent));
  }
  const signed = (v, digits = 3) => (v > 0 && number(v, digits) !== '0' ? '+' : '') + number(v, digits);
  function fixed(v, digits = 2) {
    const word = lacks(v);
    if (word !== null) return word;
    const text = Math.abs(v).toFixed(digits);
    return minus(Number(text) && v, grouped(text));
  }
  function percent(share, digits = 3) {
    const word = lacks(share);
    if (word !== null) return word;
    const value = Math.abs(100 * share);
    let decimals = Math.min(Math.max(0, digits - 1 - (value ? Math.floor(Math.log10(value)) : 0)), MOST_SHARE_DIGITS);
    while (value < 100 && Number(value.toFixed(decimals)) >= 100 && decimals < MOST_SHARE_DIGITS) decimals += 1;
    const text = value.toFixed(decimals);
    if (value && !Number(text)) return `<${SPACE}${minus(share, `0.${'0'.repeat(MOST_SHARE_DIGITS - 1)}1`)}${SPACE}%`;
    if (value < 100 && Number(text) >= 100) return `>${SPACE}${minus(share, `99.${'9'.repeat(MOST_SHARE_DIGITS)}`)}${SPACE}%`;
    return Number(text) ? `${minus(share, grouped(trimmed(text)))}${SPACE}%` : `0${SPACE}%`;
  }
  const times = (v, digits = 3) => (lacks(v) === NONE ? NONE : `${number(v, digits)}${SPACE}×`);
  const to = (v, digits) => Number(v.toPrecision(digits));
  function quantity(v, unit, digits = 3) {
    const word = lacks(v);
    if (word !== null) return word === NONE ? word : `${word}${SPACE}${unit}`;
    const prefixes = ['', 'k', 'M', 'G', 'T', 'P', 'E'];
    let step = 0;
    while (step < prefixes.length - 1 && to(Math.abs(v) / 1000 ** step, digits) >= 1000) step += 1;
    const text = number(to(Math.abs(v) / 1000 ** step, digits), digits);
    return text === '0' ? `0${SPACE}${unit}` : `${minus(v, text)}${SPACE}${prefixes[step]}${unit}`;
  }
  const size = (bytes, digits = 3) => quantity(bytes, 'B', digits);
  function duration(seconds, digits = 2) {
    const word = lacks(seconds);
    if (word !== null) return word === NONE ? word : `${word}${SPACE}s`;
    const value = Math.abs(seconds);
    if (value < 99.95) {
      if (value >= 0.9995) return `${minus(seconds, trimmed(value.toFixed(1)))}${SPACE}s`;
      const [unit, scale] = [['ms', 1e3], ['µs', 1e6], ['ns', 1e9]].find(([name, by]) => value * by >= 0.9995 || name === 'ns');
      const text = number(value * scale < 100 ? to(value * scale, digits) : Math.round(value * scale));
      return text === '0' ? `0${SPACE}s` : `${minus(seconds, text)}${SPACE}${unit}`;
    }
    const two = (large, long, small, short) => minus(seconds, `${large}${SPACE}${long}`) + (small ? ` ${small}${SPACE}${short}` : '');
    const whole = Math.round(value), minutes = Math.round(value / 60);
    if (whole < 6000) return two(Math.floor(whole / 60), 'min', whole % 60, 's');
    if (minutes < 6000) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
    return `${minus(seconds, count(value / 86400))}${SPACE}d`;
  }
  return { number, count, signed, fixed, percent, times, quantity, size, duration, power_of };
})();
