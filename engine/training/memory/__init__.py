"""What training a decoder holds in memory: sizes of real architectures, the bytes of each way of accounting, and a
count of the bytes that really are alive.

    bytes_ = parts(ARCHITECTURES[3], {"q": 8, "v": 8}, tokens=4096)     # LoRA of rank 8 on W_q and W_v of a 7B model
    with LiveBytes(model.parameters()) as live: step()                  # live.most: the peak of a real step
"""

from engine.training.memory.accounting import ACCOUNTINGS, CARD, HALF, PARTS, SINGLE, WIDE, Accounting, cards, parts, peak
from engine.training.memory.architectures import ARCHITECTURES, ATTENTION, FEED_FORWARD, FULL, KINDS, Architecture, Matrix, trainable

__all__ = [
    "ACCOUNTINGS",
    "ARCHITECTURES",
    "ATTENTION",
    "CARD",
    "FEED_FORWARD",
    "FULL",
    "HALF",
    "KINDS",
    "PARTS",
    "SINGLE",
    "WIDE",
    "Accounting",
    "Architecture",
    "Matrix",
    "cards",
    "parts",
    "peak",
    "trainable",
]
