"""FlashAttention-2 in Triton: the device code of the forward and the backward pass. `launch.py` runs it.

Source: Dao, "FlashAttention-2" (2023), algorithms 1 and 2. Three departures, all usual: exponentials in base 2, with
log2 e folded into the scale; no atomic additions, dQ having a kernel of its own, so that a run repeats bit by bit at
the price of two more matrix products; and for grouped queries one program sums dK and dV over the group.

B batch, H query heads, G query heads to a key-value head, N queries, T keys, D head dimension, BLOCK_D the power of
two at or above it. q, o (B, H, N, D); k, v (B, H / G, T, D); lse, delta (B, H, N) in fp32, natural logarithm.

TMA has Hopper's copy engine move the tiles of the inner loop; it cuts off what lies outside by itself. EVEN says that
every tile is full: no load needs a mask. RESIDENT is the number of programs that a multiprocessor keeps, each walking
over many tiles, or 0 for one program per tile. LONG only tells the tuner that long rows are another case.
"""

from __future__ import annotations

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)
LN_2 = tl.constexpr(0.6931471805599453)


@triton.jit
def _source(base, strides, B, H, N, D: tl.constexpr, BLOCK: tl.constexpr, BLOCK_D: tl.constexpr, TMA: tl.constexpr):
    """Where the tiles of a tensor (B, H, N, D) come from: a descriptor for the copy engine, or the bare pointer."""
    if TMA:
        source = tl.make_tensor_descriptor(
            base, [B, H, N, D], [strides[0], strides[1], strides[2], 1], [1, 1, BLOCK, BLOCK_D]
        )
    else:
        source = base
    return source


@triton.jit
def _load(source, strides, b, h, start, N, D: tl.constexpr, BLOCK: tl.constexpr, BLOCK_D: tl.constexpr,
          MASK: tl.constexpr, TMA: tl.constexpr):  # fmt: skip
    """Rows start to start + BLOCK of head (b, h); zeros outside the tensor."""
    if TMA:
        tile = source.load([b, h, start, 0]).reshape(BLOCK, BLOCK_D)
    else:
        rows, d = start + tl.arange(0, BLOCK), tl.arange(0, BLOCK_D)
        head = source + b.to(tl.int64) * strides[0] + h.to(tl.int64) * strides[1]
        at = head + rows[:, None] * strides[2] + d[None, :]
        if MASK:
            tile = tl.load(at, mask=(rows[:, None] < N) & (d[None, :] < D), other=0.0)
        elif D != BLOCK_D:
            tile = tl.load(at, mask=d[None, :] < D, other=0.0)
        else:
            tile = tl.load(at)
    return tile


@triton.jit
def _store(base, value, strides, b, h, start, N, D: tl.constexpr, BLOCK: tl.constexpr, BLOCK_D: tl.constexpr):
    rows, d = start + tl.arange(0, BLOCK), tl.arange(0, BLOCK_D)
    head = base + b.to(tl.int64) * strides[0] + h.to(tl.int64) * strides[1]
    at = head + rows[:, None] * strides[2] + d[None, :]
    tl.store(at, value.to(base.dtype.element_ty), mask=(rows[:, None] < N) & (d[None, :] < D))


@triton.jit
def _product(a, b, c=None):
    """a @ b (+ c) summed in fp32; fp32 operands are multiplied in full, not rounded to TF32."""
    return tl.dot(a, b, c, input_precision="ieee")


@triton.jit
def _place(work, heads, blocks, TEAM, CAUSAL: tl.constexpr):
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
def _fold(acc, l, m, q, ks, vs, k_strides, v_strides, b, h, row, T, scale, lo, hi, D: tl.constexpr,
          BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, CAUSAL: tl.constexpr,
          MASK: tl.constexpr, TMA: tl.constexpr):  # fmt: skip
    """Fold the keys [lo, hi) into the running maximum m (base 2), the sum l and the unnormalised output acc."""
    rows = row + tl.arange(0, BLOCK_M)
    for start in tl.range(lo, hi, BLOCK_N):
        columns = start + tl.arange(0, BLOCK_N)
        s = _product(q, _load(ks, k_strides, b, h, start, T, D, BLOCK_N, BLOCK_D, MASK, TMA).T)
        if MASK:
            s = tl.where((columns < T)[None, :], s, float("-inf"))
        if CAUSAL:
            s = tl.where(rows[:, None] >= columns[None, :], s, float("-inf"))
        # Every row meets key 0 in its first tile: m is finite from there on, and no exponent is inf - inf.
        m_new = tl.maximum(m, tl.max(s, 1) * scale)
        p = tl.exp2(s * scale - m_new[:, None])
        alpha = tl.exp2(m - m_new)
        l = l * alpha + tl.sum(p, 1)
        v = _load(vs, v_strides, b, h, start, T, D, BLOCK_N, BLOCK_D, MASK, TMA)
        acc = _product(p.to(v.dtype), v, acc * alpha[:, None])
        m = m_new
    return acc, l, m


@triton.jit
def _attend(work, qs, ks, vs, O, LSE, q_strides, k_strides, v_strides, o_strides, B, H, G, N, T, scale, TEAM,
            EVEN: tl.constexpr, D: tl.constexpr, BLOCK_D: tl.constexpr, CAUSAL: tl.constexpr, TMA: tl.constexpr,
            BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):  # fmt: skip
    """One tile of queries against all the keys that it may see (algorithm 1)."""
    head, tile = _place(work, B * H, tl.cdiv(N, BLOCK_M), TEAM, CAUSAL)
    b, h, row = head // H, head % H, tile * BLOCK_M
    q = _load(qs, q_strides, b, h, row, N, D, BLOCK_M, BLOCK_D, not EVEN, TMA)
    m = tl.full([BLOCK_M], float("-inf"), tl.float32)
    l = tl.zeros([BLOCK_M], tl.float32)
    acc = tl.zeros([BLOCK_M, BLOCK_D], tl.float32)
    # Keys before `whole` need no mask; those from `hi` on lie above the diagonal and are never read.
    hi = tl.minimum(row + BLOCK_M, T) if CAUSAL else T
    whole = (row if CAUSAL else T) // BLOCK_N * BLOCK_N
    acc, l, m = _fold(acc, l, m, q, ks, vs, k_strides, v_strides, b, h // G, row, T, scale * LOG2_E, 0, whole, D,
                      BLOCK_D, BLOCK_M, BLOCK_N, False, False, TMA)  # fmt: skip
    if CAUSAL or not EVEN:
        acc, l, m = _fold(acc, l, m, q, ks, vs, k_strides, v_strides, b, h // G, row, T, scale * LOG2_E, whole, hi, D,
                          BLOCK_D, BLOCK_M, BLOCK_N, CAUSAL, not EVEN, TMA)  # fmt: skip
    _store(O, acc / l[:, None], o_strides, b, h, row, N, D, BLOCK_M, BLOCK_D)
    rows = row + tl.arange(0, BLOCK_M)
    tl.store(LSE + head.to(tl.int64) * N + rows, (m + tl.log2(l)) * LN_2, mask=rows < N)


@triton.jit
def forward_kernel(Q, K, V, O, LSE, q_strides, k_strides, v_strides, o_strides, B, H, G, N, T, scale, TEAM,
                   LONG: tl.constexpr, EVEN: tl.constexpr, D: tl.constexpr, BLOCK_D: tl.constexpr,
                   CAUSAL: tl.constexpr, TMA: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
                   RESIDENT: tl.constexpr = 0):  # fmt: skip
    """Output and log-sum-exp."""
    qs = _source(Q, q_strides, B, H, N, D, BLOCK_M, BLOCK_D, TMA)
    ks = _source(K, k_strides, B, H // G, T, D, BLOCK_N, BLOCK_D, TMA)
    vs = _source(V, v_strides, B, H // G, T, D, BLOCK_N, BLOCK_D, TMA)
    if RESIDENT:
        for work in tl.range(tl.program_id(0), B * H * tl.cdiv(N, BLOCK_M), tl.num_programs(0)):
            _attend(work, qs, ks, vs, O, LSE, q_strides, k_strides, v_strides, o_strides, B, H, G, N, T, scale,
                    TEAM, EVEN, D, BLOCK_D, CAUSAL, TMA, BLOCK_M, BLOCK_N)  # fmt: skip
    else:
        _attend(tl.program_id(0), qs, ks, vs, O, LSE, q_strides, k_strides, v_strides, o_strides, B, H, G, N, T,
                scale, TEAM, EVEN, D, BLOCK_D, CAUSAL, TMA, BLOCK_M, BLOCK_N)  # fmt: skip


@triton.jit
def delta_kernel(O, DO, DELTA, o_strides, g_strides, H, N, D: tl.constexpr, BLOCK_D: tl.constexpr,
                 BLOCK_M: tl.constexpr):  # fmt: skip
    """delta_i = dO_i . O_i, which is the sum over j of P_ij dP_ij (algorithm 2, line 4)."""
    blocks = tl.cdiv(N, BLOCK_M)
    head, row = tl.program_id(0) // blocks, tl.program_id(0) % blocks * BLOCK_M
    o = _load(O, o_strides, head // H, head % H, row, N, D, BLOCK_M, BLOCK_D, True, False).to(tl.float32)
    do = _load(DO, g_strides, head // H, head % H, row, N, D, BLOCK_M, BLOCK_D, True, False).to(tl.float32)
    rows = row + tl.arange(0, BLOCK_M)
    tl.store(DELTA + head.to(tl.int64) * N + rows, tl.sum(o * do, 1), mask=rows < N)


@triton.jit
def _fold_queries(dk, dv, k, v, qs, gs, q_strides, g_strides, b, h, column, LSE, DELTA, N, scale, lo, hi,
                  D: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
                  CAUSAL: tl.constexpr, EVEN: tl.constexpr, TMA: tl.constexpr):  # fmt: skip
    """Add what the queries [lo, hi) give to dK (the scale still missing) and dV. The scores stand transposed."""
    columns = column + tl.arange(0, BLOCK_N)
    for start in tl.range(lo, hi, BLOCK_M):
        rows = start + tl.arange(0, BLOCK_M)
        q = _load(qs, q_strides, b, h, start, N, D, BLOCK_M, BLOCK_D, not EVEN, TMA)
        lse = tl.load(LSE + rows, mask=rows < N, other=0.0) * LOG2_E
        s = _product(k, q.T)
        if CAUSAL:
            s = tl.where(rows[None, :] >= columns[:, None], s, float("-inf"))
        p = tl.exp2(s * (scale * LOG2_E) - lse[None, :])
        # Rows past the end have q = dO = lse = delta = 0 and so add nothing.
        do = _load(gs, g_strides, b, h, start, N, D, BLOCK_M, BLOCK_D, not EVEN, TMA)
        dv = _product(p.to(do.dtype), do, dv)
        delta = tl.load(DELTA + rows, mask=rows < N, other=0.0)
        ds = p * (_product(v, do.T) - delta[None, :])
        dk = _product(ds.to(q.dtype), q, dk)
    return dk, dv


@triton.jit
def backward_kv_kernel(Q, K, V, DO, LSE, DELTA, DK, DV, q_strides, k_strides, v_strides, g_strides, dk_strides,
                       dv_strides, B, H, G, N, T, scale, TEAM, LONG: tl.constexpr, EVEN: tl.constexpr,
                       D: tl.constexpr, BLOCK_D: tl.constexpr, CAUSAL: tl.constexpr, TMA: tl.constexpr,
                       BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):  # fmt: skip
    """dK and dV of one tile of keys: all the queries that see it, of every head that shares it."""
    qs = _source(Q, q_strides, B, H, N, D, BLOCK_M, BLOCK_D, TMA)
    gs = _source(DO, g_strides, B, H, N, D, BLOCK_M, BLOCK_D, TMA)
    heads = H // G
    head, tile = _place(tl.program_id(0), B * heads, tl.cdiv(T, BLOCK_N), TEAM, False)
    b, h, column = head // heads, head % heads, tile * BLOCK_N
    k = _load(K, k_strides, b, h, column, T, D, BLOCK_N, BLOCK_D, not EVEN, False)
    v = _load(V, v_strides, b, h, column, T, D, BLOCK_N, BLOCK_D, not EVEN, False)
    dk = tl.zeros([BLOCK_N, BLOCK_D], tl.float32)
    dv = tl.zeros([BLOCK_N, BLOCK_D], tl.float32)
    # Queries before `first` see none of these keys; those from `lo` on see all of them.
    first = column // BLOCK_M * BLOCK_M if CAUSAL else 0
    lo = tl.cdiv(column + BLOCK_N, BLOCK_M) * BLOCK_M if CAUSAL else 0
    for member in tl.range(0, G):
        row = (b.to(tl.int64) * H + h * G + member) * N
        if CAUSAL:
            dk, dv = _fold_queries(dk, dv, k, v, qs, gs, q_strides, g_strides, b, h * G + member, column,
                                   LSE + row, DELTA + row, N, scale, first, tl.minimum(lo, N), D, BLOCK_D, BLOCK_M,
                                   BLOCK_N, True, EVEN, TMA)  # fmt: skip
        dk, dv = _fold_queries(dk, dv, k, v, qs, gs, q_strides, g_strides, b, h * G + member, column, LSE + row,
                               DELTA + row, N, scale, lo, N, D, BLOCK_D, BLOCK_M, BLOCK_N, False, EVEN,
                               TMA)  # fmt: skip
    _store(DK, dk * scale, dk_strides, b, h, column, T, D, BLOCK_N, BLOCK_D)
    _store(DV, dv, dv_strides, b, h, column, T, D, BLOCK_N, BLOCK_D)


@triton.jit
def _fold_keys(dq, q, do, lse, delta, ks, vs, k_strides, v_strides, b, h, row, T, scale, lo, hi, D: tl.constexpr,
               BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, CAUSAL: tl.constexpr,
               MASK: tl.constexpr, TMA: tl.constexpr):  # fmt: skip
    """Add what the keys [lo, hi) give to dQ (the scale still missing)."""
    rows = row + tl.arange(0, BLOCK_M)
    for start in tl.range(lo, hi, BLOCK_N):
        columns = start + tl.arange(0, BLOCK_N)
        k = _load(ks, k_strides, b, h, start, T, D, BLOCK_N, BLOCK_D, MASK, TMA)
        s = _product(q, k.T)
        if MASK:
            s = tl.where((columns < T)[None, :], s, float("-inf"))
        if CAUSAL:
            s = tl.where(rows[:, None] >= columns[None, :], s, float("-inf"))
        p = tl.exp2(s * (scale * LOG2_E) - lse[:, None])
        v = _load(vs, v_strides, b, h, start, T, D, BLOCK_N, BLOCK_D, MASK, TMA)
        ds = p * (_product(do, v.T) - delta[:, None])
        dq = _product(ds.to(k.dtype), k, dq)
    return dq


@triton.jit
def backward_q_kernel(Q, K, V, DO, LSE, DELTA, DQ, q_strides, k_strides, v_strides, g_strides, dq_strides, B, H, G, N,
                      T, scale, TEAM, LONG: tl.constexpr, EVEN: tl.constexpr, D: tl.constexpr,
                      BLOCK_D: tl.constexpr, CAUSAL: tl.constexpr, TMA: tl.constexpr, BLOCK_M: tl.constexpr,
                      BLOCK_N: tl.constexpr):  # fmt: skip
    """dQ of one tile of queries."""
    ks = _source(K, k_strides, B, H // G, T, D, BLOCK_N, BLOCK_D, TMA)
    vs = _source(V, v_strides, B, H // G, T, D, BLOCK_N, BLOCK_D, TMA)
    head, tile = _place(tl.program_id(0), B * H, tl.cdiv(N, BLOCK_M), TEAM, CAUSAL)
    b, h, row = head // H, head % H, tile * BLOCK_M
    q = _load(Q, q_strides, b, h, row, N, D, BLOCK_M, BLOCK_D, not EVEN, False)
    do = _load(DO, g_strides, b, h, row, N, D, BLOCK_M, BLOCK_D, not EVEN, False)
    rows = row + tl.arange(0, BLOCK_M)
    at = head.to(tl.int64) * N + rows
    lse = tl.load(LSE + at, mask=rows < N, other=0.0) * LOG2_E
    delta = tl.load(DELTA + at, mask=rows < N, other=0.0)
    dq = tl.zeros([BLOCK_M, BLOCK_D], tl.float32)
    hi = tl.minimum(row + BLOCK_M, T) if CAUSAL else T
    whole = (row if CAUSAL else T) // BLOCK_N * BLOCK_N
    dq = _fold_keys(dq, q, do, lse, delta, ks, vs, k_strides, v_strides, b, h // G, row, T, scale, 0, whole, D,
                    BLOCK_D, BLOCK_M, BLOCK_N, False, False, TMA)  # fmt: skip
    if CAUSAL or not EVEN:
        dq = _fold_keys(dq, q, do, lse, delta, ks, vs, k_strides, v_strides, b, h // G, row, T, scale, whole, hi,
                        D, BLOCK_D, BLOCK_M, BLOCK_N, CAUSAL, not EVEN, TMA)  # fmt: skip
    _store(DQ, dq * scale, dq_strides, b, h, row, N, D, BLOCK_M, BLOCK_D)
