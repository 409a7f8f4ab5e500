"""What there is in a scene: shapes, colours, surfaces and grounds, with their names in both languages."""

from __future__ import annotations

import numpy as np

SHAPES = (
    ("circle", "圆"),
    ("square", "正方形"),
    ("triangle", "三角形"),
    ("star", "星形"),
    ("cross", "十字"),
    ("ring", "圆环"),
)
COLOURS = (
    ("red", "红色"), ("orange", "橙色"), ("yellow", "黄色"), ("green", "绿色"), ("cyan", "青色"), ("blue", "蓝色"),
    ("purple", "紫色"), ("white", "白色"),
)  # fmt: skip
RGB = np.array(
    [(214, 48, 49), (236, 130, 34), (245, 208, 50), (52, 160, 74), (60, 196, 204), (46, 92, 204), (142, 68, 190),
     (240, 240, 236)], np.float32,
)  # fmt: skip
SURFACES = (("plain", "纯色"), ("striped", "条纹"), ("dotted", "圆点"), ("checked", "方格"))
GROUNDS = (("sand", "沙地"), ("grass", "草地"), ("water", "水面"), ("stone", "石地"))
# A light and a dark shade of each ground: none is as strong as an object's colour.
GROUND_RGB = np.array(
    [((214, 198, 164), (190, 172, 136)), ((150, 170, 118), (122, 146, 94)), ((146, 172, 186), (116, 146, 164)),
     ((158, 156, 154), (128, 126, 126))], np.float32,
)  # fmt: skip
SIZES = (("small", "小"), ("medium", "中等"), ("large", "大"))
SIZE_EDGES = (0.11, 0.16)  # radii, in sides of the picture, that divide small from medium from large
