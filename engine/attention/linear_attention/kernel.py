"""Causal linear attention in Triton: the device code of `fold`, which both passes are made of. `launch.py` runs it.

For targets i and sources j that come no later (no earlier when REVERSE),

    out_i = r_i * sum_j w_ij (q_i . k_j + a_i b_j) c_j v_j,     w_ij = exp(sum of g between them).

The tokens are cut into segments, and those into chunks. `state_kernel` gives what each segment writes into the state,
`carry_kernel` runs over the segments and leaves in each place the state that its segment starts from, and
`output_kernel` walks through the chunks of a segment with the state in registers, all pairs inside a chunk at once.
Source: Katharopoulos et al. 2020; Yang et al. 2024 (GLA, section 4), with one decay per head and token.

F features (BLOCK_F the power of two at or above), D numbers to a value in blocks of BLOCK_V, C tokens to a chunk.
A segment's record in STATE is BLOCK_F x W numbers in fp32 (W the power of two at or above D), then BLOCK_F sums of
keys, then W sums of biased values. Vectors are (B, H, N) fp32 and contiguous, G has any strides.
Kernels take `strides`, those over (B, H, N) of each tensor in the order in which they stand, g's last, and `sizes`, (H, N,
F, D, W, tokens to a segment, segments to a head). Of the sources that a device function reads, `tensors` is (K, V, c, b).
"""

from __future__ import annotations

from typing import NamedTuple

import triton
import triton.language as tl


class Case(NamedTuple):
    """What the kernels are compiled for.

    DECAY, ROW, SOURCE, TARGET_BIAS, SOURCE_BIAS: whether g, r, c, a, b are there; BIASED: one of the last two. SUMS: the
    output is divided by the sum of its weights plus EPS, and TOTAL is that sum. EVEN: every chunk and every block is full,
    and tiles need no mask. BF16: factors go into the matrix unit as bf16; else as fp32, fp16 too, since sums over tokens
    leave its range, with the PRECISION of its products.
    """

    BLOCK_F: int
    W: int
    DECAY: bool
    ROW: bool
    SOURCE: bool
    TARGET_BIAS: bool
    SOURCE_BIAS: bool
    BIASED: bool
    SUMS: bool
    REVERSE: bool
    EVEN: bool
    BF16: bool
    PRECISION: str
    EPS: float


@triton.jit
def _rows(base, start, stop, stride, WIDTH, first, BLOCK, C, EVEN):
    """Tokens start to start + C, columns first to first + BLOCK; zeros from `stop` and from WIDTH on."""
    rows, columns = start + tl.arange(0, C), first + tl.arange(0, BLOCK)
    at = base + rows[:, None] * stride + columns[None, :]
    mask = (rows[:, None] < stop) & (columns[None, :] < WIDTH)
    return tl.load(at) if EVEN else tl.load(at, mask=mask, other=0.0)


@triton.jit
def _vector(base, start, stop, stride, C):
    rows = start + tl.arange(0, C)
    return tl.load(base + rows * stride, mask=rows < stop, other=0.0).to(tl.float32)


@triton.jit
def _product(a, b, c, CASE):
    """a @ b (+ c) summed in fp32, the factors rounded to what the matrix unit takes."""
    operand: tl.constexpr = tl.bfloat16 if CASE.BF16 else tl.float32
    return tl.dot(a.to(operand), b.to(operand), c, input_precision=CASE.PRECISION)


@triton.jit
def _decays(G, start, stop, stride, C, CASE):
    """How much of a source reaches the state past the chunk, of the state a target, of the state the next chunk; and
    the running sums of g. No exponent is ever positive."""
    sums = tl.cumsum(_vector(G, start, stop, stride, C), 0)
    rows = tl.arange(0, C)
    whole = tl.sum(tl.where(rows == C - 1, sums, 0.0), 0)
    ahead, behind = tl.exp(whole - sums), tl.exp(sums)
    if CASE.REVERSE:
        to_state, from_state = behind, ahead
    else:
        to_state, from_state = ahead, behind
    return to_state, from_state, tl.exp(whole), sums


@triton.jit
def _write(state, keys, values, k, v, b, to_state, kept, CASE):
    """The state after a chunk's keys and (already scaled) values have been written into it."""
    if CASE.DECAY:
        k = k.to(tl.float32) * to_state[:, None]
        b = b * to_state
        state, keys, values = state * kept, keys * kept, values * kept
    state = _product(k.T, v, state, CASE)
    if CASE.SUMS:
        keys += tl.sum(k.to(tl.float32), 0)
    if CASE.BIASED:
        values += tl.sum(b[:, None] * v.to(tl.float32), 0)
    return state, keys, values


@triton.jit
def _sources(tensors, strides, row, start, stop, F, D, first, CASE, BLOCK_V, C):
    """Keys, values times c, and b of one chunk."""
    k = _rows(tensors[0], start, stop, strides[0], F, 0, CASE.BLOCK_F, C, CASE.EVEN)
    v = _rows(tensors[1], start, stop, strides[1], D, first, BLOCK_V, C, CASE.EVEN)
    if CASE.SOURCE:
        v = v.to(tl.float32) * _vector(tensors[2] + row, start, stop, 1, C)[:, None]
    inside = tl.where(start + tl.arange(0, C) < stop, 1.0, 0.0)
    return k, v, _vector(tensors[3] + row, start, stop, 1, C) if CASE.SOURCE_BIAS else inside


@triton.jit
def _head(base, strides, b, h):
    return base + b * strides[0] + h * strides[1]


@triton.jit
def _place(chunk, chunks, C, REVERSE):
    """The first token of the chunk that comes `chunk`-th within its segment."""
    return (chunks - 1 - chunk if REVERSE else chunk) * C


@triton.jit
def state_kernel(K, V, G, CS, BS, STATE, KEPT, strides, sizes, CASE: tl.constexpr, BLOCK_V: tl.constexpr, C: tl.constexpr):
    """What one segment writes into a state that was zero, and how much of an earlier state is left after it."""
    H, N, F, D, W, SEGMENT, SEGMENTS = sizes
    BLOCK_F: tl.constexpr = CASE.BLOCK_F
    head, segment, first = tl.program_id(0) // SEGMENTS, tl.program_id(0) % SEGMENTS, tl.program_id(1) * BLOCK_V
    b, h = (head // H).to(tl.int64), (head % H).to(tl.int64)
    K, V, G, row = _head(K, strides[0], b, h), _head(V, strides[1], b, h), _head(G, strides[2], b, h), head.to(tl.int64) * N
    begin = segment * SEGMENT
    stop = tl.minimum(begin + SEGMENT, N)
    state = tl.zeros([BLOCK_F, BLOCK_V], tl.float32)
    keys, values = tl.zeros([BLOCK_F], tl.float32), tl.zeros([BLOCK_V], tl.float32)
    all_kept = tl.full((), 1.0, tl.float32)
    chunks = tl.cdiv(stop - begin, C)
    for chunk in tl.range(0, chunks):
        start = begin + _place(chunk, chunks, C, CASE.REVERSE)
        k, v, bias = _sources((K, V, CS, BS), (strides[0][2], strides[1][2]), row, start, stop, F, D, first, CASE, BLOCK_V, C)
        to_state, kept = bias, 1.0
        if CASE.DECAY:
            to_state, _from, kept, _sums = _decays(G, start, stop, strides[2][2], C, CASE)
            all_kept *= kept
        state, keys, values = _write(state, keys, values, k, v, bias, to_state, kept, CASE)
    f, d = tl.arange(0, BLOCK_F), first + tl.arange(0, BLOCK_V)
    record = STATE + tl.program_id(0).to(tl.int64) * (BLOCK_F * W + BLOCK_F + W)
    tl.store(record + f[:, None] * W + d[None, :], state)
    tl.store(record + BLOCK_F * W + BLOCK_F + d, values)
    if tl.program_id(1) == 0:
        tl.store(record + BLOCK_F * W + f, keys)
        tl.store(KEPT + tl.program_id(0), all_kept)


@triton.jit
def carry_kernel(STATE, KEPT, SIZE, SEGMENTS, REVERSE: tl.constexpr, BLOCK: tl.constexpr):
    """In place of what each segment writes, the state that it starts from: a running sum that decays."""
    at = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    state = tl.zeros([BLOCK], tl.float32)
    for step in tl.range(0, SEGMENTS):
        segment = tl.program_id(0) * SEGMENTS + (SEGMENTS - 1 - step if REVERSE else step)
        place = STATE + segment.to(tl.int64) * SIZE + at
        written = tl.load(place, mask=at < SIZE, other=0.0)
        tl.store(place, state, mask=at < SIZE)
        state = state * tl.load(KEPT + segment) + written


@triton.jit
def output_kernel(Q, K, V, O, TOTAL, G, RS, CS, AS, BS, STATE, strides, sizes, CASE: tl.constexpr, BLOCK_V: tl.constexpr, C: tl.constexpr):
    """The outputs of one segment, chunk by chunk, from the state that it starts from."""
    H, N, F, D, W, SEGMENT, SEGMENTS = sizes
    BLOCK_F: tl.constexpr = CASE.BLOCK_F
    head, segment, first = tl.program_id(0) // SEGMENTS, tl.program_id(0) % SEGMENTS, tl.program_id(1) * BLOCK_V
    b, h = (head // H).to(tl.int64), (head % H).to(tl.int64)
    Q, K, V, O = _head(Q, strides[0], b, h), _head(K, strides[1], b, h), _head(V, strides[2], b, h), _head(O, strides[3], b, h)
    G, row = _head(G, strides[4], b, h), head.to(tl.int64) * N
    begin = segment * SEGMENT
    stop = tl.minimum(begin + SEGMENT, N)
    f, d, within = tl.arange(0, BLOCK_F), first + tl.arange(0, BLOCK_V), tl.arange(0, C)
    record = STATE + tl.program_id(0).to(tl.int64) * (BLOCK_F * W + BLOCK_F + W)
    state = tl.load(record + f[:, None] * W + d[None, :])
    keys, values = tl.load(record + BLOCK_F * W + f), tl.load(record + BLOCK_F * W + BLOCK_F + d)
    chunks = tl.cdiv(stop - begin, C)
    for chunk in tl.range(0, chunks):
        start = begin + _place(chunk, chunks, C, CASE.REVERSE)
        rows = start + within
        q = _rows(Q, start, stop, strides[0][2], F, 0, BLOCK_F, C, CASE.EVEN)
        k, v, bias = _sources((K, V, CS, BS), (strides[1][2], strides[2][2]), row, start, stop, F, D, first, CASE, BLOCK_V, C)
        weights = tl.dot(q, k.T, input_precision="ieee")
        ones = tl.full([C], 1.0, tl.float32)
        a = _vector(AS + row, start, stop, 1, C) if CASE.TARGET_BIAS else ones
        if CASE.BIASED:
            weights += a[:, None] * bias[None, :]
        to_state, kept = bias, 1.0
        if CASE.DECAY:
            to_state, from_state, kept, sums = _decays(G, start, stop, strides[4][2], C, CASE)
            apart = sums[:, None] - sums[None, :]
            weights *= tl.exp(tl.minimum(-apart if CASE.REVERSE else apart, 0.0))
            q = q.to(tl.float32) * from_state[:, None]
            a = a * from_state
        order = within[:, None] <= within[None, :] if CASE.REVERSE else within[:, None] >= within[None, :]
        weights = tl.where(order, weights, 0.0)
        out = _product(weights, v, _product(q, state, None, CASE), CASE)
        if CASE.BIASED:
            out += a[:, None] * values[None, :]
        if CASE.ROW:
            out *= _vector(RS + row, start, stop, 1, C)[:, None]
        if CASE.SUMS:
            total = tl.sum(weights, 1) + tl.sum(q.to(tl.float32) * keys[None, :], 1)
            out = out / (total + CASE.EPS)[:, None]
            if tl.program_id(1) == 0:
                tl.store(TOTAL + row + rows, total, mask=rows < stop)
        at = O + rows[:, None] * strides[3][2] + d[None, :]
        if CASE.EVEN:
            tl.store(at, out.to(O.dtype.element_ty))
        else:
            tl.store(at, out.to(O.dtype.element_ty), mask=(rows[:, None] < stop) & (d[None, :] < D))
        state, keys, values = _write(state, keys, values, k, v, bias, to_state, kept, CASE)
