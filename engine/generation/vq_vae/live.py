"""Training while one watches: codes that chase the data, and the gradient that passes them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy import ndarray

from engine.generation.picture_codes import quality
from engine.generation.vq_vae import worlds
from engine.generation.vq_vae.quantisers import QUANTISERS, Choice
from engine.generation.vq_vae.result import Trained

MOMENTS = 36
SHOWN, ARROWS, JUDGED = 320, 36, 20_000
NETWORK_RATE, CODE_RATE = 3e-3, 0.02


class Training:
    """Encoder, quantiser and decoder of one training, and what it has noted so far."""

    def __init__(self, world: str, method: str, choice: Choice, steps: int, seed: int):
        self.name, self.method, self.world, self.steps = world, method, worlds.WORLDS[world], steps
        self.choice, self.rng = choice, np.random.default_rng((seed, 1))
        self.generator = torch.Generator().manual_seed(seed)
        shown_rng = np.random.default_rng((seed, 2))
        first, kind = worlds.sample(world, 4096, shown_rng), QUANTISERS[method]
        self.encoder, self.decoder = worlds.networks(self.world, first, kind.fixed, self.generator)
        with torch.no_grad():
            z = self.encoder(first)
        self.quantiser = kind(choice, z, self.generator)
        self.shown = worlds.sample(world, SHOWN, shown_rng, fresh=True)
        self.judged = worlds.sample(world, JUDGED, shown_rng, fresh=True)
        self.optimiser = torch.optim.Adam(self._groups()) if self._groups() else None
        self.rates = [group["lr"] for group in self.optimiser.param_groups] if self.optimiser else []
        self.noted: list[dict[str, ndarray]] = []

    def _groups(self) -> list[dict]:
        nets = [*self.encoder.parameters(), *self.decoder.parameters()]
        codes = [p for p in self.quantiser.parameters() if p.requires_grad]
        groups = [{"params": nets, "lr": NETWORK_RATE}, {"params": codes, "lr": CODE_RATE}]
        return [group for group in groups if group["params"]]

    def step(self, number: int) -> None:
        """One step; the rates fall over the second half."""
        share = number / self.steps
        x = worlds.sample(self.name, self.world.batch, self.rng)
        z = self.encoder(x)
        made = self.quantiser(z, share, self.generator)
        loss = (self.decoder(made.out) - x).square().mean() + made.loss + made.commitment
        if self.optimiser:
            for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
                group["lr"] = rate * min(1.0, 2.02 - 2 * share)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
        self.quantiser.learn(z.detach(), made.index, self.generator, number)

    def note(self, number: int) -> None:
        """The state of things after `number` steps."""
        x = self.shown
        z = self.encoder(x)
        z = (z if z.requires_grad else z.clone().requires_grad_()).requires_grad_(True)
        z.retain_grad()
        noise = torch.Generator().manual_seed(number)  # its own: a look at the course does not change it
        made = self.quantiser(z, min(1.0, number / self.steps), noise)
        out = made.out.detach().requires_grad_(True)
        (self.decoder(out) - x).square().mean(1).sum().backward()
        (arrived,) = torch.autograd.grad(made.out, z, out.grad)
        codes, index = self.quantiser.codes(), self.quantiser.assign(z.detach())
        q = codes[index]
        with torch.no_grad():
            error = (self.decoder(q) - x).square().mean()
            apart = (z - q).square().mean()
        usage = np.bincount(index.numpy(), minlength=len(codes))
        history = [float(error), float(apart), quality.perplexity(usage), float((usage > 0).mean())]
        self.noted.append(
            {
                "steps": np.array(number),
                "vectors": z.detach().numpy().copy(),
                "index": index.numpy().astype(np.int32),
                "codes": codes.numpy().copy(),
                "gradient_out": -out.grad[:ARROWS].numpy(),
                "gradient_in": -arrived[:ARROWS].numpy(),
                "history": np.array(history),
            }
        )

    @torch.no_grad()
    def result(self, done: bool = True) -> Trained:
        """What there is by now, judged on many fresh samples where it is done, else on those shown."""
        judged = self.judged if done else self.shown
        z = self.encoder(judged)
        codes, index = self.quantiser.codes(), self.quantiser.assign(z)
        q = codes[index]
        restored = self.decoder(q)
        columns = {name: np.stack([row[name] for row in self.noted]) for name in self.noted[0]}
        return Trained(
            world=self.name,
            method=self.method,
            **columns,
            usage=np.bincount(index.numpy(), minlength=len(codes)),
            distortion=float((z - q).double().square().mean()),
            error=float((restored - judged).double().square().mean()),
        )


def moments(steps: int, count: int = MOMENTS) -> list[int]:
    """After which steps the state is noted: closer together at first, when most happens."""
    return sorted({round(steps * (i / (count - 1)) ** 2) for i in range(count)} | {0, steps})


def train(world: str, method: str, choice: Choice, steps: int, seed: int) -> Iterator[tuple[Trained, float]]:
    """The training so far, at each of its moments, and the share of it that is done."""
    run, noted = Training(world, method, choice, steps, seed), moments(steps)
    for number in range(steps + 1):
        if number in noted:
            run.note(number)
            yield run.result(number == steps), number / steps
        if number < steps:
            run.step(number)


def trained(world: str, method: str, choice: Choice, steps: int, seed: int) -> Trained:
    """The finished training alone, without its course."""
    run = Training(world, method, choice, steps, seed)
    for number in range(steps):
        run.step(number)
    run.note(steps)
    return run.result()
