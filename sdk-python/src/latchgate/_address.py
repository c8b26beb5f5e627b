"""How a client finds its gate (spec/http-api 15.1)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ._default_socket import default_socket_path

SOCKET_BASE_URL = "http://localhost"
"""What requests over a Unix socket name as their host; the gate accepts it there as `htu` base."""


@dataclass(frozen=True)
class GateAddress:
    """How the gate is reached, and the base that proofs name; both without a trailing slash."""

    base_url: str
    public_base_url: str
    socket_path: str | None
    """Path of the Unix socket; None over TCP."""
    is_default_socket: bool
    """Nobody named this socket: its directory is checked before each request."""


def resolve_gate_address(
    socket: str | os.PathLike[str] | None,
    base_url: str | None,
    public_base_url: str | None,
    env: Mapping[str, str],
) -> GateAddress:
    """`base_url`, else `socket`, else `LATCHGATE_URL`, else the default socket. What the program
    says wins over its environment: a variable must not redirect an explicit socket. An empty
    `base_url` and an empty variable count as not given."""
    chosen: tuple[str, str] | None = None
    variable = env.get("LATCHGATE_URL", "")
    if base_url:
        chosen = ("base_url", base_url)
    elif socket is None and variable:
        chosen = ("LATCHGATE_URL", variable)
    path: str | None = None
    if chosen is None:
        path = default_socket_path(env) if socket is None else os.fspath(socket)
        if path == "":
            raise ValueError("socket must be the path of a Unix socket, got an empty text")
    base = SOCKET_BASE_URL if chosen is None else _checked_base(*chosen)
    public = base if public_base_url is None else _checked_base("public_base_url", public_base_url)
    return GateAddress(base, public, path, path is not None and socket is None)


# Kept as written: the gate compares `htu` with its own setting.
def _checked_base(name: str, value: str) -> str:
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        valid = valid and (parts.port is None or parts.port >= 0)
    except ValueError:
        valid = False
    # Without the value where it can hold a password.
    shown = value.split("@")[-1]
    if not valid:
        raise ValueError(f"{name} must be an http:// or https:// URL, got '{shown}'")
    if "@" in parts.netloc or "?" in value or "#" in value:
        raise ValueError(
            f"{name} must not hold user, query or fragment: '{parts.scheme}://{parts.hostname}…'"
        )
    return value.rstrip("/")
