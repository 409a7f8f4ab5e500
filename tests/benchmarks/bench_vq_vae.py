"""VQ-VAE: the nearest code against `cdist` and `argmin`, the codebook's gradient against `index_add_`; a picture coded
whole, and one integer of it changed.

On a GPU the kernels are timed, and the memory that each way takes; on a CPU the chunked version, on one thread.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.core.timing import Timing, measure
from engine.generation.picture_codes import models
from engine.generation.quantisation.nearest import codebook_gradient, nearest_code
from engine.generation.vq_vae import VqVae, vq_vae

SIZES = {"cpu": ((4096, 64, 2), (20_000, 1024, 16)), "cuda": ((1_000_000, 64, 2), (262_144, 1024, 16), (65_536, 8192, 64))}
CACHE = {"cpu": 2**23, "cuda": 2**28}  # bytes of inputs to rotate through


def listed(z: Tensor, e: Tensor) -> Tensor:
    """The plain way: a table of all distances."""
    return torch.cdist(z, e).argmin(1)


def told(found: Timing) -> str:
    """The median with its spread."""
    return f"{1e3 * found.median:.3g} ms ({1e3 * found.low:.3g} to {1e3 * found.high:.3g})"


def held(call, *arguments: Tensor) -> float:
    """MB that a call takes on the GPU at most beside its arguments."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call(*arguments)
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 1e6


def nearest(device: str) -> None:
    """Vectors and codes of the sizes above."""
    torch.set_num_threads(1)
    for N, K, D in SIZES[device]:
        count = max(2, -(-CACHE[device] // (4 * N * D)))
        inputs = [(torch.randn(N, D, device=device), torch.randn(K, D, device=device)) for _ in range(count)]
        found = measure({"plain": listed, "ours": nearest_code}, inputs, device=device, warm_up=3, runs=24)
        ours, plain = found["ours"], found["plain"]
        print(
            f"  nearest of {K} codes of {D} numbers, {N} vectors: {told(ours)}, cdist and argmin "
            f"{plain.median / ours.median:.2f} times as long"
        )
        if device == "cuda":
            print(f"    {held(nearest_code, *inputs[0]):.1f} MB against {held(listed, *inputs[0]):.1f} beside the input")


def scatter(device: str) -> None:
    """The gradients of the same sizes, summed by code."""
    for N, K, D in SIZES[device]:
        inputs = [(torch.randn(N, D, device=device), torch.randint(K, (N,), device=device)) for _ in range(4)]
        found = measure(
            {
                "plain": lambda g, i, K=K, D=D: torch.zeros(K, D, device=device).index_add_(0, i, g),
                "ours": lambda g, i, K=K: codebook_gradient(g, i, K),
            },
            inputs,
            device=device,
            warm_up=3,
            runs=24,
        )
        print(
            f"  gradient of {K} codes of {D} numbers from {N} vectors: {told(found['ours'])}, "
            f"index_add_ {found['plain'].median / found['ours'].median:.2f} times as long"
        )


def pictures() -> None:
    """Half a thousand pixels to a side: the whole answer, and the next ones with a single code changed."""
    torch.set_num_threads(2)
    for factor in (8, 4):
        models.autoencoder(factor)
        asked = {"image": "astronaut", "side": 512, "factor": factor}

        def coded(asked: dict = asked) -> None:
            vq_vae.forget()
            vq_vae(VqVae(**asked))

        def changed(row: int, asked: dict = asked) -> None:
            vq_vae(VqVae(**asked, edit_code=3, edit_row=row, edit_column=9))

        for name, call, inputs in (("coded", coded, [()]), ("one integer changed", changed, [(r,) for r in range(12)])):
            found = measure({name: call}, inputs, runs=5)[name]
            print(f"  512 pixels, cells of {factor}, {name}: {told(found)}")


def main() -> None:
    """Print all of it."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    nearest(device)
    scatter(device)
    pictures()


if __name__ == "__main__":
    main()
