"""What both drivers say about a transport, and about a request that failed."""

from __future__ import annotations

import errno
from typing import Any

import httpx

from ._address import GateAddress
from ._default_socket import check_default_socket, no_gate, no_gate_at, not_allowed
from ._steps import Send
from ._version import __version__
from .errors import LatchGateTransportError

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Larger than any output that a gate lets through; more is not from a gate."""
KEPT_CONNECTIONS = 20
"""Connections that are kept open between requests. How many there are is for the agent to say: a
wait for an approval holds one."""
KEPT_SECONDS = 5.0


def client_options() -> dict[str, Any]:
    """Options of the httpx client. Nothing from the environment: a proxy that HTTP_PROXY names
    would be handed the lease. No redirects: lease and proof go to the gate and nowhere else."""
    return {
        "trust_env": False,
        "follow_redirects": False,
        "headers": {"user-agent": f"latchgate-python/{__version__}"},
    }


def check_before_sending(address: GateAddress, is_closed: bool, owns_transport: bool) -> None:
    """Raises where nothing may be sent. The socket's directory is looked at each time, not once:
    it can be exchanged while the client lives."""
    if is_closed:
        raise LatchGateTransportError("this client is closed")
    if owns_transport and address.is_default_socket and address.socket_path is not None:
        check_default_socket(address.socket_path)


def request_arguments(address: GateAddress, command: Send) -> dict[str, Any]:
    """Arguments of `httpx.Client.build_request`."""
    return {
        "method": command.method,
        "url": address.base_url + command.path,
        "headers": dict(command.headers),
        "content": command.body,
        "timeout": command.timeout,
    }


def too_late(command: Send) -> LatchGateTransportError:
    """The time of a request is over."""
    return LatchGateTransportError(
        f"no answer within {command.timeout:g} s; the gate finishes what it has begun: see "
        "`latchgate status`, or raise timeout"
    )


def too_large() -> LatchGateTransportError:
    """An answer that no gate gives."""
    return LatchGateTransportError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")


def transport_error(
    address: GateAddress, command: Send, error: Exception
) -> LatchGateTransportError:
    """The error that a failure of the transport stands for."""
    if isinstance(error, LatchGateTransportError):
        return error
    if isinstance(error, httpx.TimeoutException):
        return too_late(command)
    number = _errno(error)
    path = address.socket_path
    if path is not None and number in (errno.ENOENT, errno.ECONNREFUSED):
        return no_gate(path, errno.errorcode[number])
    if path is not None and number == errno.EACCES:
        return not_allowed(path)
    if path is None and isinstance(error, httpx.ConnectError):
        why = str(error) if number is None else errno.errorcode.get(number, str(number))
        return no_gate_at(address.base_url, why)
    return LatchGateTransportError(str(error) or type(error).__name__)


def _errno(error: BaseException | None) -> int | None:
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        error, seen = error.__cause__ or error.__context__, seen + 1
    return None
