# ruff: noqa: F401 (this module exists to hand these names on)
"""All that a page draws with, in one import: figures and their panels, traces, and the look's colours.

from pages.shell import draw

draw.Figure(draw.curves(x, {T("exact", "精确"): y, …}), [draw.Panel(draw.Axis(T("steps", "步数"), log=True))], says)
"""

from pages.shell.axes import Axis
from pages.shell.colors import (
    ACCEPT,
    BRASS,
    CLASSES,
    DIVERGING,
    FOURTH,
    HAIRLINE,
    INK,
    INK_2,
    INK_3,
    MEASURED,
    MUTE,
    PAPER,
    RAMP,
    REJECT,
    SECOND,
    SURFACE,
    THEORY,
    THIRD,
)
from pages.shell.figures import Divider, Figure, Handle, Pick, absent
from pages.shell.moments import Frame, Frames
from pages.shell.packing import packed
from pages.shell.panels import Label, Panel
from pages.shell.strips import Strip
from pages.shell.traces import (
    COLORS,
    band,
    bars,
    boxes,
    boxes_at,
    class_map,
    contours,
    curves,
    heat,
    line,
    picture,
    points,
    source,
    surface,
    ticks,
    trace,
)
