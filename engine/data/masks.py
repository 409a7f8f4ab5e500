"""Maps of labels: as a text of rows, as a label picture of a person's own, and two of them brought to common labels.

A text has rows of labels such as "0,0,1;0,1,1", with runs for what is long ("0*512 x100;0*200,3*112,0*200"). One made of a
true-colour picture begins with its colours, "#000000,#800000;", and its numbers count these: what they mean is decided over
both pictures together.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image, UnidentifiedImageError

from engine.core import Refused, T
from engine.core.entry import normalised
from engine.core.params import shown
from engine.core.recent import remembered

LARGEST = 2048  # pixels to a side
BYTES, PIXELS = 20_000_000, 40_000_000  # of a file, and of what is decoded
IGNORED = 255
FORMATS = ("PNG", "GIF", "BMP", "WEBP")
COLOURS = 256  # of a true-colour picture: labels fit a byte
COLOUR = re.compile(r"#[0-9a-f]{6}")
_ROW = re.compile(r"^(?P<entries>[^x]+?)(?:\s*x\s*(?P<times>\d{1,4}))?$", re.ASCII)
_ENTRY = re.compile(r"^(?P<label>\d{1,3})(?:\*(?P<run>\d{1,4}))?$", re.ASCII)
# What a damaged file makes the decoders raise.
DAMAGE = (OSError, SyntaxError, ValueError, KeyError, IndexError, EOFError, TypeError, OverflowError, MemoryError)
_quietly = threading.Lock()  # filters of warnings belong to the whole process


@dataclass(frozen=True, eq=False)
class Mask:
    """Labels; the colours that they count, if they came from a true-colour picture; and what was done to the file."""

    labels: UInt8[ndarray, "H W"]
    colours: tuple[str, ...] = ()
    said: tuple[T, ...] = ()


@remembered(8)
def read(text: str, name: str) -> Mask:
    """The mask of a text; `name` is the parameter's, for a refusal.

    Rows end with ";" or a new line, entries with "," or a space; "2*5" is five twos, "… x3" the row three times.
    Raises Refused: no rows, rows of different lengths, more than 2,048 pixels to a side, an entry that is no label.
    """
    plain = text if text.isascii() else normalised(text)
    lines = re.split(r"[;\n]+", plain.strip().strip(";"))
    colours: tuple[str, ...] = ()
    if lines[0].startswith("#"):
        colours = tuple(lines.pop(0).lower().replace(" ", "").split(","))
    rows: list[tuple[list[tuple[int, int]], int]] = []
    most = len(colours) - 1 if colours else 255
    for line in lines:
        row = _ROW.match(line.strip())
        entries = [_ENTRY.match(e) for e in re.split(r"[,\s]+", row["entries"].strip(" ,"))] if row else [None]
        if not all(entries) or any(int(e["label"]) > most for e in entries if e) or not all(map(COLOUR.fullmatch, colours)):
            raise Refused(
                T(
                    "{name} must be rows of labels from 0 to {most} such as 0,0,1;0,1,1; got {got}",
                    "{name} 必须是由 0 到 {most} 的标签组成的行，例如 0,0,1;0,1,1；收到 {got}",
                    name=name,
                    most=most,
                    got=shown(line.strip()),
                ),
                name,
            )
        rows.append(([(int(e["label"]), int(e["run"] or 1)) for e in entries if e], int(row["times"] or 1) if row else 1))
    widths = {sum(run for _, run in runs) for runs, _ in rows} or {0}
    height = sum(times for _, times in rows)
    if len(widths) > 1:
        raise Refused(
            T(
                "{name} must have rows of one length; got rows of {few} and of {many} labels",
                "{name} 的各行必须等长；收到长为 {few} 与 {many} 的行",
                name=name,
                few=min(widths),
                many=max(widths),
            ),
            name,
        )
    width = widths.pop()
    if not (0 < width <= LARGEST and 0 < height <= LARGEST):
        raise Refused(
            T(
                "{name} must have 1 to {largest} pixels to a side; got {height} x {width}",
                "{name} 的边长必须在 1 到 {largest} 像素之间；收到 {height} x {width}",
                name=name,
                largest=LARGEST,
                height=height,
                width=width,
            ),
            name,
        )
    made = [np.repeat(*(np.array(column) for column in zip(*runs, strict=True))) for runs, _ in rows]
    labels = np.repeat(np.array(made, np.uint8), [times for _, times in rows], axis=0)
    labels.setflags(write=False)
    return Mask(labels, colours)


def written(labels: UInt8[ndarray, "H W"], colours: tuple[str, ...] = ()) -> str:
    """The shortest such text of a mask."""
    rows: list[list] = [[",".join(colours), 1]] if colours else []
    for line in labels:
        ends = np.flatnonzero(np.append(line[1:] != line[:-1], True))
        runs = np.diff(ends, prepend=-1).tolist()
        text = ",".join(f"{v}*{n}" if n > 2 else ",".join([str(v)] * n) for v, n in zip(line[ends].tolist(), runs, strict=True))
        if rows and rows[-1][0] == text:
            rows[-1][1] += 1
        else:
            rows.append([text, 1])
    return ";".join(text if times == 1 else f"{text} x{times}" for text, times in rows)


def together(a: Mask, b: Mask) -> tuple[UInt8[ndarray, "H W"], UInt8[ndarray, "H W"], tuple[T, ...]]:
    """The labels of two masks, colours mapped over both, and the map in a sentence.

    Where every colour is a grey, its value is the label, as in a grey picture; else the colours of both, from dark to light,
    are numbered from 0.
    """
    if not a.colours and not b.colours:
        return a.labels, b.labels, ()
    used = sorted({mask.colours[k] for mask in (a, b) if mask.colours for k in np.unique(mask.labels)})
    if all(colour[1:3] == colour[3:5] == colour[5:] for colour in used):
        table = {colour: int(colour[1:3], 16) for colour in used}
        said = T("The true-colour pictures are grey: the grey value is the label.", "真彩色图像全为灰色：灰度值即标签。")
    else:
        table = {colour: k for k, colour in enumerate(used)}
        listed = ", ".join(f"{colour} → {k}" for colour, k in list(table.items())[:12]) + (", …" if len(table) > 12 else "")
        said = T("Colours were numbered over both pictures together: {listed}.", "两张图像的颜色统一编号：{listed}。", listed=listed)
    maps = [
        np.array([table.get(colour, 0) for colour in mask.colours], np.uint8)[mask.labels] if mask.colours else mask.labels
        for mask in (a, b)
    ]
    if bool(a.colours) == bool(b.colours):
        return maps[0], maps[1], (said,)
    mixed = T(
        "One picture has colours, the other labels of its own: they are compared by number.", "一张图像是颜色，另一张是标签：按编号比较。"
    )
    return maps[0], maps[1], (said, mixed)


def decode(data: bytes, name: str, known: tuple[str, ...] = ()) -> Mask:
    """The labels of a file as they are: the palette's index, or the grey value, of 8 or 16 bits.

    A true-colour picture's colours are counted: first those `known`, the other picture's, then its own from dark to light. A
    side over 2,048 pixels is reduced without mixing labels, and that is said. Raises Refused with one sentence.
    """
    if len(data) > BYTES:
        raise _refused(
            name, T("a file of at most {most:bytes}", "不超过 {most:bytes} 的文件", most=BYTES), T("{n:bytes}", "{n:bytes}", n=len(data))
        )
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        raise _refused(
            name, T("a PNG, GIF, BMP or WebP file", "PNG、GIF、BMP 或 WebP 文件"), T("a TIFF: save it as PNG", "TIFF 文件：请另存为 PNG")
        )
    if data[:3] == b"\xff\xd8\xff":
        lossy = T("a JPEG, which does not keep labels exact", "JPEG 文件，它不能准确保存标签")
        raise _refused(name, T("a PNG, GIF, BMP or WebP file", "PNG、GIF、BMP 或 WebP 文件"), lossy)
    with _quietly, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as file:
                if file.width * file.height > PIXELS:
                    raise _too_many(name, file.size)
                file.load()
                return _labels(file, data, name, known)
        except Image.DecompressionBombError:
            raise _too_many(name, None) from None
        except UnidentifiedImageError:
            what = T("contents that are none of these", "内容不属于其中任何一种")
            raise _refused(name, T("a PNG, GIF, BMP or WebP file", "PNG、GIF、BMP 或 WebP 文件"), what) from None
        except Refused:
            raise
        except DAMAGE:
            raise _refused(name, T("a whole file", "完整的文件"), T("one that is damaged or ends early", "已损坏或不完整的文件")) from None


def _refused(name: str, rule: T, got: T) -> Refused:
    return Refused(T("{name} must be {rule}; got {got}", "{name} 必须是{rule}；收到{got}", name=name, rule=rule, got=got), name)


def _too_many(name: str, size: tuple[int, int] | None) -> Refused:
    got = T("{w} x {h}", " {w} x {h}", w=size[0], h=size[1]) if size else T("many more", "的远多于此")
    return _refused(name, T("of at most {most:count} pixels", "不超过 {most:count} 像素的图像", most=PIXELS), got)


def _labels(file: Image.Image, data: bytes, name: str, known: tuple[str, ...]) -> Mask:
    said = []
    if getattr(file, "is_animated", False):
        said.append(T("It is animated: its first frame is taken.", "这是动图：只取第一帧。"))
    values = _reduced(file, said)
    depth, kind = (data[24], data[25]) if file.format == "PNG" else (8, -1)
    if values.ndim == 2:
        if file.mode == "L" and kind == 0 and depth in (2, 4):
            values = values // (255 // (2**depth - 1))  # Pillow spreads small samples over a byte; the sample is the label
        if values.max(initial=0) > IGNORED:
            worst = int(values.max())
            raise _refused(
                name, T("a picture of labels from 0 to 255", "标签在 0 到 255 之间的图像"), T("the label {n}", "标签 {n}", n=worst)
            )
        return Mask(values.astype(np.uint8), (), tuple(said))
    if depth == 16:
        said.append(T("Its 16 bits a channel were cut to 8.", "每通道 16 位已截为 8 位。"))
    packed = values.astype(np.int64) @ np.array([65536, 256, 1])
    own, labels = np.unique(packed, return_inverse=True)
    names = [f"#{v:06x}" for v in own.tolist()]
    if not known and all(v % 65793 == 0 for v in own.tolist()):  # greys: counted by their value
        names, labels = [f"#{v:02x}{v:02x}{v:02x}" for v in range(int(own[-1]) // 65793 + 1)], (own // 65793)[labels]
        return Mask(labels.reshape(packed.shape).astype(np.uint8), tuple(names), tuple(said))
    every = (*known, *(colour for colour in names if colour not in known))
    if len(every) > COLOURS:
        got = T(
            "{n:count} colours: a photograph, or edges that were smoothed", " {n:count} 种颜色：可能是照片，或边缘被平滑过", n=len(every)
        )
        raise _refused(name, T("a picture of at most {most} colours", "至多 {most} 种颜色的图像", most=COLOURS), got)
    place = np.array([every.index(colour) for colour in names], np.uint8)
    return Mask(place[labels].reshape(packed.shape), every, tuple(said))


def _reduced(file: Image.Image, said: list[T]) -> ndarray:
    """Indices, grey values or colours (H, W) or (H, W, 3), at most 2,048 to a side, by picking pixels."""
    if file.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        said.append(T("What it says of transparency is left out.", "忽略透明度。"))
    if file.mode in ("LA", "La"):
        values = np.asarray(file)[..., 0]
    elif file.mode in ("P", "L", "1") or file.mode.startswith("I"):
        values = np.asarray(file)
    elif file.mode in ("RGB", "RGBA", "RGBX"):
        values = np.asarray(file)[..., :3]
    else:
        values = np.asarray(file.convert("RGB"))
    high, wide = values.shape[:2]
    if max(high, wide) <= LARGEST:
        return values
    rows, columns = (
        ((np.arange(max(1, n * LARGEST // max(high, wide))) + 0.5) * max(high, wide) / LARGEST).astype(int) for n in (high, wide)
    )
    values = values[np.minimum(rows, high - 1)][:, np.minimum(columns, wide - 1)]
    said.append(
        T(
            "It was reduced from {wide} × {high} to {w} × {h} pixels, by picking pixels.",
            "已从 {wide} × {high} 缩小到 {w} × {h} 像素（抽取像素）。",
            wide=wide,
            high=high,
            w=values.shape[1],
            h=values.shape[0],
        )
    )
    return values
