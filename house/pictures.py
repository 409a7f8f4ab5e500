"""`make pictures`: the gallery's pictures, one of each lab in either theme, and the README's, drawn by the shell in a browser.

    python -m house.pictures [lab ...]

A lab says by its `picture` which view, panel and moment show what it is. Every picture is of a real result: of the lab
as it opens, computed here or recorded.
"""

from __future__ import annotations

import base64
import io
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from PIL import Image

import pages
from engine.core import recordings
from engine.core.runner import Runner
from pages.shell import frame, statics
from pages.shell.lab import Lab

SIZE = (340, 190)  # CSS px in the gallery; drawn at twice as many
README = statics.PICTURES.parent / "images" / "gallery.webp"
THEMES = ("light", "dark")

# One panel of a figure at a moment, without axes and words, as a PNG. A picture, whose units are equal, is cut to the shape.
DRAW = """async ([figure, {panel, moment, across, up}, theme, [width, height]]) => {
  document.documentElement.classList.toggle('dark', theme === 'dark');
  sheet.figure = null;
  sheet.set(figure, figure.frames ? Math.round(moment * (figure.frames.list.length - 1)) : 0);
  await sheet.ready();
  const n = panel ? String(panel + 1) : '', full = sheet.plot._fullLayout, spec = sheet.spec();
  const solid = t => /3d$|^surface$/.test(t.type), place = t => solid(t) ? (t.scene || 'scene') : (t.xaxis || 'x');
  const data = Orrery.resolve(spec.data).filter(t => place(t) === `${solid(t) ? 'scene' : 'x'}${n}`)
    .map(({xaxis, yaxis, scene, colorbar, ...t}) => ({...t, showscale: false}));
  const [x, y] = ['x', 'y'].map(letter => full[`${letter}axis${n}`]);
  const layout = {width, height, margin: {l: 0, r: 0, t: 0, b: 0}, showlegend: false, paper_bgcolor: Orrery.css('--surface'),
    plot_bgcolor: 'rgba(0,0,0,0)', barmode: full.barmode, bargap: full.bargap, font: {family: Orrery.css('--sans')}};
  if (x) {
    const cut = ([from, to], [low, high]) => [from + low * (to - from), from + high * (to - from)];
    let [wide, tall] = [cut(x.range, across), cut(y.range, up)];
    if (y.scaleanchor) {
      const most = Math.abs(wide[1] - wide[0]) * height / width, has = Math.abs(tall[1] - tall[0]), middle = (tall[0] + tall[1]) / 2;
      const shape = (ends, share) => { const m = (ends[0] + ends[1]) / 2; return ends.map(v => m + (v - m) * share); };
      if (has > most) tall = shape(tall, most / has); else wide = shape(wide, has / most);
    }
    layout.xaxis = {visible: false, type: x.type, range: wide, autorange: false};
    layout.yaxis = {visible: false, type: y.type, range: tall, autorange: false};
  } else {
    const bare = {visible: false};
    layout.scene = {xaxis: bare, yaxis: bare, zaxis: bare, camera: full[`scene${n}`].camera, aspectmode: full[`scene${n}`].aspectmode};
  }
  return Plotly.toImage({data, layout}, {format: 'png', width, height, scale: 2});
}"""


@contextmanager
def browser() -> Iterator[Any]:
    """A page of Chromium with the shell's styles and drawing, and nothing else."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = shutil.which("chromium") or shutil.which("google-chrome")
        launched = play.chromium.launch(executable_path=found, args=["--no-sandbox", "--enable-unsafe-swiftshader"])
        page = launched.new_page(viewport={"width": 1440, "height": 900})
        styles = "".join(f"<style>{statics.files()[name].raw.decode()}</style>" for name in statics.STYLES)
        page.set_content(f"<html lang=en>{styles}<body id=orrery style='display:block!important'><div class=fig style='width:870px'></div>")
        for name in statics.SCRIPTS[: statics.SCRIPTS.index("draw.js") + 1]:
            page.add_script_tag(content=statics.files()[name].raw.decode())
        page.evaluate("() => { window.sheet = new Orrery.Drawing(document.querySelector('.fig')); }")
        yield page
        launched.close()


def figure(lab: Lab) -> Mapping[str, Any]:
    """The chosen view of what the lab opens on, as it is sent. Raises LookupError where it must be recorded first."""
    params = lab.experiment.params.parse(lab.picture.values)
    made = next((one.outcome for one in recordings.load(lab.experiment) if one.params == params), None)
    if made is None:
        if lab.experiment.cost_of(params) == "minutes":
            raise LookupError(f"{lab.slug}: run make record first")
        made = Runner(0).run(lab.experiment, params)
    return lab.views[lab.picture.view].figure(made.result).data()


def kept(png: bytes, path: Any, quality: int = 82) -> None:
    """Write a picture as WebP."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").save(path, "WEBP", quality=quality, method=6)


def main(slugs: list[str]) -> None:
    """Draw the pictures of some labs, or of all; then the README's, which is the gallery's first screen."""
    chapters = pages.discover()
    with browser() as page:
        for lab in (one.lab for found in chapters.values() for one in found):
            if slugs and lab.slug not in slugs:
                continue
            sent, chosen = figure(lab), lab.picture
            crop = {"panel": chosen.panel, "moment": chosen.moment, "across": chosen.across, "up": chosen.up}
            for theme in THEMES:
                uri = page.evaluate(DRAW, [sent, crop, theme, list(SIZE)])
                kept(base64.b64decode(uri.partition(",")[2]), statics.PICTURES / f"{lab.slug}.{theme}.webp")
        statics.files.cache_clear()
        html = frame.home(chapters, pages.CHAPTERS)
        for file in statics.files().values():
            if file.kind == "image/webp":
                html = html.replace(f".{file.address}", f"data:image/webp;base64,{base64.b64encode(file.raw).decode()}")
        show = "html => { document.documentElement.classList.remove('dark'); document.body.innerHTML = html; }"
        page.evaluate(show, html.replace('loading="lazy"', ""))
        page.wait_for_function("[...document.images].every(image => image.complete)")
        kept(page.screenshot(), README, 90)


if __name__ == "__main__":
    main(sys.argv[1:])
