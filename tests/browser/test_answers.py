"""What stands on a page belongs together; who does not answer is waited for, who refuses is quoted; and what one takes away."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from driver import choose, parameters, said, settle, view

import pages

ROOT = Path(__file__).parents[2]
LABS = [page.lab for found in pages.discover().values() for page in found]
FAILED = ("Failed to load", "ERR_", "net::")  # what a browser logs of answers that are no answers
# What is shown: all of one answer to the parameters as they stand, or nothing but a way to get one.
STANDS = """() => {
  const stage = Orrery.stage.state;
  const shown = part => [...document.querySelectorAll(part)].some(n => n.offsetParent !== null && n.innerText.trim() !== '');
  const saves = [...document.querySelectorAll('.saves button')];
  return {cleared: stage.cleared, fresh: stage.key === Orrery.controls.key(), busy: Orrery.stage.busy,
    facts: shown('.facts'), table: shown('.table'), badge: shown('.prov'), findings: shown('.findings'),
    files: saves.some(b => !b.disabled), run: shown('.run'), sentence: shown('.progress') || shown('.said'),
    code: document.querySelector('#shell').textContent};
}"""


def belongs_together(page) -> None:
    """Assert that what is shown is of the parameters as they stand, or cleared with a way to go on."""
    page.wait_for_function("!Orrery.stage.state.asking")
    if page.evaluate("Orrery.stage.busy"):
        page.evaluate("Orrery.stage.halt(); 0")
        if page.evaluate("Orrery.stage.state.cleared"):
            page.evaluate("document.querySelector('.stop').onclick()")
    page.wait_for_function("!Orrery.stage.drawing.waiting && !Orrery.stage.drawing.painting")
    found = page.evaluate(STANDS)
    if found["cleared"]:
        assert not any(found[part] for part in ("facts", "table", "badge", "findings", "files")), found
        assert found["run"] and found["sentence"], found
    else:
        assert found["fresh"] and found["badge"] and found["files"], found
    defaults = page.evaluate("Object.fromEntries(Object.entries(ORRERY.lab.schema).map(([n, f]) => [n, f.default]))")
    for name, value in parameters(page).items():
        if value != defaults[name] and not isinstance(value, str):
            assert f"--{name.strip('_').replace('_', '-')}" in found["code"].replace("_", "-"), (name, found["code"])


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_never_an_old_answer_under_a_new_question(lab, open_lab):
    page = open_lab(lab.slug)
    for place in range(len(lab.presets)):
        page.locator(".preset").nth(place).click()
        belongs_together(page)
        for tab in page.locator(".views [role=tab]:visible").all()[:2]:
            tab.click()
            belongs_together(page)


def test_refusals_are_quoted_and_outages_waited_for(open_lab):
    page = open_lab("random-walk", ignore=FAILED)
    asked: list[str] = []

    def move(status: int, body: str) -> None:
        asked.clear()
        page.unroute("**/orrery-ask/**")
        page.route(
            "**/orrery-ask/**",
            lambda route: (asked.append(route.request.url), route.fulfill(status=status, body=body) if status else route.abort())[0],
        )
        page.locator("#p-steps").focus()
        page.keyboard.press("ArrowRight")

    for status, body, words in (
        (413, "the request is larger than 20 MB\n请求超过 20 MB", "The server refuses: the request is larger than 20 MB."),
        (403, "requests from other sites are not answered\n不响应来自其他网站的请求", "requests from other sites are not answered"),
        (403, "<html><h1>Forbidden</h1></html>", "refused on its way (HTTP 403)"),
        (421, "this name is not known here\n此处不认识这个名字", "this name is not known here"),
    ):
        move(status, body)
        page.wait_for_function(f"document.querySelector('.said').innerText.includes({json.dumps(words)})")
        page.wait_for_timeout(1300)
        assert len(asked) == 1, "a refusal is not asked again"
        assert not page.evaluate("Orrery.stage.state.asking || Orrery.stage.busy")
    for status in (502, 503, 504, 0):
        move(status, "<html>away</html>")
        page.wait_for_function("document.querySelector('.said').innerText.includes('No answer from the server yet')")
        page.wait_for_timeout(1300)
        assert len(asked) >= 2, "an outage is waited for"
        page.unroute("**/orrery-ask/**")
        settle(page)
        assert said(page) == "" and not page.evaluate("Orrery.stage.state.cleared")


def test_where_gradio_never_mounts_a_long_run_says_so(browser, site_url):
    page = browser.new_page()
    try:
        page.set_default_timeout(60_000)
        page.route("**/assets/**", lambda route: route.abort())
        page.goto(site_url + "/lora?seed=77&steps=4000")
        page.wait_for_function("window.Orrery && Orrery.stage")
        page.wait_for_function("Orrery.stage.busy || document.querySelector('.run').offsetParent")
        if not page.evaluate("Orrery.stage.busy"):
            page.locator(".run").click()
        page.wait_for_function("document.querySelector('.said').innerText.includes('A long run cannot start on this page')", timeout=25_000)
        assert not page.evaluate("Orrery.stage.busy")
    finally:
        page.close()


def test_both_boxes_of_code_run_as_pasted(open_lab):
    page = open_lab("random-walk", "steps=37&up=0.52&walls=absorbing&start=12&target=40")
    call, shell = (page.locator(part).inner_text() for part in ("#call", "#shell"))
    run = subprocess.run([sys.executable, "-c", call], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-500:]
    pasted = shell.replace("python -m", f"{sys.executable} -m")
    run = subprocess.run(["bash", "-c", pasted], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-500:]
    params = json.loads(run.stdout)["params"]
    assert params == parameters(page) and params["steps"] == 37 and params["walls"] == "absorbing"


def test_the_first_stop_leads_to_the_figure_and_print_carries_the_question(open_lab):
    page = open_lab("random-walk", "steps=37")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('a.skip')")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'figure' && location.pathname === '/random-walk'")
    page.emulate_media(media="print")
    printed = page.locator("#printed").inner_text()
    assert "steps" in printed and "37" in printed and page.url in printed
    assert page.locator(".controls").is_hidden() and page.locator("#figure").is_visible()
    page.emulate_media(media="screen")


@pytest.mark.parametrize("slug", ["random-walk", "flash-attention", "diffusion"])
def test_words_of_buttons_are_unbroken_in_chinese(slug, open_lab):
    page = open_lab(slug, locale="zh-CN")
    broken = page.evaluate(
        """[...document.querySelectorAll('.seg button')].filter(b => b.offsetParent).filter(b => {
          const range = document.createRange();
          range.selectNodeContents(b);
          return new Set([...range.getClientRects()].filter(r => r.width > 1).map(r => Math.round(r.top / 8))).size > 1
            && !/[\\s，；、]/.test(b.innerText.trim());
        }).map(b => b.innerText)"""
    )
    assert not broken


def test_the_menu_of_rarer_questions_opens_by_keys_and_closes(open_lab):
    lab = next(lab for lab in LABS if any(view.more and not view.when and not view.task for view in lab.views))
    page = open_lab(lab.slug)
    opener, menu = page.locator(".opener"), page.locator(".rest")
    opener.focus()
    page.keyboard.press("ArrowDown")
    assert menu.is_visible() and opener.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    assert menu.is_hidden() and page.evaluate("document.activeElement.matches('.opener')")
    place = next(i for i, view in enumerate(lab.views) if view.more and not view.when and not view.task)
    view(page, place)
    assert menu.is_hidden() and page.locator(f"#tab-{place}").get_attribute("aria-checked") == "true"
    assert lab.views[place].question.en in opener.inner_text()


def test_a_file_is_loaded_by_its_button_and_dropped(open_lab, tmp_path):
    page = open_lab("detection-metrics")
    choose(page, "source", "coco")
    box = page.locator("[data-param=coco_truth]")
    truth = json.loads(page.evaluate("Orrery.controls.state.coco_truth"))
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(truth, indent=1))
    box.locator("input[type=file]").set_input_files(path)
    settle(page)
    assert said(page) == "" and json.loads(parameters(page)["coco_truth"]) == truth
    path.write_text(json.dumps(truth, indent=8) + " " * 30_000)
    data = page.evaluate_handle(
        "text => { const made = new DataTransfer(); made.items.add(new File([text], 'long.json')); return made; }", path.read_text()
    )
    box.dispatch_event("drop", {"dataTransfer": data})
    page.wait_for_function("Orrery.controls.state.coco_truth.startsWith('file:')")
    settle(page)
    assert said(page) == "" and "long.json" in box.inner_text()
