"""Scenes: a world of coloured shapes on lit, textured grounds, with exact classes, colours, boxes, masks and captions.

Deterministic by seed and index, at any size from 32 to 256 pixels: what the labs of generation and vision learn from
and are judged on.

    scene = compose(seed=1, index=7)          # what stands where
    picture = render(scene, 128)              # pixels, instances, grounds, boxes
    caption(scene)                            # the same in words
"""

from engine.data.scenes.composition import MOST, Ground, Scene, caption, compose
from engine.data.scenes.names import COLOURS, GROUNDS, SHAPES, SIZES, SURFACES
from engine.data.scenes.rendering import Picture, boxes, instances, render

SMALLEST, LARGEST = 32, 256  # pixels to a side
__all__ = [
    "COLOURS",
    "GROUNDS",
    "LARGEST",
    "MOST",
    "SHAPES",
    "SIZES",
    "SMALLEST",
    "SURFACES",
    "Ground",
    "Picture",
    "Scene",
    "boxes",
    "caption",
    "compose",
    "instances",
    "render",
]
