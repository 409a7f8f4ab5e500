"""Speculative decoding on 50 held-out prompts: against plain decoding, the formula, and transformers' own assistant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig

from engine.core import devices
from engine.core.timing import Timing, measure
from engine.language import models
from engine.language.code_model import corpus
from engine.language.sampling import Rule
from engine.language.speculative_decoding import formulas, racing
from engine.language.speculative_decoding.decoding import decode
from engine.language.speculative_decoding.pair import Pair
from engine.language.speculative_decoding.tallying import Tally

PROMPTS, PROMPT_TOKENS, TOKENS, MOST = 50, 64, 48, 8
SOURCES = ("model", "lookup", "both")


def prompts() -> list[list[int]]:
    """Pieces of held-out files, one a prompt, the start token before them."""
    rng, target = np.random.default_rng(0), models.load(role="target")
    files = [target.encode(m.text) for m in corpus.split()[1] if m.size > 3_000]
    found = []
    for _ in range(PROMPTS):
        ids = files[rng.integers(len(files))]
        start = int(rng.integers(0, len(ids) - PROMPT_TOKENS))
        found.append([ids[0], *ids[start + 1 : start + PROMPT_TOKENS]])
    return found


def pair(prompt: list[int]) -> Pair:
    """The embedded pair before a prompt."""
    return Pair(models.load(role="target"), models.load(role="draft"), prompt, TOKENS, 2)


def ours(source: str, rule: Rule, gamma: int, tally: Tally) -> Callable[[list[int], int], None]:
    """Decoding from nothing read, as a caller would: prompt and all."""

    def run(prompt: list[int], seed: int) -> None:
        made = pair(prompt)
        for step in decode(made.source(source, rule), prompt, rule, tokens=TOKENS, gamma=gamma, seed=seed):
            tally.add(step)

    return run


def decoding(source: str, rule: Rule, gamma: int, tally: Tally, opened: dict[tuple[int, ...], Pair]) -> Callable[[list[int], int], None]:
    """Decoding alone, the prompt having been read: what the formula speaks of, and the page's race."""

    def run(prompt: list[int], seed: int) -> None:
        made = opened[tuple(prompt)].source(source, rule)
        for step in decode(made, prompt, rule, tokens=TOKENS, gamma=gamma, seed=seed):
            tally.add(step)

    return run


def theirs(rule: Rule, assisted: bool) -> Callable[[list[int], int], None]:
    """transformers' generate, with its assistant or without."""
    target, draft = (models.load(role=role).model for role in ("target", "draft"))
    drawn = {"do_sample": True, "temperature": rule.temperature, "top_k": 0} if rule.temperature else {"do_sample": False}
    config = GenerationConfig(max_new_tokens=TOKENS, min_new_tokens=TOKENS, eos_token_id=0, pad_token_id=0, **drawn)
    extra = {"assistant_model": draft} if assisted else {}

    def run(prompt: list[int], seed: int) -> None:
        torch.manual_seed(seed)
        with torch.inference_mode():
            ids = torch.tensor([prompt])
            target.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config, **extra)

    return run


def chosen(source: str, rule: Rule, given: list[list[int]]) -> tuple[int, racing.Costs]:
    """γ as the page chooses it, the cost of checking counted, and the costs, all measured on a few prompts."""
    tally, asked = Tally(), []
    for seed, prompt in enumerate(given[:12]):
        made = pair(prompt).source(source, rule)
        for step in decode(made, prompt, rule, tokens=TOKENS, gamma=2, seed=seed):
            tally.add(step)
        asked.append(made.asked_share)
    found = [list(racing.costs(pair(prompt), rule, source, 2))[-1] for prompt in given[:3]]
    cost = sorted(found, key=lambda one: one.c)[1].shared(float(np.mean(asked)), 2)
    return formulas.best_gamma(tally.rate, cost.c, MOST, cost.v, 2), cost


def compare(temperature: float, threads: int) -> dict[str, Any]:
    """Seconds of every contender, each of ours at its chosen γ, on the same prompts in turn."""
    torch.set_num_threads(threads)
    rule, given = Rule(temperature), prompts()
    choices = {source: chosen(source, rule, given) for source in SOURCES}
    tallies = {source: Tally() for source, (gamma, _) in choices.items()}
    tallies["plain"] = Tally()
    opened = {tuple(prompt): pair(prompt) for prompt in given}
    for begun in opened.values():
        begun.source("model", rule)  # both models read the prompt here
    contenders = {"plain, prompt read": decoding("plain", rule, 1, tallies["plain"], opened)}
    contenders |= {
        f"{source}, prompt read": decoding(source, rule, gamma, tallies[source], opened) for source, (gamma, _) in choices.items()
    }
    contenders["plain"] = ours("plain", rule, 1, tallies["plain"])
    contenders |= {source: ours(source, rule, gamma, tallies[source]) for source, (gamma, _) in choices.items()}
    contenders |= {"transformers, plain": theirs(rule, False), "transformers, assisted": theirs(rule, True)}
    inputs = [(prompt, seed) for seed, prompt in enumerate(given)]
    seconds = measure(contenders, inputs, runs=len(inputs), warm_up=2)
    return {
        "seconds": seconds,
        "sources": {
            source: {
                "gamma": gamma,
                "alpha": tallies[source].rate,
                "c": cost.c,
                "v": cost.v,
                "tokens_per_step": tallies[source].tokens / tallies[source].steps,
                "decoding": seconds["plain, prompt read"].median / seconds[f"{source}, prompt read"].median,
                "whole": seconds["plain"].median / seconds[source].median,
                "expected": float(formulas.speedup(tallies[source].rate, gamma, cost.c)),
                "over_assisted": seconds["transformers, assisted"].median / seconds[source].median,
                "budget": {"guess": cost.guess, "single": cost.single, "block": cost.block},
            }
            for source, (gamma, cost) in choices.items()
        },
    }


def shown(timing: Timing) -> str:
    return f"{1e3 * timing.median:8.1f} ms   ({1e3 * timing.low:.1f} to {1e3 * timing.high:.1f})"


def main() -> None:
    """Print the comparison, greedy and sampled, on one thread and on all."""
    sizes = [models.load(role=role).parameters for role in ("target", "draft")]
    print(f"  {PROMPTS} held-out prompts of {PROMPT_TOKENS} tokens, {TOKENS} tokens written to each")
    print(f"  parameters of the draft over the target's: {sizes[1] / sizes[0]:.3f}")
    for threads in sorted({1, devices.threads()}):
        for temperature in (0.0, 0.7, 1.0):
            found = compare(temperature, threads)
            print(f"  temperature {temperature:g}, threads {threads}")
            for name, timing in found["seconds"].items():
                print(f"    {name:24s} {shown(timing)}")
            for source, one in found["sources"].items():
                told = ", ".join(f"{name} {one[name]:.2f}" for name in ("alpha", "c", "v", "tokens_per_step"))
                print(f"    {source}: γ {one['gamma']}, {told}")
                print(
                    f"      over plain decoding {one['decoding']:.2f} (1.2 is asked for); with the reading of the prompt {one['whole']:.2f}"
                )
                print(f"      of the formula's {one['expected']:.2f}: {one['decoding'] / one['expected']:.2f} (0.8 is asked for)")
                print(f"      over transformers' assisted generation {one['over_assisted']:.2f} (1 is asked for)")
                parts = ", ".join(f"{name} {1e3 * value:.2f} ms" for name, value in one["budget"].items())
                print(f"      where the time goes: {parts}", flush=True)


if __name__ == "__main__":
    main()
