"""Makes a program that connects to the guide's socket connect to the test's: the program stays as
it is, and one that connects to anything else fails."""

from __future__ import annotations

import os
import socket
from typing import Any

_connect = socket.socket.connect


def _redirected(self: socket.socket, address: Any) -> None:
    if address != "/run/latchgate/gate.sock":
        raise AssertionError(f"connects to {address}")
    _connect(self, os.environ["GATE_SOCKET"])


socket.socket.connect = _redirected  # type: ignore[method-assign]
