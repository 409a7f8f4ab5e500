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
With SUMS the output is divided by the sum of its weights plus EPS, and TOTAL is that sum.
EVEN says that every chunk and every block is full: tiles need no mask. OPERAND is the type that goes into the matrix
unit; fp16 inputs go as fp32, since sums over tokens leave its range.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _rows(base, start, stop, stride, WIDTH, first, BLOCK: tl.constexpr, C: tl.constexpr, EVEN: tl.constexpr):
    """Tokens start to start + C, columns first to first + BLOCK; zeros from `stop` and from WIDTH on."""
    rows, columns = start + tl.arange(0, C), first + tl.arange(0, BLOCK)
    at = base + rows[:, None] * stride + columns[None, :]
    mask = (rows[:, None] < stop) & (columns[None, :] < WIDTH)
    return tl.load(at) if EVEN else tl.load(at, mask=mask, other=0.0)


@triton.jit
def _vector(base, start, stop, stride, C: tl.constexpr, other: tl.constexpr):
    rows = start + tl.arange(0, C)
    return tl.load(base + rows * stride, mask=rows < stop, other=other).to(tl.float32)


@triton.jit
def _product(a, b, c, OPERAND: tl.constexpr, PRECISION: tl.constexpr):
    """a @ b (+ c) summed in fp32, the factors rounded to OPERAND."""
    return tl.dot(a.to(OPERAND), b.to(OPERAND), c, input_precision=PRECISION)


@triton.jit
def _decays(G, start, stop, stride, C: tl.constexpr, REVERSE: tl.constexpr):
    """How much of a source reaches the state past the chunk, of the state a target, of the state the next chunk; and
    the running sums of g. No exponent is ever positive."""
    sums = tl.cumsum(_vector(G, start, stop, stride, C, 0.0), 0)
    rows = tl.arange(0, C)
    whole = tl.sum(tl.where(rows == C - 1, sums, 0.0), 0)
    ahead, behind = tl.exp(whole - sums), tl.exp(sums)
    if REVERSE:
        to_state, from_state = behind, ahead
    else:
        to_state, from_state = ahead, behind
    return to_state, from_state, tl.exp(whole), sums


@triton.jit
def _write(state, keys, values, k, v, b, to_state, kept, DECAY: tl.constexpr, SUMS: tl.constexpr,
           BIASED: tl.constexpr, OPERAND: tl.constexpr, PRECISION: tl.constexpr):  # fmt: skip
    """The state after a chunk's keys and (already scaled) values have been written into it."""
    if DECAY:
        k = k.to(tl.float32) * to_state[:, None]
        b = b * to_state
        state, keys, values = state * kept, keys * kept, values * kept
    state = _product(k.T, v, state, OPERAND, PRECISION)
    if SUMS:
        keys += tl.sum(k.to(tl.float32), 0)
    if BIASED:
        values += tl.sum(b[:, None] * v.to(tl.float32), 0)
    return state, keys, values


@triton.jit
def _sources(K, V, CS, BS, row, start, stop, k_stride, v_stride, F, D, first, BLOCK_F: tl.constexpr,
             BLOCK_V: tl.constexpr, C: tl.constexpr, SOURCE: tl.constexpr, SOURCE_BIAS: tl.constexpr,
             EVEN: tl.constexpr):  # fmt: skip
    """Keys, values times c, and b of one chunk."""
    k = _rows(K, start, stop, k_stride, F, 0, BLOCK_F, C, EVEN)
    v = _rows(V, start, stop, v_stride, D, first, BLOCK_V, C, EVEN)
    if SOURCE:
        v = v.to(tl.float32) * _vector(CS + row, start, stop, 1, C, 0.0)[:, None]
    inside = tl.where(start + tl.arange(0, C) < stop, 1.0, 0.0)
    return k, v, _vector(BS + row, start, stop, 1, C, 0.0) if SOURCE_BIAS else inside


@triton.jit
def _place(chunk, chunks, C: tl.constexpr, REVERSE: tl.constexpr):
    """The first token of the chunk that comes `chunk`-th within its segment."""
    return (chunks - 1 - chunk if REVERSE else chunk) * C


@triton.jit
def state_kernel(K, V, G, CS, BS, STATE, KEPT, k_strides, v_strides, g_strides, H, N, F, D, W, SEGMENT, SEGMENTS,
                 BLOCK_F: tl.constexpr, BLOCK_V: tl.constexpr, C: tl.constexpr, DECAY: tl.constexpr,
                 SOURCE: tl.constexpr, SOURCE_BIAS: tl.constexpr, BIASED: tl.constexpr, SUMS: tl.constexpr,
                 REVERSE: tl.constexpr, EVEN: tl.constexpr, OPERAND: tl.constexpr,
                 PRECISION: tl.constexpr):  # fmt: skip
    """What one segment writes into a state that was zero, and how much of an earlier state is left after it."""
    head, segment, first = tl.program_id(0) // SEGMENTS, tl.program_id(0) % SEGMENTS, tl.program_id(1) * BLOCK_V
    b, h = (head // H).to(tl.int64), (head % H).to(tl.int64)
    K, V = K + b * k_strides[0] + h * k_strides[1], V + b * v_strides[0] + h * v_strides[1]
    G, row = G + b * g_strides[0] + h * g_strides[1], head.to(tl.int64) * N
    begin = segment * SEGMENT
    stop = tl.minimum(begin + SEGMENT, N)
    state = tl.zeros([BLOCK_F, BLOCK_V], tl.float32)
    keys, values = tl.zeros([BLOCK_F], tl.float32), tl.zeros([BLOCK_V], tl.float32)
    all_kept = tl.full((), 1.0, tl.float32)
    chunks = tl.cdiv(stop - begin, C)
    for chunk in tl.range(0, chunks):
        start = begin + _place(chunk, chunks, C, REVERSE)
        k, v, bias = _sources(K, V, CS, BS, row, start, stop, k_strides[2], v_strides[2], F, D, first, BLOCK_F,
                              BLOCK_V, C, SOURCE, SOURCE_BIAS, EVEN)  # fmt: skip
        to_state, kept = bias, 1.0
        if DECAY:
            to_state, _from, kept, _sums = _decays(G, start, stop, g_strides[2], C, REVERSE)
            all_kept *= kept
        state, keys, values = _write(state, keys, values, k, v, bias, to_state, kept, DECAY, SUMS, BIASED, OPERAND,
                                     PRECISION)  # fmt: skip
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
def output_kernel(Q, K, V, O, TOTAL, G, RS, CS, AS, BS, STATE, q_strides, k_strides, v_strides, o_strides, g_strides,
                  H, N, F, D, W, SEGMENT, SEGMENTS, BLOCK_F: tl.constexpr, BLOCK_V: tl.constexpr, C: tl.constexpr,
                  DECAY: tl.constexpr, ROW: tl.constexpr, SOURCE: tl.constexpr, TARGET_BIAS: tl.constexpr,
                  SOURCE_BIAS: tl.constexpr, BIASED: tl.constexpr, SUMS: tl.constexpr, REVERSE: tl.constexpr,
                  EVEN: tl.constexpr, OPERAND: tl.constexpr, PRECISION: tl.constexpr, EPS: tl.constexpr):  # fmt: skip
    """The outputs of one segment, chunk by chunk, from the state that it starts from."""
    head, segment, first = tl.program_id(0) // SEGMENTS, tl.program_id(0) % SEGMENTS, tl.program_id(1) * BLOCK_V
    b, h = (head // H).to(tl.int64), (head % H).to(tl.int64)
    Q, K = Q + b * q_strides[0] + h * q_strides[1], K + b * k_strides[0] + h * k_strides[1]
    V, O = V + b * v_strides[0] + h * v_strides[1], O + b * o_strides[0] + h * o_strides[1]
    G, row = G + b * g_strides[0] + h * g_strides[1], head.to(tl.int64) * N
    begin = segment * SEGMENT
    stop = tl.minimum(begin + SEGMENT, N)
    f, d, within = tl.arange(0, BLOCK_F), first + tl.arange(0, BLOCK_V), tl.arange(0, C)
    record = STATE + tl.program_id(0).to(tl.int64) * (BLOCK_F * W + BLOCK_F + W)
    state = tl.load(record + f[:, None] * W + d[None, :])
    keys, values = tl.load(record + BLOCK_F * W + f), tl.load(record + BLOCK_F * W + BLOCK_F + d)
    chunks = tl.cdiv(stop - begin, C)
    for chunk in tl.range(0, chunks):
        start = begin + _place(chunk, chunks, C, REVERSE)
        rows = start + within
        q = _rows(Q, start, stop, q_strides[2], F, 0, BLOCK_F, C, EVEN)
        k, v, bias = _sources(K, V, CS, BS, row, start, stop, k_strides[2], v_strides[2], F, D, first, BLOCK_F,
                              BLOCK_V, C, SOURCE, SOURCE_BIAS, EVEN)  # fmt: skip
        weights = tl.dot(q, k.T, input_precision="ieee")
        ones = tl.full([C], 1.0, tl.float32)
        a = _vector(AS + row, start, stop, 1, C, 0.0) if TARGET_BIAS else ones
        if BIASED:
            weights += a[:, None] * bias[None, :]
        to_state, kept = bias, 1.0
        if DECAY:
            to_state, from_state, kept, sums = _decays(G, start, stop, g_strides[2], C, REVERSE)
            apart = sums[:, None] - sums[None, :]
            weights *= tl.exp(tl.minimum(-apart if REVERSE else apart, 0.0))
            q = q.to(tl.float32) * from_state[:, None]
            a = a * from_state
        order = within[:, None] <= within[None, :] if REVERSE else within[:, None] >= within[None, :]
        weights = tl.where(order, weights, 0.0)
        out = _product(q, state, None, OPERAND, PRECISION)
        out = _product(weights, v, out, OPERAND, PRECISION)
        if BIASED:
            out += a[:, None] * values[None, :]
        if ROW:
            out *= _vector(RS + row, start, stop, 1, C, 0.0)[:, None]
        if SUMS:
            total = tl.sum(weights, 1) + tl.sum(q.to(tl.float32) * keys[None, :], 1)
            out = out / (total + EPS)[:, None]
            if tl.program_id(1) == 0:
                tl.store(TOTAL + row + rows, total, mask=rows < stop)
        at = O + rows[:, None] * o_strides[2] + d[None, :]
        if EVEN:
            tl.store(at, out.to(O.dtype.element_ty))
        else:
            tl.store(at, out.to(O.dtype.element_ty), mask=(rows[:, None] < stop) & (d[None, :] < D))
        state, keys, values = _write(state, keys, values, k, v, bias, to_state, kept, DECAY, SUMS, BIASED, OPERAND,
                                     PRECISION)  # fmt: skip
