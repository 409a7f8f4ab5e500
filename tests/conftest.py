"""Set before anything imports triton: kernels run under its interpreter where there is no GPU."""

import os
from pathlib import Path

import pytest
import reproduction

from engine.core import devices

if not devices.gpu_may_exist():
    os.environ.setdefault("TRITON_INTERPRET", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the site has it
if "PYTEST_XDIST_WORKER" in os.environ:  # workers side by side share the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

IN_A_BROWSER = Path(__file__).parent / "browser"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reproduce", action="store_true", help="run the tests that reproduce checkpoints, and keep their digests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The browser's tests come last: Playwright keeps an event loop running in the main thread until the session
    ends, and no test after its first may start one of its own."""
    items.sort(key=lambda item: item.path.is_relative_to(IN_A_BROWSER))
    for item in items:
        reproduction.arrange(item, config.getoption("--reproduce"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    reproduction.refuse_stale(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    if report.when == "call" and report.passed and item.config.getoption("--reproduce") and item.get_closest_marker("reproduces"):
        reproduction.keep(item)
    return report
