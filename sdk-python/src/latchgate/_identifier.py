"""Ids are checked before anything is sent (spec/http-api 15.2)."""

from __future__ import annotations

import re

_MAX_LENGTH = 256


def check_identifier(name: str, value: str) -> None:
    """Raises `ValueError` for an id that could not be a path segment as it is."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string")
    if value == "":
        raise ValueError(f"{name} must not be empty")
    if len(value) > _MAX_LENGTH:
        raise ValueError(f"{name} exceeds maximum length ({_MAX_LENGTH})")
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]*", value):
        raise ValueError(f"{name} contains invalid characters")
