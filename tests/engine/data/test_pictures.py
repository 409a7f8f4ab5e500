"""Pictures: those that every machine has, and every way in which one that a person brings can be odd or hostile."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from engine.core import Refused
from engine.data import pictures
from engine.data.pictures import uploads


def file(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    made = io.BytesIO()
    image.save(made, kind, **options)
    return made.getvalue()


def noise(height: int = 40, width: int = 60, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * x / width, 255 * y / height, 128 + 0 * x], -1).astype(np.uint8)


def words(made: pictures.Opened) -> str:
    assert all(s.en and s.zh and s.en != s.zh for s in made.said)
    return " ".join(s.en for s in made.said)


@pytest.mark.parametrize("name", [*pictures.PHOTOGRAPHS, *pictures.TRAINING, *pictures.TRAINING_OTHER])
def test_photographs_are_there(name):
    pixels = pictures.photograph(name)
    assert pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8 and min(pixels.shape[:2]) > 200
    assert not pixels.flags.writeable


def test_what_is_held_out_is_not_learned_from():
    assert not set(pictures.HELD_OUT) & {*pictures.TRAINING, *pictures.TRAINING_OTHER}


def test_lossless_kinds_come_through_as_they_are():
    pixels = noise()
    for data in (file(Image.fromarray(pixels)), file(Image.fromarray(pixels), "WEBP", lossless=True)):
        made = pictures.opened(data)
        assert np.array_equal(made.pixels, pixels) and made.said == () and (made.width, made.height) == (60, 40)


def test_a_text_gives_the_same_pixels_back():
    pixels = noise()
    assert np.array_equal(pictures.from_text(pictures.as_text(pixels)), pixels)
    assert np.array_equal(pictures.chosen(pictures.as_text(pixels)), pixels)
    assert len(pictures.as_text(noise(pictures.SIDE, pictures.SIDE))) < pictures.TEXT


def test_a_large_picture_is_reduced_and_says_so():
    made = pictures.opened(file(Image.fromarray(smooth(1500, 2000)), "JPEG", quality=90))
    assert made.pixels.shape == (480, 640, 3) and "reduced from 2000 × 1500 to 640 × 480" in words(made)
    assert np.abs(made.pixels.astype(int) - smooth(480, 640)).mean() < 2


def test_a_jpeg_beyond_the_limit_is_decoded_at_a_part_of_its_size():
    data = file(Image.fromarray(smooth(70, 80)).resize((7200, 6000)), "JPEG")
    made = pictures.opened(data)
    assert made.pixels.shape == (533, 640, 3) and "7200 × 6000" in words(made)
    slow = file(Image.fromarray(smooth(70, 80)).resize((7200, 6000)), "JPEG", progressive=True)
    with pytest.raises(Refused, match=r"at most 40.000.000 pixels; got 7200 x 6000"):
        pictures.opened(slow)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kB that says it has very many pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(10**6), 9)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(7000, 6000), (12_000, 12_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_bombs_are_refused_before_they_are_decoded(size):
    with pytest.raises(Refused, match=r"at most 40.000.000 pixels"):
        pictures.opened(bomb(*size))


def test_a_bomb_in_the_metadata_does_no_harm():
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80 * 2**20), 9))
    whole = file(Image.fromarray(noise()))
    with pytest.raises(Refused, match="damaged"):
        pictures.opened(whole[:33] + text + whole[33:])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_truncated_files_are_refused(kind, share):
    whole = file(Image.fromarray(noise(200, 200)), kind)
    with pytest.raises(Refused, match=r"damaged or ends early|none of these") as caught:
        pictures.opened(whole[: int(len(whole) * share)])
    assert caught.value.zh and caught.value.name == "image"


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"hello, I am a text" * 50, b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x00" * 1000]
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(Refused, match="PNG, JPEG or WebP file; the contents of this one are none of these"):
        pictures.opened(data)


def test_other_formats_are_refused():
    for kind in ("GIF", "BMP", "TIFF", "PPM"):
        with pytest.raises(Refused, match="none of these"):
            pictures.opened(file(Image.fromarray(noise()), kind))


@pytest.mark.parametrize("seed", range(40))
def test_damaged_bytes_never_raise_anything_else(seed):
    rng = np.random.default_rng(seed)
    data = bytearray(file(Image.fromarray(noise(50, 50)), ("PNG", "JPEG", "WEBP")[seed % 3]))
    for at in rng.integers(0, len(data), 12):
        data[at] = rng.integers(256)
    try:
        assert pictures.opened(bytes(data)).pixels.shape[2] == 3
    except Refused as error:
        assert "\n" not in error.en


def test_too_many_bytes_are_refused():
    with pytest.raises(Refused, match=r"at most 20.MB; got 21.MB"):
        pictures.opened(bytes(21_000_000))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_gives_its_first_frame(kind):
    frames = [Image.fromarray(noise(seed=k)) for k in range(3)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = file(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    made = pictures.opened(data)
    assert np.array_equal(made.pixels, noise(seed=0)) and "first frame" in words(made)


def test_inks_become_colours():
    made = pictures.opened(file(Image.new("CMYK", (30, 30), (255, 0, 0, 0)), "JPEG", quality=95))
    assert np.abs(made.pixels.astype(int) - (0, 255, 255)).max() < 6 and "CMYK" in words(made)


def test_sixteen_bits_are_cut_not_clipped():
    deep = (np.arange(40 * 60).reshape(40, 60) * 27).astype(np.uint16)
    made = pictures.opened(file(Image.fromarray(deep)))
    assert np.array_equal(made.pixels, np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, 2))
    assert "16 bits" in words(made)


def test_sixteen_bit_colour_is_read():
    rows = b"".join(b"\0" + struct.pack(">HHH", 65535, 32768, 0) * 20 for _ in range(20))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 20, 20, 16, 2, 0, 0, 0))
    made = pictures.opened(data + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    assert np.array_equal(np.unique(made.pixels.reshape(-1, 3), axis=0), [[255, 128, 0]])


def test_transparency_lies_on_white():
    clear = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (0, 0, 10, 20))
    made = pictures.opened(file(clear))
    assert tuple(made.pixels[5, 5]) == (0, 0, 255) and tuple(made.pixels[5, 15]) == (255, 255, 255)
    assert "white" in words(made)


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_grey_and_palettes_become_rgb(mode):
    made = pictures.opened(file(Image.fromarray(smooth(40, 50)).convert(mode)))
    assert made.pixels.shape == (40, 50, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_says_which_way_is_up_and_nothing_else_is_kept(orientation):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "a secret maker"
    upright = smooth(40, 60)
    turned = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: np.rot90(p, 1),
        7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
        8: lambda p: np.rot90(p, -1),
    }
    stored = Image.fromarray(np.ascontiguousarray(turned[orientation](upright)))
    made = pictures.opened(file(stored, exif=exif))
    assert np.array_equal(made.pixels, upright) and b"secret" not in pictures.as_text(made.pixels).encode()


@pytest.mark.parametrize("shape", [(1, 1), (15, 300), (9000, 20)])
def test_slivers_are_refused(shape):
    with pytest.raises(Refused, match="at least 16 pixels"):
        pictures.opened(file(Image.fromarray(smooth(*shape))))


@pytest.mark.parametrize("text", ["data:", "data:image/png;base64,!!", "data:text/html,<b>", "nobody", "/etc/passwd", ""])
def test_other_texts_are_refused(text):
    with pytest.raises(Refused) as caught:
        pictures.chosen(text)
    assert caught.value.name == "image" and caught.value.zh


def test_reduced_keeps_proportions():
    assert pictures.reduced(noise(100, 400), 200).shape == (50, 200, 3)
    assert pictures.reduced(noise(100, 400), 500).shape == (100, 400, 3)
    assert uploads.SIDE == pictures.SIDE
