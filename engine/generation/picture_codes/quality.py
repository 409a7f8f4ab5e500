"""How good, how varied and how long: PSNR, SSIM, perplexity, bits per pixel."""

from __future__ import annotations

import math

import numpy as np
from numpy import ndarray

SIGMA, REACH = 1.5, 5  # of SSIM's Gaussian window: 11 × 11


def psnr(a: ndarray, b: ndarray) -> float:
    """Peak signal-to-noise ratio (dB) of two uint8 pictures (H, W, 3); infinite where they agree."""
    error = float(np.square(a.astype(np.float64) - b).mean())
    return 10 * math.log10(255**2 / error) if error else math.inf


def ssim(a: ndarray, b: ndarray) -> float:
    """Mean structural similarity of two uint8 pictures (H, W, 3), at least 11 × 11; from −1 to 1, 1 for equal ones."""
    return float(similarity(a, b).mean(dtype=np.float64))


def similarity(a: ndarray, b: ndarray) -> ndarray:
    """The structural similarity at each place whose window is whole, (H − 10, W − 10, 3).

    Gaussian window of deviation 1.5, the mean over what it covers whole and over the channels.
    Source: Wang et al. 2004, eqs. 13 to 17.
    """
    from scipy.ndimage import correlate1d

    at = np.arange(-REACH, REACH + 1)
    window = np.exp(-(at**2) / (2 * SIGMA**2))
    window = (window / window.sum()).astype(np.float32)

    def mean(x: ndarray) -> ndarray:
        across = correlate1d(x, window, axis=1, mode="reflect")[:, REACH:-REACH]
        return correlate1d(across, window, axis=0, mode="reflect")[REACH:-REACH]

    x, y = a.astype(np.float32), b.astype(np.float32)
    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return (2 * mx * my + c1) * (2 * vxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))


def perplexity(usage: ndarray) -> float:
    """exp(H) of how often each code is used (K,): how many codes, used evenly, would be as varied. 0 for no use."""
    p = usage[usage > 0] / max(1, usage.sum())
    return float(np.exp(-(p * np.log(p)).sum())) if len(p) else 0.0


def bits_per_pixel(codebook: float, factor: int, size: tuple[int, int]) -> float:
    """What a page of integers takes, log₂ K bits each, for a pixel of its picture (height, width): log₂ K / f², and
    more where the cells reach beyond the edge."""
    height, width = size
    return math.log2(codebook) * -(-height // factor) * -(-width // factor) / (height * width)
