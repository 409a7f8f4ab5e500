"""Parameters: one frozen model per lab, the single source of bounds, units, defaults and titles.

The model serves the engine (what is accepted), the page (its controls), the address bar, the command
line and the API. What a control needs beyond JSON schema travels in the schema's `x-orrery` object.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, get_args, get_origin

import pydantic
from pydantic import ConfigDict, ValidationError, model_validator

SHOWN_CHARACTERS = 40
HINTS = "x-orrery"


class Refused(ValueError):
    """Input that breaks a rule, said in one sentence in English (`str(e)`, `e.en`) and Chinese (`e.zh`).

    `name` is the parameter at fault, or "" when it is not one parameter's.
    """

    def __init__(self, en: str, zh: str, name: str = ""):
        super().__init__(en)
        self.en, self.zh, self.name = en, zh, name


def Field(  # noqa: N802  stands in for pydantic's own Field
    default: Any,
    *,
    title: str,
    zh: str,
    ge: float | None = None,
    le: float | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
    scale: Literal["linear", "log"] | None = None,
    step: float | None = None,
    unit: tuple[str, str] | None = None,
    labels: Mapping[Any, tuple[str, str]] | None = None,
    control: Literal["text", "code", "matrix", "mask", "picture", "seed", "number", "hidden"] | None = None,
    below: str | None = None,
    when: Mapping[str, Sequence[Any]] | None = None,
    help: tuple[str, str] | None = None,
) -> Any:
    """A parameter's declaration: a pydantic field with what its control, in both languages, needs to know.

    title, zh: its name on the page in English and in Chinese.
    ge, le: inclusive bounds. Every number must have both: they are what a slider spans.
    scale: the slider's scale; logarithmic by default where le / ge >= 1000 and ge > 0.
    step: the slider's step, where the default (1, or a thousandth of the span) is too fine.
    unit: what the number counts, in both languages.
    labels: what the page calls each choice, in both languages.
    control: a control other than the one its type implies. "code" is a text set in the monospaced face, "matrix" a
        text such as "2,1;1,3" with a cell to drag for each number while there are few, "mask" rows of labels such as
        "0,0,1;0,1,1" to paint, "picture" a name of `labels` or an upload as `engine.data.pictures` takes it,
        "number" a field without a slider, "hidden" none at all (a parameter that the figure's handles set).
    below: the name of another parameter that this one must stay under; their sliders push each other.
    when: the page shows this parameter only while the named others have one of the given values.
    help: one short line under the control, in both languages.
    """
    hints: dict[str, Any] = {"zh": zh}
    if labels is not None:
        hints["labels"] = {str(value): {"en": en, "zh": cn} for value, (en, cn) in labels.items()}
    if unit is not None:
        hints["unit"] = {"en": unit[0], "zh": unit[1]}
    if help is not None:
        hints["help"] = {"en": help[0], "zh": help[1]}
    if when is not None:
        hints["when"] = {name: list(values) for name, values in when.items()}
    for key, value in {"scale": scale, "step": step, "control": control, "below": below}.items():
        if value is not None:
            hints[key] = value
    if scale is None and ge is not None and le is not None and ge > 0 and le / ge >= 1000:
        hints["scale"] = "log"
    return pydantic.Field(
        default, title=title, ge=ge, le=le, max_length=max_length, pattern=pattern,
        json_schema_extra={HINTS: hints},
    )  # fmt: skip


class Params(pydantic.BaseModel):
    """Base of every lab's parameters: frozen, closed to unknown names, without NaN or infinity."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=(), hide_input_in_errors=True
    )

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """The parameters that `values` names; the rest keep their defaults. Raises `Refused`."""
        try:
            return cls(**{str(name): cls._chosen(str(name), value) for name, value in values.items()})
        except ValidationError as error:
            raise refusal(cls, error) from None

    @classmethod
    def _chosen(cls, name: str, value: Any) -> Any:
        """The option that a text names, where a choice is not between texts: the command line has nothing else."""
        field = cls.model_fields.get(name)
        if isinstance(value, str) and field is not None and get_origin(field.annotation) is Literal:
            return next((option for option in get_args(field.annotation) if str(option) == value), value)
        return value

    @classmethod
    def hints(cls, name: str) -> dict[str, Any]:
        """What the page knows of a field beyond its type and bounds (see `Field`)."""
        extra = cls.model_fields[name].json_schema_extra
        return extra[HINTS] if isinstance(extra, dict) and HINTS in extra else {}

    @classmethod
    def bounds(cls, name: str) -> tuple[float | None, float | None]:
        """Inclusive lower and upper bound of a field, None where there is none."""
        lower = upper = None
        for rule in cls.model_fields[name].metadata:
            lower = getattr(rule, "ge", lower)
            upper = getattr(rule, "le", upper)
        return lower, upper

    @model_validator(mode="after")
    def _keep_order(self) -> Self:
        for name in type(self).model_fields:
            other = type(self).hints(name).get("below")
            if other is not None and getattr(self, name) >= getattr(self, other):
                value, ceiling = getattr(self, name), getattr(self, other)
                raise Refused(
                    f"{name} must be below {other}, which is {ceiling}; got {value}",
                    f"{name} 必须小于 {other}（现为 {ceiling}）；收到 {value}",
                    name,
                )
        return self


def shown(value: Any) -> str:
    """A value as an error quotes it: short, on one line."""
    try:
        if isinstance(value, str):
            text = repr(value[:SHOWN_CHARACTERS])
        else:  # containers may be too deep and too long to be written out
            text = reprlib.repr(value) if isinstance(value, (list, tuple, dict, set, frozenset)) else str(value)
    except ValueError:  # Python writes no whole number of more than 4300 digits
        text = "a number of very many digits"
    text = "".join(c if c.isprintable() else "·" for c in text)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def number(value: float) -> str:
    """A bound as a sentence writes it: 100000, 0.5, 1e-06."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:g}"


def refusal(model: type[Params], error: ValidationError) -> Refused:
    """The first complaint of a validation error as one sentence: the name, the rule, what was given."""
    first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, Refused):
        return cause
    name = str(first["loc"][0]) if first["loc"] else ""
    got, kind = shown(first["input"]), first["type"]
    if kind == "extra_forbidden":
        known = ", ".join(model.model_fields)
        asked = shown(name)
        return Refused(
            f"{asked} is not a parameter; the parameters are {known}", f"没有参数 {asked}；可用的参数有 {known}", name
        )
    if name not in model.model_fields:
        return Refused(f"the parameters are not valid: {first['msg']}", f"参数无效：{first['msg']}", name)
    rule_en, rule_zh = _rule(model, name, kind, first)
    return Refused(f"{name} must be {rule_en}; got {got}", f"{name} 必须{rule_zh}；收到 {got}", name)


def _rule(model: type[Params], name: str, kind: str, first: Mapping[str, Any]) -> tuple[str, str]:
    annotation = model.model_fields[name].annotation
    lower, upper = model.bounds(name)
    if kind == "literal_error" or get_origin(annotation) is Literal:
        options = ", ".join(str(option) for option in get_args(annotation))
        return f"one of {options}", f"是下列之一：{options}"
    if kind.startswith("bool"):
        return "true or false", "为 true 或 false"
    if kind == "string_too_long":
        most = first["ctx"]["max_length"]
        return f"at most {most} characters long", f"不超过 {most} 个字符"
    if kind == "string_type":
        return "a text", "是一段文字"
    if kind == "string_pattern_mismatch":
        return f"a text of the form {first['ctx']['pattern']}", f"符合格式 {first['ctx']['pattern']}"
    if annotation in (int, float):
        en, zh = ("a whole number", "为整数") if annotation is int else ("a number", "为数")
        if lower is not None and upper is not None:
            low, high = number(lower), number(upper)
            return f"{en} from {low} to {high}", f"{zh}，且在 {low} 到 {high} 之间"
        return en, zh
    return f"valid ({first['msg'].lower()})", f"有效（{first['msg']}）"
