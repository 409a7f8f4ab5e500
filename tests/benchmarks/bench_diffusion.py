"""Diffusion: moments of a plane a second, the time of a guided run of pictures, and what the solver adds to it.

Wall time and processor time stand side by side: on a machine that others use only the second is the program's own.
"""

from __future__ import annotations

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.attention.contest.machine import ceilings
from engine.core import Refused, devices
from engine.core.timing import measure
from engine.generation import image_models
from engine.generation.diffusion import Diffuse, session, worlds
from engine.generation.diffusion.paths import Path
from engine.generation.diffusion.samplers import SAMPLERS

STEPS = 20


def guided(params: Diffuse, world: worlds.World) -> tuple[Path, float, float, float]:
    """A guided path with its wall time, its processor time, and the wall time until its first preview."""
    board = session.board(params, world)
    begun, used, first = time.perf_counter(), time.process_time(), 0.0
    for kept in board.walk(params.guidance):
        if not first:
            kept.path()
            first = time.perf_counter() - begun
    path = kept.path()
    return path, time.perf_counter() - begun, time.process_time() - used, first


def planes() -> None:
    """Moments a second of 2,000 points under classifier-free guidance."""
    torch.set_num_threads(1)
    for name in ("lobes", "spirals"):
        for score in ("exact", "network"):
            exact = worlds.mixture(name, "")
            training = None
            if score == "network":
                begun = time.process_time()
                *_, training = worlds.trained(exact)
                print(f"  {name}: a network learnt in {time.process_time() - begun:.1f} s of processor time")
            params = Diffuse(world=name, score=score, steps=100)
            _, wall, used, _ = guided(params, worlds.open_plane(name, exact, training))
            rates = f"{100 / wall:.0f} moments/s by the clock, {100 / used:.0f} a second of processor time"
            print(f"  {name}, {score} score: {rates}")
    torch.set_num_threads(devices.threads())


def pictures(name: str) -> None:
    """16 pictures, 20 steps with classifier-free guidance, by each sampler."""
    world = worlds.open_pictures(name)
    guided(Diffuse(world=name, steps=2), world)
    for sampler in SAMPLERS:
        path, wall, used, first = guided(Diffuse(world=name, sampler=sampler, steps=STEPS), world)
        print(
            f"  {name}, {sampler}: 16 pictures in {wall:.2f} s by the clock, {used:.2f} s of processor time; first "
            f"preview after {first:.2f} s; solver and guidance add {path.solver_share:.1%} to the networks' time"
        )


def throughput(name: str) -> None:
    """Pictures a second of STEPS guided steps, many at a time, and the share of what a large matrix product reaches."""
    model = image_models.load(name)
    on = torch.device(model.device)
    count = 512 if on.type == "cuda" else 8
    x = torch.randn(2 * count, *model.shape, device=on)
    labels = (torch.arange(2 * count, device=on) % len(model.classes)).where(torch.arange(2 * count, device=on) < count, -1)
    with FlopCounterMode(display=False) as counted:
        model.epsilon(x, 0.5, labels)

    def calls() -> None:
        for _ in range(STEPS):
            model.epsilon(x, 0.5, labels)
        if on.type == "cuda":
            torch.cuda.synchronize()

    seconds = measure({"calls": calls}, [()], runs=3, warm_up=1)["calls"].median
    dtype = torch.bfloat16 if on.type == "cuda" else torch.float32
    rate, ceiling = STEPS * counted.get_total_flops() / seconds / 1e12, ceilings(dtype, model.device)[0]
    print(
        f"  {name}: {count / seconds:.1f} pictures/s of {STEPS} guided steps, {count} at a time; {rate:.2f} TFLOP/s, "
        f"{rate / ceiling:.0%} of a large matrix product's {ceiling:.2f}"
    )


def main() -> None:
    """The figures of this machine."""
    print(f"  on {devices.current().name}")
    planes()
    for name in image_models.worlds():
        try:
            pictures(name)
            throughput(name)
        except Refused as missing:
            print(f"  {name}: {missing}")
