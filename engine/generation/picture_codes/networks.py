"""The embedded autoencoder: convolutions without any sum over the whole picture, so that it takes pictures of any size
and an edited code moves only the pixels of its receptive field.

Letters: B pictures, f pixels to a cell's side, H × W cells, D numbers to a code, K codes, S codebooks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle, relu

CODEBOOKS = (64, 128, 256, 512, 1024)
ATOM = 8  # pixels to the side of a code's picture


@dataclass(frozen=True)
class Shape:
    """factor: 4 or 8. widths: channels at each halving, the last at the cells. encoding, decoding: blocks there."""

    factor: int
    widths: tuple[int, ...]
    encoding: int
    decoding: int
    code: int = 16
    codebooks: tuple[int, ...] = CODEBOOKS


SHAPES = {4: Shape(4, (48, 128), 3, 4), 8: Shape(8, (48, 96, 160), 3, 4)}


class Block(nn.Module):
    """x + W₂ ReLU(W₁ ReLU(x)), 3 × 3 and 1 × 1. Source: van den Oord et al. 2017, section 4.1."""

    def __init__(self, width: int):
        super().__init__()
        self.wide = nn.Conv2d(width, width, 3, padding=1)
        self.narrow = nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.narrow.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(relu(self.wide(relu(x))))


class Encoder(nn.Module):
    """Pictures (B, 3, fH, fW) in [−1, 1] to the vectors of their cells (S, B, D, H, W), of each codebook its own: a
    linear map of each cell's pixels, and what the convolutions add to it, which is nothing at first."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.factor, self.code = shape.factor, shape.code
        widths, numbers = shape.widths, shape.code * len(shape.codebooks)
        self.down = nn.ModuleList(
            nn.Conv2d(4 * before, width, 3, padding=1) for before, width in zip((3, *widths[:-1]), widths, strict=True)
        )
        self.blocks = nn.ModuleList(Block(widths[-1]) for _ in range(shape.encoding))
        self.out = nn.Conv2d(widths[-1], numbers, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.plain = nn.Conv2d(3 * shape.factor**2, numbers, 1)

    def forward(self, x: Tensor) -> Tensor:
        plain = self.plain(pixel_unshuffle(x, self.factor))
        for i, down in enumerate(self.down):
            x = down(pixel_unshuffle(relu(x) if i else x, 2))
        for block in self.blocks:
            x = block(x)
        return (plain + self.out(relu(x))).unflatten(1, (-1, self.code)).transpose(0, 1)


class Decoder(nn.Module):
    """Code vectors (B, D, H, W) of codebooks (B,), by number, to pictures (B, 3, fH, fW), nominally in [−1, 1]: a
    linear map, and what the convolutions add to it, which is nothing at first."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.factor = shape.factor
        self.plain = nn.Conv2d(shape.code, 3 * shape.factor**2, 1)
        widths = shape.widths[::-1]
        self.enter = nn.Conv2d(shape.code, widths[0], 3, padding=1)
        self.told = nn.Embedding(len(shape.codebooks), widths[0])
        self.blocks = nn.ModuleList(Block(widths[0]) for _ in range(shape.decoding))
        self.up = nn.ModuleList(nn.Conv2d(width, 4 * after, 3, padding=1) for width, after in zip(widths, (*widths[1:], 3), strict=True))
        self.between = nn.ModuleList(Block(width) for width in widths[1:])
        nn.init.zeros_(self.told.weight)
        nn.init.zeros_(self.up[-1].weight)
        nn.init.zeros_(self.up[-1].bias)

    @property
    def fine_reach(self) -> int:
        """How many cells to each side a cell moves pixels: a convolution's pixel reaches 1 at its own resolution."""
        halvings = len(self.up)
        fine = sum(2.0**-i for i in range(halvings)) + sum(2.0**-i for i in range(1, halvings))
        return int(-(-fine // 1))

    @property
    def reach(self) -> int:
        """How many cells to each side a code moves pixels."""
        return 1 + len(self.blocks) + self.fine_reach

    def forward(self, q: Tensor, book: Tensor) -> Tensor:
        return self.pixels(q, self.cells(q, book))

    def cells(self, q: Tensor, book: Tensor) -> Tensor:
        """What stands in each cell (B, C, H, W) before the pixels are made of it."""
        x = self.enter(q) + self.told(book)[..., None, None]
        for block in self.blocks:
            x = block(x)
        return x

    def pixels(self, q: Tensor, x: Tensor) -> Tensor:
        """The pixels of cells' codes and of what stands there."""
        for i, up in enumerate(self.up):
            x = pixel_shuffle(up(relu(x)), 2)
            if i < len(self.between):
                x = self.between[i](x)
        return pixel_shuffle(self.plain(q), self.factor) + x


class Autoencoder(nn.Module):
    """One encoder and one decoder that serve codebooks of several sizes, which are buffers moved by averages.

    Each codebook has its own last layer of the encoder, and the decoder is told which one it paints from.
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.encoder, self.decoder = Encoder(shape), Decoder(shape)
        for size in shape.codebooks:
            self.register_buffer(f"codebook_{size}", torch.zeros(size, shape.code))
            self.register_buffer(f"atoms_{size}", torch.zeros(size, ATOM, ATOM, 3, dtype=torch.uint8))

    def codebook(self, size: int) -> Tensor:
        """(K, D)."""
        return self.get_buffer(f"codebook_{size}")

    def book(self, size: int) -> int:
        """Which of the codebooks has so many codes."""
        return self.shape.codebooks.index(size)

    def atoms(self, size: int) -> Tensor:
        """(K, a, a, 3) uint8: what each code paints on the average, once that was looked at."""
        return self.get_buffer(f"atoms_{size}")

    @torch.no_grad()
    def begin(self, cells: Tensor) -> None:
        """Let the linear maps be the principal components of cells' pixels (n, 3f²) and back, in units in which the
        squared error of a vector is that of a pixel's number."""
        centre = cells.mean(0)
        values, axes = torch.linalg.eigh(torch.cov(cells.T))
        main = axes[:, values.argsort(descending=True)[: self.shape.code]].T  # (D, 3f²)
        unit = cells.shape[1] ** 0.5
        books = len(self.shape.codebooks)
        self.encoder.plain.weight.copy_((main / unit).repeat(books, 1)[..., None, None])
        self.encoder.plain.bias.copy_(-(main @ centre).repeat(books) / unit)
        self.decoder.plain.weight.copy_((main.T * unit)[..., None, None])
        self.decoder.plain.bias.copy_(centre)
