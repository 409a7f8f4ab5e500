"""Every figure of a lab in one page that asks no server: drawn at any width and in any language, and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from playwright.sync_api import Browser, Page

from engine.core import recordings
from engine.core.runner import Runner
from pages.shell import Lab
from pages.shell.statics import HERE, PLOTLY, SCRIPTS, STYLES

NEEDED = SCRIPTS[: SCRIPTS.index("draw.js") + 1]
INSIDE = {390: 356, 1440: 866}  # px that a figure has on a window so wide

# Words as they are painted, with the box, size and contrast of each: which overlap, are cut, too small or too pale.
MEASURE = """([figure, width, lang]) => new Promise(async done => {
  document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en';
  document.querySelector('#figure').style.width = `${width}px`;
  sheet.div.style.width = `${width}px`;
  sheet.revision = (sheet.revision || 0) + 1;
  sheet.figure = null;
  sheet.set(figure);
  await sheet.ready();
  const origin = sheet.plot.getBoundingClientRect(), faults = [];
  const boxes = (selector, inset) => [...sheet.plot.querySelectorAll(selector)].map(node => {
    const b = node.getBoundingClientRect();
    const [x, y] = [origin.left, origin.top];
    return {text: node.textContent, node, l: b.left - x + inset, t: b.top - y + inset, r: b.right - x - inset, b: b.bottom - y - inset};
  }).filter(b => b.text.trim() && b.r > b.l);
  const labels = boxes('.annotation .annotation-text, .textpoint text', 1);
  const ticks = boxes('.xaxislayer-above text, .yaxislayer-above text', 0.5);
  const titles = boxes('.infolayer [class^="g-"]', 1);
  const over = (a, b) => Math.min(Math.min(a.r, b.r) - Math.max(a.l, b.l), Math.min(a.b, b.b) - Math.max(a.t, b.t));
  const pairs = (list, others, what) => list.forEach((a, i) => others.forEach((b, k) => {
    if ((list !== others || k > i) && over(a, b) > 2) faults.push(`${what}: ${a.text} | ${b.text} by ${over(a, b).toFixed(0)}`);
  }));
  pairs(labels, labels, 'labels overlap');
  pairs(labels, titles, 'a label lies on a title');
  pairs(labels, ticks, 'a label lies on a tick');
  pairs(ticks, titles, 'a tick lies on a title');
  const cells = boxes('.heatmap-label', 0.5);
  cells.slice(1).forEach((b, i) => over(cells[i], b) > 0.5 && faults.push(`numbers overlap: ${cells[i].text} | ${b.text}`));
  const level = ticks.filter(t => !/rotate\\((?!0|-?90)/.test(t.node.getAttribute('transform')));  // of a slanted text the box says little
  pairs(level, level, 'ticks overlap');
  for (const a of [...labels, ...ticks, ...titles, ...cells]) {
    const cut = Math.max(-a.l, -a.t, a.r - origin.width, a.b - origin.height);
    if (cut > 1) faults.push(`cut: ${a.text} by ${cut.toFixed(0)}`);
    const style = getComputedStyle(a.node);
    if (parseFloat(style.fontSize) < 11) faults.push(`small: ${a.text} ${style.fontSize}`);
    const rgb = (style.fill.match(/[\\d.]+/g) || []).slice(0, 3).map(Number);
    // A text in the middle of a mark stands on that mark.
    const marked = a.node.closest('.textpoint, .heatmap-label');
    if (rgb.length === 3 && !marked && contrast(rgb) < 4.45) faults.push(`pale: ${a.text} ${contrast(rgb).toFixed(2)}`);
  }
  done(faults);
})"""


def open_sheet(browser: Browser) -> Page:
    """A page with the shell's styles and drawing, and nothing else."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    styles = "".join(f"<style>{(HERE / name).read_text()}</style>" for name in STYLES)
    page.set_content(f"<html lang=en>{styles}<body id=orrery style='display:block!important'><div class=card id=figure></div>")
    for name in NEEDED:
        page.add_script_tag(path=str(PLOTLY if name == PLOTLY.name else HERE / name))
    page.evaluate(
        """() => {
        const div = Object.assign(document.createElement('div'), {className: 'fig'});
        document.querySelector('#figure').append(div);
        window.sheet = new Orrery.Drawing(div);
        const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        const light = rgb => [0.2126, 0.7152, 0.0722].reduce((sum, share, i) => sum + share * linear(rgb[i] / 255), 0);
        const ground = light(Orrery.css('--surface').match(/\\w\\w/g).map(v => parseInt(v, 16)));
        window.contrast = rgb => (Math.max(light(rgb), ground) + 0.05) / (Math.min(light(rgb), ground) + 0.05);
        }"""
    )
    return page


def figures(lab: Lab, place: int) -> Iterator[tuple[int, Callable[[], dict[str, Any]]]]:
    """The views of a preset, or of the defaults (-1), by their place, as they are sent when called; none where it needs a run."""
    params = lab.experiment.params.parse(lab.presets[place].values if place >= 0 else {})
    if lab.experiment.cost_of(params) == "instant":
        made = Runner(0).run(lab.experiment, params)
    else:
        made = next((one.outcome for one in recordings.load(lab.experiment) if one.params == params), None)
    for i, view in enumerate(lab.views if made else ()):
        if lab.offers(view, params):
            yield i, lambda view=view: view.figure(made.result).data()


def faults(page: Page, figure: dict[str, Any], width: int, language: str) -> list[str]:
    """What is wrong with the words of a figure."""
    return page.evaluate(MEASURE, [figure, INSIDE[width], language])
