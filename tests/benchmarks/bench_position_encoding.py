"""Position encoding: the fused rotary kernel against the eager version and a copy of the same bytes; the lab's time.

On a GPU: bf16, 32 query and 8 key heads of 128, forward and backward, both layouts. On a CPU the kernel has no part:
the figures are the lab's instant default and the reference at a small size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from engine.attention.position_encoding import PositionEncoding, launch, picture, reference
from engine.attention.position_encoding.operator import tables
from engine.attention.position_models import frequencies
from engine.core.timing import Timing, measure

HEADS, KEY_HEADS, WIDTH = 32, 8, 128
LENGTHS = (2048, 8192, 32_768)
CACHE = 256 * 2**20  # bytes of inputs to rotate through: well beyond any last-level cache


def eager_half(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, ...]:
    """What `transformers` does, operation by operation, its tables in the dtype of q."""

    def crossed(x: Tensor) -> Tensor:
        a, b = x.chunk(2, -1)
        return torch.cat((-b, a), -1)

    c, s = (torch.cat([t, t], -1).to(q.dtype) for t in (cos, sin))
    return tuple(x * c + crossed(x) * s for x in (q, k))


def eager_interleaved(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, ...]:
    """The same for pairs (2i, 2i + 1), as in GPT-J."""

    def crossed(x: Tensor) -> Tensor:
        return torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2)

    c, s = (t.repeat_interleave(2, -1).to(q.dtype) for t in (cos, sin))
    return tuple(x * c + crossed(x) * s for x in (q, k))


def inputs(tokens: int, dtype: torch.dtype, device: str) -> list[tuple[Tensor, Tensor]]:
    """Pairs of q and k to take in turn, together more than a cache holds."""
    size = (HEADS + KEY_HEADS) * tokens * WIDTH * torch.empty((), dtype=dtype).element_size()
    made = lambda heads: torch.randn(1, heads, tokens, WIDTH, device=device, dtype=dtype)  # noqa: E731
    return [(made(HEADS), made(KEY_HEADS)) for _ in range(max(2, -(-CACHE // size)))]


def backward(turn: Callable[..., tuple[Tensor, ...]]) -> Callable[..., object]:
    """The gradient pass alone of an eager version, on graphs made beforehand: one for each pair of inputs."""
    graphs: dict[int, tuple] = {}

    def run(q: Tensor, k: Tensor) -> object:
        if id(q) not in graphs:
            leaves = [x.detach().requires_grad_() for x in (q, k)]
            graphs[id(q)] = (leaves, turn(*leaves))
        leaves, out = graphs[id(q)]
        return torch.autograd.grad(out, leaves, (q, k), retain_graph=True)

    return run


def contenders(tokens: int, device: str, interleaved: bool, back: bool) -> dict[str, Callable[..., object]]:
    """Ours (the kernel alone, its results allocated as in use), eager, and a copy of q and k."""
    rates = torch.tensor(frequencies.rates(WIDTH, 10_000.0))
    cos, sin = (t.to(device) for t in tables(torch.arange(tokens), rates))
    eager = eager_interleaved if interleaved else eager_half
    turn = lambda q, k: eager(q, k, cos, sin)  # noqa: E731
    return {
        "ours": lambda q, k: launch.rotate_both(q, k, cos, sin, interleaved, backward=back),
        "eager": backward(turn) if back else turn,
        "copy": lambda q, k: (q.clone(), k.clone()),
    }


def on_gpu(device: str = "cuda") -> Iterator[tuple[str, int, dict[str, Timing]]]:
    """For each layout, pass and length the timings of all contenders."""
    for interleaved in (False, True):
        for back in (False, True):
            for tokens in LENGTHS:
                jobs = contenders(tokens, device, interleaved, back)
                made = inputs(tokens, torch.bfloat16, device)
                case = f"{'interleaved' if interleaved else 'half-split'} {'backward' if back else 'forward'}"
                yield case, tokens, measure(jobs, made, device=device, warm_up=len(made), runs=30)


def main() -> None:
    """Print the comparison for the device at hand."""
    if torch.cuda.is_available():
        for case, tokens, found in on_gpu():
            ours, eager, copy = (found[name] for name in ("ours", "eager", "copy"))
            rate = 4 * (HEADS + KEY_HEADS) * tokens * WIDTH / ours.median / 1e9
            asked = " (asked for at 8k: 5 and 0.75)" if tokens == 8192 else ""
            span = f"{1e6 * ours.median:7.1f} µs ({1e6 * ours.low:.1f} to {1e6 * ours.high:.1f})"
            ratios = f"over eager {eager.median / ours.median:.2f}  over a copy {copy.median / ours.median:.2f}{asked}"
            print(f"  {case:20s} N {tokens:6d}  {span}  {rate:.0f} GB/s  {ratios}")
        return
    lab = measure({"lab": lambda: picture(PositionEncoding())}, [()], warm_up=3, runs=15)["lab"]
    print(f"  the instant default: {1e3 * lab.median:.1f} ms ({1e3 * lab.low:.1f} to {1e3 * lab.high:.1f})")
    made = inputs(256, torch.float32, "cpu")[:4]
    cos, sin = tables(torch.arange(256), torch.tensor(frequencies.rates(WIDTH, 10_000.0)))
    found = measure({"reference": lambda q, k: reference.rotate_both(q, k, cos, sin, False)}, made, warm_up=1, runs=9)
    print(f"  the reference, 256 tokens of 40 heads of 128, fp32: {1e3 * found['reference'].median:.1f} ms")
    print("  the fused kernel is measured on a GPU; there is none here")


if __name__ == "__main__":
    main()
