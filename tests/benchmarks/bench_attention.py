"""Attention: our tiles against naive attention and torch's own backends, in time and memory; linear attention too.

On a CPU the figures are those of the two labs' default sweeps. On a GPU they are those of 32k tokens, 16 heads, bf16.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from engine.attention.contest import machine, softmax
from engine.attention.contest.race import Board
from engine.attention.contest.softmax import Shape, Trial
from engine.attention.flash_attention import FlashAttention, flash_lab, sweep
from engine.attention.linear_attention import LinearAttention, linear_lab
from engine.attention.linear_attention import sweep as linear_sweep
from engine.core import Experiment, Params, T
from engine.core.timing import measure

TOKENS, HEADS = 32_768, 16
GPU_CASES = tuple((d, c, b) for b in (False, True) for d in (128, 64) for c in (False, True))


def lab(experiment: Experiment, params: Params) -> tuple[Any, float]:
    """A lab's finished result, and the seconds that it took, once."""
    kept = []
    seconds = measure({"lab": lambda: kept.append(experiment(params))}, [()], warm_up=0, runs=1)["lab"].median
    return kept[0], seconds


def compare() -> dict[str, Any]:
    """The CPU figures: for each default sweep its result and seconds; the labs' instant defaults in seconds."""
    instant = {"flash-attention": (flash_lab, FlashAttention()), "linear-attention": (linear_lab, LinearAttention())}
    jobs = {slug: (lambda e=e, p=p: e(p)) for slug, (e, p) in instant.items()}
    found: dict[str, Any] = {"instant": measure(jobs, [()], warm_up=3, runs=15)}
    for causal in (False, True):
        params = FlashAttention(task="timing", causal=causal)
        found["flash, causal" if causal else "flash"] = lab(flash_lab, params)
    found["flash, backward"] = lab(flash_lab, FlashAttention(task="timing", pass_="backward", length=2048))
    found["linear"] = lab(linear_lab, LinearAttention(task="timing"))
    return found


def against_naive(result: Any) -> list[tuple[int, float, float]]:
    """Length, and naive attention's time and memory over ours, at each length where both were measured."""
    result = result.timing
    naive, ours = (result.row(name) for name in ("naive", "ours"))
    times = result.milliseconds[naive] / result.milliseconds[ours]
    memory = result.extra_bytes[naive] / result.extra_bytes[ours]
    rows = zip(result.lengths.tolist(), times.tolist(), memory.tolist(), strict=True)
    return [row for row in rows if np.isfinite(row[1])]


def on_gpu() -> list[dict[str, Any]]:
    """One row to a case and length: TFLOP/s of each contender, and ours over torch's flash and over the best."""
    rows = []
    ceiling, _ = machine.ceilings(torch.bfloat16, "cuda")
    for head_dim, causal, backward in GPU_CASES:
        for length in (4096, 8192, 16_384):
            shape = Shape(TOKENS // length, HEADS, HEADS, length, head_dim, causal, torch.bfloat16, backward)
            found = softmax.present(shape, "cuda")[0] | sweep.ours(shape, "cuda")[0]
            found = {name: attend for name, attend in found.items() if name not in ("naive", "math")}
            tflops = race(found, Trial(shape, 0, "cuda"), ceiling)
            others = [rate for name, rate in tflops.items() if not name.startswith("ours")]
            row = {"shape": shape, "tflops": tflops, "over_flash": tflops["ours"] / tflops.get("flash", float("nan"))}
            row |= {"over_best": tflops["ours"] / max(others), "ceiling": ceiling}
            if causal and not backward and head_dim == 128:
                plan = linear_sweep.Plan(shape, head_dim, None, 0, "cuda")
                forms = {"chunked": linear_sweep.forms(plan)["chunked"]}
                linear = race(forms, linear_sweep.LinearTrial(plan, shape), ceiling)["chunked"]
                row["linear_over_best_softmax"] = linear / max(tflops.values())
            rows.append(row)
    return rows


def race(found: dict[str, Any], trial: Trial, ceiling: float) -> dict[str, float]:
    """Softmax TFLOP/s of each contender: the FLOPs of attention over its time, whatever it computes instead."""
    board = Board({name: T.of(name) for name in found}, 1)
    entries = {name: dataclasses.replace(trial.entry(name, f), needs=0.0) for name, f in found.items()}
    for _ in board.race(0, T.of("here"), entries, inputs=len(trial.inputs), device="cuda", ceiling=ceiling, seconds=0.5):
        pass
    return dict(zip(board.names, board.tflops[:, 0].tolist(), strict=True))


def main() -> None:
    """Print the comparison for the device at hand."""
    if machine.device() == "cuda":
        for row in on_gpu():
            s = row["shape"]
            mask, way = "causal" if s.causal else "full", "backward" if s.backward else "forward"
            rates = "  ".join(f"{name} {rate:.0f}" for name, rate in row["tflops"].items())
            linear = row.get("linear_over_best_softmax")
            print(f"  d {s.head_dim:3d} N {s.length:5d} {mask:6s} {way:8s}  {rates} TFLOP/s")
            print(f"    over flash {row['over_flash']:.2f}  over the best {row['over_best']:.2f}")
            if linear:
                print(f"    linear over the best softmax {linear:.1f}")
        return
    found = compare()
    for slug, timing in found.pop("instant").items():
        print(f"  {slug} at its instant defaults: {1e3 * timing.median:.1f} ms")
    linear, seconds = found.pop("linear")
    for name, (result, took) in found.items():
        print(f"  {name}: the sweep took {took:.1f} s; naive over ours:")
        for length, times, memory in against_naive(result):
            asked = " (at least 1 is asked for)" if length >= 2048 and "backward" not in name else ""
            print(f"    N = {length:5d}   time {times:5.2f}{asked}   memory {memory:6.2f}")
    print(f"  linear: the sweep took {seconds:.1f} s; {linear.findings[0].text.en}")


if __name__ == "__main__":
    main()
