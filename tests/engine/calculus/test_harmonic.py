"""The harmonic series against exact rationals, mpmath, plain loops and other libraries."""

import json
import math
import re
import statistics
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from engine.calculus.harmonic import Harmonic, cost, harmonic_series, reference
from engine.calculus.harmonic.asymptotic import EULER, harmonic, harmonic_decimal, terms_for, truncation_errors
from engine.calculus.harmonic.counting import forward_by_counting
from engine.calculus.harmonic.coupons import collect, law
from engine.calculus.harmonic.formats import Half, number_format
from engine.calculus.harmonic.machine import COMPARED, add_up, compare, seconds_for, stalls, tie_of
from engine.calculus.harmonic.pictures import areas, halves, stacked, tower
from engine.calculus.harmonic.rearranged import FOLLOWED, positive_sum, rearrange, subtracted
from engine.calculus.harmonic.summation import ORDERS, running
from engine.core import Partial, Refused, results

FORMATS = ("fp16", "bf16", "fp32", "fp64")


def run_order(dtype, order, n, marks=()):
    """Marks and sums in the order they came, the total, and where it came to a standstill."""
    ks, sums, block = [], [], None
    for block in ORDERS[order](number_format(dtype), n, np.unique(np.array(marks, np.int64))):
        ks += block.marks.tolist()
        sums += block.sums.tolist()
    return ks, sums, block.total, block.still_from


def run(**values):
    return harmonic_series(Harmonic.parse(values))


# --- the harmonic numbers ---------------------------------------------------------------------------------------


def test_small_harmonic_numbers_are_the_exact_rationals():
    exact = np.cumsum([Fraction(1, k) for k in range(1, 1201)])
    n = np.arange(1, 1201)
    assert np.abs(harmonic(n) / exact.astype(float) - 1).max() < 5e-16
    assert harmonic(0) == 0 and harmonic(1) == 1 and harmonic(2) == 1.5


def test_large_harmonic_numbers_agree_with_mpmath():
    rng = np.random.default_rng(1)
    with mpmath.workdps(40):
        for n in [10**9, 10**12, 10**15, *(10 ** rng.uniform(1, 15, 60)).astype(int).tolist()]:
            exact = mpmath.harmonic(n)
            assert abs(float(harmonic(n)) / exact - 1) < 1e-15
            assert abs(mpmath.mpf(str(harmonic_decimal(n))) / exact - 1) < mpmath.mpf("1e-29")


def test_truncation_errors_keep_their_digits():
    ns = np.unique(np.concatenate([np.arange(1, 60), (10 ** np.linspace(1.8, 15, 40)).astype(np.int64)]))
    found = truncation_errors(ns)
    with mpmath.workdps(140):
        for column, n in enumerate(ns.tolist()):
            rest = mpmath.harmonic(n) - mpmath.log(n)
            n = mpmath.mpf(n)
            for row, known in enumerate((0, mpmath.euler, 1 / (2 * n), -1 / (12 * n**2), 1 / (120 * n**4))):
                rest -= known
                assert abs(found[row, column] - rest) <= 1e-9 * abs(rest) + (4e-17 if n < 32 else 0)


def test_terms_for_is_the_first_to_get_there():
    assert terms_for(np.array([1, 2, 3, 4, 10, 20])).tolist() == [1, 4, 11, 31, 12367, 272400600]
    totals = np.random.default_rng(2).uniform(0.1, 25, 300)
    n = terms_for(totals)
    assert (harmonic(n) >= totals).all() and (harmonic(n - 1) < totals).all()


# --- one rounding -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FORMATS)
def test_terms_are_correctly_rounded(dtype):
    fmt = number_format(dtype)
    fl = reference.rounding(fmt.precision, fmt.lowest)
    rng = np.random.default_rng(3)
    starts = [1, 2**14 - 50, 2**24 - 50, 2**25 - 50, *(10 ** rng.uniform(2, 14, 12)).astype(int).tolist()]
    for first in starts:
        k = np.arange(first, first + 100, dtype=np.float64)
        expected = [float(fl(Fraction(1, int(i)))) for i in k]
        assert fmt.terms(k).astype(np.float64).tolist() == expected
        assert fmt.terms(k[::-1]).astype(np.float64).tolist() == expected[::-1]


def test_a_term_that_float64_puts_on_a_midpoint_of_fp32():
    """Divisors m k = 2^j - 1 with m of 25 bits: 1/k is a hair above m / 2^j, which float64 cannot tell from it."""
    fmt, hit = number_format("fp32"), 0
    fl = reference.rounding(fmt.precision, fmt.lowest)
    for j in range(53, 60):
        whole = 2**j - 1
        for k in (d for d in divisors(whole) if whole // d % 2 and 2**24 < whole // d < 2**25 and d > 2**28):
            expected = float(fl(Fraction(1, k)))
            assert fmt.terms(np.array([k, k + 1], np.float64))[0] == np.float32(expected)
            hit += np.float32(1 / k) != np.float32(expected)
    assert hit > 0  # without the mending, these would be wrong


def divisors(n):
    found, rest, p = [1], n, 2
    while p * p <= rest:
        while rest % p == 0:
            rest //= p
            found = sorted({*found, *(d * p for d in found)})
        p += 1
    return sorted({*found, *(d * rest for d in found)})


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_short_formats_round_a_sum_once(dtype):
    """Every pair of significands (fp16: many), exponents up to p + 2 apart, either sign, against one cast."""
    fmt = number_format(dtype)
    p = fmt.precision
    significands = np.arange(2 ** (p - 1), 2**p)
    if dtype == "fp16":
        significands = np.random.default_rng(4).choice(significands, 200, replace=False)
    a, b = (x.ravel() for x in np.meshgrid(significands * 2.0**-p, significands * 2.0**-p))
    for shift in range(p + 3):
        for sign in (1, -1):
            small = sign * b * 2.0**-shift
            assert np.array_equal(fmt.cast(a) + fmt.cast(small), fmt.cast(a + small))


def test_short_casts_round_once():
    fl = {d: reference.rounding(number_format(d).precision, number_format(d).lowest) for d in ("fp16", "bf16")}
    rng = np.random.default_rng(5)
    for dtype, nearest in fl.items():
        fmt = number_format(dtype)
        midpoints = 1 + (2 * rng.integers(0, 64, 50) + 1) * 2.0**-fmt.precision
        x = np.concatenate([midpoints, midpoints + 2.0**-40, midpoints - 2.0**-40, 2 ** rng.uniform(-23, 5, 300)])
        x = np.concatenate([x, -x])
        assert fmt.cast(x).astype(np.float64).tolist() == [float(nearest(Fraction(v))) for v in x.tolist()]


@pytest.mark.parametrize("dtype", FORMATS)
def test_running_sums_add_one_term_after_another(dtype):
    fmt = number_format(dtype)
    terms = fmt.terms(np.arange(1, 700, dtype=np.float64))
    total, expected = fmt.carrier(0.25), []
    for term in terms:
        total = fmt.carrier(total + term)
        expected.append(float(total))
    assert running(fmt.carrier(0.25), terms).astype(np.float64).tolist() == expected


def test_a_librarys_cumsum_may_accumulate_wider():
    import torch

    k = torch.arange(1, 2001, dtype=torch.float64)
    assert float(torch.cumsum((1 / k).half(), 0)[-1]) > 8.1  # one rounding per addition stays at 7.0859375
    assert run_order("fp16", "forward", 2000)[2] == 7.0859375


# --- the four orders --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(ORDERS))
@pytest.mark.parametrize("dtype", FORMATS)
def test_orders_equal_plain_loops_over_fractions(dtype, order):
    fmt = number_format(dtype)
    fl = reference.rounding(fmt.precision, fmt.lowest)
    sizes = [1, 2, 3, 5, 8, 63, 100, *np.random.default_rng(6).integers(100, 1500, 3).tolist()]
    for n in sizes:
        assert run_order(dtype, order, n)[2] == float(reference.ORDERS[order](n, fl)), n
    if order != "backward":
        marks, sums, _, _ = run_order(dtype, order, max(sizes), sizes)
        assert marks == sorted(set(sizes))
        for mark, value in zip(marks, sums, strict=True):
            assert value == float(reference.ORDERS[order](mark, fl))


def plain_kahan(terms, zero):
    total, c, sums = zero, zero, []
    for term in terms:
        y = term - c
        grown = total + y
        c = (grown - total) - y
        total = grown
        sums.append(total)
    return sums


@pytest.mark.parametrize(("carrier", "dtype", "n"), [("f4", "fp32", 300_000), ("f8", "fp64", 300_000), ("f2", "fp16", 60_000)])
def test_kahan_is_the_loop_bit_for_bit(carrier, dtype, n):
    terms = (1.0 / np.arange(1, n + 1)).astype(carrier)
    expected = np.array(plain_kahan(list(terms), terms.dtype.type(0)), np.float64)
    marks = np.unique(np.concatenate([np.arange(1, 3000), np.random.default_rng(7).integers(1, n, 5000), [n]]))
    ks, sums, total, _ = run_order(dtype, "kahan", n, marks)
    assert ks == marks.tolist()
    assert np.array_equal(sums, expected[marks - 1])
    assert total == expected[-1]


@pytest.mark.slow
def test_kahan_is_the_loop_bit_for_bit_for_millions():
    n = 1_500_000
    terms = (1.0 / np.arange(1, n + 1)).astype(np.float32)
    expected = np.array(plain_kahan(list(terms), np.float32(0)))
    marks = np.arange(1, n + 1, 7)
    ks, sums, _, _ = run_order("fp32", "kahan", n, marks)
    assert ks == marks.tolist() and np.array_equal(sums, expected[marks - 1])


def test_kahan_in_bf16_equals_torch_and_stalls_with_it():
    import torch

    n = 9_300
    terms = (1 / torch.arange(1, n + 1, dtype=torch.float64)).to(torch.float32)
    terms = list(terms.to(torch.bfloat16))
    sums = [float(s) for s in plain_kahan(terms, torch.zeros((), dtype=torch.bfloat16))]
    _, found, total, still = run_order("bf16", "kahan", 10**6, np.arange(1, n + 1))
    assert found == sums and total == sums[-1] == 9.625 and still == 9019


def test_kahan_stalls_in_fp16_and_nothing_moves_after():
    _, _, total, still = run_order("fp16", "kahan", 10**12)
    assert (total, still) == (13.703125, 520_167)
    assert run_order("fp16", "kahan", still - 1)[3] is None


@pytest.mark.parametrize("dtype", ["fp16", "fp32", "fp64"])
def test_forward_and_backward_equal_one_accumulation(dtype):
    n = 300_001
    terms = (1.0 / np.arange(1, n + 1)).astype(number_format(dtype).carrier)
    marks = np.unique(np.random.default_rng(8).integers(1, n, 400))
    ks, sums, total, _ = run_order(dtype, "forward", n, marks)
    expected = np.add.accumulate(terms).astype(np.float64)
    assert ks == marks.tolist() and np.array_equal(sums, expected[marks - 1]) and total == expected[-1]
    ks, sums, total, _ = run_order(dtype, "backward", n, marks)
    expected = np.add.accumulate(terms[::-1])[::-1].astype(np.float64)
    assert sorted(ks) == marks.tolist() and total == expected[0]
    assert np.array_equal(sums, expected[np.array(ks) - 1])


@pytest.mark.parametrize("order", list(ORDERS))
def test_terms_that_are_zero_change_nothing(order):
    """fp16's terms vanish from k = 2^25 on; with a larger smallest number, 2^-10, they vanish from 2^11 on."""
    fp16, n = number_format("fp16"), 5000
    assert fp16.reach == 2**25 - 1
    assert fp16.terms(np.array([fp16.reach, fp16.reach + 1.0])).tolist() == [2.0**-24, 0]
    fmt = Half("coarse", 11, -10, np.float16)
    fl = reference.rounding(11, -10)
    marks = np.array([1, 7, 2047, 2048, 2049, 4096, n])
    blocks = list(ORDERS[order](fmt, n, marks))
    assert blocks[-1].total == float(reference.ORDERS[order](n, fl))
    sums = dict(zip(np.concatenate([b.marks for b in blocks]), np.concatenate([b.sums for b in blocks]), strict=True))
    assert sorted(sums) == marks.tolist()
    if order == "backward":
        assert sums[n] == sums[2048] == 0 < sums[2047]
    else:
        assert sums[7] == float(reference.ORDERS[order](7, fl)) and sums[2048] == sums[n]
    assert number_format("fp16").ulp(0.0) == 2.0**-24


# --- where forward sums stall -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bf16", "fp16", "fp32"])
def test_stalls_are_observed_where_they_are_derived(dtype):
    row = next(s for s in stalls() if s.dtype == dtype)
    _, _, total, still = run_order(dtype, "forward", 3 * 10**6)
    assert (still, total) == (row.stall_at, row.total)
    assert run_order(dtype, "forward", still - 1)[3] is None
    assert row.stall_at - row.tie in (0, 1)
    fmt = number_format(dtype)
    assert 1 / row.tie == fmt.ulp(total) / 2 and 2**row.binade <= total < 2 ** (row.binade + 1)
    # A million further terms, really added, leave it where it is.
    later = running(fmt.carrier(total), fmt.terms(np.arange(still, still + 10**6, dtype=np.float64)))
    assert (later == fmt.carrier(total)).all()


def test_the_tie_is_where_the_sums_binade_says():
    assert [tie_of(p) for p in (8, 11, 24, 53)] == [(2, 2**6), (2, 2**9), (3, 2**21), (5, 2**48)]


def test_fp64_stalls_after_2_to_the_48_terms():
    machine = None
    for fraction, machine in add_up("fp64", "forward", 10**15):
        pass
    row = next(s for s in stalls() if s.dtype == "fp64")
    assert fraction == 1 and machine.still_from == row.stall_at == 2**48 + 1
    assert Decimal(machine.total) == Decimal("34.1220356680478715816207113675773143768310546875")
    assert machine.total == row.total and not row.observed
    assert machine.error == pytest.approx(34.12203566804787 - float(mpmath.harmonic(10**15)), abs=1e-12)


@pytest.mark.parametrize("runs", [5, 300, 1 << 18])
@pytest.mark.parametrize("dtype", ["bf16", "fp16", "fp32"])
def test_counting_equals_adding(dtype, runs):
    fmt, n = number_format(dtype), 2**21 + 40
    marks = np.unique(np.concatenate([np.arange(9, 2000), np.geomspace(9, n, 2000).astype(np.int64)]))
    ks, sums, total, still = run_order(dtype, "forward", n, [8, *marks])
    counted = list(forward_by_counting(fmt.precision, 8, sums[0], n, marks, runs))
    assert np.concatenate([b.marks for b in counted]).tolist() == ks[1:]
    assert np.concatenate([b.sums for b in counted]).tolist() == sums[1:]
    assert (counted[-1].total, counted[-1].still_from) == (total, still)


def test_counting_equals_adding_in_fp64():
    start, n = 2**24, 2**24 + 3 * 10**6
    marks = np.unique(np.random.default_rng(9).integers(start + 1, n, 3000))
    _, sums, total, _ = run_order("fp64", "forward", n, [start, *marks])
    counted = list(forward_by_counting(53, start, sums[0], n, marks))
    assert np.concatenate([b.sums for b in counted]).tolist() == sums[1:]
    assert counted[-1].total == total and counted[-1].done == n


# --- the sum as a page shows it ---------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(ORDERS))
@pytest.mark.parametrize("dtype", FORMATS)
def test_errors_are_against_the_exact_sum_of_the_same_terms(dtype, order):
    n = 300
    *_, (fraction, machine) = add_up(dtype, order, n)
    assert fraction == 1 and machine.added == machine.terms == n
    exact = sum(Fraction(1, k) for k in range(1, n + 1))
    tolerance = 2e-17 if dtype == "fp64" else 5e-15
    assert machine.error == pytest.approx(float(Fraction(machine.total) - exact), rel=1e-9, abs=tolerance)
    k = machine.k.tolist()
    assert k == sorted(k, reverse=order == "backward") and {k[0], k[-1]} == {1, n}
    part = [sum(Fraction(1, j) for j in (range(i, n + 1) if order == "backward" else range(1, i + 1))) for i in k]
    assert np.allclose(machine.exact_sums, np.array(part, float), rtol=1e-14)
    errors = [float(Fraction(s) - e) for s, e in zip(machine.sums.tolist(), part, strict=True)]
    assert np.abs(machine.errors - errors).max() < tolerance
    assert np.allclose(2 * machine.half_ulp, [number_format(dtype).ulp(s) for s in machine.sums])


@pytest.mark.parametrize("dtype", FORMATS)
def test_every_order_stays_within_its_bound(dtype):
    for n in (1, 2, 777, 40_000):
        *_, orders = compare(dtype, n)
        assert orders.n[-1] == n
        assert orders.sums.shape == orders.errors.shape == orders.bound.shape == (4, len(orders.n))
        assert (np.abs(orders.errors) <= 1.1 * orders.bound + 1e-30).all()
        for row, order in enumerate(orders.names):
            for column in range(0, len(orders.n), 4):
                assert orders.sums[row, column] == run_order(dtype, order, int(orders.n[column]))[2]


def test_a_long_sum_streams_and_ends_where_a_short_way_does():
    params = Harmonic.parse({"n": 3_000_000, "dtype": "fp32", "order": "kahan"})
    assert cost(params) == "seconds"
    partials = list(harmonic_series.stream(params))
    fractions = [p.fraction for p in partials]
    assert len(partials) > 5 and fractions == sorted(fractions) and fractions[-1] == 1
    assert all(isinstance(p, Partial) and p.result.h_n == partials[0].result.h_n for p in partials)
    final = partials[-1].result
    assert final.machine.total == run_order("fp32", "kahan", 3_000_000)[2]
    assert np.isfinite(final.orders.sums).all() and final.orders.n[-1] == min(3_000_000, COMPARED)
    assert partials[0].result.machine.added < final.machine.added == 3_000_000


def test_costs_follow_the_work():
    assert cost(Harmonic()) == "instant"
    assert cost(Harmonic.parse({"n": 10**9, "dtype": "fp32"})) == "seconds"
    assert cost(Harmonic.parse({"n": 10**9, "dtype": "fp64", "order": "kahan"})) == "minutes"
    assert cost(Harmonic.parse({"n": 10**15, "dtype": "fp64"})) == "seconds"
    assert seconds_for("fp32", "forward", 10**12) < 0.1


# --- pictures ---------------------------------------------------------------------------------------------------


def test_slivers_fill_up_to_gamma():
    found = areas(60, 10**6)
    assert np.allclose(found.slivers, harmonic(found.k) - np.log(found.k + 1), atol=1e-14)
    assert (found.sliver > 0).all() and (found.slivers < EULER).all()
    assert found.lower < harmonic(10**6) < found.upper


@pytest.mark.parametrize("n", [1, 2, 3, 1000, 1024, 10**15])
def test_oresmes_groups(n):
    found = halves(n)
    assert found.last[-1] <= n < 2 * found.last[-1]
    assert found.first[1:].tolist() == (found.last[:-1] + 1).tolist()
    assert (found.total[1:] >= 0.5).all() and (found.running >= found.floor).all()
    assert found.total[: min(len(found.total), 11)] == pytest.approx(
        [sum(1 / k for k in range(a, b + 1)) for a, b in zip(found.first[:11], found.last[:11], strict=True)], rel=1e-13
    )


@pytest.mark.parametrize("blocks", [1, 2, 31, 400, 5000])
def test_the_tower_just_stands(blocks):
    found = tower(blocks)
    assert found.overhang == pytest.approx(float(harmonic(blocks)) / 2)
    assert np.abs(found.centre - found.support).max() < 1e-11
    assert len(found.level) <= 400 and found.level[0] == 1 and found.level[-1] == blocks
    assert np.allclose(
        found.right[:-1][np.diff(found.level) == 1] - found.right[1:][np.diff(found.level) == 1],
        0.5 / found.level[:-1][np.diff(found.level) == 1],
    )
    assert found.needed[:5].tolist() == [4, 31, 227, 1674, 12367]


@pytest.mark.parametrize(
    "shifts", [*np.random.default_rng(4).uniform(-0.5, 1, (8, 4)).round(2).tolist(), [0.2] * 4, [0.5, 0.25, 1 / 6, 0.125]], ids=str
)
def test_a_tower_tips_where_a_centre_of_mass_leaves_what_it_lies_on(shifts):
    right = [sum(shifts[i:]) for i in range(4)]
    below = [*right[1:], 0.0]
    centres = [statistics.fmean(end - 0.5 for end in right[: i + 1]) for i in range(4)]
    wrong = [i + 1 for i in range(4) if not below[i] - 1 - 1e-9 <= centres[i] <= below[i] + 1e-9]
    assert stacked(np.array(right)).tips == (wrong[0] if wrong else None)


# --- the rearranged series --------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [1.5, 0.0, 0.5, 1.0, -0.7, math.log(2), 3.0, *np.random.default_rng(10).uniform(-2, 3, 6).round(3)])
def test_the_rearrangement_is_the_greedy_one(target):
    target, total, p, q = float(target), Fraction(0), 0, 0
    order, sums = [], []
    for _ in range(1500):
        if total <= Fraction(target):
            p += 1
            order.append(2 * p - 1)
            total += Fraction(1, 2 * p - 1)
        else:
            q += 1
            order.append(-2 * q)
            total -= Fraction(1, 2 * q)
        if len(order) <= 160:
            sums.append(float(total))
    found = rearrange(target, 1500)
    assert found.path.tolist() == order[:160]
    assert found.path_sums == pytest.approx(sums, abs=1e-14)
    negatives = np.cumsum(np.array(order) < 0)
    assert subtracted(target, np.arange(1, 1501)).tolist() == negatives.tolist()
    assert found.negatives.tolist() == negatives[found.taken - 1].tolist()
    assert (found.positives + found.negatives == found.taken).all()
    assert found.sums[-1] == pytest.approx(float(total), abs=1e-13)


def test_the_usual_order_is_the_rearrangement_to_ln_2():
    found = rearrange(math.log(2), 10**6)
    assert found.ratio == pytest.approx(1) and found.ratio_limit == pytest.approx(1)


@pytest.mark.parametrize("target", [-12, -5, 0.3, 6, 12])
def test_any_target_is_neared_within_the_last_term(target):
    found = rearrange(target, 10**15)
    assert found.terms == FOLLOWED == found.taken[-1]
    both = np.isfinite(found.bound)
    assert both[-1] and (np.abs(found.drift[both]) <= found.bound[both] + 1e-13).all()
    assert found.ratio == pytest.approx(found.ratio_limit, rel=0.05)
    with mpmath.workdps(30):
        p, q = int(found.positives[-1]), int(found.negatives[-1])
        total = mpmath.harmonic(2 * p) - mpmath.harmonic(p) / 2 - mpmath.harmonic(q) / 2
        assert float(total) == pytest.approx(found.sums[-1], abs=1e-13)


def test_positive_sums():
    assert positive_sum(np.arange(0, 5)) == pytest.approx([0, 1, 4 / 3, 23 / 15, 176 / 105])


# --- coupons ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [1, 2, 5, 40, 250])
def test_the_law_of_coupons_is_the_markov_chains(kinds):
    longest = int(kinds * (np.log(kinds) + 6)) + 2
    state, exact = np.zeros(kinds + 1), [0.0]
    state[0] = 1
    seen = np.arange(kinds + 1)
    for _ in range(longest):
        new = state * seen / kinds
        new[1:] += state[:-1] * (kinds - seen[:-1]) / kinds
        state = new
        exact.append(state[-1])
    assert np.abs(law(kinds, np.arange(longest + 1)) - exact).max() < 5e-6


def test_coupon_moments_over_many_seeds():
    z, spreads = [], []
    for seed in range(60):
        *_, found = collect(20, 400, seed)
        z.append(found.z)
        spreads.append(found.spread / found.exact_spread)
    assert found.exact_mean == pytest.approx(20 * float(harmonic(20)))
    assert found.exact_spread == pytest.approx(math.sqrt(sum(20 * i / (20 - i) ** 2 for i in range(20))))
    assert abs(np.mean(z) * math.sqrt(60)) < 4.5 and 0.6 < np.std(z) < 1.5
    assert np.mean(spreads) == pytest.approx(1, abs=0.03)
    assert np.abs(found.wait / found.exact_wait - 1).max() < 0.3 and found.wait[0] == 1


def test_coupon_shares_follow_the_law():
    *_, found = collect(50, 20_000, 3)
    expected = found.exact * 20_000
    seen = found.observed * 20_000
    well = expected > 10
    assert (np.abs(seen - expected)[well] < 4.5 * np.sqrt(expected[well])).all()
    assert found.exact.sum() == pytest.approx(1, abs=2e-4)
    assert np.abs(found.exact_law - found.gumbel).max() < 0.03
    assert [c.runs for c in collect(1000, 2500, 0)] == [1048, 2096, 2500]


# --- the experiment ---------------------------------------------------------------------------------------------


def test_result_fields_and_json():
    found = run()
    assert (found.n, found.stall_at, found.stalled) == (2000, 513, True)
    assert found.h_n == pytest.approx(float(mpmath.harmonic(2000)), rel=1e-15)
    assert found.log_n == math.log(2000) and found.gamma_estimate == pytest.approx(EULER + 1 / 4000, abs=1e-7)
    document = json.dumps(results.plain(found), allow_nan=False)
    assert len(document) < 250_000 and '"NaN"' not in json.dumps(results.plain(found.machine))
    assert [finding.topic for finding in found.findings] == ["growth", "machine", "rearranged", "coupons", "tower"]
    for finding in found.findings:
        assert finding.text.en and finding.text.zh and finding.text.en != finding.text.zh
    assert all(max(a.shape) <= 2000 for a in results.arrays(found).values() if a.ndim)


def test_findings_write_numbers_as_all_of_the_site_does():
    for given in ({"n": 10**15}, {"n": 10**6, "dtype": "bf16", "blocks": 100_000}, {"n": 1, "coupons": 1, "target": -12}):
        for finding in run(**given).findings:
            for text in finding.text:
                assert not re.search(r"\d,\d|\de[+-]?\d|\bnan\b|(?<!\w)-\d", text), text


@pytest.mark.parametrize("seed", range(6))
def test_any_reachable_combination_works(seed):
    rng = np.random.default_rng(seed)
    values = {
        "n": int(10 ** rng.uniform(0, 4.6)),
        "dtype": str(rng.choice(FORMATS)),
        "order": str(rng.choice(list(ORDERS))),
        "target": float(rng.uniform(-12, 12)),
        "coupons": int(10 ** rng.uniform(0, 3)),
        "runs": int(10 ** rng.uniform(0, 3)),
        "blocks": int(10 ** rng.uniform(0, 5)),
        "bars": int(rng.integers(1, 61)),
        "seed": seed,
    }
    found = run(**values)
    assert found.h_n == pytest.approx(float(mpmath.harmonic(values["n"])), rel=1e-14)
    assert run(**values).machine.total == found.machine.total
    assert found.stall_at is None or values["order"] in ("forward", "kahan")


@pytest.mark.parametrize("n", [1, 2])
def test_the_smallest_lab(n):
    found = run(n=n, coupons=1, runs=1, blocks=1, bars=1)
    assert found.h_n == [1, 1.5][n - 1] == found.machine.total
    assert found.coupons.mean == 1 and found.coupons.exact_mean == 1 and found.coupons.exact_spread == 0


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"n": 0}, "n"),
        ({"n": 10**16}, "n"),
        ({"n": 2.5}, "n"),
        ({"dtype": "fp8"}, "dtype"),
        ({"order": "random"}, "order"),
        ({"target": float("nan")}, "target"),
        ({"target": 13}, "target"),
        ({"coupons": 0}, "coupons"),
        ({"blocks": 10**6}, "blocks"),
        ({"runs": 10**6}, "runs"),
        ({"terms": 5}, "terms"),
    ],
)
def test_refusals_name_the_parameter(values, name):
    with pytest.raises(Refused) as refused:
        Harmonic.parse(values)
    assert refused.value.name == name and refused.value.zh
