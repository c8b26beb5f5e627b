"""Keeps tests on this machine: agent frameworks report home unless they are stopped."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from typing import Any

# What the frameworks know about by themselves.
os.environ.update(
    ANONYMIZED_TELEMETRY="false",
    CREWAI_DISABLE_TELEMETRY="true",
    CREWAI_DISABLE_TRACKING="true",
    CREWAI_TRACING_ENABLED="false",
    LANGCHAIN_TRACING_V2="false",
    LANGSMITH_TRACING="false",
    OPENAI_AGENTS_DISABLE_TRACING="1",
    OTEL_SDK_DISABLED="true",
)

LEFT: list[str] = []
"""Where something wanted to go that is not this machine."""


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        _refuse_name(arguments[0])
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple):
            _refuse_name(address[0])


def _refuse_name(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return
    try:
        if ipaddress.ip_address(name).is_loopback:
            return
    except ValueError:
        pass
    LEFT.append(str(name))
    raise socket.gaierror(socket.EAI_FAIL, f"tests stay on this machine: {name}")


def install() -> None:
    """From here to the end of the process; an audit hook cannot be taken away again."""
    sys.addaudithook(_audit)
