"""Errors of the client (spec/http-api 15.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class GateDetails:
    """What the gate said beside what the message shows; a member is None when it did not say it."""

    code: str | None = None
    """Code of the error body; `unknown` when the body was missing or not JSON."""
    status: int | None = None
    """HTTP status. None: no answer was received."""
    trace_id: str | None = None
    receipt_id: str | None = None
    gate_message: str | None = None
    """The gate's sentence for humans; says what to do where the gate knows it."""
    deny_reason: str | None = None
    remediation: str | None = None
    """A command that an operator could run."""
    error_type: str | None = None
    """What ended a dispatched call: `upstream_timeout`, `fuel_exhausted`, …"""
    outcome: str | None = None
    """`answered`, `not_sent` or `unknown`: whether a dispatched call may have had its effect."""
    retry_after_seconds: int | None = None
    body: Mapping[str, Any] | None = None
    """The whole error body."""


NOTHING = GateDetails()


class LatchGateError(Exception):
    """Base of every error of the client. Messages begin as those of the published clients do;
    everything else that the gate said is in the members of `GateDetails`, all of which this class
    has."""

    code: str | None
    status: int | None
    trace_id: str | None
    receipt_id: str | None
    gate_message: str | None
    deny_reason: str | None
    remediation: str | None
    error_type: str | None
    outcome: str | None
    retry_after_seconds: int | None
    body: Mapping[str, Any] | None

    def __init__(self, message: str, details: GateDetails = NOTHING) -> None:
        super().__init__(message)
        self.code = details.code
        self.status = details.status
        self.trace_id = details.trace_id
        self.receipt_id = details.receipt_id
        self.gate_message = details.gate_message
        self.deny_reason = details.deny_reason
        self.remediation = details.remediation
        self.error_type = details.error_type
        self.outcome = details.outcome
        self.retry_after_seconds = details.retry_after_seconds
        self.body = details.body


class LatchGateDenied(LatchGateError):
    """The call was refused: policy, a request that is not valid, an id the gate does not know."""

    def __init__(
        self, action_id: str, reason: str | None = None, details: GateDetails = NOTHING
    ) -> None:
        why = "" if reason is None else f": {reason}"
        super().__init__(f"action '{action_id}' denied by policy{why}", details)
        self.action_id = action_id
        self.reason = reason


class LatchGateApprovalRequired(LatchGateError):
    """The call is held until an operator decides; wait with `wait_for_approval(approval_id)`."""

    def __init__(self, action_id: str, approval_id: str, details: GateDetails = NOTHING) -> None:
        super().__init__(
            f"action '{action_id}' requires approval: poll approval_id='{approval_id}'", details
        )
        self.action_id = action_id
        self.approval_id = approval_id


class LatchGateApprovalTimeout(LatchGateApprovalRequired):
    """The time of `wait_for_approval` is over. The call is still held: go on with `approval_id`."""

    def __init__(self, action_id: str, approval_id: str, timeout: float) -> None:
        super().__init__(action_id, approval_id)
        self.args = (
            f"no decision on approval '{approval_id}' within {timeout:g} s: it is still held",
        )
        self.timeout = timeout


class LatchGateApprovalDenied(LatchGateDenied):
    """An operator denied the held call; `reason` is his."""

    def __init__(
        self,
        action_id: str,
        approval_id: str,
        reason: str | None = None,
        details: GateDetails = NOTHING,
    ) -> None:
        super().__init__(action_id, reason, details)
        why = "" if reason is None else f": {reason}"
        self.args = (f"action '{action_id}' denied by an operator{why}",)
        self.approval_id = approval_id


class LatchGateApprovalExpired(LatchGateDenied):
    """Nobody decided in time: the call must be made again to be held again."""

    def __init__(self, action_id: str, approval_id: str, details: GateDetails = NOTHING) -> None:
        super().__init__(action_id, "approval_expired", details)
        self.args = (
            f"approval '{approval_id}' for action '{action_id}' expired without a decision: make "
            "the call again",
        )
        self.approval_id = approval_id


class LatchGateBudgetExhausted(LatchGateError):
    """The lease's own budget has no call left."""

    def __init__(self, action_id: str, details: GateDetails = NOTHING) -> None:
        super().__init__(f"budget exhausted for action '{action_id}'", details)
        self.action_id = action_id


class LatchGateAuthError(LatchGateError):
    """The gate did not accept the lease, the proof or the identity. `detail` equals `code`. With
    code `identity_token_unusable` (status None): the option `identity_token` gave no token, and
    nothing was sent."""

    code: str

    def __init__(
        self, code: str, details: GateDetails = NOTHING, explanation: str | None = None
    ) -> None:
        why = "" if explanation is None else f": {explanation}"
        super().__init__(f"authentication failed: {code}{why}", replace(details, code=code))
        self.detail = code


class LatchGateLeaseExpired(LatchGateAuthError):
    """401 `lease_expired`, after the one automatic retry."""


class LatchGateReplayDetected(LatchGateAuthError):
    """401 `replay_detected`: the gate has seen this proof before. Never repeated by the client."""


class LatchGateUnavailable(LatchGateError):
    """The gate, or something it needs, cannot answer now; also every status without a class. The
    message ends with the gate's sentence, `detail` is what stands before it."""

    def __init__(self, detail: str, details: GateDetails = NOTHING) -> None:
        said = details.gate_message
        why = f": {said}" if said and said != detail else ""
        super().__init__(f"gateway unavailable: {detail}{why}", details)
        self.detail = detail


class LatchGateTransportError(LatchGateError):
    """There is no usable answer: no connection, a time-out, an unsafe socket, not JSON."""

    def __init__(self, detail: str, details: GateDetails = NOTHING) -> None:
        super().__init__(f"transport error: {detail}", details)
        self.detail = detail


class LatchGateNotConnected(LatchGateError):
    """There is no lease, and no agent id was given that would allow getting one."""

    def __init__(self) -> None:
        super().__init__("call connect() before execute()")
