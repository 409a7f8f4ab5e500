"""Nothing is lost: exact enumeration, χ² on the real pair, greedy identity. The decoders, the kernel, the formulas,
what is counted and what is refused."""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
import scipy.stats
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from engine.attention.flash_attention.operator import unavailable
from engine.core import Refused
from engine.language import code_model, models
from engine.language.code_model import corpus, tokenizer
from engine.language.models.decoder import CachedDecoder, LeanDecoder, is_lean, open_text
from engine.language.sampling import Rule
from engine.language.speculative_decoding import (
    Speculate,
    alone,
    drafting,
    enumeration,
    findings,
    formulas,
    racing,
    session,
    speculative_decoding,
    toy,
    tracing,
)
from engine.language.speculative_decoding.decoding import decode
from engine.language.speculative_decoding.pair import Pair, open_pair
from engine.language.verification import reference
from engine.language.verification.operator import verify

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TRITON = pytest.mark.skipif(bool(unavailable("triton", DEVICE)), reason=unavailable("triton", DEVICE) or "-")
BACKENDS = ["torch", pytest.param("triton", marks=TRITON)]
SOURCES = ("model", "lookup", "both", "exit")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def a_server_of_ones_own(monkeypatch):
    monkeypatch.delenv("ORRERY_HUB_MODELS", raising=False)
    yield
    models.forget()


def distribution(rng, n, zeros=0.3):
    """A random one, some of its entries zero."""
    p = rng.dirichlet(np.full(n, 0.7)) * (rng.random(n) > zeros)
    return p / p.sum() if p.sum() > 0 else np.full(n, 1 / n)


# The law of the output, by enumeration


def target_law(p_of, tokens):
    """Chance of each text of `tokens` tokens under the target alone."""
    law = {(): 1.0}
    for _ in range(tokens):
        law = {(*text, t): chance * s for text, chance in law.items() for t, s in enumerate(p_of(text).tolist())}
    return law


@pytest.mark.parametrize("seed", range(12))
def test_the_outputs_law_is_the_targets(seed):
    rng = np.random.default_rng(seed)
    n, gamma, tokens = int(rng.integers(2, 5)), int(rng.integers(1, 5)), int(rng.integers(1, 4))
    texts = [t for size in range(tokens + gamma) for t in itertools.product(range(n), repeat=size)]
    p = {text: distribution(rng, n) for text in texts}
    sure = seed % 3 == 0  # as prompt lookup: all mass on one guess
    q = {text: np.eye(n)[rng.integers(n)] if sure else distribution(rng, n) for text in texts}
    got = enumeration.output_law(p.__getitem__, q.__getitem__, gamma, tokens)
    want = target_law(p.__getitem__, tokens)
    assert max(abs(got.get(t, 0) - want[t]) for t in want) < 1e-12
    assert sum(got.values()) == pytest.approx(1, abs=1e-12)


def law_of_verify(p, q, gamma):
    """The law of what a step emits, from the code that decodes: every guess, and every interval of every uniform."""
    n, found = p.shape[1], {}
    for guess in itertools.product(range(n), repeat=gamma):
        chance = math.prod(q[i, x] for i, x in enumerate(guess))
        if not chance:
            continue
        verdicts = []  # (midpoint, length) of the intervals of each uniform in which the answer is the same
        for i, x in enumerate(guess):
            edge = min(1.0, p[i, x] / q[i, x])
            verdicts.append([(edge / 2, edge), ((1 + edge) / 2, 1 - edge)])
        for way in itertools.product(*verdicts):
            if not (weight := math.prod(length for _, length in way)):
                continue
            kept, _ = reference.verify(p, q, guess, [*(u for u, _ in way), 0.5])
            added = reference.residual(p[kept], q[kept]) if kept < gamma else p[gamma]
            edges = np.concatenate([[0], added.cumsum() / added.sum()])
            for low, high in itertools.pairwise(edges):
                if high <= low:
                    continue
                again, token = reference.verify(p, q, guess, [*(u for u, _ in way), (low + high) / 2])
                assert again == kept
                text = (*guess[:kept], token)
                found[text] = found.get(text, 0.0) + chance * weight * (high - low)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_the_code_that_verifies_has_the_enumerated_law(seed):
    rng = np.random.default_rng(100 + seed)
    n, gamma = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    p = np.stack([distribution(rng, n) for _ in range(gamma + 1)])
    q = np.stack([distribution(rng, n) for _ in range(gamma)])
    got = law_of_verify(p, q, gamma)
    want = enumeration.step_law(lambda t: p[len(t)], lambda t: q[len(t)], gamma, (), gamma + 1)
    assert max(abs(got.get(t, 0) - want.get(t, 0)) for t in got.keys() | want.keys()) < 1e-12


def test_a_draw_follows_the_running_sum_and_never_takes_what_has_no_weight():
    rng = np.random.default_rng(5)
    for _ in range(50):
        weights = distribution(rng, 7) * 3
        edges = weights.cumsum() / weights.sum()
        for u in rng.random(20):
            assert reference.draw(weights, u) == int(np.argmax(edges > u))
    weights = np.array([0, 0.2, 0, 0.8, 0])
    assert {reference.draw(weights, u) for u in (0.0, 0.1999, 0.2, 0.9999, 1 - 1e-17)} == {1, 3}
    np.testing.assert_array_equal(reference.residual(weights, weights), weights)


# The kernel and the batched form


def batch(B, G, V, dtype, seed):
    g = torch.Generator().manual_seed(seed)
    p = torch.rand(B, G + 1, V, generator=g, dtype=torch.float64).pow(6)
    p = p / p.sum(-1, keepdim=True)
    q = torch.rand(B, G, V, generator=g, dtype=torch.float64).pow(6)
    q = 0.4 * q / q.sum(-1, keepdim=True) + 0.6 * p[:, :G]
    q[: B // 3] = torch.eye(V, dtype=torch.float64)[torch.randint(V, (B // 3, G), generator=g)]  # sure of one guess
    q[B // 3 : B // 2] = p[B // 3 : B // 2, :G]  # the same law: nothing is refused
    guess = torch.multinomial(q.reshape(-1, V), 1, generator=g).view(B, G)
    u = torch.rand(B, G + 1, generator=g, dtype=torch.float64)
    return [x.to(DEVICE, dtype) for x in (p, q)] + [guess.to(DEVICE), u.to(DEVICE, dtype)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(18, 4, 63), (12, 1, 2), (6, 1, 1), (6, 3, 1300)], ids=str)
def test_backends_agree_with_the_reference(backend, dtype, shape):
    given = batch(*shape, dtype, sum(shape))
    kept, token = verify(*given, backend="reference")
    got_kept, got_token = verify(*given, backend=backend)
    assert torch.equal(got_kept, kept)
    # in fp32 a uniform within rounding of an edge may fall to either side of it
    assert (got_token == token).float().mean() > (0.999 if dtype == torch.float64 else 0.9)
    assert torch.equal(kept[shape[0] // 3 : shape[0] // 2], torch.full_like(kept, shape[1])[shape[0] // 3 : shape[0] // 2])


@TRITON
def test_the_kernel_writes_every_output_and_crosses_blocks():
    from engine.language.verification import kernel

    given = batch(9, 2, 100, torch.float64, 3)
    out = torch.full((2, 9), -7, device=DEVICE)
    kernel.verify(*given, out=tuple(out), block=16)
    assert torch.equal(out, torch.stack(verify(*given, backend="reference")))


def test_a_batch_whose_shapes_differ_is_refused():
    p, q, guess, u = batch(3, 2, 5, torch.float32, 0)
    with pytest.raises(ValueError, match=r"p must have the shape \(3, 3, 5\)"):
        verify(p[:, :2], q, guess, u)
    with pytest.raises(ValueError, match="uniforms must have"):
        verify(p, q, guess, u[:, :2])
    with pytest.raises(ValueError, match="γ must be at least 1"):
        verify(p[:, :1], q[:, :0], guess[:, :0], u[:, :1])


# From logits to distributions


@pytest.mark.parametrize(("t", "k", "mass"), [(0.7, 0, 1.0), (1.0, 5, 1.0), (1.3, 0, 0.6), (0.5, 9, 0.8), (2.0, 1, 0.05)])
def test_the_rule_is_that_of_transformers(t, k, mass):
    logits = 3 * torch.randn(20, 50, generator=torch.Generator().manual_seed(k), dtype=torch.float64)
    want = TemperatureLogitsWarper(t)(None, logits) if t != 1 else logits
    want = TopKLogitsWarper(k)(None, want) if k else want
    want = TopPLogitsWarper(mass)(None, want) if mass < 1 else want
    np.testing.assert_allclose(Rule(t, k, mass).probabilities(logits), want.softmax(-1).numpy(), atol=1e-12)


def test_at_temperature_zero_all_mass_is_on_the_likeliest():
    logits = torch.tensor([[0.0, 3.0, 1.0], [2.0, -1.0, 1.0]])
    np.testing.assert_array_equal(Rule(0).probabilities(logits), [[0, 1, 0], [1, 0, 0]])


# The decoders


def tiny(kind, seed=0, vocab_size=2048, **options):
    torch.manual_seed(seed)
    sizes = {
        "vocab_size": vocab_size,
        "hidden_size": 48,
        "intermediate_size": 80,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": 128,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    match kind:
        case "llama":
            model = LlamaForCausalLM(LlamaConfig(**sizes | options))
        case "qwen2":
            model = Qwen2ForCausalLM(Qwen2Config(**sizes | {"num_key_value_heads": 2} | options))
        case "mistral":
            model = MistralForCausalLM(MistralConfig(**sizes | {"num_key_value_heads": 2, "initializer_range": 0.2} | options))
        case "gpt2":
            model = GPT2LMHeadModel(
                GPT2Config(vocab_size=2048, n_embd=32, n_layer=2, n_head=2, n_positions=128, bos_token_id=0, eos_token_id=0, **options)
            )
    for name, parameter in model.named_parameters():  # norms and biases that matter
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, 1.0 if "norm" in name or "ln" in name else 0.0, 0.3)
    return model.eval().requires_grad_(False)


def judged(model, ids):
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0]


@pytest.mark.parametrize("kind", ["target", "draft"])
def test_the_lean_decoder_gives_transformers_logits(kind):
    model, tokens = code_model.load(kind)
    ids = tokenizer.encode(tokens, "import re\n\ndef find(text, what):\n    return re.search(what, text) is not None\n" * 6)
    want = judged(model, ids)
    text = open_text(model, len(ids))
    assert isinstance(text, LeanDecoder)
    got = torch.cat([text.feed(ids[:100]), *(text.feed(ids[i : i + 3]) for i in range(100, len(ids), 3))])
    assert (got - want).abs().max() <= 1e-4
    text.crop(50)
    got = torch.cat([text.feed([i]) for i in ids[50:60]])
    assert (got - want[50:60]).abs().max() <= 1e-4
    assert text.feed(ids[60:70], last=2).shape == (2, 2048) and text.length == 70


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("llama", {}),
        ("llama", {"num_key_value_heads": 2, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
        ("llama", {"num_key_value_heads": 1, "head_dim": 20, "rms_norm_eps": 0.3}),
        ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0}}),
        ("qwen2", {}),
        ("gpt2", {}),
    ],
    ids=str,
)
def test_decoders_of_other_shapes_in_fp64(kind, options):
    model = tiny(kind, **options).double()
    assert is_lean(model) == (kind != "gpt2")
    ids = torch.randint(1, 2048, (40,), generator=torch.Generator().manual_seed(7)).tolist()
    want = judged(model, ids)
    text = open_text(model, 40)
    got = torch.cat([text.feed(ids[:11]), text.feed(ids[11:12]), text.feed(ids[12:30])])
    torch.testing.assert_close(got, want[:30], atol=1e-5, rtol=1e-5)  # rotary angles are fp32 in transformers
    text.crop(17)
    assert text.length == 17
    torch.testing.assert_close(text.feed(ids[17:]), want[17:], atol=1e-5, rtol=1e-5)
    assert text.fed == 30 + 23


def test_what_the_lean_decoder_does_not_know_is_left_to_transformers():
    assert not is_lean(tiny("llama", hidden_act="gelu"))
    assert not is_lean(tiny("qwen2", use_sliding_window=True, sliding_window=16, max_window_layers=0))
    assert isinstance(open_text(tiny("gpt2"), 10), CachedDecoder)


def test_caches_of_transformers_are_cropped_by_negative_counts():
    text = CachedDecoder(code_model.load("draft")[0])
    text.feed(list(range(1, 9)))
    text.crop(5)
    assert text.length == text.cache.get_seq_length() == 5
    with pytest.raises(ValueError, match="negative"):
        text.cache.crop(3)


# Decoding with the real pair

HELD_OUT = [m.text for m in corpus.split()[1] if 2_000 < m.size < 60_000]


def prompts(count, size, seed=0):
    """Pieces of held-out files, as ids."""
    rng, tokens = np.random.default_rng(seed), code_model.load("target")[1]
    whole = [tokenizer.encode(tokens, text) for text in HELD_OUT[:12]]
    for _ in range(count):
        ids = whole[rng.integers(len(whole))]
        start = int(rng.integers(0, len(ids) - size))
        yield [ids[0], *ids[start + 1 : start + size]]


def pair_of(prompt, tokens, dtype=torch.float32, early=2, pair=None):
    """The embedded pair, or that of some models, before a prompt."""
    target, draft = pair or (models.load(role="target"), models.load(role="draft"))
    return Pair(target, draft, prompt, tokens, early)


@pytest.fixture(scope="module")
def double_pair():
    """The embedded pair in fp64."""
    import copy
    import dataclasses

    pair = [models.load(role=role) for role in ("target", "draft")]
    return [dataclasses.replace(one, model=copy.deepcopy(one.model).double()) for one in pair]


def written(pair, source, rule, tokens, gamma, seed=0):
    steps = list(decode(pair.source(source, rule), pair.prompt, rule, tokens=tokens, gamma=gamma, seed=seed))
    return [t for step in steps for t in step.emitted], steps


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_greedy_output_is_that_of_plain_greedy_decoding(double_pair, dtype):
    """transformers reads prompt and output at once. A text of which every token is its likeliest is, by induction, what
    plain greedy decoding writes. Of 200 prompts, each precision reads every second."""
    pair, close, tokens = double_pair if dtype == torch.float64 else None, 0, 6
    for number, prompt in enumerate(prompts(200, 16)):
        if number % 2 != (dtype == torch.float64):
            continue
        made = pair_of(prompt, tokens, pair=pair)
        outputs = torch.tensor([written(made, source, Rule(0), tokens, 1 + number // 2 % 5)[0] for source in SOURCES])
        assert outputs.shape == (len(SOURCES), tokens)
        read = torch.cat([torch.tensor([prompt]).expand(len(SOURCES), -1), outputs[:, :-1]], -1)
        with torch.inference_mode():
            logits = made.target.model(read, logits_to_keep=tokens).logits
        best = logits.topk(2).values
        clear = best[..., 0] - best[..., 1] > (1e-4 if dtype == torch.float32 else 0)
        close += int((~clear).sum())
        assert torch.equal(logits.argmax(-1)[clear], outputs[clear]), number
    assert close <= 10


@pytest.mark.parametrize("source", SOURCES)
def test_greedy_output_token_for_token(double_pair, source):
    for prompt in prompts(2, 30, seed=1):
        made = pair_of(prompt, 16, pair=double_pair)
        assert written(made, source, Rule(0), 16, 4)[0] == written(made, "plain", Rule(0), 16, 1)[0]


@pytest.mark.parametrize("source", SOURCES)
def test_caches_are_cropped_and_nothing_is_computed_twice(source):
    prompt = next(prompts(1, 60, seed=2))
    made, rule = pair_of(prompt, 40), Rule(0.8)
    _, steps = written(made, source, rule, 40, 4, seed=3)
    text = made.source(source, rule)  # the same decoders
    passed = sum(1 + len(step.drafted) for step in steps)
    assert text.target.fed == len(prompt) - 1 + passed
    if source == "model":
        # one token a guess, and after a step that kept all of them the last guess, which the draft had not read
        late = sum(a.kept == len(a.drafted) > 0 and len(b.drafted) > 0 for a, b in itertools.pairwise(steps))
        assert text.draft.fed == len(prompt) - 1 + sum(len(step.drafted) for step in steps) + late


class Remembered:
    """A real decoder that looks up what it has computed before: sampling the same few texts thousands of times."""

    known: dict = {}

    def __init__(self, decoder):
        self.decoder, self.text, self.length, self.fed = decoder, [], 0, 0

    def feed(self, tokens, last=0):
        self.text = self.text[: self.length] + list(tokens)
        key = (id(self.decoder.weights), tuple(self.text), len(tokens))
        if key not in self.known:
            self.decoder.crop(0)
            self.known[key] = self.decoder.feed(self.text)[-len(tokens) :]
        self.length = len(self.text)
        return self.known[key][-last:]

    def crop(self, length):
        self.length = min(length, self.length)


def law_of_pair(prompt, rule, tokens):
    """Chance of each text of `tokens` tokens under the target alone, by transformers."""
    model, law = code_model.load("target")[0], {(): 1.0}
    for _ in range(tokens):
        longer = {}
        for text, chance in law.items():
            p = rule.probabilities(judged(model, [*prompt, *text])[-1:])[0].astype(float)
            longer |= {(*text, int(t)): chance * p[t] / p.sum() for t in np.flatnonzero(p)}
        law = longer
    return law


def chi_squared(seen, law, draws):
    """p-value of the counts, cells that expect fewer than five pooled."""
    assert seen.keys() <= law.keys()
    both = np.array([(seen.get(text, 0), draws * chance) for text, chance in law.items()])
    small = both[:, 1] < 5
    cells = np.vstack([both[~small], both[small].sum(0)]) if small.any() else both
    cells = cells[cells[:, 1] > 0]
    return scipy.stats.chisquare(cells[:, 0], cells[:, 1] * draws / cells[:, 1].sum()).pvalue, len(cells)


@pytest.mark.parametrize(
    ("source", "k", "tokens", "gamma"), [("model", 8, 2, 4), ("model", 3, 3, 2), ("lookup", 3, 3, 2), ("both", 3, 3, 2)]
)
def test_the_joint_law_of_sampled_tokens_is_the_targets(source, k, tokens, gamma):
    loaded = models.load(role="target")
    prompt = loaded.encode("for key in self.items():\n    value = self.items[key]\n    for key in self.")
    rule, draws = Rule(1.3, k), 2000
    target, draft = (Remembered(open_text(models.load(role=r).model, 64)) for r in ("target", "draft"))
    for decoder in (target, draft):
        decoder.feed(prompt[:-1])
    made = {
        "model": drafting.ModelDraft(target, draft, rule, 2048),
        "lookup": drafting.Lookup(target, 2048),
        "both": drafting.LookupOrModel(target, draft, rule, 2048),
    }[source]
    seen, kept = {}, 0
    for seed in range(draws):
        made.settle(len(prompt))
        steps = list(decode(made, prompt, rule, tokens=tokens, gamma=gamma, seed=seed))
        text = tuple(t for step in steps for t in step.emitted)
        kept += sum(step.kept for step in steps)
        seen[text] = seen.get(text, 0) + 1
    pvalue, cells = chi_squared(seen, law_of_pair(prompt, rule, tokens), draws)
    assert cells >= 10 and kept > draws / 20
    assert pvalue > 7e-6, (pvalue, cells)  # |z| ≤ 4.5


def test_the_joint_law_with_an_early_exit():
    loaded = models.load(role="target")
    prompt, rule, draws = loaded.encode("    def __init__(self, "), Rule(1.2, 2), 150
    made = Pair(loaded, loaded, prompt, 2, 3).source("exit", rule)
    seen = {}
    for seed in range(draws):
        made.settle(len(prompt))
        text = tuple(t for s in decode(made, prompt, rule, tokens=2, gamma=2, seed=seed) for t in s.emitted)
        seen[text] = seen.get(text, 0) + 1
    pvalue, cells = chi_squared(seen, law_of_pair(prompt, rule, 2), draws)
    assert cells >= 3 and pvalue > 7e-6


def test_decoding_stops_at_an_end_and_repeats_by_its_seed():
    prompt = next(prompts(1, 30, seed=4))
    made, rule = pair_of(prompt, 30), Rule(1.0)
    first, _ = written(made, "model", rule, 30, 3, seed=9)
    assert len(first) == 30
    assert written(made, "model", rule, 30, 3, seed=9)[0] == first != written(made, "model", rule, 30, 3, seed=10)[0]
    end = first[11]
    cut = decode(made.source("model", rule), prompt, rule, tokens=30, gamma=3, seed=9, ends={end})
    assert [t for step in cut for t in step.emitted] == first[: first.index(end) + 1]


@pytest.mark.parametrize("text", [[1, 2, 3, 1, 2], [5, 5, 5], [1], [1, 2, 3], [7, 8, 9, 8, 9, 7, 8, 9]], ids=str)
def test_lookup_finds_the_latest_of_the_longest_matches(text):
    want = []
    for size in (3, 2, 1):
        places = [i for i in range(len(text) - size) if text[i : i + size] == text[-size:]]
        if places and not want and len(text) > size:
            want = text[places[-1] + size : places[-1] + size + 3]
    assert drafting.followers(text, 3) == want


def test_the_text_is_asked_first_and_the_draft_where_it_is_silent():
    rng = np.random.default_rng(0)
    new, old = rng.permutation(900)[:20].tolist(), [5, 6, 7, 8, 9, 10]
    made = pair_of([*old, *new, 5, 6, 7], 8).source("both", Rule(1.0))
    drafted, q = made.propose([*old, *new, 5, 6, 7], 2, [0.5, 0.5])
    assert drafted == [8, 9] and q[[0, 1], drafted].tolist() == [1, 1] == q.sum(1).tolist()
    assert (made.looked_up, made.asked, made.asked_share) == (2, 0, 0)
    text = [*old, *new, 4, 6, 7]  # two tokens stood together before: not enough
    made = pair_of(text, 8).source("both", Rule(1.0))
    alone = pair_of(text, 8).source("model", Rule(1.0))
    drafted, q = made.propose(text, 2, [0.3, 0.8])
    other, law = alone.propose(text, 2, [0.3, 0.8])
    assert drafted == other and np.array_equal(q, law) and made.asked_share == 1


def test_the_best_gamma_counts_what_checking_costs():
    rng = np.random.default_rng(5)
    for alpha, c, v in rng.uniform([0.3, 0.02, 1], [0.9, 0.5, 2], (20, 3)):
        at = int(rng.integers(1, 6))
        want = [sum(alpha**i for i in range(g + 1)) / (g * c + 1 + (v - 1) * g / at) for g in range(1, 9)]
        assert formulas.best_gamma(alpha, c, 8, v, at) == 1 + int(np.argmax(want))
        assert formulas.best_gamma(alpha, c, 8, v, at) <= formulas.best_gamma(alpha, c, 8)


def test_a_guess_that_is_looked_up_costs_nothing():
    found = next(racing.costs(pair_of(next(prompts(1, 30)), 8), Rule(0.7), "both", 2))
    half = racing.shared(found, 0.5, 2)
    assert half.c == found.c / 2 and half.guess == found.guess / 2 and half.block == found.block
    assert half.least_alpha == formulas.least_alpha(found.c / 2, 2) < found.least_alpha


# The formulas and the toy


class Constant:
    """A source whose p and q are the same everywhere."""

    def __init__(self, p, q):
        self.p, self.q = p, q

    def propose(self, text, count, uniforms):
        return [reference.draw(self.q, u) for u in uniforms[:count]], np.tile(self.q, (count, 1))

    def verify(self, last, drafted):
        return torch.from_numpy(np.log(np.tile(self.p, (len(drafted) + 1, 1))))

    def settle(self, length):
        pass


@pytest.mark.parametrize("seed", range(3))
def test_tokens_per_step_of_an_iid_pair_are_the_formulas(seed):
    rng = np.random.default_rng(seed)
    p, q, gamma, steps, tokens = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(5)), 2 + seed, 0, 12_000
    for _ in decode(Constant(p, q), [0], Rule(1.0), tokens=tokens, gamma=gamma, seed=seed):
        steps += 1
    assert tokens / steps == pytest.approx(float(formulas.tokens_per_step(np.minimum(p, q).sum(), gamma)), rel=0.02)


def test_the_formulas_are_sums_and_their_inverse():
    alpha, gamma = np.meshgrid([0.0, 0.3, 0.999, 1.0], [1, 2, 7])
    want = sum(alpha**k * (k <= gamma) for k in range(8))
    np.testing.assert_allclose(formulas.tokens_per_step(alpha, gamma), want, rtol=1e-12)
    for a, g in ((0.0, 3), (0.6, 4), (1.0, 2)):
        law = formulas.length_law(a, g)
        assert law.sum() == pytest.approx(1) and law @ np.arange(1, g + 2) == pytest.approx(float(formulas.tokens_per_step(a, g)))
    for c in (0.0, 0.05, 0.2, 0.7):
        best = formulas.best_gamma(0.75, c)
        assert all(formulas.speedup(0.75, best, c) >= formulas.speedup(0.75, g, c) for g in range(1, 33))
        for g in (1, 4, 9):
            assert formulas.speedup(formulas.least_alpha(c, g), g, c) == pytest.approx(1, abs=1e-9) or c == 0
    assert math.isnan(formulas.least_alpha(1.0, 3))


@pytest.mark.parametrize("seed", range(6))
def test_the_toy_is_exact_and_its_simulation_agrees(seed):
    rng = np.random.default_rng(seed)
    n, gamma = int(rng.integers(2, 9)), int(rng.integers(1, 13))
    given = [5 * distribution(rng, n, 0.2) for _ in "pq"]
    made = toy.explore(*(", ".join(map(repr, w.tolist())) for w in given), gamma, 0.1, seed)
    assert made.largest_error < 1e-12
    np.testing.assert_allclose(made.law, given[0] / given[0].sum(), atol=1e-12)
    np.testing.assert_allclose(made.through_guess + made.through_residual, made.law)
    assert made.alpha == pytest.approx(1 - 0.5 * abs(made.p - made.q).sum())
    np.testing.assert_allclose(made.length_law, formulas.length_law(made.alpha, gamma), atol=1e-12)
    assert made.mean_length == pytest.approx(float(formulas.tokens_per_step(made.alpha, gamma)))
    decided = made.accepted + made.rejected
    spread = math.sqrt(max(made.alpha * (1 - made.alpha), 1e-12) / decided)
    assert abs(made.accepted / decided - made.alpha) <= 4.5 * spread + 1e-12
    deviation = np.sqrt(made.p * (1 - made.p) / made.tokens)
    assert (abs(made.observed - made.p) <= 4.5 * deviation + 1e-12).all()
    assert made.length_observed.sum() == pytest.approx(1)


# What is counted


@pytest.fixture
def quick(monkeypatch):
    """Runs that measure little."""
    monkeypatch.setattr(racing, "ROUNDS", 1)
    monkeypatch.setattr(racing, "COST_RUNS", 3)
    monkeypatch.setattr(racing, "TIMED_TOKENS", 8)
    monkeypatch.setattr(racing, "GAMMAS", (1, 5))
    monkeypatch.setattr(session, "RACES", 2)


@pytest.mark.parametrize("source", SOURCES)
def test_the_experiment_says_all_that_it_promises(quick, source):
    params = Speculate.parse({"tokens_out": 30, "gamma": 3, "drafting": source, "seed": 5})
    parts = list(speculative_decoding.stream(params))
    r = parts[-1].result
    assert [p.fraction for p in parts] == sorted(p.fraction for p in parts) and parts[-1].fraction == 1
    assert parts[0].result.trace is not None and len(parts[0].result.tokens) >= 1 and parts[0].result.race is None
    t = r.trace
    stands = t.kind != tracing.REJECTED
    assert len(r.tokens) == stands.sum() == 30 == t.emitted.sum() and r.target_calls == len(t.emitted)
    assert tuple(np.array(t.pieces)[stands]) == r.tokens
    np.testing.assert_array_equal(t.place[stands], np.arange(30))
    assert r.tokens_per_step == pytest.approx(30 / r.target_calls)
    decided = t.kind <= tracing.REJECTED
    np.testing.assert_array_equal(t.uniform[decided] < t.ratio[decided], t.kind[decided] == tracing.ACCEPTED)
    np.testing.assert_allclose(t.ratio[decided], t.p[decided] / t.q[decided])
    if decided.any():
        assert r.acceptance_rate == pytest.approx((t.kind == tracing.ACCEPTED).sum() / decided.sum())
        assert r.expected_tokens_per_step == pytest.approx(float(formulas.tokens_per_step(r.acceptance_rate, 3)))
    added = t.kind == tracing.RESAMPLED
    for row in np.flatnonzero(added):
        chosen = t.option_ids[row].tolist().index(t.ids[row])
        left = max(t.option_p[row, chosen] - t.option_q[row, chosen], 0)
        assert t.option_residual[row, chosen] == pytest.approx(left / (1 - t.overlap[row]), rel=1e-3) and left > 0
    assert r.cost_ratio == r.costs.c == pytest.approx(r.costs.guess / r.costs.single)
    at = list(r.sweep.gammas).index(3)
    assert r.speedup == r.sweep.speedup[at]
    assert r.expected_speedup == pytest.approx(float(formulas.speedup(r.sweep.alpha, 3, r.cost_ratio)))
    assert r.sources.names == SOURCES
    assert r.race.plain_tokens[-1] == r.race.speculative_tokens[-1] == 30 and (np.diff(r.race.plain) > 0).all()
    assert r.judged == findings.judged(r.sweep.speedup_low[at], r.sweep.speedup_high[at], r.sweep.runs, r.race.speedup)
    assert r.findings[0].topic == "pace" and "cannot be told" in r.findings[0].text.en, "one round carries no verdict"


def test_a_run_can_be_left(quick):
    stream = speculative_decoding.stream(Speculate.parse({"tokens_out": 20}))
    next(stream)
    stream.close()
    assert alone._pool().submit(int).result() == 0


def test_acceptance_follows_what_the_distributions_say(quick):
    r = speculative_decoding(Speculate.parse({"tokens_out": 40, "temperature": 1.0}))
    judged = r.trace.kind <= tracing.REJECTED
    chance = r.trace.overlap[judged]
    deviation = np.sqrt((chance * (1 - chance)).sum())
    assert abs((r.trace.kind == tracing.ACCEPTED).sum() - chance.sum()) <= 4.5 * deviation


@pytest.mark.parametrize(
    ("low", "high", "runs", "race", "expected"),
    [
        (1.2, 1.6, 5, 1.4, "above"),
        (0.5, 0.8, 5, 0.7, "below"),
        (0.9, 1.6, 5, 1.4, "undecided"),
        (9.0, 12.0, 5, 1.81, "undecided"),  # the busy machine's eleven times, beside a race that says 1.81
        (1.2, 1.6, 2, 1.4, "undecided"),
        (1.05, 1.2, 5, 0.95, "undecided"),
        (float("nan"), 1.6, 5, 1.4, "undecided"),
        (1.2, 1.6, 5, None, "above"),
    ],
)
def test_a_verdict_only_where_the_clock_carries_it(low, high, runs, race, expected):
    assert findings.judged(low, high, runs, race) == expected


def test_the_pace_is_told_with_its_sample(quick):
    made = speculative_decoding(Speculate.parse({"tokens_out": 10, "gamma": 1}))
    calm = dataclasses.replace(
        made.sweep, speedup=np.array([1.5, 1.4]), speedup_low=np.array([1.3, 1.2]), speedup_high=np.array([1.7, 1.5]), runs=5
    )
    race = dataclasses.replace(made.race, plain=np.array([1.5]), speculative=np.array([1.0]), plain_tokens=np.array([8]))
    race = dataclasses.replace(race, speculative_tokens=np.array([8]))
    said = findings.of_pace("model", 1, calm, made.costs, race).text
    assert said.en.startswith("It pays") and "1.3 to 1.7 in the middle of 5 runs" in said.en and said.zh.startswith("划算")
    wild = dataclasses.replace(calm, speedup=np.array([11.0, 9.0]), speedup_low=np.array([10.0, 8.0]), speedup_high=np.array([12.0, 10.0]))
    told = findings.of_pace("model", 1, wild, made.costs, race).text.en
    assert "cannot be told" in told and "1.5 times in the race" in told


# Other models, and what is refused


def saved(folder, model, text=None):
    model.save_pretrained(folder)
    text = text or code_model.load("target")[1].backend_tokenizer.to_str()
    (folder / "tokenizer.json").write_text(text)
    return str(folder)


def refusal(**values):
    with pytest.raises(Refused) as caught:
        params = Speculate.parse(values)
        for _ in speculative_decoding.stream(params):
            pass
    error = caught.value
    assert "\n" not in error.en and any("\u4e00" <= c <= "\u9fff" for c in error.zh)
    return error


def test_two_models_of_ones_own(quick, tmp_path):
    target = saved(tmp_path / "target", tiny("gpt2", seed=1))
    draft = saved(tmp_path / "draft", tiny("llama", seed=2, num_hidden_layers=1))
    r = speculative_decoding(Speculate.parse({"target": target, "draft": draft, "tokens_out": 10, "prompt": "x = 1"}))
    assert len(r.tokens) == 10 and r.sources.names == ("model", "lookup", "both") and r.models.exit_layer == 0
    error = refusal(target=target, draft=draft, tokens_out=10, prompt="x", drafting="exit")
    assert error.name == "drafting" and "Llama" in error.en


def small_vocabulary(folder, rows, kind="llama", **options):
    """A model with `rows` rows, and a tokenizer of the first 300 tokens."""
    whole = json.loads(code_model.load("target")[1].backend_tokenizer.to_str())
    names = dict(sorted(whole["model"]["vocab"].items(), key=lambda item: item[1])[:300])
    merges = [m for m in whole["model"]["merges"] if all(part in names for part in (*m, "".join(m)))]
    whole["model"] |= {"vocab": names, "merges": merges}
    return saved(folder, tiny(kind, vocab_size=rows, **options), json.dumps(whole))


def test_rows_beyond_the_tokenizer_are_never_written(quick, tmp_path):
    target = small_vocabulary(tmp_path / "target", 320)
    draft = small_vocabulary(tmp_path / "draft", 300, seed=3, num_hidden_layers=1)
    r = speculative_decoding(Speculate.parse({"target": target, "draft": draft, "tokens_out": 40, "prompt": "x = 1", "temperature": 2}))
    assert len(r.tokens) >= 1 and r.trace.ids.max() < 300 and r.trace.option_ids.max() < 300
    again = speculative_decoding(Speculate.parse({"target": draft, "draft": target, "tokens_out": 10, "prompt": "x = 1"}))
    assert again.trace.option_ids.max() < 300


def test_a_window_decodes_as_its_own_model_does(quick, tmp_path):
    """A Mistral that looks 16 tokens back, greedily, against transformers without any cache."""
    target = saved(tmp_path / "mistral", tiny("mistral", sliding_window=16))
    values = {"target": target, "draft": target, "temperature": 0, "prompt": "x = 1\n" * 8, "tokens_out": 24, "gamma": 3}
    r = speculative_decoding(Speculate.parse(values))
    found = models.load(target)
    ids = found.encode(values["prompt"])
    assert len(ids) > 16
    for piece in r.tokens:
        ids.append(int(judged(found.model, ids)[-1].argmax()))
        assert found.pieces(ids)[-1] == piece


def test_what_is_no_decoder_or_goes_forward_only_is_refused(tmp_path):
    from transformers import BertConfig, BertLMHeadModel, MambaConfig, MambaForCausalLM

    bert = BertLMHeadModel(BertConfig(vocab_size=2048, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64))
    error = refusal(target=saved(tmp_path / "bert", bert))
    assert error.name == "target" and "it is no decoder" in error.en
    mamba = saved(tmp_path / "mamba", MambaForCausalLM(MambaConfig(vocab_size=2048, hidden_size=32, num_hidden_layers=2)))
    error = refusal(draft=mamba)
    assert error.name == "draft" and "take back guesses" in error.en


def test_chinese_is_written_as_characters(quick, tmp_path):
    """A model that copies its first token's bytes: what is split over tokens is shown as the character."""
    r = speculative_decoding(Speculate.parse({"prompt": "# 今天天气很好，我们一起去公园散步吧。\nname = '今天天气很好", "tokens_out": 12}))
    assert r.models.prompt_tokens <= 128
    whole = tracing.Tracer(models.load(), [])
    whole.text_ids = models.load().encode("今天")[1:]
    assert "".join(c for piece in whole.text() for c in piece if c in "今天") and not any("\\x" in piece for piece in whole.text())


def test_two_models_with_different_vocabularies_are_refused(tmp_path):
    bytewise = json.loads(code_model.load("target")[1].backend_tokenizer.to_str())
    bytewise["model"] |= {"merges": [], "vocab": dict(list(bytewise["model"]["vocab"].items())[:257])}
    draft = saved(tmp_path / "other", tiny("gpt2"), json.dumps(bytewise))
    error = refusal(draft=draft)
    assert error.name == "draft" and "vocabulary" in error.en and "2\u202f048" in error.en and "257" in error.en


def test_an_empty_prompt_needs_a_start_token(quick, tmp_path):
    r = speculative_decoding(Speculate.parse({"prompt": "", "tokens_out": 8}))
    assert len(r.tokens) >= 1 and r.models.prompt_tokens == 1
    model = tiny("gpt2")
    model.config.bos_token_id = model.generation_config.bos_token_id = None
    bare = saved(tmp_path / "bare", model)
    assert refusal(target=bare, draft=bare, prompt="", tokens_out=8).name == "prompt"


def test_a_prompt_longer_than_the_context_is_refused():
    error = refusal(prompt="x = 1\n" * 300, tokens_out=8)
    assert error.name == "prompt" and "512" in error.en
    long = open_pair("embedded", "embedded", "x" * 10, 100, 2)
    assert len(long.prompt) + 100 <= 512


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"gamma": 0}, "gamma"),
        ({"gamma": 2.5}, "gamma"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": "nan"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"drafting": "magic"}, "drafting"),
        ({"target": "no such model!"}, "target"),
        ({"draft": "../../etc"}, "draft"),
        ({"task": "toy", "p": "0.5, nan"}, "p"),
        ({"task": "toy", "p": "0.5, -1"}, "p"),
        ({"task": "toy", "q": "0, 0"}, "q"),
        ({"task": "toy", "q": "1"}, "q"),
        ({"task": "toy", "q": "1,1,1,1,1,1,1,1,1"}, "q"),
        ({"task": "toy", "q": "one, two"}, "q"),
    ],
    ids=str,
)
def test_what_is_refused(values, name):
    assert refusal(**values).name == name


def test_the_toy_through_the_experiment():
    params = Speculate.parse({"task": "toy", "p": "1, 1", "q": "1, 0, 2", "gamma": 2, "cost": 0.2})
    assert speculative_decoding.cost_of(params) == "instant"
    r = speculative_decoding(params)
    np.testing.assert_allclose(r.toy.p, [0.5, 0.5, 0])
    np.testing.assert_allclose(r.toy.q, [1 / 3, 0, 2 / 3])
    assert r.toy.alpha == pytest.approx(1 / 3) and r.trace is None and r.speedup is None
    assert r.expected_speedup == pytest.approx((1 + 1 / 3 + 1 / 9) / 1.4)
    assert r.tokens_per_step == pytest.approx(r.expected_tokens_per_step, rel=0.03)
