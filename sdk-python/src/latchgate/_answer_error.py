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

_AUTH_ERRORS: dict[str, type[LatchGateAuthError]] = {
    "lease_expired": LatchGateLeaseExpired,
    "replay_detected": LatchGateReplayDetected,
}
# The least that a clock may be off before a gate refuses its proofs (spec/auth-and-evidence 1).
_PROOF_SKEW_SECONDS = 5


def answer_error(answer: Answer, action_id: str) -> LatchGateError:
    """The error of an answer to a request about `action_id`."""
    body, status = answer.members, answer.status
    code = optional_text(body, "error") or "unknown"
    details = gate_details(answer, code)
    if status == 400:
        return LatchGateDenied(action_id, code, details)
    if status == 401:
        kind = _AUTH_ERRORS.get(code, LatchGateAuthError)
        return kind(code, details, _auth_explanation(answer, details))
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


def refusal_code(answer: Answer) -> str | None:
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


# Which check failed and what to do about it: the code alone would leave that to be found out.
def _auth_explanation(answer: Answer, details: GateDetails) -> str | None:
    reason, remedy = details.deny_reason, details.gate_message
    is_early_or_late = reason is not None and reason.startswith("iat ")
    if details.code == "invalid_dpop" and (
        abs(answer.gate_ahead) > _PROOF_SKEW_SECONDS or is_early_or_late
    ):
        remedy = _clock_remedy(answer.gate_ahead)
    elif reason is not None and reason.startswith("htu mismatch"):
        remedy = "Set public_base_url to the gate's public_base_url, or reach it at that URL"
    return ". ".join(one for one in (reason, remedy) if one) or None


def _clock_remedy(gate_ahead: int) -> str:
    where = "behind" if gate_ahead > 0 else "ahead of"
    how = "differs from" if gate_ahead == 0 else f"is {abs(gate_ahead)} s {where}"
    return f"The clock of this machine {how} the gate's: set the one that is wrong by network time"


def _with_reason(code: str, reason: str | None) -> str:
    return code if reason is None or reason == code else f"{code}: {reason}"
