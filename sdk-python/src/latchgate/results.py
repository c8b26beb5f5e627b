"""What the client returns (spec/http-api 15.4). Every `raw` is the body as the gate sent it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ._answer import (
    Members,
    object_member,
    optional_count,
    optional_text,
    required_text,
)
from .errors import LatchGateTransportError


@dataclass(frozen=True)
class LogPosition:
    """Where the receipt's leaf stands in the gate's log. Not signed; see the bundle for proof."""

    index: int
    size: int


@dataclass(frozen=True)
class ActionResult:
    """What an executed action gave."""

    output: Any
    """The provider's envelope as it is: an object with a boolean `ok`."""
    receipt_id: str
    trace_id: str
    grant_id: str
    verification: Members = field(default_factory=dict)
    runtime: Members = field(default_factory=dict)
    session_seq: int | None = None
    """Number of this call in its session. None: the gate does not number its calls."""
    log: LogPosition | None = None

    @property
    def is_fully_successful(self) -> bool:
        """The provider succeeded and the effect is verified, or declared unverifiable."""
        return self.verification.get("is_fully_successful") is True

    @classmethod
    def from_json(cls, body: Members) -> ActionResult:
        """Reads the answer to a call that was executed."""
        log = object_member(body, "log")
        index, size = optional_count(log, "index"), optional_count(log, "size")
        return cls(
            output=body.get("output"),
            receipt_id=required_text(body, "receipt_id", "execute"),
            trace_id=required_text(body, "trace_id", "execute"),
            grant_id=required_text(body, "grant_id", "execute"),
            verification=object_member(body, "verification"),
            runtime=object_member(body, "runtime"),
            session_seq=optional_count(body, "session_seq"),
            log=None if index is None or size is None else LogPosition(index, size),
        )


@dataclass(frozen=True)
class ExecutionReceipt:
    """A signed receipt. Times are the texts that were signed."""

    receipt_id: str
    grant_id: str
    result_hash: str
    started_at: str
    finished_at: str
    provider_module_digest: str
    """Digest, or `builtin:` name, of the module that ran."""
    provider_receipt: Any = None
    normalized_result: Members = field(default_factory=dict)
    verification_outcome: Members = field(default_factory=dict)
    failure_class: str | None = None
    signature: str | None = None
    signing_key_id: str | None = None
    signature_status: str | None = None
    """What the gate says about its own signature; `verify_receipt` checks for itself."""
    session_id: str | None = None
    session_seq: int | None = None
    raw: Members = field(default_factory=dict, repr=False)
    """The receipt as the gate sent it: what the signature is checked on."""

    @property
    def provider_module(self) -> str:
        """The same as `provider_module_digest`."""
        return self.provider_module_digest

    @property
    def is_fully_successful(self) -> bool:
        """The provider succeeded and the effect is verified, or declared unverifiable."""
        return self.normalized_result.get("kind") == "success" and self.verification_outcome.get(
            "status"
        ) in ("verified", "unverifiable_declared")

    @classmethod
    def from_json(cls, body: Members) -> ExecutionReceipt:
        """Reads a receipt, from the gate or from a file."""
        module = optional_text(body, "provider_module_digest")
        return cls(
            receipt_id=required_text(body, "receipt_id", "receipt"),
            grant_id=required_text(body, "grant_id", "receipt"),
            result_hash=required_text(body, "result_hash", "receipt"),
            started_at=required_text(body, "started_at", "receipt"),
            finished_at=required_text(body, "finished_at", "receipt"),
            provider_module_digest=required_text(body, "provider_module", "receipt")
            if module is None
            else module,
            provider_receipt=body.get("provider_receipt"),
            normalized_result=object_member(body, "normalized_result"),
            verification_outcome=object_member(body, "verification_outcome"),
            failure_class=optional_text(body, "failure_class"),
            signature=optional_text(body, "receipt_signature"),
            signing_key_id=optional_text(body, "signing_key_id"),
            signature_status=optional_text(body, "signature_status"),
            session_id=optional_text(body, "session_id"),
            session_seq=optional_count(body, "session_seq"),
            raw=body,
        )


@dataclass(frozen=True)
class ApprovalStatus:
    """State of a held call: `pending`, `approved`, `denied`, `failed` or `expired`."""

    approval_id: str
    status: str
    action_id: str = ""
    """Empty when the gate does not say it."""
    receipt_id: str | None = None
    reason: str | None = None
    retry_after_seconds: int | None = None
    expires_at: str | None = None
    output: Any = None
    """Output of the approved call, while the gate keeps it."""
    raw: Members = field(default_factory=dict, repr=False)

    @property
    def decision(self) -> str | None:
        """The status once it is final; None while it is pending."""
        return None if self.is_pending else self.status

    @property
    def is_pending(self) -> bool:
        return self.status == "pending"

    @property
    def is_approved(self) -> bool:
        return self.status == "approved"

    @property
    def is_denied(self) -> bool:
        return self.status == "denied"

    @property
    def is_failed(self) -> bool:
        return self.status == "failed"

    @property
    def is_expired(self) -> bool:
        return self.status == "expired"

    @classmethod
    def from_json(cls, body: Members, approval_id: str) -> ApprovalStatus:
        """Reads the answer to a poll; a body without status is pending."""
        return cls(
            approval_id=optional_text(body, "approval_id") or approval_id,
            status=optional_text(body, "status") or "pending",
            action_id=optional_text(body, "action_id") or "",
            receipt_id=optional_text(body, "receipt_id"),
            reason=optional_text(body, "reason"),
            retry_after_seconds=optional_count(body, "retry_after_seconds"),
            expires_at=optional_text(body, "expires_at"),
            output=body.get("output"),
            raw=body,
        )


@dataclass(frozen=True)
class EgressProfile:
    """What an action may reach: `none` or `proxy_allowlist` with the hosts of its manifest."""

    profile: str = "none"
    allowed_domains: tuple[str, ...] = ()

    @property
    def has_egress(self) -> bool:
        return self.profile != "none"

    @classmethod
    def from_json(cls, json: Any) -> EgressProfile:
        """Reads the member `egress`: anything but the `proxy_allowlist` object is `none`."""
        profile = json.get("proxy_allowlist") if isinstance(json, dict) else None
        if not isinstance(profile, dict):
            return cls()
        return cls("proxy_allowlist", _texts(profile.get("allowed_domains")))


@dataclass(frozen=True)
class ActionSummary:
    """One line of the catalogue. `risk_level`: `low`, `medium`, `high` or `critical`."""

    action_id: str
    version: str
    risk_level: str
    description: str | None
    database_mode: str | None

    @classmethod
    def list_from_json(cls, body: Members) -> tuple[ActionSummary, ...]:
        """Reads `GET /v1/actions`."""
        return tuple(
            cls(
                action_id=required_text(entry, "action_id", "actions"),
                version=optional_text(entry, "version") or "0.0.0",
                risk_level=optional_text(entry, "risk_level") or "unknown",
                description=optional_text(entry, "description"),
                database_mode=optional_text(entry, "database_mode"),
            )
            for entry in _objects(body, "actions", "actions")
        )


@dataclass(frozen=True)
class PermittedAction:
    """An action that policy would not refuse this agent outright."""

    action_id: str
    version: str
    description: str | None
    risk_level: str
    declared_side_effects: tuple[str, ...]
    egress: EgressProfile
    approval: str
    """`required`: a call will be held; `none`."""
    request_schema: Members | None
    """JSON Schema of the parameters, or None."""

    @classmethod
    def list_from_json(cls, body: Members) -> tuple[PermittedAction, ...]:
        """Reads `GET /v1/permitted-actions`."""
        context = "permitted actions"
        return tuple(
            cls(
                action_id=required_text(entry, "action_id", context),
                version=optional_text(entry, "version") or "0.0.0",
                description=optional_text(entry, "description"),
                risk_level=optional_text(entry, "risk_level") or "unknown",
                declared_side_effects=_texts(entry.get("declared_side_effects")),
                egress=EgressProfile.from_json(entry.get("egress")),
                approval=required_text(entry, "approval", context),
                request_schema=_object_or_none(entry.get("request_schema")),
            )
            for entry in _objects(body, "actions", context)
        )


@dataclass(frozen=True)
class HoldReason:
    """Why a call is held: `risk`, `unresolved_domain`, `rule`, …, and the policy's own words."""

    code: str
    detail: str


@dataclass(frozen=True)
class ApprovalEntry:
    """One of this principal's held calls: `pending`, `claimed` (executing), `approved`, `denied`,
    `failed`, `expired` or `revoked`."""

    approval_id: str
    status: str
    action_id: str
    risk_level: str | None
    principal: str | None
    session_id: str | None
    trace_id: str | None
    created_at: str | None
    expires_at: str | None
    """Until when it can be approved."""
    reasons: tuple[HoldReason, ...]
    approvals: int | None
    """Operators who have approved so far; None when the gate does not say it."""
    required: int | None
    """How many it takes."""
    target: str | None
    """Method and URL as they would be sent."""
    raw: Members = field(repr=False)

    @classmethod
    def list_from_json(cls, body: Members) -> tuple[ApprovalEntry, ...]:
        """Reads `GET /v1/approvals`; an entry without its id, status or action is no entry."""
        listed = body.get("approvals")
        entries = listed if isinstance(listed, list) else []
        return tuple(cls._from_json(entry) for entry in entries if isinstance(entry, dict))

    @classmethod
    def _from_json(cls, body: Members) -> ApprovalEntry:
        reasons = body.get("reasons")
        return cls(
            approval_id=required_text(body, "approval_id", "approvals"),
            status=required_text(body, "status", "approvals"),
            action_id=required_text(body, "action_id", "approvals"),
            risk_level=optional_text(body, "risk_level"),
            principal=optional_text(body, "principal"),
            session_id=optional_text(body, "session_id"),
            trace_id=optional_text(body, "trace_id"),
            created_at=optional_text(body, "created_at"),
            expires_at=optional_text(body, "expires_at"),
            reasons=tuple(
                HoldReason(optional_text(one, "code") or "", optional_text(one, "detail") or "")
                for one in (reasons if isinstance(reasons, list) else [])
                if isinstance(one, dict)
            ),
            approvals=optional_count(body, "approvals"),
            required=optional_count(body, "required"),
            target=optional_text(body, "target"),
            raw=body,
        )


def _object_or_none(json: Any) -> Members | None:
    return json if isinstance(json, dict) else None


def _texts(json: Any) -> tuple[str, ...]:
    return tuple(one for one in json if isinstance(one, str)) if isinstance(json, list) else ()


def _objects(body: Members, member: str, context: str) -> list[Members]:
    listed = body.get(member)
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise LatchGateTransportError(f"missing {member} in {context} response")
    return listed
