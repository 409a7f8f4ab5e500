"""The embedded VQ-VAE on the page: pictures coded, integers changed, what bits buy, other pages."""

import hashlib
import io

import numpy as np
import pytest
import torch
from PIL import Image

from engine.core import Refused
from engine.data import pictures
from engine.generation.picture_codes import coding, models, quality
from engine.generation.picture_codes.networks import CODEBOOKS
from engine.generation.vq_vae import VqVae, coded, other_pages, rates, store, vq_vae


def asked(**values: object) -> VqVae:
    """Parameters that change no integer unless they say so."""
    return VqVae.parse({"edit_code": -1} | values)


# --- a picture on the page ---


def test_an_uploaded_picture_is_coded_like_any_other():
    pixels = pictures.reduced(pictures.photograph("china"), 200)
    found = vq_vae(asked(image=pictures.as_text(pixels), side=200))
    assert np.array_equal(found.image, pixels) and found.codes.shape == (-(-pixels.shape[0] // 8), 25)
    assert found.psnr == pytest.approx(quality.psnr(pixels, found.reconstruction))
    assert found.usage.sum() == found.codes.size and found.perplexity == quality.perplexity(found.usage)
    with pytest.raises(Refused, match="damaged"):
        vq_vae(asked(image=pictures.as_text(pixels)[: len("data:image/png;base64,") + 900]))


@pytest.mark.parametrize("shape", [(16, 16), (17, 90), (61, 33)])
@pytest.mark.parametrize("factor", models.FACTORS)
def test_any_size_is_taken(shape, factor):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    found = vq_vae(asked(image=pictures.as_text(pixels), factor=factor, edit_row=150, edit_column=150, edit_code=255))
    assert found.reconstruction.shape == pixels.shape == (*found.error.shape, 3)
    h, w = found.codes.shape
    assert (found.cell.row, found.cell.column, found.cell.after) == (h - 1, w - 1, 255)


@pytest.mark.parametrize("factor", models.FACTORS)
@pytest.mark.parametrize("place", [(0, 0), (7, 11), (20, 31)])
def test_a_changed_integer_gives_what_the_whole_page_would(factor, place):
    params = asked(factor=factor, edit_row=place[0], edit_column=place[1], edit_code=17)
    found = vq_vae(params)
    model = models.autoencoder(factor)
    whole = coding.image(coding.paint(model, torch.from_numpy(found.codes).long(), 256))
    apart = np.abs(whole[: found.image.shape[0], : found.image.shape[1]].astype(int) - found.reconstruction)
    assert apart.max() <= 1 and (apart > 0).mean() < 1e-3  # a rounding to the other side of a half, at most
    plain = vq_vae(asked(factor=factor, edit_row=place[0], edit_column=place[1]))
    assert int((plain.codes != found.codes).sum()) == 1 and found.codes[place] == 17
    assert plain.cell.before == plain.cell.after == found.cell.before
    top, bottom, left, right = found.cell.window
    outside = np.ones(plain.image.shape[:2], bool)
    outside[top:bottom, left:right] = False
    assert np.array_equal(plain.reconstruction[outside], found.reconstruction[outside])
    cells, made = found.cell.decoded
    assert (bottom - top) * (right - left) <= made <= cells * factor**2 <= found.codes.size * factor**2
    assert found.cell.changed > 0 and found.cell.psnr_before == plain.psnr
    assert found.ssim == pytest.approx(quality.ssim(found.image, found.reconstruction), abs=1e-6) != plain.ssim


def test_a_picture_is_corrected_wherever_it_is_asked_for():
    with torch.inference_mode():
        inside = vq_vae(asked(image="coffee", side=80, corrections=2))
    assert inside.corrected.shape == (3,) and inside.psnr == inside.corrected.max() > inside.corrected[0]
    alone = vq_vae(asked(image="coffee", side=80, corrections=0))
    assert alone.corrected.tolist() == [alone.psnr] == [inside.corrected[0]]
    assert all(p.grad is None for p in models.autoencoder(8).parameters())


def test_the_nearest_codes_are_the_nearest():
    found = vq_vae(asked(edit_row=4, edit_column=5))
    book = models.autoencoder(8).codebook(256).numpy()
    distances = np.square(book - found.cell.vector).sum(1)
    np.testing.assert_allclose(found.cell.distances, np.sort(distances)[:10], rtol=1e-4, atol=1e-7)
    assert found.cell.nearest[0] == found.cell.before == found.codes[4, 5]
    np.testing.assert_array_equal(found.cell.first, book[found.cell.nearest[0]])


def test_a_page_at_hand_makes_the_next_change_instant(monkeypatch):
    params = asked(image="coffee", side=96)
    assert vq_vae.cost_of(params) == "seconds"
    vq_vae(params)
    changed = params.model_copy(update={"edit_code": 9})
    assert vq_vae.cost_of(changed) == "instant" and store.key(changed) in store.AT_HAND

    def again(*_: object) -> None:
        raise AssertionError("a picture at hand is not encoded again, and not painted whole")

    monkeypatch.setattr(coding, "encode", again)
    monkeypatch.setattr(coding, "paint", again)
    assert vq_vae(changed).cell.after == 9 == vq_vae(changed).cell.after


def test_pages_at_hand_are_bounded_by_their_bytes():
    vq_vae.forget()
    for side in range(96, 640, 48):
        params = asked(image="coffee", side=side, factor=4, corrections=0)
        page = coded.page(params)
        held = sum(a.nbytes for a in (page.pixels, page.painted, page.flat, page.z.numpy(), page.codes.numpy()))
        assert held <= store.AT_HAND.held <= store.CAPACITY
    assert store.key(params) in store.AT_HAND
    vq_vae.forget()
    assert store.AT_HAND.held == len(store.AT_HAND) == 0


def test_an_uploads_page_is_not_had_by_its_digest():
    text = pictures.as_text(pictures.reduced(pictures.photograph("coffee"), 64))
    vq_vae(asked(image=text, side=64))
    with pytest.raises(Refused, match="image must be one of"):
        vq_vae(asked(image=hashlib.sha256(text.encode()).hexdigest(), side=64))


@pytest.mark.parametrize("task", ["picture", "rate", "pages"])
def test_a_strip_is_refused_before_its_likeness_is_no_number(task):
    strip = np.random.default_rng(0).integers(0, 256, (16, 640, 3), np.uint8)
    with pytest.raises(Refused, match=r"at least 11 pixels wide and high.*got 640 x 16, which becomes") as caught:
        vq_vae(asked(image=pictures.as_text(strip), task=task))
    assert "\n" not in caught.value.en


def test_a_picture_of_one_colour_loses_nothing_to_flat_cells():
    black = pictures.as_text(np.zeros((64, 64, 3), np.uint8))
    found = vq_vae(asked(image=black, task="rate", side=64))
    assert found.flat_psnr == np.inf and np.isfinite(found.psnr) and np.isinf(found.rates.curves["flat"].psnr).all()


def test_what_is_asked_beyond_the_page_or_the_codebook_is_told():
    found = vq_vae(asked(codebook=64, edit_row=150, edit_column=2, edit_code=900))
    h, _ = found.codes.shape
    assert (found.cell.row, found.cell.column) == (h - 1, 2) and found.cell.asked == (150, 2, 900)
    assert found.cell.before == found.cell.after and found.cell.decoded == (0, 0) and found.cell.changed == 0
    said = " ".join(finding.text.en for finding in found.findings)
    assert "row 21, column 2 is taken" in said and "no code 900 among 64" in said and not vq_vae(asked()).findings


def test_a_recording_does_not_find_its_page_at_hand():
    vq_vae(asked(image="coffee", side=80))
    vq_vae.forget()
    assert vq_vae.cost_of(asked(image="coffee", side=80)) == "seconds"


def test_what_bits_buy_is_what_the_notes_say():
    """On the cat as the page opens on it; between its points a curve is taken as straight in the bits' logarithm."""
    pixels = pictures.reduced(pictures.photograph("chelsea"), 256)
    *early, (found, share) = rates.rates(pixels, 8, 256)
    assert share == 1 and list(early[0][0].curves) == ["JPEG", "WEBP", "flat"] and len(early) == 2 * len(CODEBOOKS)
    assert set(found.curves) == {"JPEG", "WEBP", "VQ 8", "VQ 4", "flat"}

    def at(name: str, bits: np.ndarray) -> np.ndarray:
        return np.interp(np.log(bits), np.log(found.curves[name].bits), found.curves[name].psnr)

    for name in ("VQ 8", "VQ 4"):
        curve = found.curves[name]
        assert curve.setting.tolist() == list(CODEBOOKS) and np.all(np.diff(curve.bits) > 0)
        for size, bits, ideal in zip(CODEBOOKS, curve.bits, found.entropy[name], strict=True):
            page = coding.read(models.autoencoder(int(name[-1])), pixels, size)
            share = np.bincount(page.codes.numpy().ravel()) / page.codes.numel()
            told = -(share[share > 0] * np.log2(share[share > 0])).sum() * page.codes.numel() / pixels[..., 0].size
            assert ideal == pytest.approx(told, rel=1e-9) and ideal <= bits
    small, large = found.curves["VQ 8"], found.curves["VQ 4"]
    assert small.bits[2] == pytest.approx(1 / 8, rel=0.04) and small.psnr[2] > at("JPEG", small.bits)[2] + 4
    assert 0 < small.psnr[2] - at("WEBP", small.bits)[2] < 0.6
    assert np.all(at("WEBP", large.bits) > large.psnr)
    ahead = large.psnr - at("JPEG", large.bits)
    assert ahead[large.bits < 0.5].min() > 0 and ahead[large.bits > 0.6].max() < 0
    assert small.psnr[2] > found.curves["flat"].psnr[2]  # 256 codes against 256 colours
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=1, optimize=True)
    assert file.getvalue().index(b"\xff\xda") > len(file.getvalue()) / 3  # up to the scan it is header


def test_other_pages_are_what_they_are_called():
    found = vq_vae(asked(task="pages", side=96, seed=3)).pages
    own = vq_vae(asked(side=96)).codes
    assert np.array_equal(np.sort(found.pages["shuffled"].ravel()), np.sort(own.ravel()))
    assert np.array_equal(found.pages["mixed"][0], own)
    assert set(np.unique(found.pages["even"])) - set(np.unique(own))  # any code may come
    assert np.prod(found.pages["drawn"].shape[1:]) * found.prior_factor**2 == 128**2
    assert found.pages["drawn"].max() < found.prior_codes == 2 ** models.prior_meta()["metrics"]["even_bits"]
    assert found.drawn.shape == (2, 128, 128, 3) and found.mixed.shape[0] == other_pages.MIXES
    again = vq_vae(asked(task="pages", side=96, seed=3)).pages
    assert np.array_equal(found.pages["drawn"], again.pages["drawn"])


@pytest.mark.parametrize("name", [*coded.IMAGES, *coded.SCENE_IMAGES])
def test_every_picture_of_the_lab_can_be_coded(name):
    assert vq_vae(asked(image=name, side=64)).reconstruction.shape[2] == 3
