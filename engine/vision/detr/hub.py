"""The detector that a person brings: the embedded one, a DETR of the Hub, or a folder with one.

Whose models are opened, and how, is told by `engine.language.models`: the same permissions, the same limit on size,
safetensors alone, no code, no pickles. Of the DETR family every `model_type: detr` is taken whose backbone is
transformers' own ResNet; one whose backbone comes from timm is refused in one sentence. "owner/name@revision" names
a revision of the Hub; two well-known models have one without timm, which is taken by itself.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from engine.core import Refused
from engine.core.words import T
from engine.language import models
from engine.language.models import folder as folders
from engine.language.models import hub, permissions
from engine.language.models.permissions import NAME
from engine.vision.detector import model as own

if TYPE_CHECKING:
    from transformers import DetrForObjectDetection

EMBEDDED = models.EMBEDDED
WITHOUT_TIMM = {"facebook/detr-resnet-50": "no_timm", "facebook/detr-resnet-101": "no_timm"}
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, where a model states none
SHORTEST = 480  # pixels to which a picture's shorter side is brought for a model that asks for more
MOST = {
    "num_queries": 1000,
    "encoder_layers": 12,
    "decoder_layers": 12,
    "encoder_attention_heads": 32,
    "decoder_attention_heads": 32,
    "d_model": 2048,
}
_lock = threading.Lock()
_brought: dict[str, Brought] = {}


@dataclass(frozen=True, eq=False)
class Brought:
    """A DETR that was brought, in float32 on the CPU. shortest: the side to which it asks a picture to be brought."""

    name: str
    model: DetrForObjectDetection
    classes: tuple[T, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    shortest: int

    def detect(self, pixels: ndarray) -> own.Detection:
        """Look at one picture (H, W, 3) uint8 of any size."""
        import torch
        from torch.nn.functional import interpolate

        inputs = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255
        sides = [max(32, round(n * self.shortest / min(pixels.shape[:2]))) for n in pixels.shape[:2]]
        inputs = interpolate(inputs, sides, mode="bilinear", antialias=True)
        mean, deviation = (torch.tensor(v)[:, None, None] for v in (self.mean, self.deviation))
        with torch.inference_mode():
            out = self.model(pixel_values=(inputs - mean) / deviation, output_attentions=True, output_hidden_states=True)
            # Each layer's state through the heads of the last: what the auxiliary losses of the paper train.
            hidden = torch.cat([self.model.model.decoder.layernorm(h) for h in out.decoder_hidden_states[1:-1]] + [out.last_hidden_state])
            logits = self.model.class_labels_classifier(hidden)
            boxes = self.model.bbox_predictor(hidden).sigmoid()
        cross = np.stack([a[0].numpy() for a in out.cross_attentions])
        encoder = np.stack([a[0].numpy() for a in out.encoder_attentions])
        h, w = _grid(cross.shape[-1], sides)
        return own.Detection(logits.numpy(), boxes.numpy(), cross.reshape(*cross.shape[:3], h, w), encoder)


def embedded(name: str) -> bool:
    """Whether a text names the site's own detector."""
    return name.strip().lower() in {"", EMBEDDED}


def at_hand(name: str) -> bool:
    """Whether the model is in memory. Raises Refused for one that is none or not allowed here."""
    if embedded(name):
        return True
    _allowed(name.strip())
    return name.strip() in _brought


def detector(name: str) -> own.Detector | Brought:
    """The detector that a text names. Raises Refused in one sentence; the embedded one goes on working."""
    if embedded(name):
        return own.load()
    name = name.strip()
    place, revision = _allowed(name)
    with _lock:
        if name not in _brought:
            made = _read(place or hub.fetch(name.partition("@")[0], revision), name)
            _brought.clear()  # one at a time
            _brought[name] = made
        return _brought[name]


def forget() -> None:
    """Let go of the model that was brought."""
    with _lock:
        _brought.clear()


def described(name: str) -> T:
    """One line on the model in both languages."""
    found = detector(name)
    config = found.model.config
    brought = isinstance(found, Brought)
    more = T(", shorter side {shortest} px", "，短边 {shortest} 像素", shortest=found.shortest) if brought else ""
    return T(
        "{name}: {millions:number} M parameters, {queries} queries, {layers} decoder layers{more}",
        "{name}：{millions:number} M 参数，{queries} 个查询，{layers} 层解码器{more}",
        name=found.name if brought else T(EMBEDDED, "内置模型"),
        millions=sum(p.numel() for p in found.model.parameters()) / 1e6,
        queries=config.num_queries,
        layers=config.decoder_layers,
        more=more,
    )


def _allowed(name: str) -> tuple[Path | None, str | None]:
    """The folder that a name means, or None and a revision of the Hub, as far as this server allows it."""
    if "@" not in name or name.startswith("folder:"):
        return models.place(name), WITHOUT_TIMM.get(name)
    repository, _, revision = name.partition("@")
    place = models.place(name if permissions.is_path(name) else repository)
    return (place, None) if place else (None, hub.revision(revision))


def _grid(tokens: int, sides: list[int]) -> tuple[int, int]:
    """Rows and columns of so many tokens on a picture of these sides."""
    rows = min((h for h in range(1, tokens + 1) if tokens % h == 0), key=lambda h: abs(np.log(h * h * sides[1] / (tokens * sides[0]))))
    return rows, tokens // rows


def _read(place: Path, name: str) -> Brought:
    config = _configuration(folders.document(place / "config.json", name), name)
    model = folders.built(config, folders.tensors(place, name), name, "AutoModelForObjectDetection").eval()
    stated: dict[str, Any] = {}
    if (place / "preprocessor_config.json").is_file():
        stated = folders.document(place / "preprocessor_config.json", name)
    mean, deviation = (_three(stated.get(key), usual) for key, usual in (("image_mean", MEAN), ("image_std", DEVIATION)))
    asked = stated.get("size")
    asked = asked.get("shortest_edge") if isinstance(asked, dict) else asked
    shortest = min(asked, SHORTEST) if isinstance(asked, int) and asked > 31 else SHORTEST
    names = tuple((str(config.id2label[k])[:40],) * 2 for k in range(config.num_labels))
    made = Brought(name, model.requires_grad_(False), names, mean, deviation, shortest)
    try:
        made.detect(np.zeros((64, 64, 3), np.uint8))
    except Exception as error:  # a model's own ways to fail are many
        raise folders.stumbled(name, "config.json", error) from None
    return made


def _three(value: Any, usual: tuple[float, ...]) -> tuple[float, ...]:
    """Three finite numbers that a file states, or the usual ones."""
    fits = isinstance(value, list) and len(value) == 3 and all(isinstance(v, (int, float)) and 0 < v < 10 for v in value)
    return tuple(float(v) for v in value) if fits else usual


def _configuration(raw: dict[str, Any], name: str) -> Any:
    """transformers' configuration of a DETR with a ResNet of its own. Raises Refused."""
    from transformers import AutoConfig

    if raw.get("model_type") != "detr":
        raise folders.unfit(name, T("it is no DETR (model_type: detr)", "它不是 DETR（model_type: detr）"))
    backbone = raw.get("backbone_config")
    kind = backbone.get("model_type") if isinstance(backbone, dict) else None
    if kind == "timm_backbone" or (kind is None and raw.get("use_timm_backbone", True)):
        raise Refused(
            T(
                "{name} takes its backbone from timm, which is not installed here; name a revision without it as owner/name@revision",
                "{name} 的骨干网络来自 timm，而此处没有安装 timm；请用 owner/name@revision 指定不需要它的版本",
                name=name,
            ),
            NAME,
        )
    if kind != "resnet":
        raise folders.unfit(name, T("its backbone is no ResNet of transformers", "它的骨干网络不是 transformers 的 ResNet"))
    for key in ("auto_map", "_attn_implementation", "attn_implementation", "backbone", "use_pretrained_backbone", "use_timm_backbone"):
        raw.pop(key, None)
    try:
        config = AutoConfig.for_model(**raw, use_timm_backbone=False)
        large = [key for key, most in MOST.items() if not 0 < int(getattr(config, key)) <= most]
        classes = config.num_labels
    except Exception as error:  # whatever a foreign file makes the library stumble over
        raise folders.stumbled(name, "config.json", error) from None
    if large or not 0 < classes <= 2000:
        what, most = (large[0], MOST[large[0]]) if large else ("num_labels", 2000)
        raise folders.unfit(name, T("{size} must be from 1 to {most}", "{size} 必须在 1 到 {most} 之间", size=what, most=most))
    config.auxiliary_loss = False
    return config
