"""Pictures: the photographs that every machine has, and those that people bring.

    photograph("china")                 # (H, W, 3) uint8
    opened(data)                        # a file's bytes: within limits, as plain RGB, with what was done to it
    from_text("data:image/png;base64,…")
    chosen(text)                        # either of them, as a lab's parameter names it

Nothing is ever opened by a path that a visitor gives.
"""

from engine.data.pictures.choosing import chosen, reduced
from engine.data.pictures.photographs import HELD_OUT, PHOTOGRAPHS, TRAINING, TRAINING_OTHER, photograph
from engine.data.pictures.uploads import BYTES, PIXELS, SIDE, SMALLEST, TEXT, Opened, as_text, from_text, opened

__all__ = [
    "BYTES",
    "HELD_OUT",
    "PHOTOGRAPHS",
    "PIXELS",
    "SIDE",
    "SMALLEST",
    "TEXT",
    "TRAINING",
    "TRAINING_OTHER",
    "Opened",
    "as_text",
    "chosen",
    "from_text",
    "opened",
    "photograph",
    "reduced",
]
