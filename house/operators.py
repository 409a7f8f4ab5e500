"""OPERATORS.md: what can be imported from the engine without any page. `python -m house.operators` writes it.

Read from the syntax tree: listing an operator imports neither torch nor triton.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What an engineer looks for, by theme; each with its backends and its reference beside it.
OPERATORS = {
    "Attention": (
        "engine.attention.flash_attention.operator:flash_attention",
        "engine.attention.linear_attention.operator:linear_attention",
        "engine.attention.position_encoding.operator:rotate_both",
    ),
    "Language": ("engine.language.verification.operator:verify",),
    "Training": ("engine.training.lora.layers:LoRALinear", "engine.training.memory.accounting:parts"),
    "Generation": ("engine.generation.quantisation.nearest:nearest_code", "engine.generation.quantisation.nearest:codebook_gradient"),
    "Vision": ("engine.vision.detector.matching:assign", "engine.vision.detection_metrics.matching:average_precision"),
    "Core": ("engine.core.expressions:parse", "engine.core.optimisers:Muon"),
}


def entry(name: str) -> str:
    """An operator's import, signature, first sentence, and source."""
    module, _, called = name.partition(":")
    place = ROOT.joinpath(*module.split("."))
    path = place.with_suffix(".py") if place.with_suffix(".py").is_file() else place / "__init__.py"
    node = next(n for n in ast.parse(path.read_text()).body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name == called)
    doc = ast.get_docstring(node) or ""
    if isinstance(node, ast.FunctionDef):
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        signature = f"{called}({ast.unparse(node.args)}){returns}"
    else:
        begin = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        signature = f"{called}({ast.unparse(begin.args).removeprefix('self, ') if begin else ''})"
    source = re.search(r"Sources?: (.+?)(?:\n\n|$)", doc, re.DOTALL)
    rows = [
        f"### `{called}`",
        "",
        "```python",
        f"from {module} import {called}",
        "",
        signature,
        "```",
        "",
        doc.split("\n\n")[0].replace("\n", " "),
    ]
    if source:
        rows += ["", f"*Source:* {' '.join(source[1].split())}"]
    return "\n".join(rows)


def page() -> str:
    """The whole page."""
    parts = [
        "# Operators",
        "The engine's operators know nothing of labs: import them alone. Each has a plain reference beside it, which tests hold it to, "
        "gradients included. This page is written by `python -m house.operators`.",
    ]
    for theme, names in OPERATORS.items():
        parts += [f"## {theme}", *map(entry, names)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    (ROOT / "OPERATORS.md").write_text(page())
