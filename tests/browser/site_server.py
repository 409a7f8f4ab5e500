"""The site as a process of its own, as a person starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

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
