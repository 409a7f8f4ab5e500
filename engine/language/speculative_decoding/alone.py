"""A thread in which torch works alone: operations this small are not shared out among cores.

Split over two cores, a pass over a 5 M parameter model is a hundred meetings of threads; on a busy machine each of
them waits for the other's turn, and a pass that takes 3 ms was seen to take 100. Runs that measure take turns here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


@functools.cache
def _pool() -> ThreadPoolExecutor:
    import torch

    others = torch.get_num_threads()  # kept per thread by torch, once it was asked

    def alone() -> None:
        torch.get_num_threads()
        torch.set_num_threads(1)

    pool = ThreadPoolExecutor(1, thread_name_prefix="speculative", initializer=alone)
    pool.submit(int).result()
    torch.set_num_threads(others)  # what threads that torch has not met yet will start from
    return pool


def stream(make: Callable[[], Iterator[Item]]) -> Iterator[Item]:
    """The items of an iterator, each of them worked out in that thread."""
    pool, done = _pool(), object()
    items = pool.submit(make).result()
    try:
        while (item := pool.submit(next, items, done).result()) is not done:
            yield item
    finally:
        pool.submit(items.close).result()
