"""The embedded detector, ready to look: a picture in, and out what every layer made of it.

Letters: H × W pixels, h × w tokens, L layers, Q queries, C classes, S grounds. Boxes are centre x, centre y, width,
height in sides of the picture, 0 to 1.
"""

from __future__ import annotations

import functools
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray
from scipy.special import softmax

from engine.core import checkpoints
from engine.core.words import T
from engine.data.scenes import GROUNDS, SHAPES

if TYPE_CHECKING:
    from engine.vision.detector.architecture import GridDetr
    from engine.vision.detector.panoptic import PanopticHead

NAME = "detr"
_loading = threading.RLock()


@dataclass(frozen=True)
class Detection:
    """What the layers made of one picture.

    logits: (L, Q, C + 1) of each decoder layer, the last class being "no object". boxes: (L, Q, 4). cross_attention:
    (L, heads, Q, h, w), where each query looks. encoder_attention: (layers, heads, h w, h w), from each token, row, to
    each other. masks: (Q, H/2, W/2) logits of each query's mask, from the last layer, and stuff: (S, H/2, W/2) logits of
    each ground, where the model has them.
    """

    logits: ndarray
    boxes: ndarray
    cross_attention: ndarray
    encoder_attention: ndarray
    masks: ndarray | None = None
    stuff: ndarray | None = None

    @property
    def probabilities(self) -> ndarray:
        """(L, Q, C + 1), the softmax of the logits."""
        return softmax(self.logits, -1)


@dataclass(frozen=True)
class Detector:
    """The model with its panoptic head. size: the side in pixels that it was trained at."""

    model: GridDetr
    head: PanopticHead
    size: int
    classes: tuple[T, ...] = SHAPES
    grounds: tuple[T, ...] = GROUNDS

    @property
    def queries(self) -> int:
        return self.model.config.num_queries

    def detect(self, pixels: ndarray) -> Detection:
        """Look at one picture (H, W, 3) uint8, sides from 32 to 256 and multiples of 8; best at `size`.

        Raises ValueError for anything else.
        """
        import torch

        from engine.vision.detector.architecture import attentions, normalised

        sides = pixels.shape[:2]
        if pixels.dtype != np.uint8 or pixels.shape[2:] != (3,) or any(n % 8 or not 32 <= n <= 256 for n in sides):
            raise ValueError(f"pixels must be uint8 (H, W, 3), sides 32 to 256 in steps of 8; got {pixels.dtype} {pixels.shape}")
        h, w = sides[0] // 8, sides[1] // 8
        kept: dict[str, list[ndarray]] = {"encoder": [], "cross": []}
        keep = lambda kind: lambda module, inputs, out: kept[kind].append(out[1][0].numpy())  # noqa: E731
        with _loading, torch.inference_mode():  # one at a time: the hooks are on the model that all share
            hooks = [module.register_forward_hook(keep(kind)) for kind, module in attentions(self.model)]
            try:
                inputs = normalised(torch.from_numpy(np.ascontiguousarray(pixels))[None])
                seen = self.model.see(inputs)
                masks, stuff = self.head(inputs, seen)
            finally:
                for hook in hooks:
                    hook.remove()
        cross = np.stack(kept["cross"])
        return Detection(
            seen.logits[:, 0].numpy(),
            seen.boxes[:, 0].numpy(),
            cross.reshape(*cross.shape[:-1], h, w),
            np.stack(kept["encoder"]),
            masks[0].numpy(),
            stuff[0].numpy(),
        )


@dataclass(frozen=True)
class Replay:
    """How training went on one held-out scene, at K of its steps.

    seed, index: of the scene, for `compose(seed, index, OBJECTS)` of `data`. step: (K,). boxes: (K, L, Q, 4). logits:
    (K, L, Q, C + 1). terms: (K, L, 3) class, L1 and GIoU loss, not weighted. given: (K, Q) the object that the last
    layer's assignment gives each query, by its place in the scene, −1 for none.
    """

    seed: int
    index: int
    step: ndarray
    boxes: ndarray
    logits: ndarray
    terms: ndarray
    given: ndarray


def load() -> Detector:
    """The detector in float32 on the CPU. The same object on every call: it belongs to all.

    Raises FileNotFoundError that names the command where the checkpoint is missing, ValueError where it does not fit.
    """
    with _loading:
        return _load()


def meta() -> dict[str, Any]:
    """How the model was made and what it reached. Light: reads one small file."""
    path = checkpoints.ROOT / NAME / "meta.json"
    if not path.is_file():
        raise FileNotFoundError(f"{NAME} has no meta.json; `python -m engine train {NAME}` makes it")
    return json.loads(path.read_text())


def replay() -> Replay:
    """What was kept of the training, from beside the checkpoint."""
    path = checkpoints.ROOT / NAME / "training.npz"
    if not path.is_file():
        raise FileNotFoundError(f"{NAME} has no training.npz; `python -m engine train {NAME}` makes it")
    with np.load(path) as kept:
        parts = [kept[key].astype(np.float32) for key in ("boxes", "logits", "terms")]
        return Replay(int(kept["seed"]), int(kept["scene"]), kept["step"].astype(int), *parts, kept["given"].astype(int))


def fresh(seed: int = 0) -> Detector:
    """A detector that was never trained: what the first step of training starts from."""
    import torch

    from engine.vision.detector import architecture, panoptic

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        shape = architecture.Shape()
        return _ready(architecture.build(shape), panoptic.PanopticHead(shape), shape.size)


def read(name: str, root: Path | None = None) -> Detector:
    """A detector from its checkpoint's folder `root / name`."""
    from engine.vision.detector import architecture, panoptic

    found = checkpoints.load(name, NAME, root)
    shape = architecture.revived(found.config["shape"])
    made = _ready(architecture.build(shape), panoptic.PanopticHead(shape), shape.size)
    for part, module in (("detector.", made.model), ("head.", made.head)):
        checkpoints.fill(module, {k.removeprefix(part): v for k, v in found.state.items() if k.startswith(part)})
    return made


def _ready(model: GridDetr, head: PanopticHead, size: int) -> Detector:
    model.set_attn_implementation("eager")  # the fused kernels do not return their weights
    return Detector(model.eval().requires_grad_(False), head.eval().requires_grad_(False), size)


@functools.cache
def _load() -> Detector:
    return read(NAME)
