/* Token strips: text whose tokens are tinted, pointed at and clicked, one by one. */
Orrery.Strips = (() => {
  'use strict';
  const { el, words, resolve } = Orrery;
  /* What cannot be seen is written: a line's end, a tab, an empty token, and characters without a picture. */
  const visible = t => t.replace(/\t/g, '→\t').replace(/\n/g, '↵\n').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, '·') || '∅';
  const list = v => (v && v.bdata ? Orrery.unpacked(v) : v);

  class Strips {
    constructor(tell, pick) {
      this.node = el('div', { class: 'strips', hidden: true });
      this.chips = [];
      const at = event => {
        const chip = event.target.closest('.token');
        return chip && [Number(chip.parentNode.dataset.strip), Number(chip.dataset.i)];
      };
      this.node.addEventListener('pointerover', e => { const on = at(e); if (on) tell(on[1]); });
      this.node.addEventListener('pointerleave', () => tell(null));
      this.node.addEventListener('click', e => { const on = at(e); if (on) { tell(on[1]); pick(...on); } });
    }

    /* Built anew only where the texts differ; colours and strengths are set each time. */
    set(strips) {
      this.node.hidden = !strips;
      const texts = JSON.stringify((strips || []).map(s => [s.tokens, s.title]));
      this.strips = strips || [];
      if (texts === this.texts) return;
      this.texts = texts;
      this.chips = this.strips.map(strip => strip.tokens.map((token, i) => el('span', { class: 'token', 'data-i': i }, visible(token))));
      this.node.replaceChildren(...this.strips.map((strip, s) => el('div', { class: 'strip' },
        strip.title ? el('div', { class: 'strip-title' }, words(strip.title)) : null,
        el('div', { class: 'text', 'data-strip': s, tabindex: 0 }, ...this.chips[s]))));
    }

    /* frame(s): what differs for strip s at this moment, {strength, upto}; marked: the item that is pointed at. */
    paint(frame, marked) {
      this.strips.forEach((strip, s) => {
        const { strength = list(strip.strength), upto } = frame(s);
        const { palette, at } = strip.colors.palette ? strip.colors : { palette: [strip.colors], at: null };
        const colors = palette.map(c => resolve(c)), which = list(at);
        this.chips[s].forEach((chip, i) => {
          const share = strength ? Math.max(0, Math.min(1, strength[i] || 0)) : 0.45;
          chip.style.setProperty('--tint', colors[which ? which[i] : 0]);
          chip.style.setProperty('--share', share.toFixed(2));
          const ahead = upto !== undefined && i >= upto;
          chip.classList.toggle('ahead', ahead && !strip.hide_ahead);
          chip.hidden = ahead && !!strip.hide_ahead;
          chip.classList.toggle('marked', i === marked);
          if (strip.notes) chip.title = Orrery.say(strip.notes[i]) || '';
        });
      });
    }
  }
  return Strips;
})();
