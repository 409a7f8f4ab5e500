"""Label pictures keep their labels: palette, grey, 16 bits; colours are counted over both; scores by scikit-learn."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics

from engine.core import Refused
from engine.core.runner import Runner
from engine.data import masks
from engine.vision.segmentation_metrics import SegmentationMetrics, segmentation_metrics

FILES = Path(__file__).parent / "masks"
RIGHT = json.loads((FILES / "right.json").read_text())
RNG = np.random.default_rng(5)
PALETTE = [v for k in range(256) for v in (k * 37 % 256, k * 91 % 256, k * 53 % 256)]


def file(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    made = io.BytesIO()
    image.save(made, kind, **options)
    return made.getvalue()


def palette(labels: np.ndarray) -> Image.Image:
    image = Image.fromarray(labels.astype(np.uint8), "L").convert("P")
    image = Image.frombytes("P", image.size, labels.astype(np.uint8).tobytes())
    image.putpalette(PALETTE)
    return image


def sixteen(labels: np.ndarray) -> Image.Image:
    return Image.fromarray(labels.astype(np.uint16))


def coloured(labels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.array(PALETTE, np.uint8).reshape(-1, 3)[labels])


def pair(side: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """VOC's labels, sparse and with a border that does not count; and a prediction that lacks one class and has another."""
    coarse = RNG.choice([0, 8, 12, 15], (side // 8, side // 8))
    truth = np.kron(coarse, np.ones((8, 8), int))
    found = np.where(RNG.random(truth.shape) < 0.3, np.where(truth == 12, 0, 20), truth)
    truth[:2] = 255
    return truth, found


def scores(truth: bytes, found: bytes):
    texts = {}
    for name, data in (("truth", truth), ("prediction", found)):
        made = masks.decode(data, name)
        texts[name] = masks.written(made.labels, made.colours)
    return Runner().run(segmentation_metrics, SegmentationMetrics.parse({"source": "masks", **texts})).result


def right(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """By scikit-learn, over the classes that the truth or the prediction has."""
    t, p = truth[truth != 255], found[truth != 255]
    n = metrics.confusion_matrix(t, p).astype(float)
    hit, true, said = np.diag(n), n.sum(1), n.sum(0)
    iou = hit / (true + said - hit)
    return {
        "pixel_accuracy": metrics.accuracy_score(t, p),
        "mean_pixel_accuracy": (hit / np.where(true, true, np.nan))[true > 0].mean(),
        "mean_iou": iou.mean(),
        "frequency_weighted_iou": (true * iou).sum() / true.sum(),
    }


@pytest.mark.parametrize("kind", [palette, lambda v: Image.fromarray(v.astype(np.uint8)), sixteen])
@pytest.mark.parametrize("_", range(4))
def test_scores_are_those_of_the_labels_whatever_the_file(kind, _):
    truth, found = pair()
    made = scores(file(kind(truth)), file(kind(found)))
    for name, value in right(truth, found).items():
        assert getattr(made, name) == pytest.approx(value, abs=1e-12), name
    labels = np.flatnonzero((made.truth_pixels > 0) | (made.predicted_pixels > 0))
    np.testing.assert_array_equal(labels, np.union1d(truth[truth != 255], found[truth != 255]))
    assert "255, which is ignored" in made.findings[0].text.en


@pytest.mark.parametrize("mixed", [file, lambda image: file(image.convert("RGBA")), lambda image: file(image, "BMP")])
def test_true_colours_are_counted_over_both_files(mixed):
    truth, found = pair()
    truth[:2] = 0  # of true colours none is known to mean "ignored"
    made = scores(mixed(coloured(truth)), mixed(coloured(found)))
    for name, value in right(truth, found).items():
        assert getattr(made, name) == pytest.approx(value, abs=1e-12), name
    said = " ".join(f.text.en for f in made.findings)
    assert "Colours were numbered over both pictures together: #000000 → 0" in said
    assert all(f"#{PALETTE[3 * k]:02x}{PALETTE[3 * k + 1]:02x}{PALETTE[3 * k + 2]:02x} → " in said for k in np.union1d(truth, found))


def test_the_second_file_keeps_the_numbers_of_the_first():
    truth, found = pair()
    first = masks.decode(file(coloured(np.where(truth == 255, 0, truth))), "truth")
    second = masks.decode(file(coloured(found)), "prediction", first.colours)
    assert second.colours[: len(first.colours)] == first.colours
    for k, colour in enumerate(first.colours):
        at = masks.decode(file(coloured(found)), "prediction").colours.index(colour) if colour in second.colours else -1
        assert at < 0 or ((second.labels == k) == (masks.decode(file(coloured(found)), "x").labels == at)).all()


def test_grey_in_true_colour_is_its_value():
    truth, found = pair()
    rgb = lambda v: file(Image.fromarray(v.astype(np.uint8)).convert("RGB"))  # noqa: E731
    made = scores(rgb(truth), rgb(found))
    for name, value in right(truth, found).items():
        assert getattr(made, name) == pytest.approx(value, abs=1e-12), name
    assert "the grey value is the label" in made.findings[0].text.en


@pytest.mark.parametrize(("bits", "most"), [(1, 1), (2, 3), (4, 15)])
def test_small_samples_are_the_labels(bits, most):
    """A grey PNG of so many bits, written by hand: Pillow itself writes none of two or four."""
    import struct
    import zlib

    labels = RNG.integers(0, most + 1, (6, 8))
    rows = b"".join(
        b"\0" + bytes(sum(int(v) << (8 - bits * (i + 1)) for i, v in enumerate(row[k : k + 8 // bits])) for k in range(0, 8, 8 // bits))
        for row in labels
    )
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))  # noqa: E731
    head = struct.pack(">IIBBBBB", 8, 6, bits, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(masks.decode(data, "truth").labels, labels)


def test_sides_are_kept_or_the_reduction_is_said():
    labels = RNG.integers(0, 20, (30, 2048))
    kept = masks.decode(file(palette(labels)), "truth")
    np.testing.assert_array_equal(kept.labels, labels)
    assert kept.said == ()
    large = masks.decode(file(palette(np.kron(labels, np.ones((2, 2), int)))), "truth")
    np.testing.assert_array_equal(large.labels, labels)
    assert "reduced from 4096 × 60 to 2048 × 30" in large.said[0].en


def test_what_is_no_label_picture_is_one_sentence():
    png, grey = file(palette(pair()[0])), Image.fromarray(np.zeros((40, 40), np.uint8))
    noise = Image.fromarray(RNG.integers(0, 256, (64, 64, 3)).astype(np.uint8))
    sentences = {
        file(sixteen(np.array([[0, 300], [1, 2]]))): "labels from 0 to 255; got the label 300",
        file(grey, "TIFF"): "got a TIFF",
        file(grey, "JPEG"): "got a JPEG, which does not keep labels exact",
        png[: len(png) // 2]: "got one that is damaged or ends early",
        file(noise): "at most 256 colours; got ",
        b"hello": "contents that are none of these",
        b"": "contents that are none of these",
        b"\0" * (masks.BYTES + 1): "a file of at most",
        file(Image.new("1", (20_000, 20_000))): "of at most 40",
    }
    for data, sentence in sentences.items():
        with pytest.raises(Refused) as told:
            masks.decode(data, "truth")
        assert sentence in told.value.en and told.value.en.startswith("truth must be ") and told.value.zh


def test_a_text_of_a_mask_is_read_as_it_was_written():
    for _ in range(10):
        labels = RNG.integers(0, 3, RNG.integers(1, 30, 2)).astype(np.uint8)
        colours = ("#000000", "#800000", "#008000") if RNG.random() < 0.5 else ()
        made = masks.read(masks.written(labels, colours), "truth")
        np.testing.assert_array_equal(made.labels, labels)
        assert made.colours == colours
    np.testing.assert_array_equal(masks.read("０，１＊３；１，０*3", "truth").labels, [[0, 1, 1, 1], [1, 0, 0, 0]])


@pytest.mark.parametrize("files", RIGHT)
def test_pairs_that_people_have(files):
    """A VOC palette, grey values, and 16 bits, with 255 where nothing counts."""
    made = scores(*((FILES / name).read_bytes() for name in files.split(", ")))
    wanted = dict(RIGHT[files])
    labels = np.flatnonzero((made.truth_pixels > 0) | (made.predicted_pixels > 0))
    assert labels.tolist() == wanted.pop("labels")
    assert {name: getattr(made, name) for name in wanted} == pytest.approx(wanted, abs=1e-12)
