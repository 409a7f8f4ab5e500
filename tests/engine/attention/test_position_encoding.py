"""Every encoding against its paper's formula, worked out independently; rotation's own promises; the experiment."""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np
import pytest
import scipy.integrate
import torch
from transformers import BloomConfig, LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.gptj import modeling_gptj
from transformers.models.llama import modeling_llama
from transformers.models.t5.modeling_t5 import T5Attention
from transformers.models.xlnet import modeling_xlnet

from engine.attention.position_encoding import (
    PositionEncoding,
    decay,
    family,
    findings,
    given,
    linear,
    losses,
    picture,
    position_encoding,
    rotation,
    stretching,
)
from engine.attention.position_encoding.family import FAMILY, Places
from engine.attention.position_models import frequencies
from engine.attention.position_models.record import numbers, text
from engine.core import Refused, results

RELATIVE = ("none", "shaw", "xlnet", "t5", "deberta", "alibi", "rotary")
ABSOLUTE = ("learned", "sinusoidal", "recurrent", "complex")


def member(name):
    return FAMILY[family.NAMES.index(name)]


def some(seed=0, **values):
    rng = np.random.default_rng(seed)
    chosen = {
        "dimension": int(rng.choice([8, 16, 32, 64])),
        "base": float(10 ** rng.uniform(1, 6)),
        "seed": int(seed),
        "reach": int(rng.integers(1, 20)),
        "context": int(rng.integers(64, 600)),
        "head": int(rng.integers(1, 9)),
    }
    return given(PositionEncoding(**(chosen | values)))


def at(m, n):
    return Places(np.asarray(m), np.asarray(n))


def looped(formula, m, n):
    """formula(m, n) at every pair, one by one."""
    return np.array([[formula(int(i), int(j)) for j in n] for i in m])


M, N = np.arange(3, 20), np.arange(0, 23)


# Each encoding, by its paper


def test_no_encoding_is_the_plain_product():
    g = some()
    expected = sum(a * b for a, b in zip(g.q, g.k, strict=True)) / math.sqrt(g.d)
    np.testing.assert_allclose(member("none").score(g, at(M, N)), expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_sinusoids_are_vaswanis(seed):
    g = some(seed)
    base = g.rates[1] ** (-g.d / 2)

    def p(position):
        return np.array(
            [math.sin(position / base ** (i / g.d)) if i % 2 == 0 else math.cos(position / base ** ((i - 1) / g.d)) for i in range(g.d)]
        )

    expected = looped(lambda m, n: (g.q + p(m)) @ (g.k + p(n)) / math.sqrt(g.d), M, N)
    np.testing.assert_allclose(member("sinusoidal").score(g, at(M, N)), expected, atol=1e-9)


def test_learned_vectors_are_rows_of_a_table_that_ends():
    g = some(context=16)
    rows = g.drawn("table", 16, g.d)
    expected = looped(lambda m, n: (g.q + rows[m]) @ (g.k + rows[n]) / math.sqrt(g.d), range(16), range(16))
    score = member("learned").score(g, at(np.arange(20), np.arange(20)))
    np.testing.assert_allclose(score[:16, :16], expected, atol=1e-12)
    assert np.isnan(score[16:]).all() and np.isnan(score[:, 16:]).all()


def test_recurrent_states_solve_their_equation():
    g = some(dimension=16)
    inner, outer = (g.drawn(name, 16, 16) / 4 for name in ("inner", "outer"))
    solved = scipy.integrate.solve_ivp(
        lambda _, p: 0.5 * (1.5 * outer @ np.tanh(inner @ p) - p),
        (0, 30),
        g.drawn("start", 16),
        "DOP853",
        t_eval=np.arange(31),
        rtol=1e-11,
        atol=1e-12,
    )
    states = family.states(g, 30)[:31]
    np.testing.assert_allclose(states, solved.y.T, atol=1e-2)
    expected = looped(lambda m, n: (g.q + states[m]) @ (g.k + states[n]) / 4, range(8), range(8))
    np.testing.assert_allclose(member("recurrent").score(g, at(np.arange(8), np.arange(8))), expected, atol=1e-12)
    assert np.abs(family.states(g, 1100)).max() < 10, "the states stay bounded"


@pytest.mark.parametrize("seed", range(3))
def test_complex_words_turn_at_rates_of_their_own(seed):
    g = some(seed)
    a, b = (x[0::2] + 1j * x[1::2] for x in (g.q, g.k))
    wq, wk = family.speeds(g, "q"), family.speeds(g, "k")
    assert (wq != wk).all()
    expected = looped(
        lambda m, n: (
            sum(
                (
                    a[i]
                    * complex(math.cos(m * wq[i]), math.sin(m * wq[i]))
                    * complex(math.cos(n * wk[i]), -math.sin(n * wk[i]))
                    * b[i].conjugate()
                ).real
                for i in range(g.d // 2)
            )
            / math.sqrt(g.d)
        ),
        M,
        N,
    )
    np.testing.assert_allclose(member("complex").score(g, at(M, N)), expected, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_shaws_distances_are_clipped(seed):
    g = some(seed)
    K = g.reach
    a = g.drawn("shaw", 2 * K + 1, g.d)  # a row for j − i from −K to K
    expected = looped(lambda m, n: g.q @ (g.k + a[max(-K, min(K, n - m)) + K]) / math.sqrt(g.d), M, N)  # eqs. 4 and 5
    np.testing.assert_allclose(member("shaw").score(g, at(M, N)), expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_xlnets_four_terms_are_the_librarys(seed):
    g = some(seed, base=10_000.0)
    T, d = 12, g.d
    core = modeling_xlnet.XLNetRelativeAttention(
        modeling_xlnet.XLNetConfig(d_model=d, n_head=1, dropout=0.0, vocab_size=8, d_inner=8)
    ).double()
    wide = lambda x: torch.tensor(np.array(x)).double()  # noqa: E731
    core.r_w_bias.data, core.r_r_bias.data = wide(g.drawn("u", d))[None], wide(g.drawn("v", d))[None]
    place = torch.arange(T, -T, -1.0, dtype=torch.float64)
    turns = place[:, None] / 10_000 ** (torch.arange(0, d, 2, dtype=torch.float64) / d)
    r = torch.stack([turns.sin(), turns.cos()], -1).flatten(1)[:, None, None]
    q, k = (wide(x).expand(T, 1, 1, d) for x in (g.q, g.k))
    with torch.no_grad():
        _, weights = core.rel_attn_core(q, k, k, r, output_attentions=True)
    scores = member("xlnet").score(g, at(np.arange(T), np.arange(T)))
    expected = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(weights[:, :, 0, 0].numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("buckets", [8, 16, 32, 64])
@pytest.mark.parametrize("furthest", [32, 128, 1024])
def test_t5s_buckets_are_the_librarys(buckets, furthest):
    steps = np.arange(-1500, 1501)
    expected = T5Attention._relative_position_bucket(-torch.tensor(steps), True, buckets, furthest)
    found = family.bucket(steps, buckets, furthest)
    differ = np.flatnonzero(found != expected.numpy())  # the library takes its logarithms in fp32
    assert all(abs(int(found[i]) - int(expected[i])) == 1 for i in differ) and len(differ) <= 8
    g = some(buckets=buckets, furthest=furthest)
    b = g.drawn("t5", buckets)
    scores = looped(lambda m, n: g.q @ g.k / math.sqrt(g.d) + b[family.bucket(np.array(m - n), buckets, furthest)], M, N)
    np.testing.assert_allclose(member("t5").score(g, at(M, N)), scores, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_debertas_terms_are_disentangled(seed):
    g = some(seed)
    K = g.reach
    queries, keys = g.drawn("deberta q", 2 * K, g.d), g.drawn("deberta k", 2 * K, g.d)

    def delta(i, j):  # eq. 3
        return 0 if i - j <= -K else 2 * K - 1 if i - j >= K else i - j + K

    expected = looped(lambda i, j: (g.q @ g.k + g.q @ keys[delta(i, j)] + g.k @ queries[delta(j, i)]) / math.sqrt(3 * g.d), M, N)  # eq. 4
    np.testing.assert_allclose(member("deberta").score(g, at(M, N)), expected, atol=1e-12)


def test_alibis_slopes_are_the_librarys():
    T = 9
    bias = build_alibi_tensor(torch.ones(1, T), 8, torch.float64).reshape(8, T)  # grows with the key's position
    np.testing.assert_allclose(family.slopes(8), (bias[:, 1] - bias[:, 0]).numpy(), rtol=1e-12)
    assert BloomConfig().n_head == 8
    for head in (1, 5, 8):
        g = some(head=head)
        content = g.q @ g.k / math.sqrt(g.d)
        expected = looped(lambda m, n, c=content, s=2.0**-head: c - s * abs(m - n), M, N)
        np.testing.assert_allclose(member("alibi").score(g, at(M, N)), expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_rotary_scores_are_the_librarys_in_both_layouts(seed):
    g = some(seed)
    T = 40
    turns = torch.arange(T, dtype=torch.float64)[:, None] * torch.tensor(g.rates)
    q, k = (torch.tensor(x).expand(1, 1, T, g.d) for x in (g.q, g.k))
    expected = member("rotary").score(g, at(np.arange(T), np.arange(T)))
    # GPT-J's way is flash-attention's interleaved one: pairs 2i, 2i + 1.
    sin, cos = (x.repeat_interleave(2, -1) for x in (turns.sin(), turns.cos()))
    gptj = [x * cos + modeling_gptj.rotate_every_two(x) * sin for x in (q, k)]
    np.testing.assert_allclose((gptj[0] @ gptj[1].mT)[0, 0].numpy() / math.sqrt(g.d), expected, atol=1e-9)
    order = half_split(g.d).tolist()
    cos, sin = (torch.cat([x, x], -1)[None] for x in (turns.cos(), turns.sin()))
    llama = modeling_llama.apply_rotary_pos_emb(q[..., order], k[..., order], cos, sin)
    np.testing.assert_allclose((llama[0] @ llama[1].mT)[0, 0].numpy() / math.sqrt(g.d), expected, atol=1e-9)
    assert np.abs(llama[0][0, 0].numpy() - rotation.turn(g.q[order], turns.numpy(), "half")).max() < 1e-12
    assert np.abs(gptj[0][0, 0].numpy() - rotation.turn(g.q, turns.numpy())).max() < 1e-12


@pytest.mark.parametrize("name", family.NAMES)
def test_terms_add_up_and_pairs_are_entries_of_the_matrix(name):
    g = some(5)
    encoding = member(name)
    whole = encoding.score(g, at(M, N))
    terms = encoding.terms(g, at(M, N))
    assert len(terms) == len(encoding.parts) and all(t.shape == whole.shape for t in terms)
    np.testing.assert_allclose(np.sum(terms, axis=0), whole, atol=1e-12)
    paired = encoding.score(g, Places(M, M - 2, paired=True))
    np.testing.assert_allclose(paired, [whole[i, list(N).index(m - 2)] for i, m in enumerate(M)], atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_what_depends_on_the_distance_alone(seed):
    g = some(seed, context=400)
    near, far = np.arange(24), np.arange(24) + 57 * (seed + 1)
    for name in family.NAMES:
        encoding = member(name)
        found = family.departure(encoding.score(g, at(near, near)), encoding.score(g, at(far, far)))
        assert encoding.relative == (name in RELATIVE)
        assert found < 1e-11 if name in RELATIVE else found > 0.05, name
    assert set(RELATIVE) | set(ABSOLUTE) == set(family.NAMES)


# Rotation


def matrix(position, rates, layout="interleaved"):
    """R (d, d) such that R x is x turned by its position: the columns are the turned unit vectors."""
    d = 2 * len(rates)
    return rotation.turn(np.eye(d), np.broadcast_to(position * rates, (d, len(rates))), layout).T


def half_split(d):
    """The order that puts interleaved numbers in half-split order: the even ones, then the odd ones."""
    return np.concatenate([np.arange(0, d, 2), np.arange(1, d, 2)])


@pytest.mark.parametrize("layout", ["interleaved", "half"])
@pytest.mark.parametrize("seed", range(4))
def test_rotation_keeps_the_norm_composes_and_is_undone(layout, seed):
    rng = np.random.default_rng(seed)
    d = 2 * int(rng.integers(1, 40))
    rates, x = frequencies.rates(d, 10 ** rng.uniform(0.5, 6)), rng.standard_normal(d)
    m, n = rng.integers(-2000, 2000, 2)
    R = lambda p: matrix(p, rates, layout)  # noqa: E731
    np.testing.assert_allclose(R(m) @ x, rotation.turn(x, m * rates, layout), atol=1e-12)
    assert np.linalg.norm(R(m) @ x) == pytest.approx(np.linalg.norm(x), rel=1e-12)
    np.testing.assert_allclose(R(m).T @ R(n), R(n - m), atol=1e-9)
    np.testing.assert_allclose(R(m) @ R(-m), np.eye(d), atol=1e-12)
    np.testing.assert_allclose(R(-m), R(m).T, atol=1e-12)
    assert np.linalg.det(R(m)) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("d", [2, 8, 30, 64])
def test_layouts_are_one_up_to_a_permutation(d):
    rates, order = frequencies.rates(d, 500.0), half_split(d)
    np.testing.assert_allclose(matrix(7, rates)[np.ix_(order, order)], matrix(7, rates, "half"), atol=1e-15)


def test_formats_lose_near_neighbours_where_they_must():
    made = picture(PositionEncoding()).formats
    by_format, far = dict(zip(made.names, made.error, strict=True)), made.positions.tolist()
    assert np.nanmax(by_format["float64"]) < 1e-9 and by_format["float32"][-1] > 1e-4
    assert np.isnan(by_format["float16"][-1]), "a position beyond 65504 is infinite in float16"
    assert by_format["bfloat16"][far.index(1000)] > 8 * by_format["bfloat16"][0], "it cannot tell 1000 from 999"


def test_bfloat16_is_rounded_as_torch_rounds():
    x = np.random.default_rng(0).standard_normal(5000).astype(np.float32) * 1000
    np.testing.assert_array_equal(rotation.to_bfloat16(x), torch.tensor(x).bfloat16().float().numpy())


@pytest.mark.parametrize("seed", range(3))
def test_hands_turn_while_products_stand_still(seed):
    params = PositionEncoding(seed=seed, distance=5 * seed, offset=40, dimension=(16, 32, 64)[seed])
    made, g = picture(params).turning, given(params)
    np.testing.assert_allclose(made.scores, made.scores[0], atol=1e-12)
    np.testing.assert_allclose(made.products, np.broadcast_to(made.products[0], made.products.shape), atol=1e-12)
    np.testing.assert_array_equal(made.positions, 40 + made.distance + np.arange(len(made.positions)))
    turned = np.arctan2(made.query[..., 1], made.query[..., 0])
    np.testing.assert_allclose(np.cos(turned[1:] - turned[:-1]), np.cos(made.rates)[None].repeat(47, 0), atol=1e-9)
    first = made.pairs[1]
    np.testing.assert_allclose(made.query[0, 1], rotation.turn(g.q, made.positions[0] * g.rates)[[2 * first, 2 * first + 1]], atol=1e-12)


@pytest.mark.parametrize("d", [16, 64, 128])
def test_decay_is_the_papers_bound_and_its_closed_form(d):
    rates = frequencies.rates(d, 10_000.0)
    rng = np.random.default_rng(d)
    q, k = rng.standard_normal((2, d))
    made = decay.decay(q, k, rates, rates, 1.0)
    for i in (0, 10, -1):
        r = int(made.distances[i])
        partial = [abs(sum(np.exp(1j * r * rates[:j]))) for j in range(1, d // 2 + 1)]  # |S_j| of eq. 37
        assert made.bound[i] == pytest.approx(np.mean(partial) / np.mean(range(1, d // 2 + 1)), rel=1e-9)
        angles = r * rates
        assert made.alike[i] == pytest.approx(np.mean(np.cos(angles)), abs=1e-12)
        expected = matrix(r, rates) @ q @ k / np.linalg.norm(q) / np.linalg.norm(k)
        assert made.score[i] == pytest.approx(expected, abs=1e-9)
    assert made.bound[0] == 1 and made.bound[-20:].max() < (0.7 if d == 16 else 0.35)
    same = np.mean([decay.decay(x, x, rates, rates, 1.0).score for x in rng.standard_normal((300, d))], 0)
    assert np.abs(same - made.alike).max() < 0.05, "equal random vectors decay like the mean of cos rθ"


# Stretching


def config(d, base, L, **scaling):
    return LlamaConfig(hidden_size=4 * d, num_attention_heads=4, max_position_embeddings=L, rope_parameters={"rope_theta": base, **scaling})


@pytest.mark.parametrize("d", [16, 64, 128])
@pytest.mark.parametrize(("base", "L", "s"), [(10_000.0, 512, 4.0), (500_000.0, 4096, 8.0), (100.0, 64, 2.5)])
def test_scalings_are_the_librarys(d, base, L, s):
    linear_rates, _ = ROPE_INIT_FUNCTIONS["linear"](config(d, base, L, rope_type="linear", factor=s), "cpu")
    np.testing.assert_allclose(frequencies.scaled(d, base, "linear", s, L), linear_rates, rtol=2e-5)
    # The library's dynamic scaling of a text s times too long is NTK-aware scaling by s.
    ntk, _ = ROPE_INIT_FUNCTIONS["dynamic"](config(d, base, L, rope_type="dynamic", factor=1.0), "cpu", int(s * L))
    np.testing.assert_allclose(frequencies.scaled(d, base, "ntk", s, L), ntk, rtol=2e-5)
    yarn = config(d, base, int(s * L), rope_type="yarn", factor=s, original_max_position_embeddings=L)
    rates, gain = ROPE_INIT_FUNCTIONS["yarn"](yarn, "cpu")
    np.testing.assert_allclose(frequencies.scaled(d, base, "yarn", s, L), rates, rtol=2e-5)
    assert frequencies.temperature("yarn", s) == pytest.approx(gain) and frequencies.temperature("ntk", s) == 1


def test_each_scaling_keeps_its_promise():
    d, base, s, L = 64, 10_000.0, 8.0, 512
    made = stretching.stretch(d, base, s, L)
    own = made.rates[0]
    np.testing.assert_allclose(made.reach[1], 1), "interpolation never leaves the angles seen"
    ntk = made.rates[2] / own
    assert ntk[0] == pytest.approx(1) and ntk[-1] == pytest.approx(1 / s)
    assert (np.diff(ntk) < 0).all()
    np.testing.assert_allclose(made.rates[3][made.ramp == 1], own[made.ramp == 1])
    np.testing.assert_allclose(made.rates[3][made.ramp == 0], own[made.ramp == 0] / s)
    np.testing.assert_allclose(made.turns, L / made.wavelengths[0])
    for scaled, new in zip(made.rates, made.new, strict=True):  # the arcs that a pair runs through in training, and at s · L
        trained, longer = own * L, scaled * s * L
        assert new == sum(one < 2 * np.pi and other > one * 1.001 for one, other in zip(trained, longer, strict=True))
    assert made.new[0] == (made.turns < 1).sum() > made.new[2] > made.new[1] == 0
    for name in frequencies.SCALINGS:
        np.testing.assert_allclose(frequencies.scaled(d, base, name, 1.0, L), own, err_msg=name)
    with pytest.raises(ValueError, match="d of at least 4"):
        frequencies.scaled(2, base, "ntk", s, L)
    with pytest.raises(ValueError, match="scaling must be one of"):
        frequencies.scaled(8, base, "other", s, L)


# With linear attention


def test_a_state_carries_rotation_and_nothing_else_of_the_family():
    made = picture(PositionEncoding(base=100.0, offset=77)).linear
    assert made.state_gap < 1e-12 and made.moved_gap < 1e-10
    ranks = dict(zip(made.names, made.ranks.tolist(), strict=True))
    assert ranks["rotary"] <= made.width
    assert all(rank > made.width for name, rank in ranks.items() if name != "rotary"), ranks
    assert made.negative == pytest.approx((made.turned[np.tri(len(made.turned)) > 0] < 0).mean())


def test_linear_rotary_is_equation_19():
    g = some(3, base=1000.0)
    rates = frequencies.rates(linear.WIDTH, 50.0)
    made = linear.linear_rotary(g, rates, 9)
    x = g.drawn("tokens", 3, linear.TOKENS, linear.WIDTH)
    phi = [[[v + 1 if v > 0 else math.exp(v) for v in row] for row in part] for part in x[:2]]
    for m, n in ((5, 5), (20, 3), (31, 0)):
        top = matrix(m, rates) @ phi[0][m] @ (matrix(n, rates) @ phi[1][n])
        bottom = sum(np.dot(phi[0][m], phi[1][j]) for j in range(m + 1))
        assert made.turned[m, n] == pytest.approx(top / bottom, rel=1e-10)


# The experiment

CORNERS = [
    {},
    {"dimension": 8, "length": 8, "distance": 0, "offset": 0},
    {"dimension": 128, "length": 48, "offset": 1024},
    {"context": 16, "encoding": "learned", "offset": 1024},
    {"base": 2.0, "scaling": "yarn", "factor": 32.0},
    {"base": 1e7, "scaling": "ntk", "context": 4096, "dimension": 8},
    {"encoding": "t5", "buckets": 8, "furthest": 32},
    {"encoding": "deberta", "reach": 64},
    {"encoding": "shaw", "reach": 1, "content": "same"},
    {"encoding": "none", "scaling": "linear", "factor": 1.0},
    {"encoding": "recurrent", "dimension": 128},
    {"encoding": "complex", "base": 2.0, "distance": 64},
    {"encoding": "alibi", "head": 1},
    {"encoding": "xlnet"},
]


@pytest.mark.parametrize("values", CORNERS, ids=str)
def test_every_corner_gives_a_whole_result(values):
    made = position_encoding(PositionEncoding.parse(values))
    assert made.scores.shape == (11, 24, 24)
    finite = {name: array for name, array in results.arrays(made).items() if array.dtype.kind == "f"}
    mayhap = ("learned", "scores", "departure", "moved", "chosen", "falls_to_half", "error", "loss_by_position")
    for name, array in finite.items():
        assert np.isfinite(array).all() or any(part in name for part in mayhap), name
    np.testing.assert_allclose(made.chosen.terms.sum(0), made.chosen.scores, atol=1e-12)
    assert [one.topic for one in made.findings] == ["scores", "target", "small"]
    theory = np.isin(made.names, RELATIVE)
    np.testing.assert_array_equal(made.theory, theory)
    if made.offset > 20 and values.get("base", 1e4) > 2:
        known = np.isfinite(made.departure) & ~np.isin(made.names, ["complex", "learned"])
        np.testing.assert_array_equal(made.relative_only[known], theory[known])


def test_the_chosen_encoding_is_the_one_asked_for():
    for name in family.NAMES:
        made = picture(PositionEncoding(encoding=name, length=24)).chosen
        place = family.NAMES.index(name)
        np.testing.assert_allclose(made.scores, picture(PositionEncoding()).scores[place], atol=1e-12)
        assert (made.matrix is None) == (name == "none")


def test_the_same_parameters_give_the_same_result():
    one, two = (results.arrays(picture(PositionEncoding(seed=4, encoding="shaw"))) for _ in range(2))
    for name, array in one.items():
        np.testing.assert_array_equal(array, two[name], err_msg=name)
    other = picture(PositionEncoding(seed=5, encoding="shaw"))
    assert np.abs(other.scores - one["scores"]).max() > 0.1


def test_defaults_are_quick():
    picture(PositionEncoding())
    spent = []
    for _ in range(8):
        before = time.process_time()
        picture(PositionEncoding())
        spent.append(time.process_time() - before)
    assert min(spent) < 0.1, "about 6 ms are expected; a tenth of a second is a fault"


def test_costs():
    cost = position_encoding.cost_of
    assert cost(PositionEncoding()) == "instant"
    assert cost(PositionEncoding(task="target")) == "seconds" == cost(PositionEncoding(task="models", windows=16))
    assert cost(PositionEncoding(task="target", windows=17)) == "minutes"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"encoding": "rope"}, "encoding must be one of none, learned"),
        ({"dimension": 7}, "dimension must be one of 8, 16, 32, 64, 128; got 7"),
        ({"base": 1.0}, "base must be a number from 2 to 10000000; got 1.0"),
        ({"base": float("nan")}, "base must be a number"),
        ({"scaling": "ntk-aware"}, "scaling must be one of none, linear, ntk, yarn"),
        ({"factor": 0.5}, "factor must be a number from 1 to 32"),
        ({"offset": -1}, "offset must be a whole number from 0 to 1024"),
        ({"distance": 65}, "distance must be a whole number from 0 to 64"),
        ({"buckets": 12}, "buckets must be one of 8, 16, 32, 64"),
        ({"shift": 1025}, "shift must be a whole number from 0 to 1024; got 1025"),
        ({"windows": 97}, "windows must be a whole number from 1 to 96"),
        ({"theta": 1}, "'theta' is not a parameter"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(values, words):
    with pytest.raises(Refused) as refused:
        PositionEncoding.parse(values)
    assert words in refused.value.en and refused.value.zh


def curves(lower, spread, windows):
    """Three small models at 64 places whose losses differ by `lower` with a spread, the second the least."""
    recorded = losses.recorded().small
    noise = spread * np.resize([1.0, -1.0], 64)
    rows = np.stack([np.full(64, 4.0), 4.0 - lower + noise, np.full(64, 5.0)])
    means = losses.means(recorded.places, rows, recorded.context)
    names, titles = ("rotary", "alibi", "none"), tuple(family.FAMILY[family.NAMES.index(n)].title for n in ("rotary", "alibi", "none"))
    return dataclasses.replace(recorded, names=names, titles=titles, losses=rows, windows=windows, **means)


@pytest.mark.parametrize(
    ("lower", "spread", "windows", "told"), [(0.5, 0.1, 64, True), (0.01, 0.1, 64, False), (0.5, 0.1, 2, False), (0.5, 1.5, 64, False)]
)
def test_a_verdict_on_losses_is_withheld_where_texts_cannot_carry_it(lower, spread, windows, told):
    made = curves(lower, spread, windows)
    error = 2 * np.std(spread * np.resize([1.0, -1.0], 8), ddof=1) / math.sqrt(8)  # of the last eighth
    assert told == (windows >= 8 and lower > error)
    for name, sure in (("alibi", "No other is lower"), ("rotary", "Least far out: ALiBi")):
        said = findings.consequence(made, name).text
        assert (sure in said.en) == told and ("cannot tell" in said.en) != told and f"{windows} texts" in said.en
    said = findings.stretched(dataclasses.replace(made, names=("none", "yarn", "linear"))).text
    assert ("cannot tell" in said.en) != told and f"{windows} texts" in said.en and f"{windows} 篇文本" in said.zh


def test_recorded_numbers_are_read_as_they_were_written():
    values = np.array([1.25, np.nan, 3.00001])
    np.testing.assert_allclose(numbers(text(values)), [1.25, np.nan, 3.0])
    places = losses.middles(8, 64)
    np.testing.assert_allclose(places, [4, 12, 20, 28, 36, 44, 52, 60])
    made = losses.means(places, np.arange(16.0).reshape(2, 8), 32)
    np.testing.assert_allclose(made["inside"], [1.5, 9.5])
    np.testing.assert_allclose(made["beyond"], [5.5, 13.5])
    np.testing.assert_allclose(made["at_end"], [7, 15])
