"""What the lab gives: plain arrays, of which the page draws and which a recording keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from engine.core import Finding, T
from engine.generation.picture_codes import quality


@dataclass(frozen=True)
class Atoms:
    """pixels: (K, a, a, 3) uint8, the mean of what the decoder paints where a code stands in training photographs."""

    pixels: ndarray


@dataclass(frozen=True)
class Cell:
    """The cell at (row, column), within the page: before and after, its integer.

    asked: the row, column and integer that were asked for; an integer beyond the codebook changes nothing. window: the
    pixels (top, bottom, left, right) that its integer has a say in. old, new: (…, 3) uint8 the picture there before and
    after. changed: how many pixels moved. decoded: how many cells were decoded again to paint that, and of how many
    pixels; 0 where nothing was changed. psnr_before: of the whole picture, before the change. vector: (D,) the cell's,
    as it was corrected. nearest: (m,) the closest codes, distances: (m,) their squared distances; first, second: (D,)
    the two closest codes themselves.
    """

    row: int
    column: int
    before: int
    after: int
    window: tuple[int, int, int, int]
    old: ndarray
    new: ndarray
    changed: int
    decoded: tuple[int, int]
    psnr_before: float
    vector: ndarray
    nearest: ndarray
    distances: ndarray
    first: ndarray
    second: ndarray
    asked: tuple[int, int, int]


@dataclass(frozen=True)
class Compared:
    """names: of c contenders. errors, perplexities, sizes: (c,) what is lost in the end a number of a sample, exp(H) on
    fresh samples, and how many codes there are. betas: (b,); beta_errors, beta_perplexities: (b,) of plain VQ on data.
    beta_distortions: (b,) the mean square of z − q over z's variance. NaN where not yet trained."""

    world: str
    names: tuple[T, ...]
    errors: ndarray
    perplexities: ndarray
    sizes: ndarray
    betas: ndarray
    beta_errors: ndarray
    beta_perplexities: ndarray
    beta_distortions: ndarray


@dataclass(frozen=True)
class Trained:
    """A training by T moments of its course; K codes, n samples shown, D numbers to a vector.

    steps: (T,). vectors: (T, n, D) what is quantised of the samples shown. index: (T, n). codes: (T, K, D).
    gradient_out, gradient_in: (T, a, D), of the first a samples, downhill for the reconstruction, where the decoder
    takes its vector and, past the quantiser, where the encoder hands it over.
    history: (T, 4) reconstruction error, quantisation error (the codebook's loss and the commitment), perplexity and
    the share of codes in use, on the samples shown.
    usage: (K,) and distortion, error: on fresh samples, the mean square a number of z − q, and of x − x̂.
    """

    world: str
    method: str
    steps: ndarray
    vectors: ndarray
    index: ndarray
    codes: ndarray
    gradient_out: ndarray
    gradient_in: ndarray
    history: ndarray
    usage: ndarray
    distortion: float
    error: float

    @property
    def perplexity(self) -> float:
        return quality.perplexity(self.usage)


@dataclass(frozen=True)
class Scalar:
    """levels: (K,) ascending. borders: (K − 1,). shares: (K,) of the law in each cell. distortion: the mean square."""

    levels: ndarray
    borders: ndarray
    shares: ndarray
    distortion: float

    @property
    def perplexity(self) -> float:
        shares = self.shares[self.shares > 0]
        return float(np.exp(-(shares * np.log(shares)).sum()))


@dataclass(frozen=True)
class Passed:
    """One number through z + sg[e − z], forward and back.

    z, code: the number and its code. kept: e − z, what sg holds as a constant. forward: z + kept. output, target: the
    decoder's, and what it should be. loss: (output − target)². loss_by_output, loss_by_code: its derivatives. true:
    dL/dz as it is, 0 almost everywhere. through: dL/dz of the estimator, with dq/dz = 1. moved, moved_loss: z after a
    step of `STEP` downhill, and its loss. at: (n,) numbers; losses: (n,) the loss at each; lines: (n,) what the
    estimator believes, the line through z with its slope.
    """

    z: float
    code: float
    kept: float
    forward: float
    output: float
    target: float
    loss: float
    loss_by_output: float
    loss_by_code: float
    true: float
    through: float
    moved: float
    moved_loss: float
    at: ndarray
    losses: ndarray
    lines: ndarray


@dataclass(frozen=True)
class OtherPages:
    """Pictures uint8, and the pages that they are painted from.

    mixed: (m, H, W, 3), the code vectors of two pictures mixed in the shares `mixes` (m,) and set to the nearest codes.
    shuffled: the picture's own integers in any order. even: each code as likely as any. drawn: (2, 128, 128, 3), by the
    prior, whose cells are `prior_factor` pixels wide and whose codes `prior_codes`, whatever the picture's are.
    pages: the integers of each.
    """

    mixed: ndarray
    mixes: ndarray
    shuffled: ndarray
    even: ndarray
    drawn: ndarray
    prior_factor: int
    prior_codes: int
    pages: dict[str, ndarray]


@dataclass(frozen=True)
class Curve:
    """bits: (n,) a pixel; psnr (dB) and ssim: (n,); setting: (n,) the quality, or the number of codes."""

    bits: ndarray
    psnr: ndarray
    ssim: ndarray
    setting: ndarray


@dataclass(frozen=True)
class Rates:
    """curves: by name, as far as they are made. entropy: for each autoencoder's curve, (n,) bits a pixel if each code
    took −log₂ of its share on this picture, the table of shares not counted: a bound. rivals: pictures of JPEG and WebP
    at the quality whose size comes nearest to the chosen page's. rival_bits: theirs."""

    curves: dict[str, Curve]
    entropy: dict[str, ndarray]
    rivals: dict[str, ndarray]
    rival_bits: dict[str, float]


@dataclass(frozen=True)
class VqVaed:
    """What was asked for; what was not is None, NaN or empty. K codes, h × w cells, f pixels to a cell's side.

    codes: (h, w) the page of integers as it is painted; of a training, (n,) those of the samples shown.
    usage: (K,) how often each code is used. perplexity: exp(H) of that. distortion: mean square of what a number of a
    vector loses by being quantised. psnr (dB), ssim: of the reconstruction. bits_per_pixel: log₂ K for
    each cell.
    corrected: (corrections + 1,) psnr of the encoder's own page and after each correction; the best of them is kept.
    image, reconstruction: (H, W, 3) uint8, the second with the change that was made; error: (H, W) the mean of its
    three absolute differences. flat, flat_psnr: each cell in one of K colours fitted to this picture, as many bits.
    cell: the changed cell. atoms: the codebook. held_out: what
    `meta.json` says of this factor and codebook on photographs never trained on. best: of a law the best codes there
    are; reached: what the trained ones are on it, exactly, where each number is given to the nearest of them.
    """

    task: str
    codes: ndarray | None = None
    usage: ndarray | None = None
    perplexity: float = float("nan")
    distortion: float = float("nan")
    psnr: float = float("nan")
    ssim: float = float("nan")
    bits_per_pixel: float = float("nan")
    corrected: ndarray | None = None
    factor: int = 0
    codebook: int = 0
    image: ndarray | None = None
    reconstruction: ndarray | None = None
    error: ndarray | None = None
    flat: ndarray | None = None
    flat_psnr: float = float("nan")
    cell: Cell | None = None
    atoms: Atoms | None = None
    held_out: dict[str, float] | None = None
    rates: Rates | None = None
    pages: OtherPages | None = None
    training: Trained | None = None
    best: Scalar | None = None
    reached: Scalar | None = None
    compared: Compared | None = None
    number: Passed | None = None
    findings: tuple[Finding, ...] = ()
    dtype: str = "float32"
    backend: str = "torch"
