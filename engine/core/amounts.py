"""Numbers as people read them: the one formatter of pages, findings and command line.

The browser has the same functions (`pages/shell/static/text.js`); both are run against one table of cases. Digits are
grouped by threes with a narrow space, a minus is U+2212, a power of ten is set as one, a unit stands behind a
no-break space. NaN and None are "–", infinities "∞" and "−∞"; no number is ever "-0" or "1e+02".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

THIN, SPACE, MINUS, NONE = "\u202f", "\u00a0", "\u2212", "–"
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
# From where on a number is written as a power of ten: a reader counts five digits, or four zeros, at a glance.
LARGE, SMALL = 1e6, 1e-4
MOST_SHARE_DIGITS = 6  # decimals that a percentage may take so as not to be rounded to 0 or 100


def number(value: float | None, digits: int = 3) -> str:
    """A real number to `digits` significant digits, at most: 0.125, 20 000, −1.5, 2.5 × 10⁻⁷.

    A whole number below a million keeps all its digits, whatever `digits` says.
    """
    if (word := _no_number(value)) is not None:
        return word
    assert value is not None
    if float(value).is_integer() and abs(value) < LARGE:
        return count(value)
    mantissa, exponent = f"{abs(value):.{digits - 1}e}".split("e")
    power = int(exponent)
    sign = MINUS if value < 0 else ""
    if float(mantissa) == 0:
        return "0"
    if abs(value) >= SMALL and power < 6:
        return sign + _grouped(_trimmed(f"{float(f'{mantissa}e{power}'):.{max(0, digits - 1 - power)}f}"))
    return sign + _power(_trimmed(mantissa), power)


def count(value: float | None) -> str:
    """A count: a whole number with its digits grouped, 20 000; from 10¹⁵ on as a power of ten."""
    if (word := _no_number(value)) is not None:
        return word
    assert value is not None
    whole = round(value)
    if abs(whole) >= 10**15:
        try:
            mantissa, exponent = f"{abs(whole):.2e}".split("e")
        except OverflowError:  # an int beyond a float
            text = str(abs(whole))
            mantissa, exponent = f"{int(text[:3]) / 100:.2f}", str(len(text) - 1)
        return (MINUS if whole < 0 else "") + _power(_trimmed(mantissa), int(exponent))
    return (MINUS if whole < 0 else "") + _grouped(str(abs(whole)))


def signed(value: float | None, digits: int = 3) -> str:
    """A number whose sign is the point: +0.5, −0.5, 0."""
    text = number(value, digits)
    return f"+{text}" if value is not None and value > 0 and text != "0" else text


def fixed(value: float | None, digits: int = 2) -> str:
    """A number with so many decimals, for columns that line up: 0.50, −1.00."""
    if (word := _no_number(value)) is not None:
        return word
    assert value is not None
    text = f"{abs(value):.{digits}f}"
    sign = MINUS if value < 0 and float(text) else ""
    return sign + _grouped(text)


def percent(share: float | None, digits: int = 3) -> str:
    """A share of 1 as a percentage, to `digits` significant digits: 34.1 %, 100 %.

    What is not all is never said to be 100 %, what is not nothing never 0 %: the decimals grow instead, up to six.
    """
    if (word := _no_number(share)) is not None:
        return word
    assert share is not None
    value = 100 * share
    sign, size = (MINUS if value < 0 else ""), abs(value)
    power = math.floor(math.log10(size)) if size else 0
    decimals = min(max(0, digits - 1 - power), MOST_SHARE_DIGITS)
    text = f"{size:.{decimals}f}"
    while size < 100 and float(text) >= 100 and decimals < MOST_SHARE_DIGITS:
        decimals += 1
        text = f"{size:.{decimals}f}"
    if size and not float(text):
        return f"<{SPACE}{sign}0.{'0' * (MOST_SHARE_DIGITS - 1)}1{SPACE}%"
    if size < 100 <= float(text):
        return f">{SPACE}{sign}99.{'9' * MOST_SHARE_DIGITS}{SPACE}%"
    return f"{sign}{_grouped(_trimmed(text))}{SPACE}%" if float(text) else f"0{SPACE}%"


def times(value: float | None, digits: int = 3) -> str:
    """A ratio: 1.81 ×, 64 ×."""
    text = number(value, digits)
    return text if text == NONE else f"{text}{SPACE}×"


def quantity(value: float | None, unit: str, digits: int = 3) -> str:
    """A number with a unit of the SI, prefixed so that it stays between 1 and 1000: 2.5 TB, 312 TFLOP/s, 1.4 GB/s."""
    if (word := _no_number(value)) is not None:
        return word if word == NONE else f"{word}{SPACE}{unit}"
    assert value is not None
    return _scaled(value, unit, ("", "k", "M", "G", "T", "P", "E"), digits)


def size(count_of_bytes: float | None, digits: int = 3) -> str:
    """Bytes in decimal units: 512 B, 1.5 kB, 2.5 TB."""
    return quantity(count_of_bytes, "B", digits)


def duration(seconds: float | None, digits: int = 2) -> str:
    """A time: 850 ns, 6.2 ms, 1.4 s, 3 min 20 s, 12 h 30 min."""
    if (word := _no_number(seconds)) is not None:
        return word if word == NONE else f"{word}{SPACE}s"
    assert seconds is not None
    sign, value = (MINUS if seconds < 0 else ""), abs(seconds)
    if value < 99.95:
        if value >= 0.9995:
            return f"{sign}{_trimmed(f'{value:.1f}')}{SPACE}s"
        for unit, scale in (("ms", 1e3), ("µs", 1e6), ("ns", 1e9)):
            if value * scale >= 0.9995 or unit == "ns":
                text = number(float(f"{value * scale:.{digits}g}") if value * scale < 100 else round(value * scale))
                return f"{sign}{text}{SPACE}{unit}" if text != "0" else f"0{SPACE}s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 100:
        return f"{sign}{minutes}{SPACE}min {rest}{SPACE}s" if rest else f"{sign}{minutes}{SPACE}min"
    hours, minutes = divmod(round(value / 60), 60)
    if hours < 100:
        return f"{sign}{hours}{SPACE}h {minutes}{SPACE}min" if minutes else f"{sign}{hours}{SPACE}h"
    return f"{sign}{count(value / 86400)}{SPACE}d"


def power_of(base: str, exponent: int | str) -> str:
    """A power, set as mathematics: power_of("2", 6) is 2⁶."""
    return f"{base}{str(exponent).replace(MINUS, '-').translate(SUPERSCRIPTS)}"


def spread(low: float | None, high: float | None, say: Callable[[float | None], str] = number) -> str:
    """A range between two values of a kind: 0.4–0.6."""
    return f"{say(low)}–{say(high)}"


def point(values: Sequence[float], digits: int = 3) -> str:
    """Coordinates: (1, −0.5)."""
    return f"({', '.join(number(value, digits) for value in values)})"


# What a template may ask for behind a colon: {n:count}, {share:percent}, {x:number.4}.
KINDS: dict[str, Callable[..., str]] = {
    "number": number,
    "count": count,
    "signed": signed,
    "fixed": fixed,
    "percent": percent,
    "times": times,
    "bytes": size,
    "seconds": duration,
    "point": point,
}
WITHOUT_DIGITS = {"count"}


def formatted(value: object, kind: str) -> str | None:
    """A value as a kind of `KINDS` writes it ("percent", or "percent.2" with so many digits); None if it is no kind."""
    name, dot, digits = kind.partition(".")
    if name not in KINDS or (dot and (not digits.isdigit() or name in WITHOUT_DIGITS)):
        return None
    return KINDS[name](value, int(digits)) if dot else KINDS[name](value)


def _no_number(value: float | None) -> str | None:
    if value is None or value != value:
        return NONE
    if isinstance(value, int):  # may be beyond any float
        return None
    return ("∞" if value > 0 else f"{MINUS}∞") if math.isinf(value) else None


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _grouped(text: str) -> str:
    whole, dot, rest = text.partition(".")
    return f"{int(whole):,}".replace(",", THIN) + dot + rest


def _power(mantissa: str, exponent: int) -> str:
    ten = power_of("10", exponent)
    return ten if mantissa == "1" else f"{mantissa}{SPACE}×{SPACE}{ten}"


def _scaled(value: float, unit: str, prefixes: Sequence[str], digits: int) -> str:
    sign, size_ = (MINUS if value < 0 else ""), abs(value)
    step = 0
    while step < len(prefixes) - 1 and float(f"{size_ / 1000**step:.{digits}g}") >= 1000:
        step += 1
    text = number(float(f"{size_ / 1000**step:.{digits}g}"), digits)
    return f"{sign}{text}{SPACE}{prefixes[step]}{unit}" if text != "0" else f"0{SPACE}{unit}"
