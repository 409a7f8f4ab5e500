"""The HTML around Gradio's part of a page: head, rail, top line, the lab's skeleton, the gallery."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from engine.core import devices
from engine.core.params import HINTS, Params
from engine.core.words import T
from pages.shell import prose, replies, statics
from pages.shell.lab import Lab, Page

NAME = T("Orrery", "Orrery 太阳系仪")
WORDS: dict[str, T] = {
    "find": T("Find a lab…   /", "查找实验…   /"),
    "labs": T("Labs", "实验列表"),
    "copy": T("Copy link", "复制链接"),
    "theme": T("Light or dark", "浅色或深色"),
    "language": T("Language: English or Chinese", "语言：英文或中文"),
    "menu": T("Labs", "实验"),
    "past": T("Skip to the page", "跳到正文"),
    "skip": T("Skip to the figure", "跳到图形"),
    "whole": T("The whole text", "全文"),
    "code": T("The code", "代码"),
    "call": T("The call with these parameters, in Python", "用这些参数的调用：Python"),
    "shell": T("And in the shell", "命令行"),
    "ran": T("The source that ran", "实际运行的源代码"),
    "learn": T("Start the lesson · 5 minutes", "开始课程 · 5 分钟"),
    "free": T("Explore freely", "自由探索"),
    "gone": T("There is no such page here.", "这里没有这个页面。"),
    "seek": T("Find: softmax, random, picture…", "查找：softmax、随机、图片……"),
    "chapters": T("By chapter", "按章节"),
    "needs": T("By what they build on", "按学习顺序"),
    "after": T("after ", "先学"),
    "back": T("To the gallery", "返回实验总览"),
}
LOGO = (
    '<svg width="26" height="26" viewBox="0 0 26 26" fill="none" stroke="currentColor" stroke-width="1.3" '
    'aria-hidden="true">'
    '<circle cx="13" cy="13" r="11" opacity=".35"/><circle cx="13" cy="13" r="7" opacity=".6"/>'
    '<circle cx="13" cy="13" r="2.2" fill="currentColor" stroke="none"/>'
    '<circle cx="20" cy="13" r="1.7" fill="var(--brass)" stroke="none"/>'
    '<circle cx="4.2" cy="6.6" r="1.3" fill="currentColor" stroke="none"/></svg>'
)
# The places in Gradio's own HTML that ours is put beside; a test asserts that each is there.
ANCHORS = ("<style>", "<body", "</head>", "<gradio-app", "</gradio-app>")

Chapters = Mapping[str, Sequence[Page]]


def put_in(page_html: str, *, title: str, before: str, after: str, boot: Mapping[str, Any]) -> str:
    """Gradio's HTML with a title, styles, scripts, and the given HTML before and after Gradio's own part.

    Our scripts stand before Gradio's module script, so that the page is drawn while Gradio still loads.
    """
    missing = [anchor for anchor in ANCHORS if anchor not in page_html]
    assert not missing, f"this Gradio's page lacks {missing}"
    files = statics.files()
    scripts = "".join(f'<script defer src=".{files[name].address}"></script>' for name in statics.SCRIPTS)
    styles = "".join(f'<link rel="stylesheet" href=".{files[name].address}">' for name in statics.STYLES)
    early = files["early.js"].raw.decode()
    data = json.dumps(boot, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    head = (
        f"<title>{html.escape(title)}</title>{styles}<script>{early}</script>"
        f"<script>gradio_config.title={json.dumps(title)};gradio_config.pages=gradio_config.pages.slice(0,1);"
        f"window.ORRERY={data}</script>"
    )
    page_html = page_html.replace("<style>", scripts + "<style>", 1)
    page_html = page_html.replace("</head>", head + "</head>", 1)
    page_html = page_html.replace("<body", '<body id="orrery"', 1)
    page_html = page_html.replace("<gradio-app", before + "<gradio-app", 1)
    theme = "<script>document.querySelector('gradio-app').setAttribute('theme_mode',Orrery_early.theme)</script>"
    return page_html.replace("</gradio-app>", "</gradio-app>" + theme + after, 1)


def searched(lab: Lab, chapter: T) -> str:
    """What the search finds a lab by: its names, its chapter's, and what else people call what it shows."""
    return html.escape(" ".join(word for text in (lab.title, chapter, lab.words) for word in text).lower())


def rail(chapters: Chapters, names: Mapping[str, T], here: str) -> str:
    """The list of chapters and labs on the left, and the top line."""
    # The first stop of the keyboard.
    to = "figure" if here else "main"
    rows = [
        f'<a class="skip" href="#{to}">{WORDS["skip" if here else "past"].html()}</a>'
        f'<nav class="rail" id="rail" aria-label="{WORDS["labs"].en}">'
        f'<a class="brand" href="./">{LOGO}<span>Orrery</span></a>'
        f'<input class="search" id="search" type="search" autocomplete="off" aria-label="{WORDS["find"].en}" '
        f'data-en="{WORDS["find"].en}" data-zh="{WORDS["find"].zh}">'
    ]
    for chapter, pages in chapters.items():
        rows.append(f'<div class="group"><div class="chapter">{names[chapter].html()}</div>')
        for page in pages:
            lab = page.lab
            mark = ' class="here" aria-current="page"' if lab.slug == here else ""
            rows.append(f'<a href="./{lab.slug}"{mark} data-words="{searched(lab, names[chapter])}">{lab.title.html()}</a>')
        rows.append("</div>")
    return "".join(rows) + '</nav><div class="scrim" id="scrim"></div>'


def top(crumb: T | None) -> str:
    """The slim line above the page: where one is, the device, language, theme, link."""
    device = devices.current()
    why = f' title="{html.escape(device.why_no_gpu)}"' if device.why_no_gpu else ""
    where = crumb.html() if crumb else ""
    return (
        f'<header class="top">'
        f'<button class="menu" id="menu" aria-controls="rail" aria-expanded="false">☰&nbsp; Orrery</button>'
        f'<span class="crumb">{where}</span><span class="chip device" id="device"{why}>'
        f"{replies.device_words(device.name).html()}</span>"
        f'<button class="chip" id="language" aria-label="{WORDS["language"].en}">EN / 中文</button>'
        f'<button class="chip" id="theme" aria-label="{WORDS["theme"].en}">◐</button>'
        f'<button class="chip" id="copy">{WORDS["copy"].html()}</button></header>'
    )


def lab_skeleton(lab: Lab) -> str:
    """A lab's page before its scripts run: title, claim, and the room for controls and stage."""
    return (
        f'<main class="page" id="main"><h1>{lab.title.html()}</h1><p class="claim">{lab.claim.html()}</p>{offer(lab)}'
        '<div class="bench"><section class="card controls" id="controls"></section>'
        '<section class="stage" id="stage" tabindex="-1"></section></div><div id="printed"></div></main>'
    )


def offer(lab: Lab) -> str:
    """What a first visitor is offered; in the server's skeleton, so that nothing moves when the scripts come."""
    if not lab.lesson:
        return ""
    return (
        f'<p class="offer" id="offer"><button type="button" class="start" id="learn">{WORDS["learn"].html()}</button>'
        f'<button type="button" class="free" id="free">{WORDS["free"].html()}</button></p>'
    )


def lab_after(lab: Lab) -> str:
    """What follows the notes: their whole text, the call to paste, and the source, fetched when it is opened."""
    return (
        f'<p class="page text-part"><button type="button" class="quiet" id="whole" aria-pressed="false">{WORDS["whole"].html()}</button></p>'
        f'<section class="page code-part" id="code" aria-labelledby="code-title"><h2 id="code-title">{WORDS["code"].html()}</h2>'
        f'<h3>{WORDS["call"].html()}</h3><pre class="code" id="call" tabindex="0"></pre>'
        f'<h3>{WORDS["shell"].html()}</h3><pre class="code" id="shell" tabindex="0"></pre>'
        f'<details id="source" data-from="./orrery-code/{lab.slug}"><summary>{WORDS["ran"].html()}</summary>'
        f'<div class="source-body"></div></details></section>'
    )


def lab_boot(lab: Lab, opening: Any) -> dict[str, Any]:
    """What a lab's scripts need to know."""
    return {
        "instance": replies.INSTANCE,
        "kinds": replies.KIND_WORDS,
        "later": {name: [f".{statics.files()[file].address}" for file in parts] for name, parts in statics.LATER.items()},
        "lab": {
            "slug": lab.slug,
            "title": lab.title.data(),
            "schema": schema(lab),
            "views": [
                {"question": v.question.data(), "kind": v.kind, "when": lab.when(v), "more": v.more, "uses": v.uses} for v in lab.views
            ],
            "presets": [{"name": p.name.data(), "values": p.values, "view": p.view} for p in lab.presets],
            "call": prose.call(lab),
            "steps": len(lab.lesson),
        },
        "opening": opening,
    }


def schema(lab: Lab) -> dict[str, Any]:
    """The parameters as the controls draw them: JSON schema, with bounds that this device can keep."""
    model: type[Params] = lab.experiment.params
    found = model.model_json_schema()["properties"]
    for name, most in lab.experiment.limits.get(devices.current().kind, {}).items():
        found[name]["maximum"] = min(found[name]["maximum"], most)
    for name, field in found.items():
        field[HINTS] = {**model.hints(name), "en": field.pop("title")}
        if "const" in field:
            field["enum"] = [field.pop("const")]
    return found


def unknown(chapters: Chapters, names: Mapping[str, T], path: str) -> str:
    """The page at an address that is none: it says so, beside the list of labs. Gradio has no part in it."""
    files = statics.files()
    styles = "".join(f'<link rel="stylesheet" href=".{files[name].address}">' for name in statics.STYLES)
    scripts = "".join(f'<script defer src=".{files[name].address}"></script>' for name in ("text.js", "frame.js"))
    page = (
        f'<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{WORDS['gone'].en} — Orrery</title>{styles}<script>{files['early.js'].raw.decode()}</script>{scripts}</head>"
        f'<body id="orrery">{rail(chapters, names, "")}{top(None)}<main class="page" id="main"><h1>404</h1>'
        f'<p class="claim">{WORDS["gone"].html()}</p><p><a href="./">{WORDS["back"].html()}</a></p></main></body></html>'
    )
    up = "../" * path.strip("/").count("/") or "./"
    return page.replace('href="./', f'href="{up}').replace('src="./', f'src="{up}')


def home(chapters: Chapters, names: Mapping[str, T]) -> str:
    """The gallery: a card a lab, with the picture that says what it is and the question that opens it."""
    claim = T(
        "Working models of the ideas behind machine learning, computed for real on the machine in front of you. Turn a knob: "
        "mathematics, measurement and picture move together.",
        "机器学习背后思想的可运行模型，在你面前的机器上真实计算。转动旋钮：数学、测量与图像一起变化。",
    )
    rows = [
        f'<main class="page home" id="main"><h1>Orrery</h1><p class="claim">{claim.html()}</p><div class="ways">'
        f'<input class="search" id="find" type="search" autocomplete="off" aria-label="{WORDS["find"].en}" '
        f'placeholder="{WORDS["seek"].en}" data-en="{WORDS["seek"].en}" data-zh="{WORDS["seek"].zh}"><span class="seg" role="group">'
        f'<button type="button" id="by-chapter" aria-pressed="true">{WORDS["chapters"].html()}</button>'
        f'<button type="button" id="by-need" aria-pressed="false">{WORDS["needs"].html()}</button></span></div><div class="cards">'
    ]
    labs = {page.lab.slug: page.lab for pages in chapters.values() for page in pages}
    for place, lab in enumerate(labs.values()):
        needs = [labs[slug].title for slug in lab.needs if slug in labs]
        after = f' <span class="after">· {T.joined([WORDS["after"], T.joined(needs)], "", "").html()}</span>' if needs else ""
        rows.append(
            f'<a class="card tile" href="{address(lab)}" style="--need:{depth(lab, labs) * 100 + place}" '
            f'data-words="{searched(lab, names[lab.chapter])}">{picture(lab)}'
            f'<span class="chapter">{names[lab.chapter].html()}{after}</span><h2>{lab.title.html()}</h2>'
            f'<p class="asks">{lab.views[lab.picture.view].question.html()}</p><p class="says">{lab.claim.html()}</p></a>'
        )
    return "".join(rows) + "</div></main>"


def address(lab: Lab) -> str:
    """Where a card leads: to what its picture shows."""
    shown = {**lab.picture.values} | ({"view": lab.picture.view + 1} if lab.picture.view else {})
    return html.escape(f"./{lab.slug}" + (f"?{urlencode(shown)}" if shown else ""))


def picture(lab: Lab) -> str:
    """The lab's picture in both themes, of which a browser loads the one that is shown."""
    found = [(theme, statics.files().get(f"{lab.slug}.{theme}.webp")) for theme in ("light", "dark")]
    drawn = (
        f'<img class="in-{theme}" src=".{file.address}" width="340" height="190" loading="lazy" alt="">' for theme, file in found if file
    )
    return f'<span class="picture">{"".join(drawn)}</span>'


def depth(lab: Lab, labs: Mapping[str, Lab], seen: tuple[str, ...] = ()) -> int:
    """How many labs stand before this one on the longest way that its needs make."""
    assert lab.slug not in seen, f"these labs need each other: {seen}"
    return max((1 + depth(labs[slug], labs, (*seen, lab.slug)) for slug in lab.needs if slug in labs), default=0)
