"""End points on a GPU: random words are made in registers and only where a walker ends is written.

Philox counts (walker, word, group, purpose), so that no two words of a run ever meet the same counter. Bits that are 1
with chance p come from comparing binary places, as in `bits`, 32 steps at a time; at p = 1/2 every word is 32 steps.
This module imports triton and is itself imported only where a kernel runs.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from engine.probability.random_walk.bits import binary_places

PLACES = 64
WALLS = {"free": 0, "absorbing": 1, "reflecting": 2}


@triton.jit
def flipped(x):
    """Every bit of a uint32 turned over; the interpreter has no ~ for unsigned numbers."""
    return x ^ 0xFFFFFFFF


@triton.jit
def popcount(x):
    """Bits set in each uint32."""
    x = x - ((x >> 1) & 0x55555555)
    x = (x & 0x33333333) + ((x >> 2) & 0x33333333)
    x = (x + (x >> 4)) & 0x0F0F0F0F
    x += x >> 8
    return ((x + (x >> 16)) & 0x3F).to(tl.int32)


@triton.jit
def low_bits(count):
    """A word with its lowest `count` bits set; all of them for count >= 32, none for count <= 0."""
    count = tl.minimum(tl.maximum(count, 0), 32)
    return ((1 << count.to(tl.int64)) - 1).to(tl.uint32)


@triton.jit
def draw(seed, walker, word, group, purpose):
    """Four random uint32 per walker."""
    zero = walker * 0
    return tl.philox(seed, walker, zero + word, zero + group, zero + purpose)


@triton.jit
def compare(u, place, ones, open_):
    """One binary place of u against that of p, given as 0 or all ones."""
    place = place.to(tl.uint32, bitcast=True)
    return ones | (open_ & place & flipped(u)), open_ & flipped(u ^ place)


@triton.jit
def bernoulli(seed, walker, word, purpose, places, groups):
    """32 bits per walker, each 1 with the chance whose binary places are at `places`, as 0 or -1 (int32)."""
    ones = (walker * 0).to(tl.uint32)
    open_ = flipped(ones)
    group = 0
    while (group < groups) & (tl.max(open_.to(tl.int64)) > 0):
        a, b, c, d = draw(seed, walker, word, group, purpose)
        ones, open_ = compare(a, tl.load(places + 4 * group), ones, open_)
        ones, open_ = compare(b, tl.load(places + 4 * group + 1), ones, open_)
        ones, open_ = compare(c, tl.load(places + 4 * group + 2), ones, open_)
        ones, open_ = compare(d, tl.load(places + 4 * group + 3), ones, open_)
        group += 1
    return ones


@triton.jit(do_not_specialize=["seed", "begin", "walkers", "steps"])
def fair_kernel(out, seed, begin, walkers, steps, BLOCK: tl.constexpr):
    """End points of free walkers on a line at p = 1/2: 128 steps to each call of Philox."""
    lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    walker, ups = lane + begin, tl.zeros([BLOCK], tl.int32)
    for word in range(tl.cdiv(steps, 128)):
        left = steps - 128 * word
        a, b, c, d = draw(seed, walker, word, 0, 0)
        ups += popcount(a & low_bits(left)) + popcount(b & low_bits(left - 32))
        ups += popcount(c & low_bits(left - 64)) + popcount(d & low_bits(left - 96))
    tl.store(out + lane, 2 * ups - steps, mask=lane < walkers)


@triton.jit
def rise(ways, axis):
    """Sum of the steps of a word that are on an axis."""
    return 2 * popcount(ways & axis) - popcount(axis)


@triton.jit(do_not_specialize=["seed", "begin", "walkers", "steps", "groups", "start", "target"])
def lattice_kernel(
    out,
    seed,
    begin,
    walkers,
    steps,
    places,
    groups,
    thirds,
    start,
    target,
    DIMENSION: tl.constexpr,
    WALLS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """End points of lattice walkers at any p, in one to three dimensions, or between walls on a line."""
    lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    walker = lane + begin
    x = tl.zeros([BLOCK], tl.int32) + start
    y = tl.zeros([BLOCK], tl.int32)
    z = tl.zeros([BLOCK], tl.int32)
    for word in range(tl.cdiv(steps, 32)):
        left = steps - 32 * word
        ways = bernoulli(seed, walker, word, 0, places, groups)
        here = (walker * 0).to(tl.uint32) | low_bits(left)
        if WALLS > 0:
            for step in range(tl.minimum(left, 32)):
                move = ((ways >> step) & 1).to(tl.int32) * 2 - 1
                if WALLS == 1:
                    x += tl.where((x > 0) & (x < target), move, 0)
                else:
                    x = tl.abs(x + move)
                    x = target - tl.abs(target - x)
        elif DIMENSION == 1:
            x += rise(ways, here)
        else:
            second, _, _, _ = draw(seed, walker, word, 0, 2)
            if DIMENSION == 2:
                first = flipped(second)
            else:
                first = bernoulli(seed, walker, word, 1, thirds, 16)
                z += rise(ways, here & flipped(first | second))
            x += rise(ways, here & first)
            y += rise(ways, here & flipped(first) & second)
    tl.store(out + lane, x, mask=lane < walkers)
    if DIMENSION > 1:
        tl.store(out + walkers + lane, y, mask=lane < walkers)
    if DIMENSION > 2:
        tl.store(out + 2 * walkers + lane, z, mask=lane < walkers)


@triton.jit(do_not_specialize=["seed", "begin", "walkers", "steps"])
def gaussian_kernel(out, seed, begin, walkers, steps, drift, sigma, DIMENSION: tl.constexpr, BLOCK: tl.constexpr):
    """End points of walkers with Gaussian steps: four normal numbers to each call of Philox (Box and Muller)."""
    lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    walker = lane + begin
    for axis in tl.static_range(DIMENSION):
        x = tl.zeros([BLOCK], tl.float32)
        for group in range(tl.cdiv(steps, 4)):
            left = steps - 4 * group
            a, b, c, d = draw(seed, walker, group, axis, 3)
            e, f = tl.pair_uniform_to_normal(tl.uint_to_uniform_float(a), tl.uint_to_uniform_float(b))
            g, h = tl.pair_uniform_to_normal(tl.uint_to_uniform_float(c), tl.uint_to_uniform_float(d))
            x += drift + sigma * e
            x = tl.where(left > 1, x + drift + sigma * f, x)
            x = tl.where(left > 2, x + drift + sigma * g, x)
            x = tl.where(left > 3, x + drift + sigma * h, x)
        tl.store(out + axis * walkers + lane, x, mask=lane < walkers)


def places_of(p: float, device: str) -> tuple[torch.Tensor, int]:
    """The first 64 binary places of p, each as 0 or -1, and how many groups of four of them matter.

    p = 1 is given as ones only: then a bit is 0 with chance 2 to the -64.
    """
    digits = [True] * PLACES if p == 1 else binary_places(p)[:PLACES] if p else []
    padded = [-int(digit) for digit in digits] + [0] * (PLACES - len(digits))
    return torch.tensor(padded, dtype=torch.int32, device=device), -(-len(digits) // 4)


def ends(
    steps: int,
    walkers: int,
    up: float,
    dimension: int,
    seed: int,
    begin: int = 0,
    walls: tuple[str, int, int] = ("free", 0, 1),
    gaussian: tuple[float, float] | None = None,
    device: str = "cuda",
    block: int = 512,
) -> torch.Tensor:
    """End points of walkers number begin, begin + 1, …: shape (dimension, walkers), int32, or float32 if Gaussian.

    walls: kind, start and target, as in `reference.between_walls`, for ±1 steps; the free walk begins at its start too.
    gaussian: mean and deviation of a step along each axis, from the origin, in place of ±1 with chance `up` on one axis.
    The same seed gives the same walker the same way whatever the block or the call it is part of.
    """
    kind, start, target = walls
    out = torch.empty((dimension, walkers), dtype=torch.float32 if gaussian else torch.int32, device=device)
    grid = (triton.cdiv(walkers, block),)
    if gaussian is not None:
        gaussian_kernel[grid](out, seed, begin, walkers, steps, *gaussian, DIMENSION=dimension, BLOCK=block)
    elif up == 0.5 and dimension == 1 and kind == "free":
        fair_kernel[grid](out, seed, begin, walkers, steps, BLOCK=block)
        out += start
    else:
        thirds, _ = places_of(1 / 3, device)
        chance = (*places_of(up, device), thirds)
        lattice_kernel[grid](out, seed, begin, walkers, steps, *chance, start, target, DIMENSION=dimension, WALLS=WALLS[kind], BLOCK=block)
    return out
