"""Small decoders that differ in nothing but how they are told where a token stands.

Letters: B windows, T tokens, D width of the model, H heads, d = D / H numbers to a head, K a reach.
Every decoder is causal, so that even `NoPosition` knows that there is a before. All share RMSNorm, SwiGLU, tied
embeddings scaled by the root of D (Vaswani et al. 2017, section 3.4), and one plain softmax over `scores`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from engine.language.code_model.architecture import Shape

SHAPE = Shape(layers=2, width=96, heads=4, inner=256, context=128)
BASE = 10_000.0
SHAW_REACH, DEBERTA_REACH, T5_BUCKETS, T5_FURTHEST = 16, 64, 32, 128


def waves(at: Tensor, width: int) -> Tensor:
    """Sines and cosines (…, width) of positions or distances: pair (2i, 2i + 1) turns at BASE^(−2i/width).

    Source: Vaswani et al. 2017, section 3.5.
    """
    rates = BASE ** (-torch.arange(0, width, 2, device=at.device) / width)
    turns = at[..., None].float() * rates
    return torch.stack([turns.sin(), turns.cos()], -1).flatten(-2)


def apart(at: Tensor) -> Tensor:
    """(T, T): how far key j lies before query i; 0 where it lies ahead, which the causal mask hides anyway."""
    return (at[:, None] - at[None, :]).clamp(min=0)


def spread(table: Tensor, index: Tensor) -> Tensor:
    """(B, H, T, T) entries `index` (T, T) of the rows of `table` (B, H, T, n)."""
    return table.gather(-1, index.expand(*table.shape[:2], *index.shape))


class NoPosition(nn.Module):
    """No position at all, and the base of the others: what is added to the embeddings, and the scores of a layer.

    last: the last position that there is.
    """

    last = 2**31 - 1

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.scale = (shape.width // shape.heads) ** -0.5

    def embed(self, x: Tensor, tokens: Tensor, at: Tensor) -> Tensor:
        """x (B, T, D) with positions `at` (T,) worked in."""
        return x

    def scores(self, layer: int, q: Tensor, k: Tensor, at: Tensor) -> Tensor:
        """(B, H, T, T) before the mask, from q and k (B, H, T, d)."""
        return q @ k.mT * self.scale


class Learned(NoPosition):
    """A vector for each position, trained like a word's. There is none beyond the training length: IndexError."""

    def __init__(self, shape: Shape):
        super().__init__(shape)
        self.last = shape.context - 1
        self.table = nn.Parameter(torch.randn(shape.context, shape.width) * shape.width**-0.5)

    def embed(self, x: Tensor, tokens: Tensor, at: Tensor) -> Tensor:
        if int(at.max()) > self.last:
            raise IndexError(f"positions were learned up to {self.last}; got {int(at.max())}")
        return x + self.table[at] * self.shape.width**0.5


class Sinusoidal(NoPosition):
    """Fixed waves added to the embeddings. Source: Vaswani et al. 2017, section 3.5."""

    def embed(self, x: Tensor, tokens: Tensor, at: Tensor) -> Tensor:
        return x + waves(at, self.shape.width)


class Recurrent(NoPosition):
    """Positions as the states of a learned dynamical system, p' = Ωp + h(p), each a step on from the one before.

    Ω turns pairs as `waves` do, and h starts at zero: it begins as the sinusoids, which are one such system, and learns
    its way from there. A step turns by e^Ω and adds h, in units of the training length.
    Source: Liu et al. 2020 (FLOATER), eq. 3, with h without a clock of its own and used at the input alone.
    """

    def __init__(self, shape: Shape):
        super().__init__(shape)
        D = shape.width
        self.start = nn.Parameter(waves(torch.zeros(()), D))
        self.inner = nn.Parameter(torch.randn(2 * D, D) * D**-0.5)
        self.outer = nn.Parameter(torch.zeros(D, 2 * D))

    def embed(self, x: Tensor, tokens: Tensor, at: Tensor) -> Tensor:
        D = self.shape.width
        rates = BASE ** (-torch.arange(0, D, 2, device=x.device) / D)
        cos, sin = rates.cos(), rates.sin()
        p, states = self.start, []
        with torch.autocast(x.device.type, enabled=False):  # hundreds of steps in a row need their digits
            for _ in range(int(at.max()) + 1):
                states.append(p)
                s, c = p[0::2], p[1::2]
                ahead = torch.stack([s * cos + c * sin, c * cos - s * sin], -1).flatten()
                p = ahead + self.outer @ torch.tanh(self.inner @ p) / self.shape.context
        return x + torch.stack(states)[at]


class Complex(NoPosition):
    """Each word's pairs of numbers turn with the position, at rates of that word's own.

    The rates start as BASE^(−2i/D) for all words and are learned as BASE^(−2i/D) · exp(s/context).
    Source: Wang et al. 2020 (Encoding word order in complex embeddings), eq. 8; real and imaginary parts side by side.
    """

    def __init__(self, shape: Shape):
        super().__init__(shape)
        self.speed = nn.Parameter(torch.zeros(shape.vocabulary, shape.width // 2))

    def embed(self, x: Tensor, tokens: Tensor, at: Tensor) -> Tensor:
        D = self.shape.width
        rates = BASE ** (-torch.arange(0, D, 2, device=x.device) / D)
        turns = at[:, None] * rates * (self.speed[tokens] / self.shape.context).exp()  # (B, T, D / 2)
        return turned(x, turns.cos(), turns.sin())


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x with the pairs (i, i + half) of its last axis turned; cos and sin have half as many numbers."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


class Shaw(NoPosition):
    """A learned vector for each distance up to K, added to the key. Source: Shaw et al. 2018, eqs. 4 and 5.

    The vectors added to values (eq. 3) are left out: their table 3 finds that those of the keys suffice.
    """

    def __init__(self, shape: Shape):
        super().__init__(shape)
        d = shape.width // shape.heads
        self.keys = nn.Parameter(torch.randn(shape.layers, SHAW_REACH + 1, d) * d**-0.5)

    def scores(self, layer: int, q: Tensor, k: Tensor, at: Tensor) -> Tensor:
        by_distance = q @ self.keys[layer].mT  # (B, H, T, K + 1)
        return (q @ k.mT + spread(by_distance, apart(at).clamp(max=SHAW_REACH))) * self.scale


class XLNet(NoPosition):
    """Four terms: content, distance as the query sees it, and two learned biases for keys and for distances.

    Source: Dai et al. 2019 (Transformer-XL), section 3.3, as used in XLNet (Yang et al. 2019).
    """

    def __init__(self, shape: Shape):
        super().__init__(shape)
        D, H = shape.width, shape.heads
        self.distance = nn.Parameter(torch.randn(shape.layers, D, D) * D**-0.5)
        self.u = nn.Parameter(torch.zeros(shape.layers, H, 1, D // H))
        self.v = nn.Parameter(torch.zeros(shape.layers, H, 1, D // H))

    def scores(self, layer: int, q: Tensor, k: Tensor, at: Tensor) -> Tensor:
        D, H = self.shape.width, self.shape.heads
        steps = apart(at)
        r = waves(torch.arange(int(steps.max()) + 1, device=q.device), D).to(self.distance.dtype) @ self.distance[layer]
        r = r.unflatten(-1, (H, D // H)).transpose(0, 1)  # (H, distances, d)
        return ((q + self.u[layer]) @ k.mT + spread((q + self.v[layer]) @ r.mT, steps)) * self.scale


def bucket(steps: Tensor, buckets: int = T5_BUCKETS, furthest: int = T5_FURTHEST) -> Tensor:
    """Half of the buckets hold one distance each, the others ever more; all from `furthest` on share the last.

    Source: Raffel et al. 2020 (T5), section 2.1, for attention that looks back only.
    """
    exact = buckets // 2
    ratio = (steps.clamp(min=1).float() / exact).log() / math.log(furthest / exact)
    wide = exact + (ratio * (buckets - exact)).long()
    return torch.where(steps < exact, steps, wide.clamp(max=buckets - 1))


class T5(NoPosition):
    """One learned number for each bucket of distances and each head, the same in all layers. Source: see `bucket`."""

    def __init__(self, shape: Shape):
        super().__init__(shape)
        self.bias = nn.Parameter(torch.zeros(shape.heads, T5_BUCKETS))

    def scores(self, layer: int, q: Tensor, k: Tensor, at: Tensor) -> Tensor:
        return q @ k.mT * self.scale + self.bias[:, bucket(apart(at))]


class DeBERTa(NoPosition):
    """Content to content, content to position and position to content; position to position is left out.

    Source: He et al. 2021, eqs. 2 to 4, the scale being the root of 3 d; distances are clipped at K.
    """

    def __init__(self, shape: Shape):
        super().__init__(shape)
        D = shape.width
        self.distances = nn.Parameter(torch.randn(DEBERTA_REACH, D) * D**-0.5)
        self.to_query = nn.Parameter(torch.randn(shape.layers, D, D) * D**-0.5)
        self.to_key = nn.Parameter(torch.randn(shape.layers, D, D) * D**-0.5)

    def scores(self, layer: int, q: Tensor, k: Tensor, at: Tensor) -> Tensor:
        D, H = self.shape.width, self.shape.heads
        p = self.distances * D**0.5
        qr, kr = ((p @ w[layer]).unflatten(-1, (H, D // H)).transpose(0, 1) for w in (self.to_query, self.to_key))
        steps = apart(at).clamp(max=DEBERTA_REACH - 1)
        to_position = spread(q @ kr.mT, steps)  # row i, column j: q_i · kr at their distance
        from_position = spread(k @ qr.mT, steps.mT).mT  # k_j · qr at the same distance
        return (q @ k.mT + to_position + from_position) * (3 * D // H) ** -0.5


class ALiBi(NoPosition):
    """A penalty in proportion to the distance, nothing learned. Source: Press et al. 2022, section 3."""

    def scores(self, layer: int, q: Tensor, k: Tensor, at: Tensor) -> Tensor:
        H = self.shape.heads
        slopes = 2.0 ** (-8 * torch.arange(1, H + 1, device=q.device) / H)
        return q @ k.mT * self.scale - slopes[:, None, None] * apart(at)


class Rotary(NoPosition):
    """Queries and keys turned by their positions. Source: Su et al. 2021 (RoFormer), eq. 34, in half-split layout."""

    def scores(self, layer: int, q: Tensor, k: Tensor, at: Tensor) -> Tensor:
        d = self.shape.width // self.shape.heads
        turns = at[:, None] * BASE ** (-torch.arange(0, d, 2, device=q.device) / d)
        q, k = (turned(x, turns.cos(), turns.sin()) for x in (q, k))
        return q @ k.mT * self.scale


ENCODINGS: dict[str, type[NoPosition]] = {
    "none": NoPosition,
    "learned": Learned,
    "sinusoidal": Sinusoidal,
    "recurrent": Recurrent,
    "complex": Complex,
    "shaw": Shaw,
    "xlnet": XLNet,
    "t5": T5,
    "deberta": DeBERTa,
    "alibi": ALiBi,
    "rotary": Rotary,
}


class Layer(nn.Module):
    """Attention, then a gated feed-forward part, each on a normed copy of what flows by."""

    def __init__(self, shape: Shape):
        super().__init__()
        D = shape.width
        self.heads = shape.heads
        self.before_attention, self.before_forward = nn.RMSNorm(D, 1e-6), nn.RMSNorm(D, 1e-6)
        self.q, self.k, self.v, self.out = (nn.Linear(D, D, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(D, shape.inner, bias=False) for _ in range(2))
        self.down = nn.Linear(shape.inner, D, bias=False)

    def forward(self, x: Tensor, positions: NoPosition, layer: int, at: Tensor) -> Tensor:
        n = self.before_attention(x)
        q, k, v = (w(n).unflatten(-1, (self.heads, -1)).transpose(1, 2) for w in (self.q, self.k, self.v))
        T = x.shape[1]
        ahead = torch.ones(T, T, dtype=torch.bool, device=x.device).triu(1)
        weights = positions.scores(layer, q, k, at).masked_fill(ahead, -torch.inf).softmax(-1)
        x = x + self.out((weights.to(v.dtype) @ v).transpose(1, 2).flatten(2))
        n = self.before_forward(x)
        return x + self.down(silu(self.gate(n)) * self.up(n))


class Body(nn.Module):
    """Embedding, layers and last norm. The optimisers tell the layers' matrices by the name of this part."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(shape.vocabulary, shape.width) * shape.width**-0.5)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, 1e-6)
        nn.init.constant_(self.norm.weight, 0.25)  # else a fresh model is very sure that each token repeats itself


class SmallModel(nn.Module):
    """A decoder with one of `ENCODINGS`. Its weights are drawn from torch's global generator, the common ones first."""

    def __init__(self, encoding: str, shape: Shape = SHAPE):
        super().__init__()
        self.body = Body(shape)
        self.positions = ENCODINGS[encoding](shape)

    def forward(self, tokens: Tensor, at: Tensor | None = None) -> Tensor:
        """Logits (B, T, V) of ids (B, T) at positions `at` (T,), 0 to T − 1 unless given."""
        at = torch.arange(tokens.shape[1], device=tokens.device) if at is None else at
        width = self.body.embedding.shape[1]
        x = self.positions.embed(self.body.embedding[tokens] * width**0.5, tokens, at)
        for i, layer in enumerate(self.body.layers):
            x = layer(x, self.positions, i, at)
        return linear(self.body.norm(x), self.body.embedding)
