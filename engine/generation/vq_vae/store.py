"""Pages that were made a moment ago: to change one integer of a picture, it is not encoded again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from engine.core import results
from engine.core.recent import Recent

if TYPE_CHECKING:
    from engine.generation.vq_vae.coded import Page
    from engine.generation.vq_vae.parameters import VqVae

CAPACITY = 64 * 2**20  # bytes: some 30 pages of the default size, ten of the largest


def key(params: VqVae) -> tuple[Any, ...]:
    """What a page depends on."""
    image: Any = params.image
    if image.startswith("data:"):
        image = hashlib.sha256(image.encode()).digest()  # no name can be it
    return image, params.side, params.factor, params.codebook, params.corrections


def _bytes(page: Page) -> int:
    tensors = sum(t.element_size() * t.numel() for t in (page.z, page.codes))
    return tensors + results.size(page)


AT_HAND: Recent[Page] = Recent(CAPACITY, _bytes)
