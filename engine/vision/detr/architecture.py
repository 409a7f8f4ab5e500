"""The embedded detector: transformers' `DetrForObjectDetection`, changed where the paper's own needs 500 epochs.

Letters: B pictures, H × W pixels, h × w tokens of the backbone's last map, D width, Q queries, L decoder layers, C
classes. Boxes are centre x, centre y, width, height in sides of the picture, 0 to 1.

What differs from Carion et al. 2020, all of it to converge in minutes instead of days:
- a query starts from an anchor, a place on a grid, and its position encoding is the sine encoding of that place
  (DAB-DETR, Liu et al. 2022), so that a query and the tokens around it speak of position alike from the first step;
- each decoder layer corrects the box of the layer before, and the query moves with it (Deformable DETR, Zhu et al.
  2021);
- the sine encoding spans several periods across the picture, at temperature 20 instead of 10,000, and cross-attention
  starts with equal query and key projections: every query first looks around itself;
- the backbone is learned from nothing, so its batch norms are live while it trains, not frozen.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig
from transformers.models.detr.modeling_detr import (
    DetrFrozenBatchNorm2d,
    DetrObjectDetectionOutput,
    DetrSinePositionEmbedding,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPERATURE = 20
PERIODS = 2.5  # of the fastest wave across the picture
SHARPNESS = 1.5  # of cross-attention's first look: the scale of its query and key projections


@dataclass(frozen=True)
class Shape:
    """Sizes of the model. grid: queries to a side. channels, depths: of the backbone's stages, at strides 4 and 8."""

    size: int = 64
    classes: int = 6
    grid: int = 5
    width: int = 128
    heads: int = 4
    inner: int = 256
    encoder_layers: int = 2
    decoder_layers: int = 3
    stem: int = 32
    channels: tuple[int, int] = (64, 128)
    depths: tuple[int, int] = (1, 2)
    mask_width: int = 32
    grounds: int = 4

    @property
    def queries(self) -> int:
        return self.grid**2


@dataclass
class Sight:
    """What the model makes of pictures. logits (L, B, Q, C + 1); boxes (L, B, Q, 4); hidden (L, B, Q, D); memory (B, h
    w, D), the encoder's; fine (B, c, 2h, 2w), the backbone's map at stride 4."""

    logits: Tensor
    boxes: Tensor
    hidden: Tensor
    memory: Tensor
    fine: Tensor


def config_of(shape: Shape) -> DetrConfig:
    """transformers' configuration of the model: no timm, no network."""
    backbone = ResNetConfig(
        embedding_size=shape.stem, hidden_sizes=list(shape.channels), depths=list(shape.depths), layer_type="basic",
        out_features=["stage1", "stage2"],
    )  # fmt: skip
    return DetrConfig(
        backbone_config=backbone, use_timm_backbone=False, num_queries=shape.queries, num_labels=shape.classes,
        d_model=shape.width, encoder_layers=shape.encoder_layers, decoder_layers=shape.decoder_layers,
        encoder_ffn_dim=shape.inner, decoder_ffn_dim=shape.inner, encoder_attention_heads=shape.heads,
        decoder_attention_heads=shape.heads, dropout=0.0, auxiliary_loss=True,
    )  # fmt: skip


class AnchoredDetr(DetrForObjectDetection):
    """`DetrForObjectDetection` whose queries have anchors. Its outputs are that class's, one box for each query."""

    def __init__(self, config: DetrConfig):
        super().__init__(config)
        side = math.isqrt(config.num_queries)
        if side**2 != config.num_queries:
            raise ValueError(f"num_queries must be a square number; got {config.num_queries}")
        _thaw(self.model.backbone)
        self.model.position_embedding = DetrSinePositionEmbedding(
            config.d_model // 2, TEMPERATURE, normalize=True, scale=2 * math.pi * PERIODS
        )
        place = (torch.arange(side) + 0.5) / side
        y, x = torch.meshgrid(place, place, indexing="ij")
        grid = torch.stack([x, y, *torch.full((2, side, side), 1 / side)], -1).reshape(-1, 4)
        self.anchors = nn.Parameter(torch.logit(grid))
        self._begin()

    @torch.no_grad()
    def _begin(self) -> None:
        """The first weights: Xavier's in the transformer as in the paper, boxes at their anchors, a look around."""
        for name, p in self.model.named_parameters():
            if p.ndim == 2 and (".layers." in f".{name}") and "backbone" not in name:
                nn.init.xavier_uniform_(p)
        for layer in self.model.decoder.layers:
            same = _interleaved(self.config.d_model, self.config.decoder_attention_heads) * SHARPNESS
            layer.encoder_attn.q_proj.weight.copy_(same)
            layer.encoder_attn.k_proj.weight.copy_(same)
        nn.init.xavier_uniform_(self.model.input_projection.weight)
        nn.init.normal_(self.model.query_position_embeddings.weight, std=0.02)
        nn.init.zeros_(self.bbox_predictor.layers[-1].weight)
        nn.init.zeros_(self.bbox_predictor.layers[-1].bias)

    def see(self, pixel_values: Tensor) -> Sight:
        """All that the layers make of pictures (B, 3, H, W), normalised by `normalised`."""
        model = self.model
        fine, coarse = model.backbone.model(pixel_values).feature_maps
        memory = model.input_projection(coarse).flatten(2).transpose(1, 2)
        position = model.position_embedding(coarse.shape, coarse.device, torch.float32)
        position = position.expand(len(memory), -1, -1, -1).flatten(2).transpose(1, 2)
        for layer in model.encoder.layers:
            memory = layer(memory, None, position)
        return Sight(*self.decode(memory, position, tuple(coarse.shape[-2:])), memory, fine)

    def decode(self, memory: Tensor, position: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, boxes and hidden states (L, B, Q, …) of the decoder's layers, each box a correction of the last."""
        model, B = self.model, len(memory)
        reference = self.anchors.expand(B, -1, -1)  # logits of boxes
        hidden = torch.zeros(B, self.config.num_queries, self.config.d_model, device=memory.device)
        kept = []
        for layer in model.decoder.layers:
            where = self.encode(reference.sigmoid(), shape) + model.query_position_embeddings.weight
            hidden = layer(hidden, None, position, where, memory)
            out = model.decoder.layernorm(hidden)
            moved = reference + self.bbox_predictor(out).float()
            kept.append((self.class_labels_classifier(out).float(), moved.sigmoid(), out))
            reference = moved.detach()
        logits, boxes, states = (torch.stack(part) for part in zip(*kept, strict=True))
        return logits, boxes, states

    def encode(self, boxes: Tensor, shape: tuple[int, int]) -> Tensor:
        """The sine encoding (…, D) of the boxes' centres, equal to the tokens' own at the tokens' centres."""
        half = self.config.d_model // 2
        rates = 2 * math.pi * PERIODS / TEMPERATURE ** (torch.arange(0, half, 2, device=boxes.device) / half)
        parts = []
        for place, count in ((boxes[..., 1], shape[0]), (boxes[..., 0], shape[1])):
            turns = (place + 0.5 / count)[..., None] * rates  # token i of n has its encoding at (i + 1) / n
            parts.append(torch.stack([turns.sin(), turns.cos()], -1).flatten(-2))
        return torch.cat(parts, -1)

    def forward(self, pixel_values: Tensor, labels: list[dict] | None = None, **_: Any) -> DetrObjectDetectionOutput:
        """As `DetrForObjectDetection`; `labels` of `class_labels` and `boxes` give transformers' own loss."""
        seen = self.see(pixel_values)
        loss = terms = auxiliary = None
        if labels is not None:
            loss, terms, auxiliary = self.loss_function(
                seen.logits[-1], labels, self.device, seen.boxes[-1], self.config, seen.logits, seen.boxes
            )
        return DetrObjectDetectionOutput(
            loss=loss, loss_dict=terms, logits=seen.logits[-1], pred_boxes=seen.boxes[-1], auxiliary_outputs=auxiliary,
            last_hidden_state=seen.hidden[-1], decoder_hidden_states=tuple(seen.hidden),
            encoder_last_hidden_state=seen.memory,
        )  # fmt: skip


def normalised(pixels: Tensor) -> Tensor:
    """uint8 (B, H, W, 3) as the model takes it: (B, 3, H, W), about −2 to 2."""
    return (pixels.permute(0, 3, 1, 2).float() / 255 - 0.55) / 0.25


def build(shape: Shape) -> AnchoredDetr:
    """A model with its first weights, drawn from torch's generator. "eager" attention returns its weights."""
    return AnchoredDetr(config_of(shape))


def described(shape: Shape) -> dict[str, Any]:
    """`Shape` as `config.json` keeps it; `Shape(**…)` undoes it, lists for tuples."""
    return asdict(shape)


def revived(document: dict[str, Any]) -> Shape:
    """The shape that `described` wrote."""
    return Shape(**{k: tuple(v) if isinstance(v, list) else v for k, v in document.items()})


def _interleaved(width: int, heads: int) -> Tensor:
    """A permutation that gives each head every `heads`-th wave of y and of x, slow and fast alike."""
    waves = width // 4  # pairs of sine and cosine along one side
    order = [
        side * width // 2 + 2 * wave + part
        for head in range(heads) for side in (0, 1) for wave in range(head, waves, heads) for part in (0, 1)
    ]  # fmt: skip
    return torch.eye(width)[order]


def _thaw(module: nn.Module) -> None:
    """Live batch norms in place of frozen ones, and gradients everywhere: nothing here was trained before."""
    for name, child in module.named_children():
        if isinstance(child, DetrFrozenBatchNorm2d):
            setattr(module, name, nn.BatchNorm2d(len(child.weight)))
        _thaw(child)
    module.requires_grad_(True)


def attentions(model: DetrForObjectDetection) -> Iterator[tuple[str, nn.Module]]:
    """The encoder's self-attentions and the decoder's cross-attentions, each with its kind, layer by layer."""
    yield from (("encoder", layer.self_attn) for layer in model.model.encoder.layers)
    yield from (("cross", layer.encoder_attn) for layer in model.model.decoder.layers)
