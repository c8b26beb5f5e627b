"""The client socket when nobody names one (spec/http-api 2.2, design 10)."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from .errors import LatchGateTransportError


def default_socket_path(env: Mapping[str, str], uid: int | None = None) -> str:
    """`$XDG_RUNTIME_DIR/latchgate/gate.sock`, or `/tmp/latchgate-<uid>/gate.sock`."""
    runtime = env.get("XDG_RUNTIME_DIR", "")
    if runtime == "":
        return f"/tmp/latchgate-{own_uid() if uid is None else uid}/gate.sock"
    return os.path.join(runtime, "latchgate", "gate.sock")


def check_default_socket(socket_path: str, uid: int | None = None) -> None:
    """Refuses a default socket in a directory that somebody else could have made or could write
    to: whoever owns it can put his own gate there and read every call of this agent. The mode may
    be 0700, or 0750 where the operator shares the socket with a group."""
    directory = os.path.dirname(socket_path)
    info = _lstat(directory)
    if info is None:
        raise _no_default_gate(socket_path, f"{directory} does not exist")
    fault = _directory_fault(info, own_uid() if uid is None else uid)
    if fault is not None:
        raise LatchGateTransportError(
            f"refusing the gate socket {socket_path}: {directory} {fault}; somebody else could "
            "pose as the gate. Remove that directory and start the gate again, or name the socket "
            "you trust with the option 'socket'"
        )
    socket = _lstat(socket_path)
    if socket is None:
        raise _no_default_gate(socket_path, "there is no socket")
    if not stat.S_ISSOCK(socket.st_mode):
        raise LatchGateTransportError(f"refusing {socket_path}: it is not a socket")


def no_gate(socket_path: str, why: str, hint: str = "") -> LatchGateTransportError:
    """What a missing gate means, and what to do about it; `hint` goes on after that."""
    return LatchGateTransportError(
        f"no gate answers on {socket_path} ({why}): start one with `latchgate up`, set "
        f"LATCHGATE_URL, or name its socket with the option 'socket'{hint}"
    )


# A gate of a login session has XDG_RUNTIME_DIR; a program that it was not handed on to looks
# elsewhere.
def _no_default_gate(socket_path: str, why: str) -> LatchGateTransportError:
    hint = ""
    if os.path.dirname(socket_path).startswith("/tmp/latchgate-"):
        hint = (
            ". XDG_RUNTIME_DIR is not set here: a gate that was started with it listens on "
            "$XDG_RUNTIME_DIR/latchgate/gate.sock; hand the variable on to this program"
        )
    return no_gate(socket_path, why, hint)


def no_gate_at(base_url: str, why: str) -> LatchGateTransportError:
    """What it means that a gate cannot be reached over TCP, and what to do about it."""
    return LatchGateTransportError(
        f"no gate answers on {base_url} ({why}): start one, or say where it is with LATCHGATE_URL "
        "or the option base_url"
    )


def not_allowed(socket_path: str) -> LatchGateTransportError:
    """What it means that the system keeps this user from the socket, and what to do about it."""
    return LatchGateTransportError(
        f"this user may not connect to {socket_path} (EACCES): the gate's configuration lets a "
        "group in with `listen_uds_group`, to which this user has to belong"
    )


def own_uid() -> int:
    """The user's id; raises where sockets have no owners."""
    getuid = getattr(os, "getuid", None)
    if getuid is None:
        raise LatchGateTransportError(
            "this platform has no Unix sockets with owners: set LATCHGATE_URL or the option "
            "base_url"
        )
    return int(getuid())


def _directory_fault(info: os.stat_result, uid: int) -> str | None:
    if stat.S_ISLNK(info.st_mode):
        return "is a symbolic link"
    if not stat.S_ISDIR(info.st_mode):
        return "is not a directory"
    if info.st_uid != uid:
        return f"belongs to uid {info.st_uid}, not to uid {uid}"
    # Group may enter and read (0750); nobody but the owner may write, others may do nothing.
    if info.st_mode & 0o027:
        return f"has mode 0{info.st_mode & 0o777:o}, not 0700"
    return None


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LatchGateTransportError(f"cannot look at {path}: {error}") from error
