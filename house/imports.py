"""The house as its imports draw it: which module uses which.

python -m house.imports     draws ARCHITECTURE.md's picture, assets/images/architecture.svg
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]


def name_of(path: Path) -> str:
    """A module's dotted name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def graph(*folders: str) -> dict[str, set[str]]:
    """Every module of some folders with the modules there that it imports, at its top or inside a function.

    `from package import name` is the package's module where there is one of that name, else the package itself.
    Imports for type checkers alone are left out: they do not run.
    """
    modules = {name_of(path): path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))}
    return {module: set(used(path, modules)) - {module} for module, path in modules.items()}


def used(path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    skipped = {id(part) for node in ast.walk(tree) if for_checkers(node) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in modules or node.module in modules:
                    yield whole if whole in modules else node.module


def for_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def circles(uses: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other in a circle (strongly connected components, Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in uses.get(module, ()):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            group = []
            while not group or group[-1] != module:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for module in uses:
        if module not in index:
            visit(module)
    return found


# The picture: packages as boxes in five rows, each arrow an import. Everybody uses core and shell: those arrows say nothing.
ROWS = ("pages", "shell", "labs", "rooms", "core")
WIDE, HIGH, GAP, LEFT = 118, 30, 10, 96


def package(module: str) -> str:
    """The package that a module belongs to: a lab, a room, the core or the shell."""
    parts = module.split(".")
    depth = 2 if parts[1:2] in (["core"], ["shell"]) else 3
    return ".".join(parts[:depth])


def row_of(name: str, labs: set[str]) -> str:
    if name in ("engine.core", "pages.shell"):
        return name.split(".")[1]
    if name.startswith("pages."):
        return "pages"
    return "labs" if name.removeprefix("engine.") in labs else "rooms"


def picture() -> str:
    """The house as an SVG."""
    uses: dict[str, set[str]] = {}
    for module, others in graph("engine", "pages").items():
        if module.count(".") >= 1 and module not in ("engine.__main__",):
            uses.setdefault(package(module), set()).update(package(other) for other in others if other.count(".") >= 1)
    uses = {name: others - {name} for name, others in uses.items() if name.count(".") == 2 or name in ("engine.core", "pages.shell")}
    labs = {name.removeprefix("pages.") for name in uses if name.startswith("pages.") and name != "pages.shell"}
    rows: dict[str, list[str]] = {row: [] for row in ROWS}
    for name in sorted(uses):
        rows[row_of(name, labs)].append(name)
    across, places, boxes, top = 8, {}, [], 16
    for row in ROWS:
        boxes.append(f'<text x="12" y="{top + 19}" class="row">{row}</text>')
        for i, name in enumerate(rows[row]):
            x, y = LEFT + (i % across) * (WIDE + GAP), top + (i // across) * (HIGH + GAP)
            width = across * (WIDE + GAP) - GAP if row in ("shell", "core") else WIDE
            places[name] = (x + width / 2, y, y + HIGH)
            title = name.split(".")[-1].replace("_", " ")
            boxes.append(f'<rect x="{x}" y="{y}" width="{width}" height="{HIGH}" rx="6"/>')
            boxes.append(f'<text x="{x + width / 2}" y="{y + 19}" text-anchor="middle">{title}</text>')
        top += -(-max(1, len(rows[row])) // across) * (HIGH + GAP) + 46
    arrows = []
    for name, others in uses.items():
        for other in others & places.keys() - {"engine.core", "pages.shell"}:
            (x0, _, y0), (x1, y1, _) = places[name], places[other]
            arrows.append(f'<path d="M{x0:.0f},{y0:.0f} C{x0:.0f},{y0 + 40:.0f} {x1:.0f},{y1 - 40:.0f} {x1:.0f},{y1:.0f}"/>')
    size = LEFT + across * (WIDE + GAP) + 12, top
    style = (
        "<style>rect{fill:#fff;stroke:#c9ccd1}text{font:12px sans-serif;fill:#22252a}.row{fill:#666c75}"
        "path{fill:none;stroke:#3b6fb6;stroke-opacity:.35;stroke-width:1.2}</style>"
    )
    body = "\n".join([style, f'<rect width="{size[0]}" height="{size[1]}" style="fill:#faf9f6;stroke:none"/>', *arrows, *boxes])
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}">\n{body}\n</svg>\n'


if __name__ == "__main__":
    (ROOT / "assets" / "images" / "architecture.svg").write_text(picture())
