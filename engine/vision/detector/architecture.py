"""The embedded detector: transformers' `DetrForObjectDetection`, changed where the paper's own needs 500 epochs.

Letters: B pictures, H × W pixels, h × w tokens of the backbone's last map, D width, Q queries, L decoder layers, C
classes. Boxes are centre x, centre y, width, height in sides of the picture, 0 to 1.

What differs from Carion et al. 2020, all of it to converge in minutes instead of days:
- a query starts as the sine encoding of a place on a grid, and speaks of position like the tokens around it from the
  first step; from the second layer on it asks around the box that the layer before found (DAB-DETR, Liu et al. 2022);
- the sine encoding spans several periods across the picture, at temperature 20 instead of 10,000, and is part of the
  encoder's input, so that what attention fetches says where it comes from;
- every layer starts as the plainest of its kind: the encoder's as the identity, the decoder's as a look around, whose
  query and key projections are equal and whose values pass unchanged;
- so the two heads, class and box, can be taught on the tokens before there is a decoder, and read its queries at once;
- the backbone is learned from nothing, so its batch norms are live while it trains, not frozen.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig
from transformers.models.detr.modeling_detr import DetrFrozenBatchNorm2d, DetrObjectDetectionOutput, DetrSinePositionEmbedding

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPERATURE = 20
PERIODS = 2.5  # of the fastest wave across the picture
SHARPNESS = 1.2  # of cross-attention's first look: the scale of its query and key projections
NAMED = 0.3  # how much of its start a query keeps in later layers, so that two at one place can be told apart


@dataclass(frozen=True)
class Shape:
    """Sizes of the model. grid: queries to a side. channels, depths: of the backbone's stages, at strides 4 and 8."""

    size: int = 64
    classes: int = 6
    grid: int = 4
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
        embedding_size=shape.stem,
        hidden_sizes=list(shape.channels),
        depths=list(shape.depths),
        layer_type="basic",
        out_features=["stage1", "stage2"],
    )
    return DetrConfig(
        backbone_config=backbone,
        use_timm_backbone=False,
        num_queries=shape.queries,
        num_labels=shape.classes,
        d_model=shape.width,
        encoder_layers=shape.encoder_layers,
        decoder_layers=shape.decoder_layers,
        encoder_ffn_dim=shape.inner,
        decoder_ffn_dim=shape.inner,
        encoder_attention_heads=shape.heads,
        decoder_attention_heads=shape.heads,
        dropout=0.0,
        auxiliary_loss=True,
    )


class GridDetr(DetrForObjectDetection):
    """`DetrForObjectDetection` whose queries stand on a grid. Parameters, outputs and loss are that class's own."""

    def __init__(self, config: DetrConfig):
        super().__init__(config)
        side = math.isqrt(config.num_queries)
        if side**2 != config.num_queries:
            raise ValueError(f"num_queries must be a square number; got {config.num_queries}")
        _thaw(self.model.backbone)
        self.model.position_embedding = DetrSinePositionEmbedding(
            config.d_model // 2, TEMPERATURE, normalize=True, scale=2 * math.pi * PERIODS
        )
        self.loss_type = "ForObjectDetection"  # found by the class's own name otherwise
        self._begin(side)

    @torch.no_grad()
    def _begin(self, side: int) -> None:
        """The first weights: Xavier's as in the paper, then the plainest layers, and the queries on their grid."""
        model = self.model
        for layer in (*model.encoder.layers, *model.decoder.layers):
            for p in layer.parameters():
                if p.ndim == 2:
                    nn.init.xavier_uniform_(p)
            nn.init.zeros_(layer.self_attn.o_proj.weight)
            nn.init.zeros_(layer.mlp.fc2.weight)
        same = _interleaved(self.config.d_model, self.config.decoder_attention_heads)
        for layer in model.decoder.layers:
            look = layer.encoder_attn
            for projection, value in (
                (look.q_proj, SHARPNESS * same),
                (look.k_proj, SHARPNESS * same),
                (look.v_proj, same),
                (look.o_proj, same.T),
            ):
                projection.weight.copy_(value)
        for layer in (model.input_projection, self.class_labels_classifier, *self.bbox_predictor.layers):
            nn.init.xavier_uniform_(layer.weight)
        place = (torch.arange(side) + 0.5) / side
        y, x = torch.meshgrid(place, place, indexing="ij")
        grid = torch.stack([x, y], -1).flatten(0, 1)
        model.query_position_embeddings.weight.copy_(self.encode(grid, (8, 8)))

    def extract(self, pixel_values: Tensor) -> tuple[Tensor, Tensor, Tensor, tuple[int, int]]:
        """The encoder's input (B, h w, D), its position encoding, the backbone's map at stride 4, and (h, w)."""
        model = self.model
        fine, coarse = model.backbone.model(pixel_values).feature_maps
        position = model.position_embedding(coarse.shape, coarse.device, torch.float32)
        position = position.expand(len(coarse), -1, -1, -1).flatten(2).transpose(1, 2)
        tokens = model.input_projection(coarse).flatten(2).transpose(1, 2) + position
        return tokens, position, fine, tuple(coarse.shape[-2:])

    def read(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """What the two heads make of tokens or queries (…, D): logits (…, C + 1) and boxes (…, 4)."""
        return self.class_labels_classifier(hidden).float(), self.bbox_predictor(hidden).float().sigmoid()

    def see(self, pixel_values: Tensor) -> Sight:
        """All that the layers make of pictures (B, 3, H, W), normalised by `normalised`."""
        memory, position, fine, shape = self.extract(pixel_values)
        for layer in self.model.encoder.layers:
            memory = layer(memory, None, position)
        return Sight(*self.decode(memory, position, shape), memory, fine)

    def decode(self, memory: Tensor, position: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, boxes and hidden states (L, B, Q, …) of the decoder's layers."""
        start = self.model.query_position_embeddings.weight.expand(len(memory), -1, -1)
        where, hidden = start, torch.zeros_like(start)
        kept = []
        for layer in self.model.decoder.layers:
            hidden = layer(hidden, None, position, where, memory)
            out = self.model.decoder.layernorm(hidden)
            logits, boxes = self.read(out)
            kept.append((logits, boxes, out))
            where = self.encode(boxes[..., :2].detach(), shape) + NAMED * start
        logits, boxes, states = (torch.stack(part) for part in zip(*kept, strict=True))
        return logits, boxes, states

    def encode(self, places: Tensor, shape: tuple[int, int]) -> Tensor:
        """The sine encoding (…, D) of places x, y (…, 2), equal to the tokens' own at the tokens' centres.

        shape: (h, w); token i of n has its encoding at (i + 1) / n, which shifts that of all places.
        """
        half = self.config.d_model // 2
        rates = 2 * math.pi * PERIODS / TEMPERATURE ** (torch.arange(0, half, 2, device=places.device) / half)
        parts = []
        for place, count in ((places[..., 1], shape[0]), (places[..., 0], shape[1])):
            turns = (place + 0.5 / count)[..., None] * rates
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
            loss=loss,
            loss_dict=terms,
            logits=seen.logits[-1],
            pred_boxes=seen.boxes[-1],
            auxiliary_outputs=auxiliary,
            last_hidden_state=seen.hidden[-1],
            decoder_hidden_states=tuple(seen.hidden),
            encoder_last_hidden_state=seen.memory,
        )


def normalised(pixels: Tensor) -> Tensor:
    """uint8 (B, H, W, 3) as the model takes it: (B, 3, H, W), about −2 to 2."""
    return (pixels.permute(0, 3, 1, 2).float() / 255 - 0.55) / 0.25


def build(shape: Shape) -> GridDetr:
    """A model with its first weights, drawn from torch's generator. "eager" attention returns its weights."""
    return GridDetr(config_of(shape))


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
        for head in range(heads)
        for side in (0, 1)
        for wave in range(head, waves, heads)
        for part in (0, 1)
    ]
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
