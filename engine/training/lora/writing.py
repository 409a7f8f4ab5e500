"""The embedded language model as a task: from the standard library's code to another text.

Letters: G runs, B windows a run, T tokens a window, V vocabulary.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from engine.core import Refused
from engine.core.words import T
from engine.language import code_model
from engine.language.code_model import corpus, evaluate, tokenizer
from engine.training.digit_model import transformer
from engine.training.digit_model.transformer import Body, Maps

BATCH, WINDOW = 4, 64
UNSEEN = 0.2  # of the text is held out, at its end
JUDGED = 24  # windows of held-out text, at most
FEWEST = 8 * WINDOW  # tokens of a text that can be trained on
PARTS = (
    {f"{kind}{{}}": f"self_attn.{kind}_proj" for kind in "qkvo"}
    | {f"{kind}{{}}": f"mlp.{kind}_proj" for kind in ("gate", "up", "down")}
    | {"before attention {}": "input_layernorm", "before feed-forward {}": "post_attention_layernorm"}
)


def body(config: dict) -> Body:
    """The sizes of a Llama's configuration."""
    return Body(
        config["num_hidden_layers"],
        config["hidden_size"],
        config["num_attention_heads"],
        config["intermediate_size"],
        causal=True,
        base=config["rope_parameters"]["rope_theta"],
    )


def weights_of(model: torch.nn.Module, layers: int) -> dict[str, Tensor]:
    """A Llama's tensors under the names of `transformer.forward`."""
    state = dict(model.named_parameters())
    made = {name.format(layer): state[f"model.layers.{layer}.{part}.weight"] for layer in range(layers) for name, part in PARTS.items()}
    return made | {"embed": state["model.embed_tokens.weight"], "last": state["model.norm.weight"]}


def window_losses(made: Body, weights: dict[str, Tensor], maps: Maps, ids: Tensor) -> Tensor:
    """(G, B, T + 1) token ids -> (G, B, T) nats, the output embedding being the input's."""
    x = transformer.forward(made, maps, weights, torch.nn.functional.embedding(ids[..., :-1], weights["embed"]))
    logits = x @ weights["embed"].T
    return cross_entropy(logits.flatten(0, 2), ids[..., 1:].flatten(), reduction="none").view(*ids.shape[:2], -1)


class Writing:
    """A text for the embedded model to continue. Quality is bits per byte of what was held out of it.

    On a CUDA device the products run in bfloat16. Raises `Refused` where the text has too few tokens to train on.
    """

    low_rank_path = True

    def __init__(self, text: str, seed: int, device: str = "cpu"):
        model, tokens = code_model.load()
        self.body = body(model.config.to_dict())
        self.matrices = self.body.matrices()
        self.weights = {n: t.to(device) for n, t in weights_of(model, self.body.layers).items()}
        self.blind, self.seed, self.device = math.log(len(tokens)), seed, device
        ids = np.array(tokenizer.encode(tokens, text, start=False), np.int64)
        if len(ids) < FEWEST:
            raise Refused(
                T(
                    "text must have at least {fewest} tokens to train on; got {ids}",
                    "text 至少要有 {fewest} 个词元才能训练；收到 {ids} 个",
                    fewest=FEWEST,
                    ids=len(ids),
                ),
                "text",
            )
        at = int(len(ids) * (1 - UNSEEN))
        self.ids = torch.from_numpy(ids[:at])
        self.unseen, self.unseen_rate = self._judged(ids[at:], tokens)
        library = np.concatenate([np.array(tokenizer.encode(tokens, m.text[:4000]), np.int64) for m in corpus.split()[1][:JUDGED]])
        self.library, self.library_rate = self._judged(library, tokens)

    def _judged(self, ids: np.ndarray, tokens) -> tuple[Tensor, float]:
        """Windows to judge by (B, T + 1), and bits per byte of a nat per token on them."""
        count = min(JUDGED, max(1, len(ids) // (WINDOW + 1)))
        found = torch.cat(list(evaluate.batches(ids, count, window=WINDOW)))
        size = sum(len(tokenizer.decode(tokens, row.tolist()).encode()) for row in found[:, 1:])
        return found.to(self.device), found[:, 1:].numel() / max(size, 1) / math.log(2)

    def losses(self, maps: Maps, runs: int, step: int, seeds: int) -> Tensor:
        drawn = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        begin = torch.randint(len(self.ids) - WINDOW, (seeds, BATCH, 1), generator=drawn)
        ids = self.ids[begin + torch.arange(WINDOW + 1)].to(self.device).repeat(runs // seeds, 1, 1)
        with torch.autocast(self.device.partition(":")[0], torch.bfloat16, enabled=self.device.startswith("cuda")):
            return window_losses(self.body, self.weights, maps, ids).mean((1, 2))

    def scores(self, maps: Maps, runs: int) -> np.ndarray:
        return self.unseen_rate * self._mean(maps, runs, self.unseen)

    def kept(self, maps: Maps, runs: int) -> np.ndarray:
        return self.library_rate * self._mean(maps, runs, self.library)

    @torch.no_grad()
    def _mean(self, maps: Maps, runs: int, ids: Tensor) -> np.ndarray:
        parts = [window_losses(self.body, self.weights, maps, part.expand(runs, *part.shape)).mean(2) for part in ids.split(BATCH)]
        return torch.cat(parts, 1).mean(1).float().cpu().numpy()
