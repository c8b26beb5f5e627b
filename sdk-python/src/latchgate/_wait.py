"""Waits for an operator's decision on a held call. Only ever asks, and so repeats no effect."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from ._answer import Answer, optional_text, success_body
from ._answer_error import answer_error, gate_details, not_found
from ._steps import Sleep, Steps
from .errors import (
    GateDetails,
    LatchGateApprovalDenied,
    LatchGateApprovalExpired,
    LatchGateApprovalTimeout,
    LatchGateDenied,
    LatchGateError,
    LatchGateTransportError,
    LatchGateUnavailable,
)
from .results import ActionResult, ApprovalStatus

_LONGEST_POLL = 30.0
"""The longest that the gate lets one request wait, in seconds (spec/http-api 11.1)."""
_ANSWER = 10.0
"""Seconds that an answer may take beyond the time that the gate was asked to wait."""
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 10.0
_FINAL_503_AFTER = 3
"""Times that a 503 is asked about again where it may be the outcome itself."""

Ask = Callable[[str, float], Steps[Answer]]
"""Sends a GET with the lease, renewed where needed, and gives up after so many seconds."""


def wait_for_approval(
    ask: Ask, is_closed: Callable[[], bool], approval_id: str, timeout: float
) -> Steps[ActionResult]:
    """Waits until a held call has ended and reads its result."""
    wait = _Wait(ask, is_closed, approval_id, timeout)
    refusals = 0
    while True:
        status = yield from wait.until_ended()
        answer = yield from wait.request(f"/v1/approvals/{approval_id}/result", 0)
        if answer is None:
            continue
        if answer.is_success:
            return ActionResult.from_json(success_body(answer, "execute"))
        code = optional_text(answer.members, "error")
        if code == "approval_pending":
            # Approved and executing: `/poll` was ahead of `/result`.
            yield from wait.pause(answer.retry_after_seconds)
            continue
        if _is_passing(answer):
            # A call can be refused with a 503 after its approval; a gate that is not well says 503
            # too.
            refusals += status.is_failed
            if refusals < _FINAL_503_AFTER:
                yield from wait.pause(answer.retry_after_seconds)
                continue
        if answer.status == 404 and code is None:
            raise _poll_outcome(answer, status)
        raise _outcome(answer, status)


class _Wait:
    def __init__(
        self, ask: Ask, is_closed: Callable[[], bool], approval_id: str, timeout: float
    ) -> None:
        if not (0 < timeout < math.inf):
            raise ValueError(f"timeout must be above 0 and finite, got {timeout}")
        self._ask = ask
        self._is_closed = is_closed
        self._approval_id = approval_id
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._action_id = "<approval>"
        self._route = "wait"
        self._pause = _FIRST_PAUSE
        self._last_error: LatchGateError | None = None

    def until_ended(self) -> Steps[ApprovalStatus]:
        """Asks until the approval is not pending."""
        while True:
            asked = time.monotonic()
            is_long = self._route == "wait"
            long_poll = min(_LONGEST_POLL, max(0.0, self._remaining() - 0.5)) if is_long else 0.0
            path = f"/v1/approvals/{self._approval_id}/{self._route}"
            if is_long:
                path += f"?timeout_ms={int(long_poll * 1000)}"
            answer = yield from self.request(path, long_poll)
            if answer is None:
                continue
            if is_long and answer.status in (404, 405):
                # A gate that has no long poll; when `/poll` does not know the approval, it says so.
                self._route = "poll"
                continue
            if answer.status == 404:
                raise not_found(answer, "<approval>", f"approval '{self._approval_id}' not found")
            if _is_passing(answer):
                # Too many of this principal wait at once: the others go on waiting, this one asks.
                if answer.status == 429:
                    self._route = "poll"
                yield from self.pause(answer.retry_after_seconds)
                continue
            if not answer.is_success:
                raise answer_error(answer, self._action_id)
            status = ApprovalStatus.from_json(
                success_body(answer, "approval poll"), self._approval_id
            )
            if status.action_id:
                self._action_id = status.action_id
            if not status.is_pending:
                return replace(status, action_id=self._action_id)
            # A long poll that came back at once must not become a busy loop.
            seconds = 1 if status.retry_after_seconds is None else status.retry_after_seconds
            if time.monotonic() - asked < seconds:
                yield from self.pause(seconds)

    def request(self, path: str, waits: float) -> Steps[Answer | None]:
        """One request; None when there was no answer, after a pause."""
        self._raise_if_closed()
        remaining = self._remaining()
        if remaining <= 0:
            raise self._time_is_up()
        try:
            answer = yield from self._ask(path, max(0.001, min(waits + _ANSWER, remaining)))
        except LatchGateTransportError as error:
            self._raise_if_closed()
            # Only where no answer came: one that cannot be read would be the same the next time.
            if error.status is not None:
                raise
            self._last_error = error
            yield from self.pause(None)
            return None
        if not _is_passing(answer):
            self._pause = _FIRST_PAUSE
            self._last_error = None
        return answer

    def pause(self, seconds: float | None) -> Steps[None]:
        """Waits as long as the gate asked for, or ever longer; never beyond the time there is."""
        length = self._pause if seconds is None else float(seconds)
        self._pause = min(_LONGEST_PAUSE, self._pause * 2)
        yield Sleep(max(0.0, min(length, self._remaining())))
        self._raise_if_closed()

    def _remaining(self) -> float:
        return self._deadline - time.monotonic()

    def _raise_if_closed(self) -> None:
        if self._is_closed():
            raise LatchGateTransportError(
                "the client was closed; the approval stays as it is"
            ) from self._last_error

    def _time_is_up(self) -> LatchGateApprovalTimeout:
        error = LatchGateApprovalTimeout(self._action_id, self._approval_id, self._timeout)
        error.__cause__ = self._last_error
        return error


# The gate, or what it needs, is away for a moment, or asks to be asked less often.
def _is_passing(answer: Answer) -> bool:
    return answer.status in (429, 503)


# The error that `/result` without a result stands for.
def _outcome(answer: Answer, status: ApprovalStatus) -> LatchGateError:
    approval_id, action_id = status.approval_id, status.action_id
    code = optional_text(answer.members, "error") or "unknown"
    details = gate_details(answer, code)
    if details.receipt_id is None:
        details = replace(details, receipt_id=status.receipt_id)
    why = status.reason if details.deny_reason is None else details.deny_reason
    if code == "approval_denied":
        return LatchGateApprovalDenied(action_id, approval_id, why, details)
    if code == "approval_expired":
        return LatchGateApprovalExpired(action_id, approval_id, details)
    # Not "unavailable", as other 409: asking again would change nothing.
    if code == "approval_revoked":
        return LatchGateDenied(action_id, code if why is None else f"{code}: {why}", details)
    # The gate keeps outputs for a day, receipts for ever.
    if code == "not_found":
        return LatchGateUnavailable(
            "the call was approved and executed, but its output is not kept any more", details
        )
    if answer.status == 404:
        return not_found(answer, "<approval>", f"approval '{approval_id}' not found")
    return answer_error(answer, action_id)


# What a gate without `/result` (0.2.0) lets a client know of an approval that has ended.
def _poll_outcome(answer: Answer, status: ApprovalStatus) -> LatchGateError:
    approval_id, action_id = status.approval_id, status.action_id
    details = GateDetails(receipt_id=status.receipt_id, body=status.raw, deny_reason=status.reason)
    if status.is_denied:
        return LatchGateApprovalDenied(action_id, approval_id, status.reason, details)
    if status.is_expired:
        return LatchGateApprovalExpired(action_id, approval_id, details)
    if status.is_failed:
        return LatchGateUnavailable(status.reason or "the approved call failed", details)
    if status.is_approved:
        return LatchGateUnavailable(
            "the call was approved and executed, but this gate does not hand out its result",
            details,
        )
    return not_found(answer, "<approval>", f"approval '{approval_id}' not found")
