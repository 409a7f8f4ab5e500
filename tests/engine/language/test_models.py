"""What a person may bring as a model and what is refused, on tiny models and a Hub that the tests make themselves."""

import hashlib
import http.server
import json
import threading
from pathlib import Path

import pytest
import torch
from transformers import (
    BertConfig,
    BertLMHeadModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
)

from engine.core import Refused
from engine.language import code_model, models
from engine.language.models import hub, pieces
from engine.language.models.decoder import open_text

EVERY = ("ORRERY_HUB_MODELS", "ORRERY_MODELS_FOLDER", "ORRERY_LARGEST_MODEL")


@pytest.fixture(autouse=True)
def a_server_of_ones_own(monkeypatch):
    for name in EVERY:
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    models.forget()
    yield
    models.forget()
    torch.set_num_threads(before)


def gpt2(**options):
    torch.manual_seed(1)
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=2048, n_embd=32, n_layer=2, n_head=2, n_positions=64, bos_token_id=0, eos_token_id=0, **options)
    )


def llama():
    torch.manual_seed(2)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=2048,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=96,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def saved(folder: Path, model=None, tokenizer=True) -> Path:
    (model or gpt2()).save_pretrained(folder)
    if tokenizer:
        code_model.load("target")[1].backend_tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def edited(folder: Path, **changes) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


def refusal(name, **options) -> Refused:
    with pytest.raises(Refused) as caught:
        models.load(str(name), **options)
    error = caught.value
    assert error.name == "model"
    assert "\n" not in error.en and not error.en.endswith(".") and len(error.en) < 300
    assert any("\u4e00" <= c <= "\u9fff" for c in error.zh)
    return error


# What is opened


def test_the_embedded_model_needs_nothing():
    for name, role in (("embedded", "target"), (" Embedded ", "draft"), ("", "target")):
        found = models.load(name, role)
        model, tokens = code_model.load(role)
        assert found.model is model and found.context == 512 and found.start == tokens.bos_token_id
        assert found.parameters == sum(p.numel() for p in model.parameters())
    assert "draft" in models.load("embedded", "draft").description[0]
    assert models.load(attention=True).model.config._attn_implementation == "eager"
    assert models.at_hand("embedded")


@pytest.mark.parametrize("make", [gpt2, llama])
def test_a_folder_predicts_as_what_was_saved(tmp_path, make):
    original = make().eval()
    folder = saved(tmp_path / "mine", original)
    assert not models.at_hand(str(folder))
    found = models.load(str(folder), attention=True)
    assert models.at_hand(str(folder)) and models.load(str(folder)) is found
    ids = found.encode("def f(x):\n    return x")
    assert ids[0] == 0 and found.decode(ids) == "def f(x):\n    return x"
    with torch.inference_mode():
        torch.testing.assert_close(found.model(torch.tensor([ids])).logits, original(torch.tensor([ids])).logits)
    assert not found.model.training and not any(p.requires_grad for p in found.model.parameters())
    assert found.model.dtype == torch.float32
    assert found.context == (64 if make is gpt2 else 96)


def test_shards_and_half_precision(tmp_path):
    model = llama().half()
    model.save_pretrained(tmp_path, max_shard_size="100KB")
    code_model.load("target")[1].backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    found = models.load(str(tmp_path))
    theirs = dict(model.named_parameters())
    for name, tensor in found.model.named_parameters():
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor, theirs[name].float())


def test_few_models_stay_in_memory(tmp_path):
    names = [str(saved(tmp_path / str(i))) for i in range(models.KEPT + 1)]
    for name in names:
        models.load(name)
    assert [models.at_hand(name) for name in names] == [False] + [True] * models.KEPT


# Tokens that people can read


def test_pieces_show_what_cannot_be_printed():
    found = models.load()
    text = "f(\u202ex\x00)\n\té"
    ids = found.encode(text)
    shown = found.pieces(ids)
    assert shown[0] == "<|file|>" and len(shown) == len(ids)
    assert all(c.isprintable() or c in "\n\t\r" for piece in shown for c in piece)
    assert "\\x00" in shown and {"é₁", "é₂"} <= set(shown) and "\n" in shown
    assert pieces.visible("a\u202e\x07 \n") == "a\\u202e\\x07 \n"
    whole = range(len(found.tokenizer))
    assert len(found.pieces(list(whole))) == len(whole)


@pytest.mark.parametrize("text", ["今天天气很好，我们去公园。", "naïve café", "🙂👩🏽", "a今b", "Ωμέγα = 1"])
def test_characters_are_shown_in_the_tokens_that_hold_them(text):
    """Every token names the characters whose bytes it holds, found here by encoding them anew."""
    found = models.load()
    ids = found.encode(text)[1:]
    table, place, expected = pieces.alphabet(), 0, []
    owners = [k for k, c in enumerate(text) for _ in c.encode()]
    for name in found.tokenizer.convert_ids_to_tokens(ids):
        size = len(bytes(table[c] for c in name))
        expected.append("".join(dict.fromkeys(text[k] for k in owners[place : place + size])))
        place += size
    shown = found.pieces(ids)
    assert ["".join(c for c in piece if c not in "₁₂₃₄") for piece in shown] == expected
    assert "\\x" not in "".join(shown)
    tail = text.encode()[:-1] if len(text[-1].encode()) > 1 else text.encode()
    if tail != text.encode():  # a character that was begun, and how it would end
        assert found.after(ids[:-1], ids[-1:]) == shown[-1:]
        assert found.pieces(ids[-1:])[0].startswith("\\x")


def test_words_of_bytes_are_read_as_well():
    """As a vocabulary of words with bytes to fall back on has them."""
    from tokenizers import Tokenizer, decoders
    from tokenizers import models as kinds
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"\u2581hi": 0, "<0xE4>": 1, "<0xBD>": 2, "<0xA0>": 3, "é": 4}
    made = Tokenizer(kinds.WordLevel(vocabulary, unk_token="é"))
    made.decoder = decoders.ByteFallback()
    reader = pieces.Reader(PreTrainedTokenizerFast(tokenizer_object=made))
    assert reader.pieces([0, 1, 2, 3, 4]) == [" hi", "你₁", "你₂", "你₃", "é"]
    assert reader.pieces([1, 0, 2]) == ["\\xe4", " hi", "\\xbd"] and reader.after([0, 1, 2], [3]) == ["你₃"]


def test_the_byte_alphabet_is_the_tokenizers():
    from tokenizers.pre_tokenizers import ByteLevel

    assert set(pieces.alphabet()) == set(ByteLevel.alphabet())
    assert sorted(pieces.alphabet().values()) == list(range(256))
    assert pieces.alphabet()["Ġ"] == 32


@pytest.mark.parametrize("text", ["", "\ud800a\udfff", "\u202eright\u200f", "\x00" * 50, "<|file|>" * 3, "🙂" * 20])
def test_any_text_is_encoded(text):
    found = models.load()
    ids = found.encode(text)
    assert ids[0] == found.start and found.start not in ids[1:]
    assert found.decode(ids) == text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


# What is refused


def test_a_folder_must_hold_safetensors(tmp_path):
    folder = saved(tmp_path)
    torch.save(gpt2().state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert "no weights in the safetensors format" in refusal(folder).en
    (folder / "model.safetensors").write_bytes(b"\x80\x04pickled")
    assert "cannot use its safetensors" in refusal(folder).en


def test_a_model_must_have_a_tokenizer(tmp_path):
    folder = saved(tmp_path, tokenizer=False)
    assert "no tokenizer" in refusal(folder).en
    (folder / "tokenizer.json").write_text("{}")
    assert "cannot use its tokenizer.json" in refusal(folder).en


def test_a_tokenizer_must_not_name_tokens_that_the_model_lacks(tmp_path):
    torch.manual_seed(0)
    small = GPT2LMHeadModel(GPT2Config(vocab_size=100, n_embd=32, n_layer=1, n_head=2))
    assert "the tokenizer has 2048 tokens and the model 100" in refusal(saved(tmp_path, small)).en


def test_a_model_over_the_limit(tmp_path, monkeypatch):
    monkeypatch.setenv("ORRERY_LARGEST_MODEL", "1")
    torch.manual_seed(0)
    large = GPT2LMHeadModel(GPT2Config(vocab_size=2048, n_embd=96, n_layer=1, n_head=2)).half()
    folder = saved(tmp_path, large)
    assert folder.joinpath("model.safetensors").stat().st_size < 1.1e6 < 4 * sum(p.numel() for p in large.parameters())
    assert "at most 1\u00a0MB in float32" in refusal(folder).en
    monkeypatch.setenv("ORRERY_LARGEST_MODEL", "many")
    with pytest.raises(ValueError, match="ORRERY_LARGEST_MODEL must be a positive whole number"):
        models.load(str(folder))


def test_a_configuration_that_asks_for_more_than_its_weights(tmp_path):
    folder = saved(tmp_path / "a")
    assert "at most" in refusal(edited(folder, n_embd=2**16, n_head=2)).en  # would be made up, and fill the memory
    assert "num_hidden_layers must be from 1 to 256" in refusal(edited(saved(tmp_path / "b"), n_layer=10**9)).en
    assert "lack" in refusal(edited(saved(tmp_path / "c"), n_layer=3)).en
    assert "cannot use its" in refusal(edited(saved(tmp_path / "d"), n_embd=48)).en  # of another shape
    assert "cannot use its config.json" in refusal(edited(saved(tmp_path / "e"), n_embd="wide")).en


def test_no_foreign_code_is_run(tmp_path):
    trap = tmp_path / "ran"
    code = f"open({str(trap)!r}, 'w').close()\n"
    custom = {"auto_map": {"AutoConfig": "code.Mine", "AutoModelForCausalLM": "code.Mine", "AutoTokenizer": "code.Mine"}}
    folder = edited(saved(tmp_path / "a"), model_type="mine", **custom)
    (folder / "code.py").write_text(code)
    assert "needs code of its own" in refusal(folder).en
    # A kind that is known is opened with the library's own code.
    known = edited(saved(tmp_path / "b"), **custom)
    (known / "code.py").write_text(code)
    (known / "tokenizer_config.json").write_text(json.dumps(custom))
    assert models.load(str(known)).model.__class__ is GPT2LMHeadModel
    assert not trap.exists()


def test_other_kinds_of_model_are_refused(tmp_path):
    assert "no decoder that transformers knows" in refusal(edited(saved(tmp_path / "a"), model_type="vit")).en
    assert "no decoder that transformers knows" in refusal(edited(saved(tmp_path / "b"), model_type=["gpt2"])).en
    quantised = edited(saved(tmp_path / "c"), quantization_config={"quant_method": "bitsandbytes"})
    assert "quantised" in refusal(quantised).en
    (tmp_path / "d").mkdir()
    assert "no config.json" in refusal(tmp_path / "d").en
    (tmp_path / "d" / "config.json").write_text("[" * 100_000)
    assert "no config.json" in refusal(tmp_path / "d").en


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft still asks by the old name
def test_an_adapter_is_told_from_a_model(tmp_path, a_hub):
    from peft import LoraConfig, get_peft_model

    get_peft_model(llama(), LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(tmp_path / "adapter")
    assert "it is an adapter (adapter_config.json), not a model" in refusal(tmp_path / "adapter").en
    Hub.folders["owner/adapter"] = tmp_path / "adapter"
    assert "it is an adapter" in refusal("owner/adapter").en


def test_numbers_that_are_none_are_said(tmp_path):
    broken = llama()
    with torch.no_grad():
        broken.model.layers[1].mlp.down_proj.weight[3, :5] = float("nan")
        broken.lm_head.weight[7, 0] = float("inf")
    assert "6 of its weights are no finite numbers" in refusal(saved(tmp_path / "a", broken)).en
    wild = llama()
    with torch.no_grad():
        wild.model.norm.weight.fill_(3e38)
        wild.lm_head.weight.mul_(1e6)
    assert "its logits are not finite" in refusal(saved(tmp_path / "b", wild)).en


def test_rows_that_no_token_has_are_cut(tmp_path):
    """A table padded to 2,112 rows: what is left predicts as the first 2,048 did."""
    torch.manual_seed(4)
    config = llama().config.to_dict() | {"vocab_size": 2112}
    padded = LlamaForCausalLM(LlamaConfig(**config)).eval()
    found = models.load(str(saved(tmp_path, padded)))
    ids = torch.tensor([found.encode("x = 1")])
    with torch.inference_mode():
        logits = found.model(ids).logits
        torch.testing.assert_close(logits, padded(ids).logits[..., :2048])
    assert logits.shape[-1] == 2048 == len(found.tokenizer) == found.model.config.vocab_size


def windowed(kind):
    from transformers import Gemma2Config, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, MistralConfig, MistralForCausalLM

    torch.manual_seed(5)
    sizes = {"vocab_size": 2048, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    sizes |= {"num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128, "sliding_window": 16, "initializer_range": 0.2}
    sizes |= {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    match kind:
        case "mistral":
            return MistralForCausalLM(MistralConfig(**sizes))
        case "gemma2":
            return Gemma2ForCausalLM(Gemma2Config(**sizes))
    return Gemma3ForCausalLM(Gemma3TextConfig(**sizes, layer_types=["sliding_attention", "full_attention"]))


@pytest.mark.parametrize("kind", ["mistral", "gemma2", "gemma3"])
def test_a_window_can_be_taken_back(tmp_path, kind):
    """Fed, cropped beyond the window and fed again, it predicts as in one pass over the text."""
    found = models.load(str(saved(tmp_path, windowed(kind))))
    ids = torch.randint(1, 2048, (60,), generator=torch.Generator().manual_seed(1)).tolist()
    with torch.inference_mode():
        whole = found.model(torch.tensor([ids])).logits[0]
        forgetful = found.model(torch.tensor([ids[-12:]])).logits[0]
    text = open_text(found.model, 60)
    text.feed(ids[:50])
    text.crop(20)
    again = torch.cat([text.feed(ids[20:41]), text.feed(ids[41:])])
    torch.testing.assert_close(again, whole[20:], rtol=1e-3, atol=1e-3)
    assert found.rolls_back and not torch.allclose(forgetful[-1], whole[-1], atol=1e-2), "the window is not the whole"


def test_a_state_that_cannot_be_taken_back_is_known(tmp_path):
    torch.manual_seed(0)
    mamba = MambaForCausalLM(MambaConfig(vocab_size=2048, hidden_size=32, num_hidden_layers=2))
    assert not models.load(str(saved(tmp_path, mamba))).rolls_back
    assert models.load(str(saved(tmp_path / "gpt2"))).rolls_back and models.load().rolls_back


def test_a_model_that_looks_ahead_is_no_decoder(tmp_path):
    bert = BertLMHeadModel(BertConfig(vocab_size=2048, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64))
    folder = saved(tmp_path, bert)
    for options in ({}, {"attention": True}):
        assert "it looks ahead in its text: it is no decoder" in refusal(folder, **options).en


def test_a_model_that_returns_no_attention(tmp_path):
    torch.manual_seed(0)
    mamba = MambaForCausalLM(MambaConfig(vocab_size=2048, hidden_size=32, num_hidden_layers=2))
    folder = saved(tmp_path / "mamba", mamba)
    assert models.load(str(folder)).parameters > 0  # it predicts all the same
    assert "returns no attention weights" in refusal(folder, attention=True).en
    assert models.load(attention=True).name == "embedded"  # which goes on working


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "a/b/c",
        "owner/",
        "owner--name",
        "a..b",
        "-x",
        "x" * 300,
        "\x00",
        "http://x",
        "модель",
        "a\u202eb",
        "datasets/x/y",
        "owner/name@main",
        "file:/etc",
    ],
)
def test_what_is_no_hub_id(name):
    assert "model must be embedded, a Hub id such as owner/name, or folder:NAME" in refusal(name).en


# On a server that others reach


def test_no_path_is_opened_for_a_visitor(tmp_path, monkeypatch):
    folder = saved(tmp_path / "mine")
    monkeypatch.delenv("ORRERY_PRIVATE")
    looked = []
    for method in ("is_dir", "resolve", "exists", "stat"):
        monkeypatch.setattr(Path, method, lambda self, *_, **__: looked.append(self))
    for name in (str(folder), "./x", "../x", "~", "~root", "C:\\models", "..", "/"):
        assert "a path is not opened on a server that others may reach" in refusal(name).en
    assert looked == []
    # A folder of the working directory has a Hub id's form, but is never taken for one.
    assert "switched off" in refusal("engine/language").en


def test_folders_of_the_operators_directory(tmp_path, monkeypatch):
    root = tmp_path / "offered"
    saved(root / "tiny model")
    saved(tmp_path / "secret")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "file").write_text("")
    assert "offers no folder" in refusal("folder:tiny model").en
    monkeypatch.setenv("ORRERY_MODELS_FOLDER", str(root))
    monkeypatch.delenv("ORRERY_PRIVATE")
    assert models.load("folder:tiny model").name == "folder:tiny model"
    for name in (
        "",
        ".",
        "..",
        "../secret",
        "link",
        "file",
        "missing",
        "/etc",
        str(tmp_path / "secret"),
        "tiny model/..",
        "tiny\x00model",
        "~",
        "x\\..\\y",
        "a" * 5000,
        "模" * 150,
    ):
        assert "must name a folder in this server's directory" in refusal(f"folder:{name}").en


def test_paths_of_ones_own_machine(tmp_path):
    for name in (tmp_path / "missing", "./no such folder", "~nobody-of-that-name/x", "/\x00", f"/{'x' * 300}"):
        assert "model must be a folder that exists" in refusal(name).en


# The Hub, served by the test


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of a Hub as is asked: a model's file list with sizes, and its files."""

    folders: dict[str, Path] = {}
    asked: list[tuple[str, str]] = []
    told: dict[str, int] = {}
    headers_seen: list = []
    SHA = "0123456789abcdef0123456789abcdef01234567"

    def do_GET(self):
        path = self.path.partition("?")[0].strip("/")
        self.asked.append((self.command, path))
        self.headers_seen.append(self.headers.get("authorization"))
        if path.startswith("api/models/"):
            return self.listing("/".join(path.split("/")[2:4]))
        owner, name, _, _, file = path.split("/", 4)
        folder = self.folders.get(f"{owner}/{name}")
        if folder is None or not (folder / file).is_file():
            return self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
        self.answer(200, (folder / file).read_bytes())

    do_HEAD = do_GET  # noqa: N815

    def listing(self, name):
        if name == "gated/model":
            return self.answer(403, b"{}", {"X-Error-Code": "GatedRepo"})
        if name == "broken/model":
            return self.answer(500, b"{}")
        folder = self.folders.get(name)
        if folder is None:
            return self.answer(401, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
        files = [
            {"rfilename": str(p.relative_to(folder)), "size": self.told.get(p.name, p.stat().st_size)}
            for p in sorted(folder.rglob("*"))
            if p.is_file()
        ]
        told = {"parameters": {"BF16": 10**10}, "total": 10**10} if name == "wide/model" else None
        body = {
            "_id": "1",
            "id": name,
            "modelId": name,
            "sha": self.SHA,
            "siblings": files,
            "tags": [],
            "downloads": 0,
            "private": False,
        } | ({"safetensors": told} if told else {})
        self.answer(200, json.dumps(body).encode())

    def answer(self, status, body, extra=()):
        self.send_response(status)
        headers = {"Content-Length": str(len(body)), "X-Repo-Commit": self.SHA, "ETag": f'"{hashlib.sha256(body).hexdigest()}"'} | dict(
            extra
        )
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def a_hub(tmp_path, monkeypatch):
    from huggingface_hub import close_session, constants

    Hub.folders, Hub.asked, Hub.told, Hub.headers_seen = {}, [], {}, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    close_session()
    yield server
    close_session()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_model_of_the_hub(tmp_path, monkeypatch, a_hub):
    original = gpt2().eval()
    folder = saved(tmp_path / "source", original)
    for other in ("pytorch_model.bin", "code.py", "README.md"):
        (folder / other).write_text("x")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.safetensors").write_bytes(b"x" * 100)
    Hub.folders["owner/tiny-model"] = folder
    found = models.load("owner/tiny-model", attention=True)
    ids = torch.tensor([found.encode("x = 1")])
    with torch.inference_mode():
        torch.testing.assert_close(found.model(ids).logits, original(ids).logits)
    fetched = {path.split("/", 4)[4] for command, path in Hub.asked if command == "GET" and "/resolve/" in path}
    assert fetched == {"config.json", "tokenizer.json", "model.safetensors"}
    # Without a network, what was fetched before serves on; what was not says so.
    models.forget()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert models.load("owner/tiny-model").parameters == found.parameters
    assert "cannot be reached and owner/other was not fetched before" in refusal("owner/other").en


def test_the_hubs_refusals_are_one_sentence_each(tmp_path, a_hub):
    assert "the Hub has no public model of the id nobody/nothing" in refusal("nobody/nothing").en
    assert "asks for an agreement" in refusal("gated/model").en
    assert "status 500" in refusal("broken/model").en
    pickled = saved(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    Hub.folders["owner/pickled"] = pickled
    assert "no weights in the safetensors format" in refusal("owner/pickled").en
    assert models.load().name == "embedded"


def test_the_size_is_asked_before_anything_is_fetched(tmp_path, a_hub):
    Hub.folders["owner/large"] = saved(tmp_path / "large")
    Hub.told["model.safetensors"] = 3 * 10**9
    assert "at most 2\u00a0GB in float32 here; owner/large takes 3\u00a0GB" in refusal("owner/large").en
    Hub.told.clear()
    Hub.folders["wide/model"] = tmp_path / "large"
    assert "wide/model takes 40\u00a0GB" in refusal("wide/model").en
    Hub.told["tokenizer.json"] = hub.LARGEST_DATA + 1
    assert "configuration or tokenizer of more than" in refusal("owner/large").en
    assert not [path for _, path in Hub.asked if "/resolve/" in path]


def test_no_network(a_hub):
    a_hub.shutdown()
    a_hub.server_close()
    assert "the Hub cannot be reached" in refusal("owner/name").en
    assert models.load().name == "embedded"


def test_what_the_operator_allows(tmp_path, monkeypatch, a_hub):
    Hub.folders["owner/tiny"] = Hub.folders["owner/other"] = saved(tmp_path / "source")
    monkeypatch.delenv("ORRERY_PRIVATE")
    assert "switched off on this server" in refusal("owner/tiny").en
    assert not Hub.asked
    monkeypatch.setenv("ORRERY_HUB_MODELS", "someone/else, owner/tiny")
    assert models.load("owner/tiny").name == "owner/tiny"
    assert "one that this server allows (someone/else, owner/tiny)" in refusal("owner/other").en
    monkeypatch.setenv("ORRERY_HUB_MODELS", "all")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert models.load("owner/other").name == "owner/other"
    assert set(Hub.headers_seen) == {None}  # the operator's own credentials are nobody else's
    monkeypatch.setenv("ORRERY_HUB_MODELS", "none")
    assert "switched off" in refusal("owner/other").en  # though it is in memory
    assert models.load().name == "embedded"
