"""What a run shows, said in sentences."""

from __future__ import annotations

import numpy as np

from engine.generation.diffusion.results import GUIDANCES

NAMES = {
    "unconditional": ("no class", "无类别"),
    "conditional": ("the class alone", "仅类别"),
    "classifier": ("classifier guidance", "分类器引导"),
    "classifier-free": ("classifier-free guidance", "无分类器引导"),
}
FAR = 6.0  # no world has a sample with a larger coordinate, and guidance within reason does not go there
LEARNING = (
    "The network is still learning: what it draws now is drawn in few steps and without any comparison.",
    "网络仍在学习：此刻的样本只用很少步数得到，尚无对照。",
)
PARAMETERS = {
    "label": ("Class", "类别"),
    "against": ("Away from class", "远离类别"),
    "switch_to": ("To class", "改为类别"),
}


def clamped(name: str, value: int, classes: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """That a class was asked for which this world does not have."""
    (en, zh), last = PARAMETERS[name], len(classes) - 1
    return (
        f"{en}: this world's last class is {last} ({classes[last][0]}); {value} is read as that.",
        f"{zh}：此世界的最后一类是 {last}（{classes[last][1]}）；{value} 按它处理。",
    )


def of(result: object) -> tuple[str, str]:
    """What guidance gained and cost, as far as it is known."""
    r = result
    chosen = r.paths[r.guidance]  # type: ignore[attr-defined]
    if not np.isfinite(chosen.samples).all() or np.abs(chosen.samples).max() > FAR:
        return (
            "The run diverged: some samples are far from anything that this world knows. Take a smaller w, more steps, "
            "or another schedule.",
            "采样发散：部分样本远离此世界的一切。请减小 w、增加步数或换一种噪声表。",
        )
    if r.accuracy is None or r.guidance not in r.quality:  # type: ignore[attr-defined]
        return "", ""
    en, zh = NAMES[r.guidance]  # type: ignore[attr-defined]
    plain = r.quality.get("conditional")  # type: ignore[attr-defined]
    own = r.quality[r.guidance]  # type: ignore[attr-defined]
    if plain is None or r.guidance not in GUIDANCES[2:]:  # type: ignore[attr-defined]
        return (f"With {en}, {own[0]:.0%} of the samples are recognised as their class.",
                f"使用{zh}时，{own[0]:.0%} 的样本被认作所要的类别。")  # fmt: skip
    cost = chosen.evaluations / r.paths["conditional"].evaluations  # type: ignore[attr-defined]
    spread = "" if np.isnan(own[1]) else f"; diversity goes from {plain[1]:.2f} to {own[1]:.2f}"
    spread_zh = "" if np.isnan(own[1]) else f"；多样性由 {plain[1]:.2f} 变为 {own[1]:.2f}"
    w = r.scale  # type: ignore[attr-defined]
    return (
        f"With {en} of w = {w:g}, {own[0]:.0%} of the samples are recognised as their class, {plain[0]:.0%} without"
        f"{spread}; it costs {cost:.2g} times the evaluations.",
        f"使用 w = {w:g} 的{zh}时，{own[0]:.0%} 的样本被认作所要的类别，不引导时为 {plain[0]:.0%}{spread_zh}；"
        f"运算量为 {cost:.2g} 倍。",
    )
