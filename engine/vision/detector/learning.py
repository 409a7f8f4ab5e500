"""How the detector learns: a plan, the losses of a batch, and a run that can be interrupted anywhere.

Backbone and heads are taught on tokens first, then the whole on boxes, then the panoptic head on its frozen features.
Letters: B pictures, N objects at most, Q queries, L decoder layers, h × w tokens.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.core.progress import Progress
from engine.core.recipes import Report
from engine.core.training import fit, rise_stay_fall
from engine.vision.detector import architecture, data, evaluate, matching
from engine.vision.detector.architecture import Shape, Sight, normalised
from engine.vision.detector.data import Batch
from engine.vision.detector.panoptic import PanopticHead, mask_loss

SHOWN = 0  # the held-out scene whose boxes are kept as training goes


@dataclass(frozen=True)
class Plan:
    """How the detector is trained. The rate rises over `warm_up` steps, stays, and falls to nothing over the last
    `decay`: a run that stays can be brought to its end at any step. token_steps: before it, of the backbone and the
    heads alone; mask_steps: after it, of the panoptic head."""

    shape: Shape = dataclasses.field(default_factory=Shape)
    scenes: int = 16_000
    token_steps: int = 2_500
    steps: int = 3_500
    decay: int = 1_400
    mask_steps: int = 600
    batch: int = 32
    token_rate: float = 1.5e-3
    rate: float = 6e-4
    weight_decay: float = 1e-4
    warm_up: int = 200
    clip: float = 1.0
    no_object: float = 0.2
    dense: float = 1.0  # weight of the loss of the encoder's own tokens
    average: float = 0.998  # of the weights, by step
    seed: int = 9
    every: int = 250
    judged: int = 100  # held-out scenes for a point of the curve
    final: int = 600  # for meta.json

    def factor(self, step: int) -> float:
        """Of the learning rate, 0 to 1."""
        return rise_stay_fall(step, rise=self.warm_up, last=self.steps, fall=self.decay)

    def shown(self, step: int) -> bool:
        """Whether this step is one of those that are kept to be replayed: closer together early on."""
        return step in (0, 10, 25, 50, 75, 100, 150, 200, 300, 400, 600, 800) or step % max(1, self.steps // 24) == 0


PLAN = Plan()
LARGE = dataclasses.replace(
    PLAN,
    shape=Shape(size=128, width=256, heads=8, inner=1024, encoder_layers=4, decoder_layers=6, stem=64, channels=(128, 256), depths=(2, 3)),
    scenes=40_000,
    token_steps=10_000,
    steps=30_000,
    decay=12_000,
    batch=64,
    rate=3e-4,
    mask_steps=4_000,
    final=1000,
)


def detection_loss(seen: Sight, labels: Tensor, boxes: Tensor, no_object: float) -> tuple[Tensor, Tensor, Tensor]:
    """The paper's loss summed over the decoder's layers, its terms (L, 3), and the last layer's assignment."""
    total, terms, given = torch.zeros(()), [], None
    order = (labels < 0).to(torch.int8).argsort(dim=1, stable=True)  # objects of which nothing is seen go last
    labels, boxes = labels.gather(1, order), boxes.gather(1, order[..., None].expand(-1, -1, 4))
    counts = (labels >= 0).sum(1).cpu().numpy()
    kinds = labels.clamp(min=0)
    for logits, found in zip(seen.logits, seen.boxes, strict=True):
        with torch.no_grad():
            given = matching.batched_assign(matching.batched_costs(logits, found, kinds, boxes), counts)
        parts = matching.losses(logits, found, kinds, boxes, given, no_object)
        total = total.to(parts[0]) + matching.CLASS * parts[0] + matching.L1 * parts[1] + matching.GIOU * parts[2]
        terms.append(torch.stack(parts).detach())
    return total, torch.stack(terms), torch.where(given >= 0, order.gather(1, given.clamp(min=0)), given)


def token_loss(logits: Tensor, found: Tensor, token: Tensor, labels: Tensor, boxes: Tensor) -> Tensor:
    """The same three terms with each token told which object (B, h w), −1 for none, covers it: nothing to match."""
    C = logits.shape[-1] - 1
    here = token >= 0
    at = token.clamp(min=0)
    wanted = torch.where(here, labels.gather(1, at), C)
    theirs, ours = boxes.gather(1, at[..., None].expand(-1, -1, 4))[here], found[here]
    count = max(len(ours), 1)
    kind = nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten())
    return kind + 5 * (ours - theirs).abs().sum() / count + 2 * (1 - matching.giou(ours, theirs)).sum() / count


class Run:
    """The training of the detector, whose state is in `folder` after every `plan.every` steps."""

    def __init__(self, folder: Path, plan: Plan, device: str, resume: bool):
        torch.manual_seed(plan.seed)
        self.plan, self.device = plan, device
        self.model = architecture.build(plan.shape)
        # On the CPU the fused attention's backward pass takes half of a step in bfloat16.
        self.model.set_attn_implementation("eager" if device == "cpu" else "sdpa")
        self.model = self.model.to(device, memory_format=torch.channels_last)
        self.head = PanopticHead(plan.shape).to(device)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.learning = torch.optim.AdamW(self._groups(), plan.rate, betas=(0.9, 0.98), fused=True)
        self.masking = torch.optim.AdamW(self.head.parameters(), 2e-3, betas=(0.9, 0.98), weight_decay=1e-4)
        parts = {name: getattr(self, name) for name in ("model", "head", "average", "learning", "masking")}
        # shown: every layer's boxes of the shown scene, at some of the steps.
        self.progress = Progress(folder, parts, device, resume, token_step=0, mask_step=0, shown=[])

    def _groups(self) -> list[dict[str, Any]]:
        flat = [p for p in self.model.parameters() if p.ndim < 2]
        deep = [p for p in self.model.parameters() if p.ndim >= 2]
        return [{"params": deep, "weight_decay": self.plan.weight_decay}, {"params": flat, "weight_decay": 0.0}]

    def inputs(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        pixels = normalised(torch.from_numpy(batch.pixels).to(self.device))
        labels = torch.from_numpy(batch.labels.astype(np.int64)).to(self.device)
        return (pixels.contiguous(memory_format=torch.channels_last), labels, torch.from_numpy(batch.boxes).to(self.device))

    def update(self, loss: Tensor, rate: float) -> None:
        """One step of the optimiser."""
        for group in self.learning.param_groups:
            group["lr"] = rate
        self.learning.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.clip)
        self.learning.step()

    def tokens(self, store: Batch, report: Report) -> None:
        """Teach the backbone and the two heads on tokens, with no encoder and no decoder between them."""
        plan = self.plan

        def step(number: int) -> float:
            batch = data.chosen(store, plan.batch, np.random.default_rng((plan.seed + 2, number)))
            pixels, labels, boxes = self.inputs(batch)
            self.model.train()
            with torch.autocast(self.device, torch.bfloat16):
                tokens = self.model.extract(pixels)[0]
                found = self.model.read(nn.functional.layer_norm(tokens, tokens.shape[-1:]))
            loss = token_loss(*found, self.told(batch), labels, boxes)
            rise, fall = (number + 1) / plan.warm_up, 2.5 * (1 - number / plan.token_steps)
            self.update(loss, plan.token_rate * min(rise, fall, 1.0))
            return loss.item()

        told = lambda share, line: report(0.2 * share, f"token {line}")  # noqa: E731
        fit(self.progress, step, last=plan.token_steps, every=plan.every, report=told, stage="token_step")
        if self.progress.step == 0:
            self.average.load_state_dict(self.model.state_dict())
            self.learning.state.clear()

    def told(self, batch: Batch) -> Tensor:
        """The object of each token (B, h w)."""
        return torch.from_numpy(data.tokens(batch.instance, 8)).to(self.device).flatten(1)

    def detect(self, store: Batch, report: Report) -> None:
        """Learn boxes until the plan's last step."""
        plan, shown = self.plan, self.progress.more["shown"]

        def step(number: int) -> list[float]:
            if plan.shown(number):
                shown.append(self.shown(number))
            return self.step(data.chosen(store, plan.batch, np.random.default_rng((plan.seed, number))), number)

        fit(
            self.progress,
            step,
            last=plan.steps,
            every=plan.every,
            report=lambda share, line: report(0.2 + 0.65 * share, line),
            judge=lambda: evaluate.judge(self.average, None, plan.shape.size, plan.judged),
            losses=("loss", "class", "l1", "giou", "tokens"),
        )
        if not shown or shown[-1]["step"] < plan.steps:
            shown.append(self.shown(plan.steps))

    def step(self, batch: Batch, step: int) -> list[float]:
        """One update; the losses before it."""
        self.model.train()
        pixels, labels, boxes = self.inputs(batch)
        with torch.autocast(self.device, torch.bfloat16):
            seen = self.model.see(pixels)
            found = self.model.read(seen.memory)
        loss, terms, _ = detection_loss(seen, labels, boxes, self.plan.no_object)
        extra = token_loss(*found, self.told(batch), labels, boxes)
        self.update(loss + self.plan.dense * extra, self.plan.rate * self.plan.factor(step))
        if step % 4 == 3:
            self.follow(min(self.plan.average**4, (step + 1) / (step + 40)))
        return [loss.item(), *terms[-1].tolist(), extra.item()]

    @torch.no_grad()
    def follow(self, share: float) -> None:
        """Move the average of the weights towards them."""
        ours, theirs = self.average.state_dict(), self.model.state_dict()
        floating = [k for k, v in ours.items() if v.is_floating_point()]
        torch._foreach_lerp_([ours[k] for k in floating], [theirs[k] for k in floating], 1 - share)
        for key in ours.keys() - set(floating):
            ours[key].copy_(theirs[key])

    @torch.no_grad()
    def shown(self, step: int) -> dict[str, Tensor]:
        """Every layer's boxes of the shown scene at this step, and the terms of its loss."""
        targets = matching.targets_of(*(pair := data.held_out(SHOWN, self.plan.shape.size)))
        self.model.eval()
        seen = self.model.see(normalised(torch.from_numpy(pair[1].pixels[None]).to(self.device)))
        labels = torch.from_numpy(targets.labels)[None].to(self.device)
        boxes = torch.from_numpy(targets.boxes)[None].float().to(self.device)
        _, terms, given = detection_loss(seen, labels, boxes, matching.NO_OBJECT)
        found = {
            "step": torch.tensor(step),
            "boxes": seen.boxes[:, 0].half(),
            "logits": seen.logits[:, 0].half(),
            "terms": terms,
            "given": given[0].to(torch.int8),
        }
        return {name: tensor.cpu() for name, tensor in found.items()}

    def mask(self, store: Batch, report: Report) -> None:
        """Learn masks and grounds on the averaged detector, which stays as it is."""
        plan = self.plan

        def step(number: int) -> float:
            for group in self.masking.param_groups:
                group["lr"] = 2e-3 * min((number + 1) / 100, 1.5 * (1 - number / plan.mask_steps), 1.0)
            batch = data.chosen(store, plan.batch, np.random.default_rng((plan.seed + 1, number)))
            pixels, labels, boxes = self.inputs(batch)
            with torch.autocast(self.device, torch.bfloat16):
                with torch.no_grad():
                    sight = self.average.see(pixels)
                masks, stuff = self.head(pixels, sight)
            with torch.no_grad():
                given = detection_loss(sight, labels, boxes, plan.no_object)[2]
            truth = [torch.from_numpy(part).to(self.device) for part in (batch.instance, batch.ground)]
            loss = mask_loss(masks, stuff, *truth, given)
            self.masking.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.head.parameters(), 1.0)
            self.masking.step()
            return loss.item()

        def judge() -> dict[str, float]:
            self.head.eval()
            return {"pq": evaluate.judge(self.average, self.head, plan.shape.size, plan.judged)["pq"]}

        told = lambda share, line: report(0.85 + 0.13 * share, f"mask {line}")  # noqa: E731
        fit(self.progress, step, last=plan.mask_steps, every=plan.every, report=told, judge=judge, stage="mask_step")
