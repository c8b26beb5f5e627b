"""Foreign text as it may be shown and recorded (auth spec 23.1)."""

from __future__ import annotations


def sanitized(text: str, max_bytes: int) -> str:
    """Control characters are spaces; whole characters of at most so many bytes."""
    spaced = "".join(" " if ord(one) < 32 or 127 <= ord(one) < 160 else one for one in text)
    return spaced.encode()[:max_bytes].decode("utf-8", "ignore")
