"""One core to a task: threads of our own in which torch works alone.

A tile of attention is a dozen small operations. Split each of them over the cores, as torch does, and the cores wait
for one another a dozen times a tile, which on a busy machine costs several times the work itself. Here a core takes
whole tiles instead, and meets the others once, at the end.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import TypeVar

import torch

Item = TypeVar("Item")
SMALL = 2**18
_inline: ContextVar[bool] = ContextVar("inline", default=False)
_starting = threading.Lock()


@contextlib.contextmanager
def inline() -> Iterator[None]:
    """Within, tasks run in the calling thread, where a profiler or a dispatch mode of that thread sees them."""
    token = _inline.set(True)
    try:
        yield
    finally:
        _inline.reset(token)


@functools.cache
def _pool(size: int) -> ThreadPoolExecutor:
    """Threads whose torch operations do not split. torch keeps the number of threads per thread, once it was asked."""
    others, all_there = torch.get_num_threads(), threading.Barrier(size)

    def alone() -> None:
        torch.get_num_threads()
        torch.set_num_threads(1)
        all_there.wait()

    pool = ThreadPoolExecutor(size, thread_name_prefix="attention", initializer=alone)
    for start in [pool.submit(int) for _ in range(size)]:
        start.result()
    torch.set_num_threads(others)  # what threads that torch has not met yet will start from
    return pool


def count(device: torch.device, numbers: int) -> int:
    """How many tasks run at a time: one for each of torch's threads. One in all where few numbers are worked on, less
    than it takes to hand tasks over, and on a GPU, whose operations are parallel already."""
    return torch.get_num_threads() if device.type == "cpu" and numbers > SMALL else 1


def spread(task: Callable[[int, Item], None], items: Sequence[Item], workers: int) -> None:
    """Call task(worker, item) for every item, in order of start, without gradients; a worker runs one at a time."""
    rest, turn = iter(items), threading.Lock()

    def work(worker: int) -> None:
        with torch.no_grad():
            while True:
                with turn:
                    item = next(rest, None)
                if item is None:
                    return
                task(worker, item)

    if workers == 1 or _inline.get():
        work(0)
        return
    with _starting:
        pool = _pool(workers)
    for done in [pool.submit(work, worker) for worker in range(workers)]:
        done.result()
