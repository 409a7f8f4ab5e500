"""Expressions as text that can be typed again, and as LaTeX."""

from __future__ import annotations

from engine.core.expressions.algebra import Node, postorder

LONGEST = 4000
SUM, PRODUCT, SIGN, POWER, ATOM = range(5)  # how tightly a text holds together
LATEX_NAMES = {
    "asin": r"\arcsin",
    "acos": r"\arccos",
    "atan": r"\arctan",
    "log": r"\ln",
    "log2": r"\log_2",
    "log10": r"\log_{10}",
    "sign": r"\operatorname{sign}",
    "step": r"\operatorname{step}",
    "atan2": r"\operatorname{atan2}",
}


def decimal(value: float) -> str:
    """A number as short as it can be written without loss: 2, 0.5, 1e-05."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def text(root: Node) -> str:
    """The expression in the language that `parse` reads, with every sign written; "…" for a part too long to show."""
    return _print(root, _text_of)


def latex(root: Node) -> str:
    """The expression in LaTeX's mathematics; "…" for a part too long to show."""
    return _print(root, _latex_of)


def _print(root, rule) -> str:
    done: dict[int, tuple[str, int]] = {}
    for node in postorder([root]):
        string, binding = rule(node, [done[id(arg)] for arg in node.args])
        done[id(node)] = (string, binding) if len(string) <= LONGEST else ("…", ATOM)
    return done[id(root)][0]


def _text_of(node: Node, args: list[tuple[str, int]]) -> tuple[str, int]:
    def held(k: int, least: int) -> str:
        return args[k][0] if args[k][1] >= least else f"({args[k][0]})"

    match node.op:
        case "number":
            return decimal(node.value), ATOM if node.value >= 0 else SIGN
        case "constant" | "variable":
            return node.name, ATOM
        case "add":
            return f"{held(0, SUM)} + {held(1, PRODUCT)}", SUM
        case "sub":
            return f"{held(0, SUM)} - {held(1, PRODUCT)}", SUM
        case "neg":
            return f"-{held(0, PRODUCT)}", SIGN
        case "mul":
            return f"{held(0, PRODUCT)}*{held(1, _right_of_product(node))}", PRODUCT
        case "div":
            return f"{held(0, PRODUCT)}/{held(1, POWER)}", PRODUCT
        case "pow":
            return f"{held(0, ATOM)}^{held(1, ATOM)}", POWER
    return f"{node.op}({', '.join(string for string, _ in args)})", ATOM


def _right_of_product(node: Node) -> int:
    """2*(x*y) is written 2*x*y; other products on the right keep their brackets."""
    return PRODUCT if node.args[0].op == "number" and node.args[1].op == "mul" else POWER


def _latex_of(node: Node, args: list[tuple[str, int]]) -> tuple[str, int]:
    def held(k: int, least: int) -> str:
        return args[k][0] if args[k][1] >= least else rf"\left({args[k][0]}\right)"

    match node.op:
        case "number":
            return _latex_number(node.value)
        case "constant":
            return (r"\pi" if node.name == "pi" else r"\mathrm{e}"), ATOM
        case "variable":
            letters = node.name.rstrip("0123456789_")
            index = node.name[len(letters) :].strip("_")
            return f"{letters}_{{{index}}}" if index else letters, ATOM
        case "add":
            return f"{held(0, SUM)} + {held(1, PRODUCT)}", SUM
        case "sub":
            return f"{held(0, SUM)} - {held(1, PRODUCT)}", SUM
        case "neg":
            return f"-{held(0, PRODUCT)}", SIGN
        case "mul":
            left, right = held(0, PRODUCT), held(1, _right_of_product(node))
            return left + (r" \cdot " if right[0].isdigit() or left.endswith("…") else r" \, ") + right, PRODUCT
        case "div":
            return rf"\frac{{{args[0][0]}}}{{{args[1][0]}}}", POWER
        case "pow":
            if node.args[0].name == "e":
                return rf"\mathrm{{e}}^{{{args[1][0]}}}", POWER
            return f"{held(0, ATOM)}^{{{args[1][0]}}}", POWER
        case "sqrt":
            return rf"\sqrt{{{args[0][0]}}}", ATOM
        case "cbrt":
            return rf"\sqrt[3]{{{args[0][0]}}}", ATOM
        case "abs":
            return rf"\left|{args[0][0]}\right|", ATOM
        case "exp":
            return rf"\mathrm{{e}}^{{{args[0][0]}}}", POWER
    name = LATEX_NAMES.get(node.op, f"\\{node.op}")
    return rf"{name}\left({', '.join(string for string, _ in args)}\right)", ATOM


def _latex_number(value: float) -> tuple[str, int]:
    mantissa, _, exponent = decimal(value).partition("e")
    if not exponent:
        return mantissa, ATOM if value >= 0 else SIGN
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}", PRODUCT if value >= 0 else SIGN
