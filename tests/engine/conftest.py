"""The engine's tests stand on a machine of one's own: paths may be named, and the Hub."""

from __future__ import annotations

import threading

import pytest

from engine.core import privacy


@pytest.fixture(autouse=True)
def private(monkeypatch):
    monkeypatch.setenv("ORRERY_PRIVATE", "1")
    monkeypatch.setattr(privacy, "_others", threading.Event())
