"""Attention maps against transformers' own, ablation against zeroed projections, sampling against its warpers."""

import copy

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from engine.core import Params, Refused, results
from engine.core.runner import Runner
from engine.language import attention_maps as lab
from engine.language import code_model, models
from engine.language.attention_maps import (
    AttentionMaps,
    ablation,
    attention_maps,
    kinds,
    one_head,
    opened,
    reading,
    reference,
    sampling,
    switches,
)
from engine.language.sampling import Rule

RNG = np.random.Generator(np.random.PCG64(20))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    models.forget()


@pytest.fixture(scope="module")
def embedded():
    return opened.open_model("embedded")


@pytest.fixture(scope="module")
def brought(tmp_path_factory):
    """A grouped-query Llama and a GPT-2, with the embedded tokenizer, saved as folders."""
    torch.manual_seed(3)
    made = {
        "llama": LlamaForCausalLM(
            LlamaConfig(
                vocab_size=2048,
                hidden_size=48,
                intermediate_size=64,
                num_hidden_layers=3,
                num_attention_heads=6,
                num_key_value_heads=2,
                max_position_embeddings=80,
                bos_token_id=0,
                eos_token_id=0,
                initializer_range=0.2,
            )
        ),
        "gpt2": GPT2LMHeadModel(
            GPT2Config(
                vocab_size=2048, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=0, eos_token_id=0, initializer_range=0.2
            )
        ),
    }
    folders = {}
    for name, model in made.items():
        folder = tmp_path_factory.mktemp(name)
        model.save_pretrained(folder)
        code_model.load("target")[1].backend_tokenizer.save(str(folder / "tokenizer.json"))
        folders[name] = str(folder)
    return folders


def theirs(name: str, ids: list[int], **options):
    """The model itself, as transformers runs it."""
    with torch.inference_mode():
        return models.load(name, attention=True).model(input_ids=torch.tensor([ids]), **options)


def everything_on(found: opened.Opened) -> np.ndarray:
    return np.zeros((found.layers, found.heads), bool)


# Held to


@pytest.mark.parametrize("name", ["embedded", "llama", "gpt2"])
def test_maps_equal_transformers_own(name, brought):
    name = brought.get(name, name)
    found = opened.open_model(name)
    for length in (1, 2, 17, 63):
        ids = RNG.integers(0, 2048, length).tolist()
        mine = reading.read(found, ids, None, everything_on(found))
        other = theirs(name, ids, output_attentions=True)
        for layer, weights in enumerate(other.attentions):
            np.testing.assert_allclose(mine.attentions[layer], weights[0], atol=1e-5)
        np.testing.assert_allclose(mine.logits, other.logits[0, -1], atol=1e-4)
        np.testing.assert_allclose(mine.attentions.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["embedded", "llama", "gpt2"])
def test_switching_a_head_off_equals_zeroing_its_output_projection(name, brought):
    name = brought.get(name, name)
    found = opened.open_model(name)
    off = RNG.random((found.layers, found.heads)) < 0.3
    off[1, 2] = True
    ids = RNG.integers(0, 2048, 40).tolist()
    cut = copy.deepcopy(models.load(name, attention=True).model)
    with torch.no_grad():
        for layer, head in np.argwhere(off):
            if hasattr(cut.base_model, "h"):  # GPT-2 stores the transpose
                width = cut.config.n_embd // found.heads
                cut.base_model.h[layer].attn.c_proj.weight[head * width : (head + 1) * width] = 0
            else:
                projection = cut.base_model.layers[layer].self_attn.o_proj.weight
                width = projection.shape[1] // found.heads
                projection[:, head * width : (head + 1) * width] = 0
        fed = torch.tensor([ids])
        expected = cut(input_ids=fed, labels=fed)
    mine = reading.read(found, ids, None, off)
    np.testing.assert_allclose(mine.logits, expected.logits[0, -1], atol=2e-4)
    assert np.nanmean(mine.losses) == pytest.approx(expected.loss.item(), abs=1e-5)
    assert np.abs(mine.logits - theirs(name, ids).logits[0, -1].numpy()).max() > 1e-3


@pytest.mark.parametrize("name", ["embedded", "llama", "gpt2"])
def test_the_lens_last_layer_is_the_model(name, brought):
    name = brought.get(name, name)
    found = opened.open_model(name)
    ids = RNG.integers(0, 2048, 30).tolist()
    lens = reading.read(found, ids, None, everything_on(found)).lens
    p = theirs(name, ids).logits[0].softmax(-1)
    top = p.topk(5, -1)
    np.testing.assert_allclose(lens.probabilities[-1], top.values, atol=1e-5)
    assert lens.tokens[-1, -1].tolist() == found.loaded.pieces(top.indices[-1].tolist())
    right = [p[i, ids[i + 1]].item() for i in range(29)]
    np.testing.assert_allclose(lens.truth[-1, :-1], right, atol=1e-5)
    assert np.isnan(lens.truth[:, -1]).all() and len(lens.truth) == found.layers + 1
    # Row 0 is the embedding alone, seen through the same norm and unembedding.
    model = models.load(name, attention=True).model
    with torch.inference_mode():
        state = model.get_input_embeddings()(torch.tensor([ids]))
        if hasattr(model.base_model, "wpe"):
            state = state + model.base_model.wpe(torch.arange(30))
        first = model.get_output_embeddings()(found.final(state))[0].softmax(-1)
    np.testing.assert_allclose(lens.probabilities[0, :, 0], first.max(-1).values, atol=1e-5)


def test_no_refused_model_disturbs_the_embedded_one(tmp_path):
    for name in (str(tmp_path), "no such model", "folder:..", "owner/not-there"):
        with pytest.raises(Refused) as caught:
            attention_maps(AttentionMaps(model=name))
        assert caught.value.name == "model"
    assert attention_maps(AttentionMaps(text="x = 1")).tokens[1] == "x"


HOSTILE = [
    "",
    " ",
    "\x00",
    "\u202e\u2066\u200f" * 300,
    "<b>&lt;script>--ink</b>",
    "e\u0301" * 1500,
    "🙂" * 1000,
    "\n" * 4000,
    "(" * 4000,
    "x" * 4000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_bounded_and_safe(text):
    found = attention_maps(AttentionMaps(text=text, tokens=40))
    assert 1 <= len(found.tokens) <= 40
    assert found.attentions.shape[-2:] == (len(found.tokens),) * 2
    assert all(c.isprintable() or c in "\n\t\r" for token in found.tokens for c in token)
    assert np.isfinite(found.attentions).all() and results.plain(found)


CHINESE = "今天天气很好，我们一起去公园散步吧，回来的路上再买一些新鲜的水果。"


def test_a_chinese_sentence_fits_and_is_shown_as_characters():
    """Read to its end by the default limit; every character stands in the tokens that hold its bytes."""
    found = attention_maps(AttentionMaps(text=CHINESE))
    assert len(found.tokens) == found.given and not found.findings
    shown = "".join(found.tokens[1:])
    assert "\\x" not in shown and set(CHINESE) <= set(shown)
    ends = attention_maps(AttentionMaps(text=CHINESE + "今天天")).next_token
    assert len(ends.tokens) == sampling.SHOWN


def test_rows_beyond_the_tokenizer_are_no_candidates(tmp_path):
    torch.manual_seed(6)
    config = LlamaConfig(
        vocab_size=2112, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, bos_token_id=0, eos_token_id=0
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    code_model.load("target")[1].backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    found = attention_maps(AttentionMaps(model=str(tmp_path), text="x = 1", temperature=3, draws=100_000))
    assert found.next_token.ids.max() < 2048 and found.next_token.kept == 2048
    assert not any(token.startswith("#2") for token in found.lens.tokens.ravel())


def test_texts_beyond_the_bounds_are_refused_in_one_sentence():
    for text in ("x" * 100_000, "\u202e" * 100_000):
        with pytest.raises(Refused, match="text must be at most 4000 characters long"):
            AttentionMaps.parse({"text": text})
    for text in ("a\ud800b", "\udfff"):
        try:
            found = attention_maps(AttentionMaps.parse({"text": text}))
        except Refused as error:
            assert error.name == "text"
        else:
            assert "\ufffd" in "".join(found.tokens) or found.tokens


# The head


@pytest.mark.parametrize("mask", ["causal", "sliding", "prefix"])
@pytest.mark.parametrize("name", ["embedded", "llama"])
def test_every_head_is_softmax_of_its_products(mask, name, brought):
    params = AttentionMaps(model=brought.get(name, name), mask=mask, window=5, prefix=9, tokens=40)
    whole = attention_maps(params)
    n = len(whole.tokens)
    np.testing.assert_array_equal(whole.seen, reference.allowed(n, mask, 5, 9))
    layers, heads = whole.entropy.shape
    for layer, head in ((1, 1), (layers, heads), (2, 3)):
        one = attention_maps(params.model_copy(update={"layer": layer, "head": head})).chosen
        np.testing.assert_allclose(one.scores, one.q.astype(float) @ one.k.T.astype(float) / np.sqrt(one.q.shape[1]), atol=1e-5)
        np.testing.assert_allclose(reference.softmax(one.scores, whole.seen), one.weights, atol=2e-5)
        np.testing.assert_allclose(one.weights, whole.attentions[layer - 1, head - 1], atol=1e-6)
        assert (one.weights[~whole.seen] == 0).all()


def test_masks_by_their_definitions():
    for n, window, prefix in ((1, 2, 1), (7, 3, 4), (12, 5, 12), (5, 128, 128)):
        for i in range(n):
            for j in range(n):
                assert reference.allowed(n)[i, j] == (j <= i)
                assert reference.allowed(n, "sliding", window)[i, j] == (i - window < j <= i)
                assert reference.allowed(n, "prefix", prefix=prefix)[i, j] == (j <= i or (i < prefix and j < prefix))


def test_a_head_beyond_the_models_is_its_last():
    found = attention_maps(AttentionMaps(text="x = 1", layer=200, head=900))
    assert (found.chosen.layer, found.chosen.head) == (6, 4)
    assert "no head 200.900; head 6.4 is shown" in found.findings[0].text.en


def test_grouped_queries_take_their_groups_keys(brought):
    found = opened.open_model(brought["llama"])
    read = reading.read(found, list(range(1, 20)), None, everything_on(found))
    assert read.queries.shape[1] == 6 and read.keys.shape[1] == 2
    for head in range(6):
        np.testing.assert_array_equal(one_head.take_apart(read, 1, head + 1).k, read.keys[0, head // 3])


# What is read off the weights


def test_entropy_and_distance_in_closed_form():
    n = 16
    even = reference.even(reference.allowed(n))
    np.testing.assert_allclose(reference.entropy(even), np.log2(np.arange(1, n + 1)), atol=1e-12)
    np.testing.assert_allclose(reference.distance(even), np.arange(n) / 2, atol=1e-12)
    np.testing.assert_array_equal(reference.entropy(np.eye(n)), 0)
    back = np.eye(n, k=-3)
    np.testing.assert_array_equal(reference.distance(back)[3:], 3)


def test_the_result_says_what_the_maps_say():
    found = attention_maps(AttentionMaps(tokens=33))
    np.testing.assert_allclose(found.entropy, reference.entropy(found.attentions)[..., 1:].mean(-1), atol=1e-9)
    np.testing.assert_allclose(found.distance, reference.distance(found.attentions)[..., 1:].mean(-1), atol=1e-9)
    assert found.entropy_even == pytest.approx(np.log2(np.arange(2, 34)).mean())
    assert found.distance_even == pytest.approx(np.arange(1, 33).mean() / 2)
    assert (found.entropy >= 0).all() and (found.entropy <= found.entropy_even + 1e-6).all()
    assert found.given == 50 and len(found.tokens) == 33
    assert "The text has 50 tokens; the first 33 are read." in [said.text.en for said in found.findings]


# Kinds of heads


def test_where_each_kind_looks():
    pieces = "<|file|> f ([ a ] +{ b }) ↵ ···· c · d ↵ ········ e ↵↵".replace("↵", "\n").replace("·", "~").split(" ")
    pieces = [piece.replace("~", " ") for piece in pieces]
    assert [(w.query, w.keys) for w in kinds.brackets(pieces)] == [(4, (2,)), (7, (5,)), (7, (2,))]
    assert kinds.brackets(["()", ")(", "]"]) == []
    nested = kinds.brackets(list("((a)[b])"))
    assert {(w.query, w.keys[0]) for w in nested} == {(3, 1), (6, 4), (7, 0)}
    lines = kinds.indentation(pieces)
    assert [w.query for w in lines] == [9, 13, 14, 16]
    assert lines[-1].keys == (8, 9, 13, 14)
    assert [(w.query, w.keys) for w in kinds.previous(range(4))] == [(2, (1,)), (3, (2,))]
    assert [(w.query, w.keys) for w in kinds.first(range(4))] == [(2, (0,)), (3, (0,))]


def test_heads_made_for_one_thing_are_recognised():
    scores = np.full((5, 2, 3), 0.05)
    scores[0, 0, 0], scores[2, 0, 1], scores[4, 1, 1], scores[3, 1, 2] = 0.9, 0.6, 0.8, 0.1
    scores[1] = np.nan  # no such token in the texts
    found = kinds.sorted_out(scores, np.array([0.05, np.nan, 0.03, 0.03, 0.4]), np.ones(5))
    assert found.kind.tolist() == [[0, 2, -1], [-1, 4, -1]]


def test_the_embedded_models_heads_are_measured_on_random_tokens(embedded):
    found = kinds.measure(embedded)
    assert found.scores.shape == (5, 6, 4) and (found.counted > 20).all()
    assert (found.scores >= 0).all() and (found.scores <= 1).all()
    assert found.scores[0].max() > 10 * found.chance[0]  # it has previous-token heads,
    assert found.scores[2].max() > 10 * found.chance[2]  # and induction heads
    # By hand: the same sequence twice, and the mean weight on what followed the earlier copy.
    once = RNG.integers(1, 2048, (4, 20))
    total = np.zeros((6, 4))
    for ids in once:
        a = reading.read(embedded, [0, *ids, *ids], None, everything_on(embedded)).attentions
        total += np.mean([a[:, :, 21 + i, 2 + i] for i in range(19)], axis=0) / 4
    assert np.abs(total - found.scores[2]).max() < 0.2
    assert total.argmax() in np.flatnonzero(found.scores[2] > 0.3)


# Ablation


@pytest.mark.parametrize("text", ["", "4.3", "1.1, 6.4", "2.*", "*.1", " 3.2 ,5.* ", "*.*", "4.3,4.3", "４.３，５.＊、１.２", "4。3"])
def test_switches_are_read_and_written(text):
    off = switches.off(text, 6, 4)
    np.testing.assert_array_equal(switches.off(switches.written(off), 6, 4), off)


def test_switches_refuse_what_they_do_not_know():
    for text in ("4", "4.3.1", "a.b", "4,3", "-1.2", "4.3;5.1", "1.1 2.2"):
        with pytest.raises(Refused, match=r"ablate must list heads as layer\.head"):
            AttentionMaps.parse({"ablate": text})
    for text in ("7.1", "0.1", "1.5", "1.0", "999.*"):
        with pytest.raises(Refused, match="which has 6 layers of 4 heads"):
            attention_maps(AttentionMaps(ablate=text, text="x"))


@pytest.mark.parametrize("name", ["embedded", "gpt2"])
def test_each_heads_worth_is_that_of_a_pass_without_it(name, brought, monkeypatch):
    monkeypatch.setattr(ablation, "AT_ONCE", 5)
    found = opened.open_model(brought.get(name, name))
    ids = RNG.integers(0, 2048, 25).tolist()
    steps = list(ablation.each_alone(found, ids, None, reference.allowed(25)))
    assert len(steps) == -(-found.layers * found.heads // 5) and np.isnan(steps[0]).any()
    whole = np.nanmean(reading.read(found, ids, None, everything_on(found)).losses)
    for layer, head in ((0, 0), (1, 3), (found.layers - 1, 1)):
        off = everything_on(found)
        off[layer, head] = True
        without = np.nanmean(reading.read(found, ids, None, off).losses)
        assert steps[-1][layer, head] == pytest.approx(without - whole, abs=1e-5)


def test_ablation_changes_the_loss_and_the_next_token():
    found = attention_maps(AttentionMaps(ablate="4.2, 4.3, 5.3, 5.4"))
    cut, after = found.ablated, found.next_token
    assert cut.off.sum() == 4 and cut.loss > cut.whole_loss + 0.1  # it copies an unknown word with these
    assert cut.loss == pytest.approx(np.nanmean(cut.losses)) and np.isnan(cut.losses[0])
    assert np.abs(after.probability - after.whole).max() > 0.3
    assert any("costs" in said.text.en and "49 predicted" in said.text.en for said in found.findings)
    again = attention_maps(AttentionMaps(ablate=cut.toggled[4 * 4 + 2]))  # 5.3 on again
    assert again.ablated.off.sum() == 3 and not again.ablated.off[4, 2]


def test_a_token_that_was_seen_beforehand_counts_in_no_loss():
    found = attention_maps(AttentionMaps(mask="prefix", prefix=10))
    assert np.isnan(found.ablated.losses[:10]).all() and np.isfinite(found.ablated.losses[10:]).all()
    nothing = attention_maps(AttentionMaps(text=""))
    assert np.isnan(nothing.ablated.loss) and np.isnan(nothing.ablated.alone).all()
    assert "there is no loss" in nothing.findings[0].text.en


# The next token


def test_the_laws_edges():
    logits = np.array([1.0, 3.0, 2.0, 3.0])
    assert sampling.law(logits, Rule(0)).tolist() == [0, 1, 0, 0]
    assert sampling.law(logits, Rule(1, 1)).tolist() == pytest.approx([0, 0.5, 0, 0.5])  # ties stay
    assert sorted(sampling.law(logits, Rule(1, 0, 0)).tolist()) == [0, 0, 0, 1]  # no mass is asked for: one stays
    np.testing.assert_allclose(sampling.law(logits, Rule(1, 4)), np.exp(logits) / np.exp(logits).sum())
    assert sampling.bits(np.array([0.0, 1.0])) == 0 and sampling.bits(np.full(8, 1 / 8)) == pytest.approx(3)


def test_draws_come_from_the_law():
    p = sampling.law(RNG.normal(size=40) * 2, Rule(1.2, 12, 0.95))
    draws = 200_000
    for seed in range(5):
        count = sampling.draw(p, draws, seed)
        assert count.sum() == draws and (count[p == 0] == 0).all()
        some = p > 1e-4
        z = (count - draws * p)[some] / np.sqrt(draws * p * (1 - p))[some]
        assert np.abs(z).max() < 4.5
    np.testing.assert_array_equal(sampling.draw(p, 100, 3), sampling.draw(p, 100, 3))


def test_sampling_and_choosing_a_head_run_no_model(monkeypatch):
    runner = Runner()
    params = AttentionMaps(text="for i in range(3):\n    print(")
    whole = runner.run(attention_maps, params).result
    monkeypatch.setattr(opened.Opened, "run", lambda *_, **__: pytest.fail("the model ran"))
    for change in ({"temperature": 0.3}, {"top_k": 5}, {"top_p": 0.5}, {"seed": 7}, {"draws": 9}, {"layer": 2}, {"head": 1}):
        other = params.model_copy(update=change)
        assert lab.cost(other) == "instant"
        found = runner.run(attention_maps, other).result
        np.testing.assert_array_equal(found.attentions, whole.attentions)
        np.testing.assert_array_equal(found.next_token.probability, whole.next_token.probability)
    assert lab.cost(params.model_copy(update={"text": "y"})) == "seconds"
    assert lab.cost(params.model_copy(update={"ablate": "1.1"})) == "seconds"


def test_next_token_adds_up():
    t = attention_maps(AttentionMaps(temperature=0.7, top_k=50, top_p=0.9, draws=500)).next_token
    assert t.others == pytest.approx(1 - t.probability.sum()) and t.drawn.sum() <= t.draws == 500
    assert (np.diff(t.probability) <= 0).all() and len(t.tokens) == len(t.ids) == sampling.SHOWN
    assert t.kept == (t.law > 0).sum() and t.law.sum() == pytest.approx(1)
    assert t.share == pytest.approx(t.probability[: t.kept].sum())


# Streaming, keeping, bounds


def test_results_stream_and_are_kept():
    params = AttentionMaps(text="a = [1, 2, 3]\nb = a[0")
    assert lab.cost(params) == "seconds"
    parts = list(attention_maps.stream(params))
    assert [p.fraction for p in parts] == sorted(p.fraction for p in parts) and parts[-1].fraction == 1
    assert len(parts) > 1 and np.isnan(parts[0].result.ablated.alone).all()
    assert np.isfinite(parts[-1].result.ablated.alone).all()
    assert lab.cost(params) == "instant" and len(list(attention_maps.stream(params))) == 1
    lab.warm_up()
    assert lab.cost(AttentionMaps(text="")) == "instant"


def test_a_model_that_must_be_brought_waits_for_a_press(brought, monkeypatch):
    models.forget()
    params = AttentionMaps(model=brought["gpt2"], text="x = 1")
    assert lab.cost(params) == "minutes"
    found = attention_maps(params)
    assert found.attentions.shape[:2] == (2, 4) and "2 layers of 4 heads" in found.model.en
    assert lab.cost(params) == "instant"
    monkeypatch.delenv("ORRERY_PRIVATE")
    with pytest.raises(Refused, match="a path is not opened"):
        lab.cost(params)
    with pytest.raises(Refused, match="a path is not opened"):
        attention_maps(params)


def test_a_short_context_shortens_the_text(brought):
    found = attention_maps(AttentionMaps(model=brought["gpt2"], text="x " * 300, tokens=128))
    assert len(found.tokens) == 64 and found.given > 64


def test_the_loaded_model_stays_as_it_was(embedded):
    model = models.load(attention=True).model
    assert model.config._attn_implementation == "eager" and embedded.model.config._attn_implementation == opened.NAME
    ours = dict(embedded.model.named_parameters())
    assert all(ours[name].data_ptr() == p.data_ptr() for name, p in model.named_parameters())


@pytest.mark.parametrize(
    "values",
    [
        {"layer": 0},
        {"head": 2000},
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"top_k": 201},
        {"top_p": 1.5},
        {"window": 1},
        {"prefix": 0},
        {"tokens": 7},
        {"tokens": 257},
        {"draws": 0},
        {"mask": "none"},
        {"model": "x" * 201},
        {"text": 5},
        {"unknown": 1},
    ],
)
def test_bad_parameters_are_refused(values):
    with pytest.raises(Refused) as caught:
        AttentionMaps.parse(values)
    assert caught.value.name == next(iter(values)) and caught.value.zh


def test_fields_and_parameters_that_are_promised():
    assert issubclass(AttentionMaps, Params)
    assert {"text", "layer", "head", "ablate", "temperature", "top_k", "top_p", "model"} <= set(AttentionMaps.model_fields)
    assert {"tokens", "attentions", "entropy", "head_kinds", "next_token"} <= set(lab.Attended.__dataclass_fields__)
