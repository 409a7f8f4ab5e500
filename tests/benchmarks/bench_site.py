"""The site's budgets: start, first paint, bytes, repaint, cancel, memory, and a class of 200. Figures, not tests."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from chromium import FLAGS, on_path  # noqa: E402  beside this folder

PEOPLE = 200
MARKS = ("<!-- figures -->", "<!-- /figures -->")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(*command: str) -> Iterator[tuple[str, float, subprocess.Popen]]:
    """A server process: its address, seconds until it answered, and the process."""
    port = free_port()
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port)}
    words = [sys.executable, *(str(port) if word == "PORT" else word for word in command)]
    start = time.perf_counter()
    process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read()
                break
            except OSError:
                assert process.poll() is None, "the server ended"
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}", time.perf_counter() - start, process
    finally:
        process.terminate()
        process.wait(20)


def wait_warm(url: str, slug: str) -> None:
    """Wait until the page opens on its computed default."""
    while '"opening":null' in urllib.request.urlopen(f"{url}/{slug}").read().decode():
        time.sleep(0.2)


def memory(process: subprocess.Popen) -> float:
    """Resident megabytes."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def painted(page: Page) -> float:
    """Seconds from navigation to the first painted figure, by the browser's own clock."""
    page.wait_for_function("window.Orrery && Orrery.stage && Orrery.stage.drawing.painted > 0", polling=10)
    return page.evaluate("Orrery.stage.drawing.first / 1000")


def browsing(browser: Browser, url: str, slug: str) -> dict[str, float]:
    """Cold and warm first figure, bytes over the wire, repaint after a slider's key, and cancelling."""
    cold, warm, repaint = [], [], []
    for _ in range(3):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        got: dict[str, float] = {}
        names: dict[str, str] = {}
        session.on("Network.responseReceived", lambda e, names=names: names.update({e["requestId"]: e["response"]["url"]}))
        session.on("Network.loadingFinished", lambda e, got=got: got.update({e["requestId"]: e["encodedDataLength"]}))
        page.goto(f"{url}/{slug}")
        cold.append(painted(page))
        page.wait_for_function("Orrery.transport.connected()")
        page.wait_for_timeout(1000)
        wire = sum(size for key, size in got.items() if "plotly.min.js" not in names.get(key, ""))
        page.goto(f"{url}/{slug}")
        warm.append(painted(page))
        page.wait_for_function("Orrery.transport.connected()")
        slider = page.locator("#controls input[type=range]").first
        slider.focus()
        for _ in range(8):
            count = page.evaluate("Orrery.stage.drawing.painted")
            start = page.evaluate("performance.now()")
            page.keyboard.press("ArrowRight")
            page.wait_for_function(f"Orrery.stage.drawing.painted > {count}", polling="raf")
            repaint.append(page.evaluate("Orrery.stage.drawing.last") - start)
            page.wait_for_timeout(100)
        context.close()
    return {
        "cold_s": statistics.median(cold),
        "warm_s": statistics.median(warm),
        "wire_kb": wire / 1024,
        "repaint_p75_ms": statistics.quantiles(repaint, n=4)[2],
    }


def cancelling() -> float:
    """Milliseconds from closing a long run to its end, in the engine."""
    from engine.core import experiments
    from engine.core.runner import Runner

    experiment = experiments.discover()["random-walk"]
    times = []
    for seed in range(3):
        params = experiment.params.parse({"steps": 20_000, "walkers": 10_000_000, "seed": seed})
        stream = Runner().stream(experiment, params)
        next(stream)
        start = time.perf_counter()
        stream.close()
        times.append(time.perf_counter() - start)
    gaps = []
    for _ in range(1):
        stream = Runner().stream(experiment, params)
        last = time.perf_counter()
        for _ in range(20):
            next(stream)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now
        stream.close()
    return 1000 * (max(times) + max(gaps))


def handling(slug: str) -> float:
    """Milliseconds of CPU of one answer at the defaults, engine and figure, nothing cached: the median of 30."""
    import pages
    from engine.core.runner import Runner
    from pages.shell import replies

    lab = next(page.lab for found in pages.discover().values() for page in found if page.lab.slug == slug)
    runner, times = Runner(), []
    for seed in range(33):
        start = time.process_time()
        reply = replies.answer(lab, runner, {"params": {"seed": seed}, "view": 1, "id": seed})
        times.append(time.process_time() - start)
        assert "figures" in reply, reply
    return 1000 * statistics.median(times[3:])


def main(slug: str = "random-walk") -> None:
    """Measure everything, print it, and put it into the README's table."""
    rows: list[tuple[str, str, str]] = []
    with serving("app.py") as (url, seconds, _):
        rows.append(("`python app.py` to HTTP 200", f"{seconds:.1f} s", "≤ 6 s"))
        wait_warm(url, slug)
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=on_path(), args=FLAGS)
            seen = browsing(browser, url, slug)
            browser.close()
    rows += [
        ("first figure painted, cold / warm browser", f"{seen['cold_s']:.2f} / {seen['warm_s']:.2f} s", "≤ 2.5 / 0.6 s"),
        ("bytes over the wire of a page, plotly.js not counted", f"{seen['wire_kb']:.0f} kB", "≤ 1.2 MB"),
        ("slider to repaint, p75", f"{seen['repaint_p75_ms']:.0f} ms", "≤ 150 ms"),
        ("CPU of one answer at the defaults", f"{handling(slug):.1f} ms", "≤ 10 ms"),
        ("a long run's longest step and its end when cancelled", f"{cancelling():.0f} ms", "≤ 100 ms"),
    ]
    with serving("tests/benchmarks/padded_site.py", "PORT") as (url, _, process):
        assert process.stdout is not None
        built = float(re.search(r"built ([\d.]+)", process.stdout.readline())[1])  # type: ignore[index]
        while process.stdout.readline().strip() != "warm":
            pass
        rows.append(
            ("site of 30 labs: build / memory at rest, all models warm", f"{built:.1f} s / {memory(process):.0f} MB", "≤ 3 s / 500 MB")
        )
        load = [sys.executable, "tests/benchmarks/classroom.py", url, slug, str(PEOPLE)]
        school = json.loads(subprocess.run(load, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        first = f"{school['first_p50']:.2f} / {school['first_p95']:.2f} s"
        later = f"{1000 * school['later_p50']:.0f} / {1000 * school['later_p95']:.0f} ms"
        counts = f"{school['answers']}, {school['lost']}, {school['mixed']}"
        rows += [
            (f"class of {PEOPLE}: first result, p50 / p95", first, "p95 ≤ 3 s"),
            (f"class of {PEOPLE}: later results, p50 / p95", later, "p95 ≤ 500 ms"),
            (f"class of {PEOPLE}: answers, lost, mixed", counts, "0 lost, 0 mixed"),
            (f"class of {PEOPLE}: the server's memory after it", f"{memory(process):.0f} MB", "≤ 1 GB"),
        ]
    table = "\n".join(["| what | measured | budget |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)])
    print(table)
    readme = ROOT / "README.md"
    text = readme.read_text()
    if all(mark in text for mark in MARKS):
        before, after = text.split(MARKS[0])[0], text.split(MARKS[1])[1]
        readme.write_text(f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{after}")


if __name__ == "__main__":
    main()
