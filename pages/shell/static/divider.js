/* A line that is dragged across a panel: to its left one picture, to its right the other that lies over it. */
Orrery.Divider = (() => {
  'use strict';
  const { el, label } = Orrery;
  const STEP = 0.02;

  class Divider {
    constructor(board) {
      this.share = null;
      this.line = el('div', { class: 'divider', role: 'slider', tabindex: 0, 'aria-valuemin': 0, 'aria-valuemax': 100, hidden: true }, el('span', {}, '⇆'));
      board.append(this.line);
      this.line.addEventListener('pointerdown', e => { this.line.setPointerCapture(e.pointerId); this.held = true; e.preventDefault(); this.line.focus(); });
      this.line.addEventListener('pointermove', e => this.held && this.to(this.at(e)));
      for (const end of ['pointerup', 'pointercancel']) this.line.addEventListener(end, () => { this.held = false; });
      this.line.addEventListener('keydown', e => {
        const way = { ArrowLeft: -1, ArrowRight: 1 }[e.key], edge = { Home: 0, End: 1 }[e.key];
        if (way === undefined && edge === undefined) return;
        e.preventDefault();
        this.to(edge ?? this.share + way * STEP * (e.shiftKey ? 5 : 1));
      });
    }

    /* spec: {trace, panel, start, text}; none hides the line. */
    set(spec, plot) {
      this.line.hidden = !spec;
      if (!spec || !plot._fullLayout) return;
      this.spec = spec;
      this.plot = plot;
      this.share ??= spec.start;
      label(this.line, 'aria-label', spec.text);
      this.show();
    }

    axes() {
      const n = this.spec.panel ? String(this.spec.panel + 1) : '', full = this.plot._fullLayout;
      return { x: full[`xaxis${n}`], y: full[`yaxis${n}`], id: `x${n}y${n}` };
    }

    at(event) {
      const { x } = this.axes();
      return (event.clientX - this.plot.getBoundingClientRect().left - x._offset) / x._length;
    }

    to(share) {
      this.share = Math.max(0, Math.min(1, share));
      this.show();
    }

    /* The upper picture is cut where the line stands; its own left edge may lie inside the panel. */
    show() {
      const { x, y, id } = this.axes();
      if (!x) return;
      this.line.style.left = `${x._offset + this.share * x._length}px`;
      this.line.style.top = `${y._offset}px`;
      this.line.style.height = `${y._length}px`;
      this.line.setAttribute('aria-valuenow', String(Math.round(100 * this.share)));
      const mine = (this.plot._fullData || []).filter(t => t.type === 'image' && (t.xaxis || 'x') + (t.yaxis || 'y') === id);
      const place = mine.findIndex(t => t.index === this.spec.trace);
      const image = this.plot.querySelectorAll(`.subplot.${id} .imagelayer image`)[place];
      if (!image) return;
      const left = Number(image.getAttribute('x')), width = Number(image.getAttribute('width'));
      const cut = Math.max(0, Math.min(1, (this.share * x._length - left) / width));
      image.style.clipPath = `inset(0 0 0 ${100 * cut}%)`;
    }
  }
  return Divider;
})();
