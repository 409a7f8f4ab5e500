"""Diffusion: moments of a plane a second, the time of a guided run of pictures, and what the solver adds to it.

Wall time and processor time stand side by side: on a machine that others use only the second is the program's own.
"""

from __future__ import annotations

import time

import torch

from engine.core import Refused, devices
from engine.generation import image_models
from engine.generation.diffusion import Diffuse, session, worlds
from engine.generation.diffusion.paths import Path
from engine.generation.diffusion.samplers import SAMPLERS

STEPS = 20


def guided(params: Diffuse, world: worlds.World) -> tuple[Path, float, float, float]:
    """A guided path with its wall time, its processor time, and the wall time until its first preview."""
    board = session.board(params, world)
    begun, used, first = time.perf_counter(), time.process_time(), 0.0
    for kept in session.walk(board, params.guidance):
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


def main() -> None:
    """The figures of this machine."""
    print(f"  on {devices.current().name}")
    planes()
    for name in image_models.worlds():
        try:
            pictures(name)
        except Refused as missing:
            print(f"  {name}: {missing}")
