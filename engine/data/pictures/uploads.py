"""Pictures that people bring: opened within limits on bytes and pixels, as plain RGB, without anything else they hold.

A picture travels as a text, "data:image/png;base64,…", which a lab takes as a parameter: an experiment stays a function
of its parameters, nothing is written to disk, and of what was opened only the last few stay in memory.
"""

from __future__ import annotations

import base64
import binascii
import io
import threading
import warnings
from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from PIL import Image, UnidentifiedImageError

from engine.core import Refused
from engine.core.recent import remembered
from engine.core.words import T

FORMATS = ("PNG", "JPEG", "WEBP")
BYTES = 20_000_000
PIXELS = 40_000_000  # that are decoded; a JPEG of more is decoded at a half, a quarter or an eighth of its size
SIDE = 640  # what is larger is reduced to it
SMALLEST = 16
TEXT = 3_000_000  # characters of a picture as a text: 640 × 640 pixels of noise take fewer
PREFIXES = tuple(f"data:image/{kind};base64," for kind in ("png", "jpeg", "webp"))
ALPHA = {"RGBA", "LA", "PA", "La", "RGBa"}
# What a damaged file makes the decoders raise.
DAMAGE = (OSError, SyntaxError, ValueError, KeyError, IndexError, EOFError, TypeError, OverflowError, MemoryError)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_quietly = threading.Lock()  # filters of warnings belong to the whole process


@dataclass(frozen=True)
class Opened:
    """pixels: (H, W, 3) uint8. width, height: of the file. said: what was done to it, in sentences."""

    pixels: ndarray
    width: int
    height: int
    said: tuple[T, ...] = ()


def opened(data: bytes, side: int = SIDE, name: str = "image") -> Opened:
    """A PNG, JPEG or WebP file of at most 20 MB and 40 million pixels, reduced to `side` pixels at its longer side.

    A JPEG of more pixels is decoded at a part of its size. It is turned as its camera says, its first frame is taken,
    transparency lies on white. Raises Refused, whose
    parameter is `name`, with one sentence for anything else.
    """
    if len(data) > BYTES:
        rule = T("a file of at most {most:bytes}; got {n:bytes}", "不超过 {most:bytes} 的文件；收到 {n:bytes}", most=BYTES, n=len(data))
        raise _refused(rule, name)
    with _quietly, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            file = Image.open(io.BytesIO(data), formats=FORMATS)
        except Image.DecompressionBombError:
            raise _refused(
                T("of at most {most:count} pixels; got many more", "不超过 {most:count} 像素的图片；收到的远多于此", most=PIXELS), name
            ) from None
        except UnidentifiedImageError:
            rule = T(
                "a PNG, JPEG or WebP file; the contents of this one are none of these",
                "PNG、JPEG 或 WebP 文件；此文件的内容不属于其中任何一种",
            )
            raise _refused(rule, name) from None
        except DAMAGE:
            raise _damaged(name) from None
        with file:
            return _decoded(file, side, name)


def _decoded(file: Image.Image, side: int, name: str) -> Opened:
    (width, height), said = file.size, []
    if file.format in ("JPEG", "MPO") and not file.info.get("progressive"):
        # At a half, a quarter or an eighth; of a progressive file all coefficients would be held all the same.
        file.draft(None, (side, side))
    if file.width * file.height > PIXELS:
        rule = T(
            "of at most {most:count} pixels; got {width} x {height}",
            "不超过 {most:count} 像素的图片；收到 {width} x {height}",
            most=PIXELS,
            width=width,
            height=height,
        )
        raise _refused(rule, name)
    if getattr(file, "is_animated", False) and file.format != "MPO":
        said.append(T("It is animated: its first frame is shown.", "这是动图：只取第一帧。"))
    try:
        file.load()
        plain = _plain(file, said)
    except DAMAGE:
        raise _damaged(name) from None
    if (way := TURNS.get(_orientation(file))) is not None:
        plain = plain.transpose(way)
    if max(plain.size) > side:
        plain.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    if plain.size not in ((width, height), (height, width)):
        said.append(
            T(
                "It was reduced from {wide} × {high} to {w} × {h} pixels.",
                "已从 {wide} × {high} 缩小到 {w} × {h} 像素。",
                wide=width,
                high=height,
                w=plain.width,
                h=plain.height,
            )
        )
    if min(plain.size) < SMALLEST:
        rule = T(
            "at least {least} pixels wide and high once no side is over {side}; got {width} x {height}",
            "长边缩至 {side} 像素以内后宽高不小于 {least} 像素的图片；收到 {width} x {height}",
            least=SMALLEST,
            side=side,
            width=width,
            height=height,
        )
        raise _refused(rule, name)
    return Opened(np.array(plain), width, height, tuple(said))


def _orientation(file: Image.Image) -> int:
    """Which way the camera says is up; 1, upright, where it says nothing that can be read."""
    try:
        return int(file.getexif().get(0x0112, 1))
    except DAMAGE:
        return 1


def _plain(file: Image.Image, said: list[T]) -> Image.Image:
    """RGB, whatever the file's own mode."""
    if file.mode.startswith("I"):
        said.append(T("Its 16 bits a channel were cut to 8.", "每通道 16 位已截为 8 位。"))
        eight = (np.asarray(file).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return Image.fromarray(eight).convert("RGB")
    if file.mode in ALPHA or "transparency" in file.info:
        said.append(T("What is transparent lies on white.", "透明部分衬以白色。"))
        upper = file.convert("RGBA")
        made = Image.new("RGB", upper.size, (255, 255, 255))
        made.paste(upper, mask=upper.getchannel("A"))
        return made
    if file.mode == "CMYK":
        said.append(
            T("Its inks (CMYK) were turned into RGB without their colour profile.", "CMYK 油墨色已转为 RGB，未使用其色彩配置文件。")
        )
    return file.convert("RGB")


def as_text(pixels: ndarray) -> str:
    """The picture (H, W, 3) uint8 as a lossless data URL."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=6)
    return PREFIXES[0] + base64.b64encode(file.getvalue()).decode()


@remembered(8)
def from_text(text: str, name: str = "image") -> ndarray:
    """The pixels (H, W, 3) uint8, read only, of a picture as a text: "data:image/png;base64,…", or jpeg or webp.

    Raises Refused as `opened` does, and for a text that is no such thing.
    """
    prefix = next((p for p in PREFIXES if text.startswith(p)), None)
    try:
        data = base64.b64decode(text[len(prefix or "") :], validate=True)
    except (binascii.Error, ValueError):
        prefix = None
    if prefix is None:
        rule = T(
            'a name that is known, or a text that begins with "data:image/png;base64,"',
            "已知的名称，或以“data:image/png;base64,”开头的文字",
        )
        raise _refused(rule, name)
    pixels = opened(data, name=name).pixels
    pixels.setflags(write=False)
    return pixels


def _refused(rule: T, name: str) -> Refused:
    return Refused(T("{name} must be {rule}", "{name} 必须是{rule}", name=name, rule=rule), name)


def _damaged(name: str) -> Refused:
    rule = T("a whole PNG, JPEG or WebP file; this one is damaged or ends early", "完整的 PNG、JPEG 或 WebP 文件；此文件已损坏或不完整")
    return _refused(rule, name)
