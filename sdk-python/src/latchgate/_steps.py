"""What the core asks its driver to do. The core itself does no I/O and never waits: it is written
as generators that yield these, so that one text serves the asynchronous and the synchronous
client."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Lock(Protocol):
    """`asyncio.Lock` or `threading.Lock`; acquired by the driver, released by the core."""

    def release(self) -> None: ...


@dataclass(frozen=True)
class Send:
    """One request, sent once; the driver answers with an `Answer`."""

    method: str
    path: str
    timeout: float
    """Seconds for all of it, connecting and reading the body included."""
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Sleep:
    """A pause of so many seconds; closing the client ends it early."""

    seconds: float


@dataclass(frozen=True)
class Call:
    """Calls a function of the user's and, in the asynchronous client, awaits what it returns, for
    so many seconds: then it throws `CallTimeout`. A function that does not return is not ended."""

    function: Callable[[], Any]
    timeout: float


class CallTimeout(Exception):
    """What a function of the user's returned was not there in time."""


@dataclass(frozen=True)
class Acquire:
    """Waits for a lock."""

    lock: Lock


Command = Send | Sleep | Call | Acquire
Steps = Generator[Command, Any, T]
