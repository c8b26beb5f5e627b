"""What both clients do, without doing it: generators that yield `Command`s."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ._address import resolve_gate_address
from ._answer import Answer, Members, optional_count, required_text, success_body
from ._answer_error import answer_error, gate_details, not_found, refusal_code
from ._identifier import check_identifier
from ._identity import Identity
from ._lease import Lease, LeaseWish
from ._lease_keeper import LeaseKeeper
from ._memory import CallMemory
from ._receipts import ReceiptKey, ReceiptReport, receipt_keys, report_receipt
from ._request import Requests
from ._steps import Lock, Steps
from ._wait import wait_for_approval
from .dpop import DPoPKeyPair
from .errors import LatchGateApprovalRequired
from .results import (
    ActionResult,
    ActionSummary,
    ApprovalEntry,
    ApprovalStatus,
    EgressProfile,
    ExecutionReceipt,
    PermittedAction,
)

_REQUEST_TIMEOUT = 30.0
# Longer than the 30 s that an action may take, or the client would give up on calls that complete.
_EXECUTE_TIMEOUT = 45.0
_MAX_TIMEOUT = (2**31 - 1) / 1000
_DEFAULT_SCOPES = ("tools:call",)


class Core:
    """State and steps of one client; raises `ValueError` or `TypeError` for wrong options."""

    def __init__(
        self,
        *,
        socket: str | os.PathLike[str] | None,
        base_url: str | None,
        public_base_url: str | None,
        agent_id: str | None,
        timeout: float | None,
        key: DPoPKeyPair | None,
        key_file: str | os.PathLike[str] | None,
        identity_token: str | Callable[[], Any] | None,
        lock: Lock,
    ) -> None:
        if key is not None and key_file is not None:
            raise ValueError("give key or key_file, not both")
        if timeout is not None and not (0 < timeout <= _MAX_TIMEOUT):
            raise ValueError(f"timeout must be above 0 and at most {_MAX_TIMEOUT} s, got {timeout}")
        self.address = resolve_gate_address(socket, base_url, public_base_url, os.environ)
        self.is_closed = False
        self._requests = Requests(self.address)
        self._request_timeout = _REQUEST_TIMEOUT if timeout is None else timeout
        self._execute_timeout = _EXECUTE_TIMEOUT if timeout is None else timeout
        self._agent_id = agent_id
        self.memory = CallMemory()
        own_key = DPoPKeyPair.from_pem_file(key_file) if key_file is not None else key
        self.leases = LeaseKeeper(
            self._requests,
            LeaseWish(_DEFAULT_SCOPES, None, None, agent_id),
            Identity(own_key, identity_token),
            self._request_timeout,
            lock,
        )

    def close(self) -> None:
        """Ends waits at their next step and forgets the lease."""
        self.is_closed = True
        self.leases.forget()

    def connect(
        self,
        agent_id: str | None,
        scopes: Sequence[str] | None,
        max_calls: int | None,
        max_cost_usd_cents: int | None,
    ) -> Steps[None]:
        if isinstance(scopes, str):
            raise TypeError("scopes must be a list of texts, not one text")
        wish = LeaseWish(
            scopes=_DEFAULT_SCOPES if scopes is None else tuple(scopes),
            max_calls=max_calls,
            max_cost_usd_cents=max_cost_usd_cents,
            agent_id=self._agent_id if agent_id is None else agent_id,
        )
        yield from self.leases.connect(wish)
        self._agent_id = wish.agent_id

    def execute(self, action_id: str, params: Mapping[str, Any] | None) -> Steps[ActionResult]:
        check_identifier("action_id", action_id)
        body = _json_bytes({} if params is None else params)
        answer = yield from self._with_lease(
            lambda lease: self._execute_once(lease, action_id, body)
        )
        if answer.status == 202:
            raise _approval_required(answer, action_id)
        if not answer.is_success:
            raise answer_error(answer, action_id)
        return ActionResult.from_json(success_body(answer, "execute"))

    def get_receipt(self, receipt_id: str) -> Steps[ExecutionReceipt]:
        check_identifier("receipt_id", receipt_id)
        body = yield from self._read(
            f"/v1/receipts/{receipt_id}",
            "receipt",
            "<receipt>",
            f"receipt '{receipt_id}' not found",
        )
        return ExecutionReceipt.from_json(body)

    def get_approval_status(self, approval_id: str) -> Steps[ApprovalStatus]:
        check_identifier("approval_id", approval_id)
        body = yield from self._read(
            f"/v1/approvals/{approval_id}/poll",
            "approval poll",
            "<approval>",
            f"approval '{approval_id}' not found",
        )
        return ApprovalStatus.from_json(body, approval_id)

    def wait_for_approval(self, approval_id: str, timeout: float) -> Steps[ActionResult]:
        check_identifier("approval_id", approval_id)
        return (
            yield from wait_for_approval(self._get, lambda: self.is_closed, approval_id, timeout)
        )

    def list_approvals(
        self, status: str | None, limit: int | None
    ) -> Steps[tuple[ApprovalEntry, ...]]:
        pairs = []
        if status is not None:
            pairs.append(f"status={quote(status, safe='')}")
        if limit is not None:
            pairs.append(f"limit={int(limit)}")
        path = "/v1/approvals" + (f"?{'&'.join(pairs)}" if pairs else "")
        body = yield from self._read(path, "approvals", "<approvals>", None)
        return ApprovalEntry.list_from_json(body)

    def get_action_egress(self, action_id: str) -> Steps[EgressProfile]:
        check_identifier("action_id", action_id)
        body = yield from self._read(
            f"/v1/actions/{action_id}",
            "action egress",
            action_id,
            f"action '{action_id}' not found",
        )
        return EgressProfile.from_json(body.get("egress"))

    def list_actions(self) -> Steps[tuple[ActionSummary, ...]]:
        body = yield from self._read_public("/v1/actions", "actions", "<actions>")
        return ActionSummary.list_from_json(body)

    def list_permitted_actions(self) -> Steps[tuple[PermittedAction, ...]]:
        body = yield from self._read(
            "/v1/permitted-actions", "permitted actions", "<actions>", None
        )
        return PermittedAction.list_from_json(body)

    def get_receipt_keys(self) -> Steps[tuple[ReceiptKey, ...]]:
        body = yield from self._read_public("/v1/receipt-keys", "receipt keys", "<receipt-keys>")
        return receipt_keys(body)

    def verify_receipt(
        self, receipt: str | ExecutionReceipt, keys: Sequence[ReceiptKey] | None
    ) -> Steps[ReceiptReport]:
        if isinstance(receipt, str):
            receipt = yield from self.get_receipt(receipt)
        if keys is not None:
            return report_receipt(receipt, "given", tuple(keys), self.memory)
        fetched = yield from self.get_receipt_keys()
        return report_receipt(receipt, "fetched", fetched, self.memory)

    def _execute_once(self, lease: Lease, action_id: str, body: bytes) -> Steps[Answer]:
        ticket = self.memory.begin(lease.session_id)
        path = f"/v1/actions/{action_id}/execute"
        try:
            answer = yield from self._send(lease, "POST", path, self._execute_timeout, body)
        except BaseException:
            ticket.settle(None, True)
            # It may have been executed: for the budget it was.
            self.leases.count_call()
            raise
        seq = optional_count(answer.members, "session_seq")
        ticket.settle(seq, answer.status == 202 or (answer.status >= 500 and seq is None))
        if _may_have_executed(answer):
            self.leases.count_call()
        self.memory.remember(action_id, lease.session_id, body, answer)
        return answer

    def _get(self, path: str, timeout: float) -> Steps[Answer]:
        return (
            yield from self._with_lease(lambda lease: self._send(lease, "GET", path, timeout, None))
        )

    def _read(self, path: str, context: str, action_id: str, missing: str | None) -> Steps[Members]:
        answer = yield from self._get(path, self._request_timeout)
        if answer.status == 404 and missing is not None:
            raise not_found(answer, action_id, missing)
        if not answer.is_success:
            raise answer_error(answer, action_id)
        return success_body(answer, context)

    def _read_public(self, path: str, context: str, subject: str) -> Steps[Members]:
        answer = yield from self._requests.send("GET", path, self._request_timeout)
        if not answer.is_success:
            raise answer_error(answer, subject)
        return success_body(answer, context)

    # A gate that does not know the lease has not looked at the call: repeating repeats no effect.
    def _with_lease(self, send: Callable[[Lease], Steps[Answer]]) -> Steps[Answer]:
        lease = yield from self.leases.current()
        answer = yield from send(lease)
        refusal = refusal_code(answer)
        if refusal not in ("invalid_lease", "lease_expired"):
            return answer
        fresh = yield from self.leases.replace(lease, refusal)
        return (yield from send(fresh))

    def _send(
        self, lease: Lease, method: str, path: str, timeout: float, body: bytes | None
    ) -> Steps[Answer]:
        return (
            yield from self._requests.send(
                method,
                path,
                timeout,
                key=lease.key,
                token=lease.token,
                agent_label=lease.agent_label,
                body=body,
            )
        )


def _json_bytes(params: Mapping[str, Any]) -> bytes:
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a dict, got {type(params).__name__}")
    # Raises for NaN, infinities and lone surrogates: they are not JSON.
    text = json.dumps(dict(params), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8")


def _approval_required(answer: Answer, action_id: str) -> LatchGateApprovalRequired:
    body = success_body(answer, "execute (approval)")
    approval_id = required_text(body, "approval_id", "execute (approval)")
    return LatchGateApprovalRequired(
        action_id, approval_id, gate_details(answer, "pending_approval")
    )


# Refused before dispatch, held, or known not to have left the gate: no call of the budget is gone.
def _may_have_executed(answer: Answer) -> bool:
    if answer.members.get("outcome") == "not_sent" or answer.status in (202, 503):
        return False
    return answer.is_success or answer.status >= 500
