"""The simulation: independent blocks of walkers, each with random words of its own, counted as they come in.

Blocks depend on the parameters alone, never on the number of threads, so the same seed repeats on every machine.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.core import devices
from engine.probability.random_walk import bits, gaussian, packed, planes, positions, ruin
from engine.probability.random_walk.plan import Plan
from engine.probability.random_walk.watch import Tally, Watch

PATHS = 12
PATH_POINTS = 400
BREATH = 0.05
AT_ONCE = 0.05
REDRAWN = 0.02
ROOMS = {"track": 0, "follow": 1, "ends": 2, "gaussian": 3, "games": 4, "kernel": 5}
# Per kind of work: the walker-steps a block may hold, and the fewest and most walkers in it, for 10 to 50 ms of work;
# and nanoseconds that a step takes. The kernel's are a guess from its instructions, not measured.
SIZES = {
    "track": (2**25, 256, 20_480, 1.2),
    "planes": (2**23, 256, 20_480, 5.0),
    "follow": (2**25, 256, 20_480, 1.5),
    "ends": (2**27, 1024, 65_536, 0.7),
    "gaussian": (2**22, 2048, 20_480, 15.0),
    "games": (2**24, 512, 20_480, 2.0),
    "kernel": (2**36, 2**16, 2**24, 0.003),
}
FAIR_ENDS = 0.07
FOLLOWED_BESIDE_GPU = 10**8


class Stopped(Exception):
    """The asker has left; raised inside a block to end it."""


@dataclass(frozen=True)
class Block:
    """`walkers` walkers from number `begin` on, of one kind of work; `index` sets their random words.

    work: seconds of one processor that it should take. Of the first block of a kind some paths are kept.
    """

    kind: str
    index: int
    begin: int
    walkers: int
    work: float

    @property
    def shown(self) -> int:
        return PATHS if self.index == 0 else 0


def counts(plan: Plan, gpu: bool) -> dict[str, int]:
    """How many walkers each kind of work is for. With a GPU, all that only end somewhere end there."""
    tracked, rest = plan.tracked, plan.walkers - plan.tracked
    if gpu:
        if not plan.gaussian:
            return {"games": plan.games, "track": tracked, "kernel": rest}
        followed = max(1, min(plan.walkers, FOLLOWED_BESIDE_GPU // plan.steps))
        return {"games": plan.games, "gaussian": followed, "track": tracked, "kernel": plan.walkers - followed}
    if plan.gaussian:
        return {"games": plan.games, "gaussian": plan.walkers, "track": tracked}
    return {"games": plan.games, "track": tracked, "ends" if plan.dimension == 1 and not plan.walled else "follow": rest}


def blocks(plan: Plan, gpu: bool = False) -> list[Block]:
    """All the work of a run; the first block of every kind leads, so that every view has something early."""
    first, rest = [], []
    for kind, count in counts(plan, gpu).items():
        length = plan.steps if kind != "games" else float(ruin.duration(plan.up, plan.target)[plan.start])
        sizes = {"track": "planes", "follow": "planes"}.get(kind, kind) if plan.dimension > 1 else kind
        steps, least, most, pace = SIZES[sizes]
        pace = FAIR_ENDS if sizes == "ends" and plan.up == 0.5 else pace
        size = int(np.clip(steps / length, least, most)) // 64 * 64
        for index in range(-(-count // size)):
            walkers = min(size, count - index * size)
            block = Block(kind, index, index * size, walkers, walkers * length * plan.axes(kind) * pace * 1e-9)
            (rest if index else first).append(block)
    return first + rest


class Simulation:
    """A run in progress and what has been counted so far.

    gpu: the torch device whose kernel ends the walkers that are not followed; None to do all on the CPU.
    """

    def __init__(self, plan: Plan, gpu: str | None = None):
        self.plan, self.gpu = plan, gpu
        self.tally: Tally = {}
        self.stop, self.underway = threading.Event(), {}
        self.wanted = {time: row for row, time in enumerate(plan.times.tolist())}
        points = min(plan.steps, PATH_POINTS)
        self.path_times = np.round(np.linspace(0, plan.steps, points + 1)).astype(int)

    def run(self) -> Iterator[float]:
        """Work, yielding the fraction done about twenty times a second; a small run yields only its end."""
        queue = blocks(self.plan, self.gpu is not None)
        total = sum(block.work for block in queue)
        if total < AT_ONCE:
            for block in queue:
                self._add(self._count(block))
            yield 1.0
            return
        threads, done, waiting = devices.threads(), 0.0, []
        with ThreadPoolExecutor(threads) as pool:
            try:
                while queue or waiting:
                    while queue and len(waiting) < 8 * threads:
                        block = queue.pop(0)
                        waiting.append((block, pool.submit(self._count, block)))
                    wait([future for _, future in waiting], BREATH)
                    while waiting and waiting[0][1].done():
                        block, future = waiting.pop(0)
                        self._add(future.result())
                        done += block.work
                    inside = sum(self.underway.get(block, 0.0) * block.work for block, _ in waiting)
                    yield (done + inside) / total if queue or waiting else 1.0
            finally:
                self.stop.set()
                pool.shutdown(cancel_futures=True)

    def _add(self, counted: Tally) -> None:
        for name, array in counted.items():
            self.tally[name] = self.tally[name] + array if name in self.tally else array

    def _count(self, block: Block) -> Tally:
        source = bits.generator(self.plan.seed, ROOMS[block.kind], block.index)
        method: Callable[[Block, np.random.SFC64], Tally] = getattr(self, f"_{block.kind}")
        try:
            return method(block, source)
        except Stopped:
            return {}
        finally:
            self.underway.pop(block, None)

    def _breathe(self, block: Block, share: float) -> None:
        """Inside a block, now and then: note the share of it that is done, and stop if nobody waits for it."""
        if self.stop.is_set():
            raise Stopped
        self.underway[block] = share

    def _track(self, block: Block, source: np.random.SFC64) -> Tally:
        """The lattice walk with all that is counted along the way."""
        kind = packed if self.plan.dimension == 1 else planes
        functionals = kind.Functionals(block.walkers)
        counted = self._lattice(block, source, functionals)
        for name in ("first_return", "last_zero"):
            counted[name] = np.bincount(getattr(functionals, name), minlength=self.plan.steps + 1)
        counted["tracked"] = np.array(block.walkers)
        return counted

    def _follow(self, block: Block, source: np.random.SFC64) -> Tally:
        """The lattice walk without returns and last visits."""
        return self._lattice(block, source, None)

    def _lattice(self, block: Block, source: np.random.SFC64, functionals: Any) -> Tally:
        plan = self.plan
        if plan.dimension == 1:
            slabs = packed.slabs(source, plan.up, plan.steps, block.walkers)
        else:
            slabs = planes.slabs(source, plan.up, plan.steps, block.walkers, plan.dimension)
        law = None if plan.gaussian else self._law(block)
        watch = Watch(plan, block.walkers, block.shown)
        for slab in slabs:
            self._breathe(block, slab.begun / plan.steps)
            if functionals is not None:
                functionals.advance(slab)
            if law is None:
                continue
            law.advance(slab)
            for time in watch.within(plan.times, slab.begun, slab.ended):
                watch.count(law.position(time), self.wanted[time])
            if block.shown and (times := watch.within(self.path_times, slab.begun, slab.ended)):
                watch.paths.append(law.trail(block.shown, np.array(times)))
        return {} if law is None else watch.tally()

    def _law(self, block: Block) -> Any:
        plan = self.plan
        if plan.walled:
            return positions.Walled(block.walkers, plan.start, plan.target, plan.walls)
        return positions.Free()

    def _ends(self, block: Block, source: np.random.SFC64) -> Tally:
        """End points of free walkers on a line, nothing kept of the way."""
        plan, (lowest, width) = self.plan, self.plan.window
        at = packed.ends(source, plan.up, plan.steps, block.walkers)
        ends = np.bincount(at - int(lowest[-1]), minlength=width)[:width]
        return {"ends": ends, "end_sums": plan.end_sums(ends)}

    def _kernel(self, block: Block, source: np.random.SFC64) -> Tally:
        """End points of any walkers, on the GPU."""
        import torch

        from engine.probability.random_walk import kernel

        plan = self.plan
        self._breathe(block, 0.0)
        first = kernel.ends(
            plan.steps,
            block.walkers,
            plan.up,
            plan.dimension,
            plan.seed,
            block.begin,
            walls=(plan.walls, plan.origin, plan.target),
            gaussian=(plan.drift, math.sqrt(plan.step_variance)) if plan.gaussian else None,
            device=self.gpu or "cuda",
        )[0]
        if not plan.gaussian:
            lowest, width = plan.window
            ends = torch.bincount(first - int(lowest[-1]), minlength=width)[:width].cpu().numpy()
            return {"ends": ends, "end_sums": plan.end_sums(ends)}
        edges, away = plan.edges(plan.steps), first.double()
        cell = ((away - edges[0]) / (edges[1] - edges[0])).floor().long() + 1  # 0 and the last are beyond the edges
        ends = torch.bincount(cell.clamp(0, len(edges)), minlength=len(edges) + 1).cpu().numpy()[1:-1]
        return {"ends": ends, "end_sums": np.array([block.walkers, float(away.sum()), float((away * away).sum())])}

    def _gaussian(self, block: Block, source: np.random.SFC64) -> Tally:
        """The walk with Gaussian steps."""
        plan = self.plan
        watch = Watch(plan, block.walkers, block.shown)
        sigma, drawn = math.sqrt(plan.step_variance), set(self.path_times.tolist())
        walk = gaussian.walk(source, plan.steps, block.walkers, plan.dimension, plan.drift, sigma)
        at = None
        for time, at in enumerate(walk, 1):
            self._breathe(block, time / plan.steps)
            if time in self.wanted:
                watch.count(at, self.wanted[time])
            if block.shown and time in drawn:
                watch.paths.append(at[None, :, : block.shown].copy())
        assert at is not None
        return watch.tally() | {"ends": watch.cells(at[0], plan.edges(plan.steps))}

    def _games(self, block: Block, source: np.random.SFC64) -> Tally:
        """Gamblers, each until he has won it all or lost it all."""
        plan = self.plan
        won, rounds = ruin.play(source, plan.up, plan.start, plan.target, block.walkers)
        edges, _ = ruin.duration_law(plan.up, plan.start, plan.target)
        last = len(edges) - 1
        spans = np.bincount(np.minimum((rounds - 1) // edges[1], last), minlength=last + 1)
        return {"games": np.array([block.walkers, won.sum(), rounds.sum()]), "rounds": spans[:-1]}
