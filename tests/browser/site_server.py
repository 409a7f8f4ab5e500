"""The site as a process of its own, as a person starts it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).parents[2]
START_SECONDS = 90


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """The site as a process of its own, as a person starts it."""

    def __init__(self, port: int):
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start, and wait until the site answers and its default results are computed."""
        environment = os.environ | {"GRADIO_SERVER_PORT": str(self.port)}
        for name in ("TRITON_INTERPRET", "OMP_NUM_THREADS"):  # the tests' own
            environment.pop(name, None)
        self.process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                html = urllib.request.urlopen(self.url + "/random-walk", timeout=5).read().decode()
                if '"opening":null' not in html:
                    return
            except OSError:
                assert self.process.poll() is None, "the site ended at its start"
            time.sleep(0.2)
        raise TimeoutError("the site did not come up")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


STARTED = Server(free_port())  # outlives the tests of the process that started it, where another still needs it


def alone(file: TextIO) -> bool:
    """Whether no other process holds a lock on a file; this one then holds it alone."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def shared(folder: Path) -> Iterator[str]:
    """The address of one site for all processes that test side by side: the first starts it, the last stops it.

    Each holds a lock on a file in `folder` for as long as it needs the site; a process that dies lets go of it too.
    """
    with (folder / "site.txt").open("a+") as file:
        if alone(file) and not file.tell():
            STARTED.start()
            assert STARTED.process is not None
            file.write(f"{STARTED.port} {STARTED.process.pid}")
            file.flush()
        fcntl.flock(file, fcntl.LOCK_SH)  # others wait here until it is up
        file.seek(0)
        port, process = map(int, file.read().split())
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            if alone(file):
                file.truncate(0)
                os.kill(process, signal.SIGTERM)
