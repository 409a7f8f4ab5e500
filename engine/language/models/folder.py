"""A folder with a model, opened strictly: data alone, all of it checked before it is loaded.

Read are `config.json`, `tokenizer.json`, and `model.safetensors` or its numbered parts, nothing else. So nothing in a
folder can name code, another model or a path.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.core import T
from engine.language.models.hub import LARGEST_DATA, refuse_over_limit, weight_files
from engine.language.models.judging import PROBE
from engine.language.models.refusing import adapter, going_on, stumbled, unfit

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

# What a configuration may ask for; a hostile one could otherwise keep the machine building.
MOST = {"num_hidden_layers": 256, "num_attention_heads": 1024, "num_experts": 1024, "num_local_experts": 1024}


def read(folder: Path, shown_as: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The model in float32 on the CPU, ready to predict, able to return its attention, and its tokenizer.

    shown_as: what sentences call it. Raises `Refused` where the folder holds no such model or it is over the limit.
    """
    config = configuration(folder, shown_as)
    tokens = tokenizer(folder, shown_as)
    model = built(config, tensors(folder, shown_as), shown_as)
    rows, known = model.get_input_embeddings().weight.shape[0], 1 + max(tokens.get_vocab().values())
    if known > rows:
        why = T(
            "the tokenizer has {known} tokens and the model {rows}", "分词器有 {known} 个词元，而模型只有 {rows} 个", known=known, rows=rows
        )
        raise unfit(shown_as, why)
    model = model.eval().requires_grad_(False)
    if known < rows:  # rows that pad a table to a round size: no token has them, so none may ever be drawn
        model.resize_token_embeddings(known)
    return model, tokens


def document(path: Path, shown_as: str) -> dict[str, Any]:
    """A JSON object from a file. Raises `Refused`."""
    try:
        if path.stat().st_size > LARGEST_DATA:
            raise ValueError("too long")
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("no object")
        return found
    except (OSError, ValueError, RecursionError):
        raise unfit(shown_as, T("it has no {file} that can be read", "没有可读取的 {file}", file=path.name)) from None


def configuration(folder: Path, shown_as: str) -> Any:
    """Its configuration as `transformers` knows it: of a decoder, without code, adapters or quantisation."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as DECODERS

    if not (folder / "config.json").is_file() and (folder / "adapter_config.json").is_file():
        raise adapter(shown_as)
    raw = document(folder / "config.json", shown_as)
    kind = raw.get("model_type")
    if not isinstance(kind, str) or kind not in DECODERS:
        if "auto_map" in raw:
            raise unfit(shown_as, T("it needs code of its own, and no foreign code is run here", "它需要自带的代码，而此处不运行外来代码"))
        raise unfit(shown_as, T("it is no decoder that transformers knows", "它不是 transformers 认识的解码器模型"))
    if "quantization_config" in raw:
        raise unfit(shown_as, T("its weights are quantised", "它的权重是量化的"))
    for key in ("auto_map", "_attn_implementation", "attn_implementation"):
        raw.pop(key, None)
    try:
        config = AutoConfig.for_model(**raw)
        text = config.get_text_config()
        sizes = {name: getattr(text, name, 1) for name in MOST}
        large = [name for name, most in MOST.items() if isinstance(sizes[name], int) and not 0 < sizes[name] <= most]
    except Exception as error:  # whatever a foreign file makes the library stumble over
        raise stumbled(shown_as, "config.json", error) from None
    if large:
        raise unfit(shown_as, T("{size} must be from 1 to {most}", "{size} 必须在 1 到 {most} 之间", size=large[0], most=MOST[large[0]]))
    return config


def tensors(folder: Path, shown_as: str) -> dict[str, Tensor]:
    """Every tensor by name, as stored. Raises `Refused`."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    files = [folder / name for name in weight_files(p.name for p in folder.iterdir())]
    if not files:
        raise unfit(
            shown_as,
            T("it has no weights in the safetensors format, and no other is opened", "没有 safetensors 格式的权重，而其他格式一律不打开"),
        )
    refuse_over_limit(shown_as, sum(f.stat().st_size for f in files))
    found: dict[str, Tensor] = {}
    try:
        for file in files:
            found |= load_file(file)
    except (SafetensorError, OSError) as error:
        raise stumbled(shown_as, "safetensors", error) from None
    refuse_over_limit(shown_as, 4 * sum(t.numel() for t in found.values()))
    return found


def tokenizer(folder: Path, shown_as: str) -> PreTrainedTokenizerFast:
    """The tokenizer in its `tokenizer.json`. Typed special tokens stay text. Raises `Refused`."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    path = folder / "tokenizer.json"
    if not path.is_file() or path.stat().st_size > LARGEST_DATA:
        raise unfit(shown_as, T("it has no tokenizer (tokenizer.json)", "没有分词器（tokenizer.json）"))
    try:
        made = Tokenizer.from_file(str(path))
        made.no_truncation()
        made.no_padding()
    except Exception as error:  # the library raises plain Exception
        raise stumbled(shown_as, "tokenizer.json", error) from None
    return PreTrainedTokenizerFast(tokenizer_object=made, split_special_tokens=True, clean_up_tokenization_spaces=False)


def built(config: Any, weights: dict[str, Tensor], shown_as: str, family: str = "AutoModelForCausalLM") -> PreTrainedModel:
    """The model of a configuration with these weights in it, none of them missing. family: transformers' class that
    finds it."""
    import torch
    import transformers
    from transformers.utils import logging as logging_of_transformers

    options = {"attn_implementation": "eager", "dtype": torch.float32, "trust_remote_code": False}
    try:
        with torch.device("meta"):
            empty = getattr(transformers, family).from_config(config, **options)
        # What the weights lack would be made up, and could be of any size.
        size = 4 * sum(t.numel() for t in (*empty.parameters(), *empty.buffers()))
    except Exception as error:  # whatever a foreign file makes the library stumble over
        raise stumbled(shown_as, "config.json", error) from None
    refuse_over_limit(shown_as, size)
    logging_of_transformers.disable_progress_bar()
    try:
        model, told = type(empty).from_pretrained(
            None, config=empty.config, state_dict=weights, output_loading_info=True, dtype=torch.float32
        )
    except Exception as error:  # as above
        raise stumbled(shown_as, "safetensors", error) from None
    if missing := sorted(told["missing_keys"]):
        raise unfit(shown_as, T("its weights lack {tensor}", "权重中缺少 {tensor}", tensor=missing[0]))
    return model


def check_attention(model: PreTrainedModel, shown_as: str) -> None:
    """Raise `Refused` unless the model returns attention weights for every layer."""
    import torch

    config = model.config.get_text_config()
    with torch.inference_mode():
        ids = torch.arange(PROBE)[None] % config.vocab_size
        try:
            found = getattr(model(input_ids=ids, output_attentions=True, use_cache=False), "attentions", None)
        except Exception as error:  # a model's own ways to fail are many
            raise stumbled(shown_as, "config.json", error) from None
    shape = (1, getattr(config, "num_attention_heads", 0), PROBE, PROBE)
    if not (found and len(found) == config.num_hidden_layers and all(a is not None and a.shape == shape for a in found)):
        raise going_on(T("{model} returns no attention weights for its layers", "{model} 不返回各层的注意力权重", model=shown_as))
