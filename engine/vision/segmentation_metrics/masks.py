"""Masks as text: rows of labels such as "0,0,1;0,1,1", with runs for what is long ("0*512 x100;0*200,3*112,0*200")."""

from __future__ import annotations

import re

import numpy as np
from numpy import ndarray

from engine.core import Refused
from engine.core.params import shown

LARGEST = 512  # pixels to a side
_ROW = re.compile(r"^(?P<entries>[^x]+?)(?:\s*x\s*(?P<times>\d{1,4}))?$")
_ENTRY = re.compile(r"^(?P<label>\d{1,3})(?:\*(?P<run>\d{1,4}))?$")


def read(text: str, name: str) -> ndarray:
    """The labels (H, W) uint8 of a text; `name` is the parameter's, for a refusal.

    Rows end with ";" or a new line, entries with "," or a space; "2*5" is five twos, "… x3" the row three times.
    Raises Refused: no rows, rows of different lengths, more than 512 pixels to a side, an entry that is no label.
    """
    rows: list[tuple[list[tuple[int, int]], int]] = []
    for written in re.split(r"[;\n]+", text.strip().strip(";")):
        row = _ROW.match(written.strip())
        entries = [_ENTRY.match(e) for e in re.split(r"[,\s]+", row["entries"].strip(" ,"))] if row else [None]
        if not all(entries) or any(int(e["label"]) > 255 for e in entries if e):
            raise Refused(
                f"{name} must be rows of labels from 0 to 255 such as 0,0,1;0,1,1; got {shown(written.strip())}",
                f"{name} 必须是由 0 到 255 的标签组成的行，例如 0,0,1;0,1,1；收到 {shown(written.strip())}", name,
            )  # fmt: skip
        runs = [(int(e["label"]), int(e["run"] or 1)) for e in entries if e]
        rows.append((runs, int(row["times"] or 1) if row else 1))
    widths = {sum(run for _, run in runs) for runs, _ in rows}
    height = sum(times for _, times in rows)
    if len(widths) > 1:
        few, many = min(widths), max(widths)
        raise Refused(f"{name} must have rows of one length; got rows of {few} and of {many} labels",
                      f"{name} 的各行必须等长；收到长为 {few} 与 {many} 的行", name)  # fmt: skip
    width = widths.pop()
    if not (0 < width <= LARGEST and 0 < height <= LARGEST):
        raise Refused(f"{name} must have 1 to {LARGEST} pixels to a side; got {height} x {width}",
                      f"{name} 的边长必须在 1 到 {LARGEST} 像素之间；收到 {height} x {width}", name)  # fmt: skip
    lines = [np.repeat(*(np.array(column) for column in zip(*runs, strict=True))) for runs, _ in rows]
    return np.repeat(np.array(lines, np.uint8), [times for _, times in rows], axis=0)


def written(labels: ndarray) -> str:
    """The shortest such text of a mask."""
    rows: list[list] = []
    for line in labels:
        ends = np.flatnonzero(np.append(line[1:] != line[:-1], True))
        runs = np.diff(ends, prepend=-1)
        text = ",".join(f"{v}*{n}" if n > 2 else ",".join([str(v)] * n) for v, n in zip(line[ends], runs, strict=True))
        if rows and rows[-1][0] == text:
            rows[-1][1] += 1
        else:
            rows.append([text, 1])
    return ";".join(text if times == 1 else f"{text} x{times}" for text, times in rows)


def read_matrix(text: str, name: str = "confusion") -> ndarray:
    """A confusion matrix (K, K) int64 from rows of counts. Raises Refused where it is none."""
    try:
        rows = [
            [int(v) for v in re.split(r"[,\s]+", row.strip(" ,"))] for row in re.split(r"[;\n]+", text.strip(" ;\n"))
        ]
        matrix = np.array(rows, np.int64)
    except (ValueError, OverflowError):
        matrix = np.zeros(0, np.int64)
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] and 2 <= len(matrix) <= 32
    if not square or matrix.min() < 0 or matrix.max() > 10**12 or not matrix.any():
        raise Refused(
            f"{name} must be a square matrix of counts, 2 to 32 classes, such as 50,3;2,40; got {shown(text)}",
            f"{name} 必须是 2 到 32 类的计数方阵，例如 50,3;2,40；收到 {shown(text)}", name,
        )  # fmt: skip
    return matrix
