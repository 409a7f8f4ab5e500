"""VQ-VAE: the nearest code against `cdist` and `argmin`; a picture coded whole, and one integer of it changed."""

from __future__ import annotations

import time

import torch

from engine.core.timing import measure
from engine.generation.vq_vae import VqVae, vq_vae
from engine.generation.vq_vae.nearest import nearest_code


def nearest() -> None:
    """20,000 vectors of 16 numbers, 1,024 codes, on one thread."""
    torch.set_num_threads(1)
    inputs = [(torch.randn(20_000, 16), torch.randn(1024, 16)) for _ in range(3)]
    found = measure({"cdist": lambda z, e: torch.cdist(z, e).argmin(1), "ours": nearest_code}, inputs, runs=12)
    ratio = found["cdist"].median / found["ours"].median
    print(f"  nearest code: {1e3 * found['ours'].median:.1f} ms, cdist and argmin {ratio:.2f} times as long")


def pictures() -> None:
    """Half a thousand pixels to a side: the whole answer, and the next one with a single code changed."""
    torch.set_num_threads(2)
    for factor in (8, 4):
        asked = {"image": "astronaut", "side": 512, "factor": factor}
        vq_vae(VqVae(**asked | {"side": 128}))
        for name, more in (("coded", {}), ("one integer changed", {"edit_code": 3, "edit_row": 9, "edit_column": 9})):
            begun, used = time.perf_counter(), time.process_time()
            vq_vae(VqVae(**asked | more))
            wall, cpu = time.perf_counter() - begun, time.process_time() - used
            print(f"  512 pixels, cells of {factor}, {name}: {1e3 * wall:.0f} ms ({1e3 * cpu:.0f} ms of CPU)")


def main() -> None:
    """Print both."""
    nearest()
    pictures()


if __name__ == "__main__":
    main()
