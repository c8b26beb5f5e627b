"""The canonical form of JSON (RFC 8785)."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from ._answer import MAX_SAFE_INTEGER


def canonicalize(value: Any) -> str:
    """The canonical text; raises `ValueError` for what has none: NaN, infinities, lone
    surrogates, members that are not named by a text, other types."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(canonicalize(one) for one in value)}]"
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise ValueError("the names of members must be texts")
        # By UTF-16 code units, as RFC 8785 3.2.3 asks: code points beyond U+FFFF sort before
        # U+E000.
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        members = (f"{_quote(name)}:{canonicalize(value[name])}" for name in names)
        return f"{{{','.join(members)}}}"
    raise ValueError(f"a value of type {type(value).__name__} has no canonical form")


def canonical_bytes(value: Any) -> bytes:
    """The canonical form in UTF-8: what is hashed and signed."""
    return canonicalize(value).encode("utf-8")


def digest(value: Any) -> str:
    """`sha256:` and the hash of the canonical form."""
    return f"sha256:{hashlib.sha256(canonical_bytes(value)).hexdigest()}"


def request_hash(sent: bytes) -> str | None:
    """The digest that a gate's receipt names for a body; None for one without canonical form."""
    try:
        return digest(json.loads(sent, object_pairs_hook=_distinct))
    except (ValueError, RecursionError):
        return None


# A dict with the keys 1 and "1" becomes a text that names a member twice: a gate refuses it.
def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _quote(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate has no canonical form") from None
    return json.dumps(text, ensure_ascii=False)


# ECMAScript's Number::toString: the same digits as `repr`, another notation.
def _number(value: int | float) -> str:
    if isinstance(value, int) and abs(value) <= MAX_SAFE_INTEGER:
        return str(value)
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("a number out of range has no canonical form") from None
    if not math.isfinite(number):
        raise ValueError(f"{number} has no canonical form")
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.DIGITS times ten to the power of `point`.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    power = point - 1
    tail = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{tail}e{'+' if power > 0 else '-'}{abs(power)}"
