"""Bytes of the tensors that are alive, counted while torch works."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class LiveBytes(TorchDispatchMode):
    """Bytes of all tensors alive, seen at every operation: a storage counts from its first sight until it is freed.

    held: tensors that are there already. now, most: bytes at this moment, and at the peak.
    """

    def __init__(self, held: Iterable[Tensor] = ()):
        super().__init__()
        self.now = self.most = 0
        self._seen: weakref.WeakSet[Any] = weakref.WeakSet()
        for tensor in held:
            self._meet(tensor)

    def _meet(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage in self._seen:
            return
        self._seen.add(storage)
        size = storage.nbytes()
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._forget, size)

    def _forget(self, size: int) -> None:
        self.now -= size

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        outcome = function(*args, **(kwargs or {}))
        for tensor in tree_iter(outcome):
            if isinstance(tensor, Tensor):
                self._meet(tensor)
        return outcome
