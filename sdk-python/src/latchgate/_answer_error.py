"""Which error an answer without success stands for: the table of spec/http-api 15.5."""

from __future__ import annotations

from ._answer import Answer, optional_count, optional_text
from .errors import (
    GateDetails,
    LatchGateAuthError,
    LatchGateBudgetExhausted,
    LatchGateDenied,
    LatchGateError,
    LatchGateLeaseExpired,
    LatchGateReplayDetected,
    LatchGateUnavailable,
)


def answer_error(answer: Answer, action_id: str) -> LatchGateError:
    """The error of an answer to a request about `action_id`."""
    body, status = answer.members, answer.status
    code = optional_text(body, "error") or "unknown"
    details = gate_details(answer, code)
    if status == 400:
        return LatchGateDenied(action_id, code, details)
    if status == 401:
        if code == "lease_expired":
            return LatchGateLeaseExpired(code, details)
        if code == "replay_detected":
            return LatchGateReplayDetected(code, details)
        return LatchGateAuthError(code, details)
    if status == 403:
        if code == "budget_exhausted":
            return LatchGateBudgetExhausted(action_id, details)
        return LatchGateDenied(action_id, _with_reason(code, details.deny_reason), details)
    if status == 422:
        return LatchGateDenied(
            action_id, _with_reason(code, optional_text(body, "reason")), details
        )
    if status in (502, 503):
        return LatchGateUnavailable(code, details)
    return LatchGateUnavailable(f"unexpected status {status}: {code}", details)


def not_found(answer: Answer, action_id: str, reason: str) -> LatchGateError:
    """A 404 where the caller named something: it says what was not found."""
    code = optional_text(answer.members, "error") or "unknown"
    return LatchGateDenied(action_id, reason, gate_details(answer, code))


def lease_refusal(answer: Answer) -> str | None:
    """The code of a 401, else None."""
    return optional_text(answer.members, "error") if answer.status == 401 else None


def gate_details(answer: Answer, code: str) -> GateDetails:
    """Everything the gate said beside the code."""
    body = answer.members
    seconds = optional_count(body, "retry_after_seconds")
    return GateDetails(
        code=code,
        status=answer.status,
        trace_id=optional_text(body, "trace_id"),
        receipt_id=optional_text(body, "receipt_id"),
        gate_message=optional_text(body, "message"),
        deny_reason=optional_text(body, "deny_reason"),
        remediation=optional_text(body, "remediation"),
        error_type=optional_text(body, "error_type"),
        outcome=optional_text(body, "outcome"),
        retry_after_seconds=answer.retry_after_seconds if seconds is None else seconds,
        body=answer.body if isinstance(answer.body, dict) else None,
    )


def _with_reason(code: str, reason: str | None) -> str:
    return code if reason is None or reason == code else f"{code}: {reason}"
