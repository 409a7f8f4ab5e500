"""End points of a random walk: packed steps against numpy's choice([-1, 1]).cumsum, on the same walkers and steps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from engine.core import devices
from engine.core.timing import Timing, measure
from engine.probability.random_walk import RandomWalk, bits, packed, random_walk

WALKERS, STEPS, BLOCKS = 20_000, 1_000, 4
RUNS = 7


def numpy_fair(seed: int) -> np.ndarray:
    """The contender at p = 1/2."""
    return np.random.default_rng(seed).choice([-1, 1], size=(WALKERS, STEPS)).cumsum(axis=1)[:, -1]


def numpy_leaning(seed: int, up: float) -> np.ndarray:
    """The contender at any p."""
    moves = np.random.default_rng(seed).choice([-1, 1], size=(WALKERS, STEPS), p=[1 - up, up])
    return moves.cumsum(axis=1)[:, -1]


def ours(seed: int, up: float, threads: int) -> np.ndarray:
    """The same end points by packed steps, in blocks of walkers on some threads."""
    with ThreadPoolExecutor(threads) as pool:
        work = [pool.submit(packed.ends, bits.generator(seed, i), up, STEPS, WALKERS // BLOCKS) for i in range(BLOCKS)]
        return np.concatenate([block.result() for block in work])


def compare() -> dict:
    """Seconds (median, and the middle 60 %) of each contender, and how many times faster the packed steps are.

    "fair" is p = 1/2, "leaning" p = 0.52, "leaning_over_fair" the leaning walk against numpy's quicker fair choice.
    """
    cores = devices.threads()
    contenders = {
        "numpy, p = 1/2": numpy_fair,
        "packed, p = 1/2, one core": lambda seed: ours(seed, 0.5, 1),
        "packed, p = 1/2, all cores": lambda seed: ours(seed, 0.5, cores),
        "numpy, p = 0.52": lambda seed: numpy_leaning(seed, 0.52),
        "packed, p = 0.52, one core": lambda seed: ours(seed, 0.52, 1),
        "packed, p = 0.52, all cores": lambda seed: ours(seed, 0.52, cores),
    }
    found = measure(contenders, [(seed,) for seed in range(RUNS)], runs=RUNS)
    fair, leaning = found["packed, p = 1/2, all cores"].median, found["packed, p = 0.52, all cores"].median
    seed = iter(range(10**6))
    page = measure({"lab": lambda: random_walk(RandomWalk(seed=next(seed)))}, [()], warm_up=3, runs=21)["lab"]
    return {
        "walkers": WALKERS,
        "steps": STEPS,
        "cores": cores,
        "seconds": found,
        "fair": found["numpy, p = 1/2"].median / fair,
        "leaning": found["numpy, p = 0.52"].median / leaning,
        "leaning_over_fair": found["numpy, p = 1/2"].median / leaning,
        "lab_at_its_defaults": page,
    }


def shown(timing: Timing) -> str:
    return f"{1e3 * timing.median:9.2f} ms   ({1e3 * timing.low:.2f} to {1e3 * timing.high:.2f})"


def main() -> None:
    """Print the comparison."""
    found = compare()
    print(f"end points of {found['walkers']:,} walkers after {found['steps']:,} steps, {found['cores']} cores")
    for name, timing in found["seconds"].items():
        print(f"  {name:28s} {shown(timing)}")
    print(f"  {'the lab at its defaults':28s} {shown(found['lab_at_its_defaults'])}")
    print(f"  times faster at p = 1/2: {found['fair']:.0f} (30 are asked for)")
    print(f"  times faster at p = 0.52: {found['leaning']:.0f} (3 are asked for)")
    print(f"  times faster at p = 0.52 than numpy at 1/2: {found['leaning_over_fair']:.0f}")


if __name__ == "__main__":
    main()
