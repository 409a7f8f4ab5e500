"""Parameters: one frozen model per lab, the single source of bounds, units, defaults and titles.

The model serves the engine (what is accepted), the page (its controls), the address bar, the command
line and the API. What a control needs beyond JSON schema travels in the schema's `x-orrery` object.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

import pydantic
from pydantic import ConfigDict, ValidationError, model_validator

from engine.core.entry import Unreadable, read_number
from engine.core.words import T, Words

SHOWN_CHARACTERS = 40
HINTS = "x-orrery"


class Refused(ValueError):
    """Input that breaks a rule, said in one sentence: `str(e)`, `e.en` in English, `e.zh` in Chinese.

    `name` is the parameter at fault, or "" when it is not one parameter's.
    """

    def __init__(self, text: T, name: str = ""):
        super().__init__(text.en)
        self.text, self.name = text, name

    def __reduce__(self) -> tuple[Any, ...]:
        """So that it keeps both languages on its way between processes."""
        return type(self), (self.text, self.name)

    @property
    def en(self) -> str:
        """The sentence in English."""
        return self.text.en

    @property
    def zh(self) -> str:
        """The sentence in Simplified Chinese."""
        return self.text.zh


def Field(  # noqa: N802  stands in for pydantic's own Field
    default: Any,
    *,
    title: T,
    ge: float | None = None,
    le: float | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
    scale: Literal["linear", "log"] | None = None,
    step: float | None = None,
    unit: Words | None = None,
    labels: Mapping[Any, Words] | None = None,
    labels_by: tuple[str, Mapping[Any, Mapping[Any, Words]]] | None = None,
    control: Literal["text", "code", "matrix", "mask", "picture", "seed", "number", "hidden"] | None = None,
    below: str | None = None,
    when: Mapping[str, Sequence[Any]] | None = None,
    help: Words | None = None,
) -> Any:
    """A parameter's declaration: a pydantic field with what its control, in both languages, needs to know.

    title: its name on the page.
    ge, le: inclusive bounds. Every number must have both: they are what a slider spans.
    scale: the slider's scale; logarithmic by default where le / ge >= 1000 and ge > 0.
    step: the slider's step, where the default (1, or a thousandth of the span) is too fine.
    unit: what the number counts.
    labels: what the page calls each choice.
    labels_by: another parameter, and for each of its values what the page calls the choices then, besides `labels`; a
        choice that has no name there is not offered.
    control: a control other than the one its type implies. "code" is a text set in the monospaced face, "matrix" a
        text such as "2,1;1,3" with a cell to drag for each number while there are few, "mask" rows of labels such as
        "0,0,1;0,1,1" to paint, "picture" a name of `labels` or an upload as `engine.data.pictures` takes it,
        "number" a field without a slider, "hidden" none at all (a parameter that the figure's handles set).
    below: the name of another parameter that this one must stay under; their sliders push each other.
    when: the page shows this parameter only while the named others have one of the given values.
    help: one short line under the control.
    """
    hints: dict[str, Any] = {"zh": title.zh}
    if labels is not None:
        hints["labels"] = {str(value): both(words) for value, words in labels.items()}
    if labels_by is not None:
        other, named = labels_by
        hints["labels_by"] = [other, {str(v): {str(choice): both(words) for choice, words in names.items()} for v, names in named.items()}]
    if unit is not None:
        hints["unit"] = both(unit)
    if help is not None:
        hints["help"] = both(help)
    if when is not None:
        hints["when"] = {name: list(values) for name, values in when.items()}
    for key, value in {"scale": scale, "step": step, "control": control, "below": below}.items():
        if value is not None:
            hints[key] = value
    if scale is None and ge is not None and le is not None and ge > 0 and le / ge >= 1000:
        hints["scale"] = "log"
    return pydantic.Field(default, title=title.en, ge=ge, le=le, max_length=max_length, pattern=pattern, json_schema_extra={HINTS: hints})


def both(words: Words) -> dict[str, str]:
    """A text as the schema carries it."""
    text = T.of(words)
    return {"en": text.en, "zh": text.zh}


Cost = Literal["instant", "seconds", "minutes"]


@dataclass(frozen=True)
class Task:
    """One of several things that a lab does: the parameters that it alone, or with some other tasks, answers to, and
    what it costs, a word or a function of the parameters. Parameters that no task names are all tasks' own."""

    fields: Sequence[str]
    cost: Cost | Callable[[Any], Cost] = "instant"

    def cost_of(self, params: Params) -> Cost:
        return self.cost(params) if callable(self.cost) else self.cost


class Params(pydantic.BaseModel):
    """Base of every lab's parameters: frozen, closed to unknown names, without NaN or infinity.

    tasks: what the lab does, by the values of the parameter `task_field`. A page shows a task's fields with it alone.
    """

    tasks: ClassVar[Mapping[str, Task]] = {}
    task_field: ClassVar[str] = "task"

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=(), hide_input_in_errors=True)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """The parameters that `values` names; the rest keep their defaults. Raises `Refused`."""
        try:
            return cls(**{str(name): cls._chosen(str(name), value) for name, value in values.items()})
        except ValidationError as error:
            raise refusal(cls, error, values) from None

    @classmethod
    def _chosen(cls, name: str, value: Any) -> Any:
        """What a text stands for where the field takes no text: a number, or an option of a choice."""
        field = cls.model_fields.get(name)
        if not isinstance(value, str) or field is None:
            return value
        if get_origin(field.annotation) is Literal:
            return next((option for option in get_args(field.annotation) if str(option) == value), value)
        if field.annotation in (int, float):
            try:
                return read_number(value, whole=field.annotation is int)
            except Unreadable as error:
                rule = _rule(cls, name, "", {})
                raise Refused(
                    T(
                        "{name} must be {rule}; got {got}{why}",
                        "{name} 必须{rule}；收到 {got}{why}",
                        name=name,
                        rule=rule,
                        got=shown(value),
                        why=T(", {why}", "，{why}", why=error.why) if error.why else "",
                    ),
                    name,
                ) from None
        return value

    @classmethod
    def hints(cls, name: str) -> dict[str, Any]:
        """What the page knows of a field beyond its type and bounds (see `Field`)."""
        extra = cls.model_fields[name].json_schema_extra
        own: dict[str, Any] = dict(extra[HINTS]) if isinstance(extra, dict) and HINTS in extra else {}  # type: ignore[arg-type]
        if tasks := [task for task, does in cls.tasks.items() if name in does.fields]:
            return own | {"when": {cls.task_field: tasks} | own.get("when", {})}
        return own

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
                    T(
                        "{name} must be below {other}, which is {ceiling}; got {value}",
                        "{name} 必须小于 {other}（现为 {ceiling}）；收到 {value}",
                        name=name,
                        other=other,
                        ceiling=ceiling,
                        value=value,
                    ),
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
    return str(int(value)) if float(value).is_integer() and abs(value) <= 1e15 else f"{value:g}"


def refusal(model: type[Params], error: ValidationError, given: Mapping[str, Any]) -> Refused:
    """The first complaint of a validation error as one sentence: the name, the rule, what was given."""
    first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, Refused):
        return cause
    name = str(first["loc"][0]) if first["loc"] else ""
    got, kind = shown(given.get(name, first["input"])), first["type"]
    if kind == "extra_forbidden":
        known = ", ".join(model.model_fields)
        asked = shown(name)
        return Refused(
            T("{asked} is not a parameter; the parameters are {known}", "没有参数 {asked}；可用的参数有 {known}", asked=asked, known=known),
            name,
        )
    if name not in model.model_fields:
        return Refused(T("the parameters are not valid: {msg}", "参数无效：{msg}", msg=first["msg"]), name)
    rule = _rule(model, name, kind, first)
    return Refused(T("{name} must be {rule}; got {got}", "{name} 必须{rule}；收到 {got}", name=name, rule=rule, got=got), name)


def _rule(model: type[Params], name: str, kind: str, first: Mapping[str, Any]) -> T:
    annotation = model.model_fields[name].annotation
    lower, upper = model.bounds(name)
    if kind == "literal_error" or get_origin(annotation) is Literal:
        options = ", ".join(str(option) for option in get_args(annotation))
        return T("one of {options}", "是下列之一：{options}", options=options)
    if kind.startswith("bool"):
        return T("true or false", "为 true 或 false")
    if kind == "string_too_long":
        most = first["ctx"]["max_length"]
        return T("at most {most} characters long", "不超过 {most} 个字符", most=most)
    if kind == "string_type":
        return T("a text", "是一段文字")
    if kind == "string_pattern_mismatch":
        return T("a text of the form {pattern}", "符合格式 {pattern}", pattern=first["ctx"]["pattern"])
    if annotation in (int, float):
        kind_of_number = T("a whole number", "为整数") if annotation is int else T("a number", "为数")
        if lower is not None and upper is not None:
            low, high = number(lower), number(upper)
            return T("{kind} from {low} to {high}", "{kind}，且在 {low} 到 {high} 之间", kind=kind_of_number, low=low, high=high)
        return kind_of_number
    return T("valid ({why})", "有效（{why}）", why=first["msg"].lower())
