"""FlashAttention-2 in Triton: the device code of the forward and the backward pass. `launch.py` runs it.

Source: Dao, "FlashAttention-2" (2023), algorithms 1 and 2. Three departures, all usual: exponentials in base 2, with
log2 e folded into the scale; no atomic additions, dQ having a kernel of its own, so that a run repeats bit by bit at
the price of two more matrix products; and for grouped queries one program sums dK and dV over the group.

B batch, H query heads, G query heads to a key-value head, N queries, T keys, D head dimension, BLOCK_D the power of
two at or above it. q, o (B, H, N, D); k, v (B, H / G, T, D); lse, delta (B, H, N) in fp32, natural logarithm.
Kernels take `strides`, those over (B, H, N) of each tensor in the order in which they stand, and `sizes`, (B, H, G, N, T,
TEAM). Among device functions `place` is (b, h, first row or column, how many there are), and `tile` (BLOCK_M, BLOCK_N), which is
written out at every call: a tuple that has a name of its own in a kernel is no constant any more.
"""

from __future__ import annotations

from typing import NamedTuple

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)
LN_2 = tl.constexpr(0.6931471805599453)


class Case(NamedTuple):
    """What a kernel is compiled for.

    LONG only tells the tuner that long rows are another case. EVEN: every tile is full, and no load needs a mask. TMA:
    Hopper's copy engine moves the tiles of the inner loop; it cuts off what lies outside by itself.
    """

    LONG: bool
    EVEN: bool
    D: int
    BLOCK_D: int
    CAUSAL: bool
    TMA: bool


@triton.jit
def _source(base, strides, B, H, N, CASE, BLOCK):
    """Where the tiles of a tensor (B, H, N, D) come from: a descriptor for the copy engine, or the bare pointer."""
    if CASE.TMA:
        source = tl.make_tensor_descriptor(base, [B, H, N, CASE.D], [strides[0], strides[1], strides[2], 1], [1, 1, BLOCK, CASE.BLOCK_D])
    else:
        source = base
    return source


@triton.jit
def _load(source, strides, place, CASE, BLOCK, MASK, TMA):
    """BLOCK rows of head (b, h) from the place on; zeros outside the tensor."""
    b, h, start, N = place
    if TMA:
        tile = source.load([b, h, start, 0]).reshape(BLOCK, CASE.BLOCK_D)
    else:
        rows, d = start + tl.arange(0, BLOCK), tl.arange(0, CASE.BLOCK_D)
        head = source + b.to(tl.int64) * strides[0] + h.to(tl.int64) * strides[1]
        at = head + rows[:, None] * strides[2] + d[None, :]
        if MASK:
            tile = tl.load(at, mask=(rows[:, None] < N) & (d[None, :] < CASE.D), other=0.0)
        elif CASE.D != CASE.BLOCK_D:
            tile = tl.load(at, mask=d[None, :] < CASE.D, other=0.0)
        else:
            tile = tl.load(at)
    return tile


@triton.jit
def _store(base, value, strides, place, CASE, BLOCK):
    b, h, start, N = place
    rows, d = start + tl.arange(0, BLOCK), tl.arange(0, CASE.BLOCK_D)
    head = base + b.to(tl.int64) * strides[0] + h.to(tl.int64) * strides[1]
    at = head + rows[:, None] * strides[2] + d[None, :]
    tl.store(at, value.to(base.dtype.element_ty), mask=(rows[:, None] < N) & (d[None, :] < CASE.D))


@triton.jit
def _product(a, b, c=None):
    """a @ b (+ c) summed in fp32; fp32 operands are multiplied in full, not rounded to TF32."""
    return tl.dot(a, b, c, input_precision="ieee")


@triton.jit
def _piece(work, heads, blocks, TEAM, CAUSAL):
    """The (head, tile) of a piece of work.

    TEAM heads at a time, few enough that their keys and values stay in the L2 cache, and tile by tile through all of
    them. Under a causal mask the longest rows come first, so that no long one is left for the end.
    """
    first = work // (TEAM * blocks) * TEAM
    size = tl.minimum(TEAM, heads - first)
    rest = work % (TEAM * blocks)
    tile = rest // size
    return first + rest % size, blocks - 1 - tile if CAUSAL else tile


@triton.jit
def _hidden(s, rows, columns, T, CAUSAL, MASK):
    """Scores with minus infinity past the last key and, when causal, above the diagonal."""
    if MASK:
        s = tl.where((columns < T)[None, :], s, float("-inf"))
    if CAUSAL:
        s = tl.where(rows[:, None] >= columns[None, :], s, float("-inf"))
    return s


@triton.jit
def _fold(state, q, sources, strides, place, row, scale, lo, hi, CASE, tile, CAUSAL, MASK):
    """Fold the keys [lo, hi) into the state: the unnormalised output, its sum l, the running maximum m (base 2)."""
    acc, l, m = state
    b, h, _, T = place
    rows = row + tl.arange(0, tile[0])
    for start in tl.range(lo, hi, tile[1]):
        columns = start + tl.arange(0, tile[1])
        s = _product(q, _load(sources[0], strides[0], (b, h, start, T), CASE, tile[1], MASK, CASE.TMA).T)
        s = _hidden(s, rows, columns, T, CAUSAL, MASK)
        # Every row meets key 0 in its first tile: m is finite from there on, and no exponent is inf - inf.
        m_new = tl.maximum(m, tl.max(s, 1) * scale)
        p = tl.exp2(s * scale - m_new[:, None])
        alpha = tl.exp2(m - m_new)
        l = l * alpha + tl.sum(p, 1)
        v = _load(sources[1], strides[1], (b, h, start, T), CASE, tile[1], MASK, CASE.TMA)
        acc = _product(p.to(v.dtype), v, acc * alpha[:, None])
        m = m_new
    return acc, l, m


@triton.jit
def _spans(row, T, BLOCK_M, BLOCK_N, CAUSAL):
    """For queries from `row` on: keys before the first number need no mask, those from the second on are never read."""
    hi = tl.minimum(row + BLOCK_M, T) if CAUSAL else T
    return (row if CAUSAL else T) // BLOCK_N * BLOCK_N, hi


@triton.jit
def _attend(work, sources, out, lse, strides, sizes, scale, CASE, tile):
    """One tile of queries against all the keys that it may see (algorithm 1)."""
    B, H, G, N, T, TEAM = sizes
    BLOCK_M: tl.constexpr = tile[0]
    BLOCK_D: tl.constexpr = CASE.BLOCK_D
    head, block = _piece(work, B * H, tl.cdiv(N, BLOCK_M), TEAM, CASE.CAUSAL)
    b, h, row = head // H, head % H, block * BLOCK_M
    q = _load(sources[0], strides[0], (b, h, row, N), CASE, BLOCK_M, not CASE.EVEN, CASE.TMA)
    state = tl.zeros([BLOCK_M, BLOCK_D], tl.float32), tl.zeros([BLOCK_M], tl.float32), tl.full([BLOCK_M], float("-inf"), tl.float32)
    whole, hi = _spans(row, T, BLOCK_M, tile[1], CASE.CAUSAL)
    kv, apart, place, in_base_2 = (sources[1], sources[2]), (strides[1], strides[2]), (b, h // G, 0, T), scale * LOG2_E
    state = _fold(state, q, kv, apart, place, row, in_base_2, 0, whole, CASE, tile, False, False)
    if CASE.CAUSAL or not CASE.EVEN:
        state = _fold(state, q, kv, apart, place, row, in_base_2, whole, hi, CASE, tile, CASE.CAUSAL, not CASE.EVEN)
    acc, l, m = state
    _store(out, acc / l[:, None], strides[3], (b, h, row, N), CASE, BLOCK_M)
    rows = row + tl.arange(0, BLOCK_M)
    tl.store(lse + head.to(tl.int64) * N + rows, (m + tl.log2(l)) * LN_2, mask=rows < N)


@triton.jit
def forward_kernel(
    Q, K, V, O, LSE, strides, sizes, scale, CASE: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, RESIDENT: tl.constexpr = 0
):
    """Output and log-sum-exp. RESIDENT programs stay on each multiprocessor and walk over many tiles; 0: one a tile."""
    B, H, G, N, T, _ = sizes
    sources = (
        _source(Q, strides[0], B, H, N, CASE, BLOCK_M),
        _source(K, strides[1], B, H // G, T, CASE, BLOCK_N),
        _source(V, strides[2], B, H // G, T, CASE, BLOCK_N),
    )
    if RESIDENT:
        for work in tl.range(tl.program_id(0), B * H * tl.cdiv(N, BLOCK_M), tl.num_programs(0)):
            _attend(work, sources, O, LSE, strides, sizes, scale, CASE, (BLOCK_M, BLOCK_N))
    else:
        _attend(tl.program_id(0), sources, O, LSE, strides, sizes, scale, CASE, (BLOCK_M, BLOCK_N))


@triton.jit
def delta_kernel(O, DO, DELTA, o_strides, g_strides, H, N, CASE: tl.constexpr, BLOCK_M: tl.constexpr):
    """delta_i = dO_i . O_i, which is the sum over j of P_ij dP_ij (algorithm 2, line 4)."""
    blocks = tl.cdiv(N, BLOCK_M)
    head, row = tl.program_id(0) // blocks, tl.program_id(0) % blocks * BLOCK_M
    place = (head // H, head % H, row, N)
    o = _load(O, o_strides, place, CASE, BLOCK_M, True, False).to(tl.float32)
    do = _load(DO, g_strides, place, CASE, BLOCK_M, True, False).to(tl.float32)
    rows = row + tl.arange(0, BLOCK_M)
    tl.store(DELTA + head.to(tl.int64) * N + rows, tl.sum(o * do, 1), mask=rows < N)


@triton.jit
def _fold_queries(state, k, v, sources, strides, place, lse_row, delta_row, scale, lo, hi, CASE, tile, CAUSAL):
    """Add what the queries [lo, hi) give to dK (the scale still missing) and dV. The scores stand transposed."""
    dk, dv = state
    b, h, column, N = place
    columns = column + tl.arange(0, tile[1])
    for start in tl.range(lo, hi, tile[0]):
        rows = start + tl.arange(0, tile[0])
        q = _load(sources[0], strides[0], (b, h, start, N), CASE, tile[0], not CASE.EVEN, CASE.TMA)
        lse = tl.load(lse_row + rows, mask=rows < N, other=0.0) * LOG2_E
        s = _product(k, q.T)
        if CAUSAL:
            s = tl.where(rows[None, :] >= columns[:, None], s, float("-inf"))
        p = tl.exp2(s * (scale * LOG2_E) - lse[None, :])
        # Rows past the end have q = dO = lse = delta = 0 and so add nothing.
        do = _load(sources[1], strides[1], (b, h, start, N), CASE, tile[0], not CASE.EVEN, CASE.TMA)
        dv = _product(p.to(do.dtype), do, dv)
        delta = tl.load(delta_row + rows, mask=rows < N, other=0.0)
        ds = p * (_product(v, do.T) - delta[None, :])
        dk = _product(ds.to(q.dtype), q, dk)
    return dk, dv


@triton.jit
def backward_kv_kernel(
    Q, K, V, DO, LSE, DELTA, DK, DV, strides, sizes, scale, CASE: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr
):
    """dK and dV of one tile of keys: all the queries that see it, of every head that shares it."""
    B, H, G, N, T, TEAM = sizes
    sources = _source(Q, strides[0], B, H, N, CASE, BLOCK_M), _source(DO, strides[3], B, H, N, CASE, BLOCK_M)
    apart, heads = (strides[0], strides[3]), H // G
    head, block = _piece(tl.program_id(0), B * heads, tl.cdiv(T, BLOCK_N), TEAM, False)
    b, h, column = head // heads, head % heads, block * BLOCK_N
    BLOCK_D: tl.constexpr = CASE.BLOCK_D
    k = _load(K, strides[1], (b, h, column, T), CASE, BLOCK_N, not CASE.EVEN, False)
    v = _load(V, strides[2], (b, h, column, T), CASE, BLOCK_N, not CASE.EVEN, False)
    state = tl.zeros([BLOCK_N, BLOCK_D], tl.float32), tl.zeros([BLOCK_N, BLOCK_D], tl.float32)
    # Queries before `first` see none of these keys; those from `lo` on see all of them.
    first = column // BLOCK_M * BLOCK_M if CASE.CAUSAL else 0
    lo = tl.cdiv(column + BLOCK_N, BLOCK_M) * BLOCK_M if CASE.CAUSAL else 0
    for member in tl.range(0, G):
        place, row = (b, h * G + member, column, N), (b.to(tl.int64) * H + h * G + member) * N
        lse, delta = LSE + row, DELTA + row
        if CASE.CAUSAL:
            hi = tl.minimum(lo, N)
            state = _fold_queries(state, k, v, sources, apart, place, lse, delta, scale, first, hi, CASE, (BLOCK_M, BLOCK_N), True)
        state = _fold_queries(state, k, v, sources, apart, place, lse, delta, scale, lo, N, CASE, (BLOCK_M, BLOCK_N), False)
    _store(DK, state[0] * scale, strides[4], (b, h, column, T), CASE, BLOCK_N)
    _store(DV, state[1], strides[5], (b, h, column, T), CASE, BLOCK_N)


@triton.jit
def _fold_keys(dq, saved, sources, strides, place, row, scale, lo, hi, CASE, tile, CAUSAL, MASK):
    """Add what the keys [lo, hi) give to dQ (the scale still missing)."""
    q, do, lse, delta = saved
    b, h, _, T = place
    rows = row + tl.arange(0, tile[0])
    for start in tl.range(lo, hi, tile[1]):
        columns = start + tl.arange(0, tile[1])
        k = _load(sources[0], strides[0], (b, h, start, T), CASE, tile[1], MASK, CASE.TMA)
        s = _hidden(_product(q, k.T), rows, columns, T, CAUSAL, MASK)
        p = tl.exp2(s * (scale * LOG2_E) - lse[:, None])
        v = _load(sources[1], strides[1], (b, h, start, T), CASE, tile[1], MASK, CASE.TMA)
        ds = p * (_product(do, v.T) - delta[:, None])
        dq = _product(ds.to(k.dtype), k, dq)
    return dq


@triton.jit
def backward_q_kernel(Q, K, V, DO, LSE, DELTA, DQ, strides, sizes, scale, CASE: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    """dQ of one tile of queries."""
    B, H, G, N, T, TEAM = sizes
    sources = _source(K, strides[1], B, H // G, T, CASE, BLOCK_N), _source(V, strides[2], B, H // G, T, CASE, BLOCK_N)
    apart = strides[1], strides[2]
    head, block = _piece(tl.program_id(0), B * H, tl.cdiv(N, BLOCK_M), TEAM, CASE.CAUSAL)
    b, h, row = head // H, head % H, block * BLOCK_M
    q = _load(Q, strides[0], (b, h, row, N), CASE, BLOCK_M, not CASE.EVEN, False)
    do = _load(DO, strides[3], (b, h, row, N), CASE, BLOCK_M, not CASE.EVEN, False)
    rows = row + tl.arange(0, BLOCK_M)
    at = head.to(tl.int64) * N + rows
    lse = tl.load(LSE + at, mask=rows < N, other=0.0) * LOG2_E
    delta = tl.load(DELTA + at, mask=rows < N, other=0.0)
    BLOCK_D: tl.constexpr = CASE.BLOCK_D
    dq = tl.zeros([BLOCK_M, BLOCK_D], tl.float32)
    whole, hi = _spans(row, T, BLOCK_M, BLOCK_N, CASE.CAUSAL)
    place = (b, h // G, 0, T)
    saved = q, do, lse, delta
    dq = _fold_keys(dq, saved, sources, apart, place, row, scale, 0, whole, CASE, (BLOCK_M, BLOCK_N), False, False)
    if CASE.CAUSAL or not CASE.EVEN:
        dq = _fold_keys(dq, saved, sources, apart, place, row, scale, whole, hi, CASE, (BLOCK_M, BLOCK_N), CASE.CAUSAL, not CASE.EVEN)
    _store(DQ, dq * scale, strides[4], (b, h, row, N), CASE, BLOCK_M)
