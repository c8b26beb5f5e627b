"""Texts that are compared byte by byte: base64url and the `htu` of proofs."""

from __future__ import annotations

import base64
import re


def encode_base64url(data: bytes) -> str:
    """Base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64url(text: str) -> bytes | None:
    """The bytes of base64url text; None unless it is exactly what `encode_base64url` writes, so
    that no two texts stand for the same bytes (auth spec 2.2)."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return data if encode_base64url(data) == text else None


def normalize_htu(url: str) -> str | None:
    """The form in which `htu` is compared (auth spec 7.5): no query, no fragment, scheme and
    authority in lower case, default port dropped, an empty path `/`. None without `://`."""
    scheme, mark, rest = url.split("#", 1)[0].split("?", 1)[0].partition("://")
    if not mark:
        return None
    authority, slash, path = rest.partition("/")
    scheme, authority = _ascii_lower(scheme), _ascii_lower(authority)
    for name, port in (("http", ":80"), ("https", ":443")):
        if scheme == name and authority.endswith(port):
            authority = authority[: -len(port)]
    return f"{scheme}://{authority}{slash or '/'}{path}"


# `str.lower` would also turn the Kelvin sign into `k`: another host would pass for the same.
def _ascii_lower(text: str) -> str:
    return re.sub(r"[A-Z]+", lambda run: run.group().lower(), text)
