"""DETR: detection as the prediction of a set, from the matching to the masks, with a detector that is trained here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from engine.core import Partial, experiment
from engine.core.experiments import Cost
from engine.vision.detector import matching
from engine.vision.detector.matching import centred
from engine.vision.detr import hub, looking, replaced, scene_input, slots, training, wanted
from engine.vision.detr.looking import Glance
from engine.vision.detr.parameters import Detr
from engine.vision.detr.result import Candidates, Found, Replaced, Segmented, Slots, Training

__all__ = ["Candidates", "Detr", "Found", "Replaced", "Segmented", "Slots", "Training", "detr", "matching", "replaced", "slots"]


def warm_up() -> None:
    """Import the libraries, load the embedded detector, look at the scenes of the slots."""
    for _ in detr.stream(Detr()):
        pass


def cost(params: Detr) -> Cost:
    """ "instant" with the model in memory and the slots' scenes seen, else "seconds"; "minutes" where a model must be
    brought. Raises `Refused` for a model that is not allowed here."""
    if not hub.embedded(params.model):
        return "seconds" if hub.at_hand(params.model) else "minutes"
    return "instant" if slots.known(params.pictures) else "seconds"


@experiment("detr", cost=cost, warm_up=warm_up)
def detr(params: Detr) -> Iterator[Partial[Found]]:
    """Look at the picture, match what is found with what is there, and read off everything that was asked.

    Source: Carion, Massa, Synnaeve, Usunier, Kirillov, Zagoruyko 2020. Raises `Refused` for a model that cannot be had,
    shapes that are none, or true boxes that are none.
    """
    key = (params.model.strip(), params.source, params.scene_seed, params.objects, params.size, params.composition, params.photo)
    found = found_in(looking.glance(*key), params)
    found = replace(found, segmented=looking.segment(params.threshold, *key))
    if not hub.embedded(params.model):
        yield Partial(found, 1.0)
        return
    found = replace(found, training=training.replayed())
    for step in slots.judged(params.pictures):
        if isinstance(step, float):
            yield Partial(found, 0.95 * step)
        else:
            yield Partial(replace(found, slots=step), 1.0)


def found_in(look: Glance, params: Detr) -> Found:
    """The result from one look; nothing here runs the detector."""
    p, edges, pixels = look.p, look.edges, look.given.pixels
    (L, Q), (h, w) = p.shape[:2], look.cross.shape[-2:]
    kinds, scores = p[..., :-1].argmax(-1), p[..., :-1].max(-1)
    names = hub.detector(params.model).classes
    photo = params.source == "photo"
    if photo:
        labels, boxes = wanted.drawn(params.truth, names, pixels.shape[:2])
    else:
        labels, boxes = wanted.truths(look.given, names)
    which = max(0, min(params.object, len(boxes) - 1))
    still = boxes[which].copy() if len(boxes) else np.zeros(4)
    if len(boxes):
        boxes[which] = wanted.moved(still, scene_input.shift(params.moved), look.side[:2])
    weights = (params.class_cost, params.l1_cost, params.giou_cost)
    logits = np.log(np.maximum(p[-1], 1e-30))  # p is at hand, the logits are not; their softmax is p again
    terms = np.stack(matching.cost_terms(logits, look.boxes[-1], labels, centred(boxes / look.side)))
    total = matching.total_cost(tuple(terms), weights)
    pairs = matching.assign(total)
    assignment = np.full(len(boxes), -1)
    assignment[pairs[:, 1]] = pairs[:, 0]
    layer, query = min(params.layer, L), min(params.query, Q - 1)
    row, column = min(params.row, h - 1), min(params.column, w - 1)
    last = (edges[-1], kinds[-1], scores[-1])
    return Found(
        pixels=pixels,
        names=names,
        boxes=last[0],
        labels=last[1],
        scores=last[2],
        layer_boxes=edges,
        layer_labels=kinds,
        layer_scores=scores,
        true_boxes=boxes,
        true_labels=labels,
        still=still,
        cost_terms=terms,
        cost_matrix=total,
        cost_weights=weights,
        assignment=assignment,
        greedy_cost=wanted.greedy(total),
        cost=float(total[pairs[:, 0], pairs[:, 1]].sum()),
        threshold=params.threshold,
        layer=layer,
        query=query,
        object=which,
        looks=look.cross,
        token=np.array([row, column]),
        encoder_attention=look.encoder[:, row * w + column].reshape(-1, h, w),
        replaced=replaced.compare(pixels.shape[:2], pixels.shape[0] // h, boxes, labels, *last, params.threshold, params.nms),
        suppress=params.suppress,
        nms=params.nms,
        composed=scene_input.places(params.composition) if params.source == "compose" else None,
        segmented=None,
        slots=None,
        training=None,
        model=hub.described(params.model),
        written=params.truth if photo else None,
        findings=wanted.said(params, len(boxes), L, Q, not hub.embedded(params.model)),
    )
