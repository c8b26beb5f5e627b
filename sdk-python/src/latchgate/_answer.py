"""One answer of the gate, read once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from .errors import GateDetails, LatchGateTransportError

Members = Mapping[str, Any]

MAX_SAFE_INTEGER = 2**53 - 1
# A proxy's page, or the port of something else: gates answer in JSON.
_NO_GATE = ": is it a gate that answers there? See base_url, socket or LATCHGATE_URL"


class _NotJson:
    """Marks a body that is missing or not JSON: None would be the JSON text `null`."""


NOT_JSON = _NotJson()


@dataclass(frozen=True)
class Answer:
    """Status, parsed body (`NOT_JSON` when there is none) and `Retry-After` in seconds."""

    status: int
    body: Any
    retry_after_seconds: int | None = None
    date: float | None = None
    """Its `Date` in Unix seconds; None when it is missing or no time."""
    gate_ahead: int = 0
    """Seconds by which its `Date` is ahead of the time that proofs are made with; 0: unknown."""

    @property
    def is_success(self) -> bool:
        """Any 2xx. What a 202 means is for the caller to say."""
        return 200 <= self.status < 300

    @property
    def members(self) -> Members:
        """The body when it is an object, else an empty one."""
        return self.body if isinstance(self.body, dict) else {}


def read_answer(status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    """Turns status, headers (by names in lower case) and bytes into an answer."""
    seconds = None
    retry_after = headers.get("retry-after")
    if retry_after is not None and re.fullmatch(r"[0-9]{1,9}", retry_after):
        seconds = int(retry_after)
    return Answer(status, _parse(content), seconds, _unix_time(headers.get("date")))


def success_body(answer: Answer, context: str) -> Members:
    """The JSON object of a success; raises `LatchGateTransportError` for anything else."""
    details = GateDetails(status=answer.status)
    if answer.body is NOT_JSON:
        raise LatchGateTransportError(f"invalid JSON in {context} response{_NO_GATE}", details)
    if not isinstance(answer.body, dict):
        got = type(answer.body).__name__
        raise LatchGateTransportError(
            f"expected JSON object in {context} response, got {got}{_NO_GATE}", details
        )
    return answer.body


def required_text(body: Members, member: str, context: str) -> str:
    """A member without which the answer is of no use."""
    value = optional_text(body, member)
    if value is None:
        raise LatchGateTransportError(f"missing {member} in {context} response")
    return value


def optional_text(body: Members, member: str) -> str | None:
    """A member that is a text, or None."""
    value = body.get(member)
    return value if isinstance(value, str) else None


def optional_count(body: Members, member: str) -> int | None:
    """A member that is a whole number not below zero, or None."""
    value = body.get(member)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_SAFE_INTEGER else None


def object_member(body: Members, member: str) -> Members:
    """A member that is an object, or an empty one."""
    value = body.get(member)
    return value if isinstance(value, dict) else {}


def _unix_time(date: str | None) -> float | None:
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        # The caller decides what a body that is not JSON means: it depends on the status.
        return NOT_JSON


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")
