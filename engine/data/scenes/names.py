"""What there is in a scene: shapes, colours, surfaces and grounds, with their names in both languages."""

from __future__ import annotations

import numpy as np

from engine.core.words import T

SHAPES = (T("circle", "圆"), T("square", "正方形"), T("triangle", "三角形"), T("star", "星形"), T("cross", "十字"), T("ring", "圆环"))
COLOURS = (
    T("red", "红色"),
    T("orange", "橙色"),
    T("yellow", "黄色"),
    T("green", "绿色"),
    T("cyan", "青色"),
    T("blue", "蓝色"),
    T("purple", "紫色"),
    T("white", "白色"),
)
RGB = np.array(
    [(214, 48, 49), (236, 130, 34), (245, 208, 50), (52, 160, 74), (60, 196, 204), (46, 92, 204), (142, 68, 190), (240, 240, 236)],
    np.float32,
)
SURFACES = (T("plain", "纯色"), T("striped", "条纹"), T("dotted", "圆点"), T("checked", "方格"))
GROUNDS = (T("sand", "沙地"), T("grass", "草地"), T("water", "水面"), T("stone", "石地"))
# A light and a dark shade of each ground: none is as strong as an object's colour.
GROUND_RGB = np.array(
    [
        ((214, 198, 164), (190, 172, 136)),
        ((150, 170, 118), (122, 146, 94)),
        ((146, 172, 186), (116, 146, 164)),
        ((158, 156, 154), (128, 126, 126)),
    ],
    np.float32,
)
SIZES = (T("small", "小"), T("medium", "中等"), T("large", "大"))
SIZE_EDGES = (0.11, 0.16)  # radii, in sides of the picture, that divide small from medium from large
