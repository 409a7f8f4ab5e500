"""What the classes of the worlds in the plane are called."""

from __future__ import annotations

from engine.core.words import T

CLASSES = {
    "gaussian": (T("all", "全部"),),
    "lobes": (T("top", "上"), T("left", "左"), T("right", "右")),
    "moons": (T("upper", "上弯"), T("lower", "下弯")),
    "spirals": (T("one arm", "一臂"), T("other arm", "另一臂")),
}
COLOURS = tuple(T("colour {k}", "颜色 {k}", k=k) for k in range(1, 10))  # of a drawing
