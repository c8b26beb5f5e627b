"""The synchronous client (spec/http-api 15)."""

from __future__ import annotations

import inspect
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

import httpx

from ._answer import Answer, read_answer
from ._core import Core
from ._memory import SequenceFinding
from ._receipts import ReceiptKey, ReceiptReport
from ._steps import Acquire, Call, Command, Send, Sleep, Steps
from ._sync_transport import DeadlineTransport
from ._transport import (
    MAX_ANSWER_BYTES,
    check_before_sending,
    client_options,
    request_arguments,
    too_large,
    too_late,
    transport_error,
)
from .dpop import DPoPKeyPair
from .errors import LatchGateTransportError
from .results import (
    ActionResult,
    ActionSummary,
    ApprovalEntry,
    ApprovalStatus,
    EgressProfile,
    ExecutionReceipt,
    PermittedAction,
)

T = TypeVar("T")


class LatchGateSyncClient:
    """A client of one gate for one agent, for threads. It connects when it is first
    used, renews its lease by itself and repeats a request by itself only where the gate has not
    looked at it: it did not know the lease, or refused the proof while its clock shows another
    time.

    `socket`, `base_url`: where the gate is (`base_url`, else `socket`, else `LATCHGATE_URL`, else
    the default socket). `public_base_url`: the gate's own, where it differs. `agent_id`: allows the
    client to connect by itself; a label in the gate's records, never an identity. `timeout`:
    seconds for one request (30; 45 for `execute`). `key_file`: a P-256 private key in PEM that the
    gate has registered for this agent, or `key`. `identity_token`: a JWT, or a function that gives
    a fresh one for each session and renewal. `http_transport`: replaces the transport; `socket` is
    then ignored, `close()` leaves it open, and `timeout` is what it makes of it."""

    def __init__(
        self,
        *,
        socket: str | os.PathLike[str] | None = None,
        base_url: str | None = None,
        public_base_url: str | None = None,
        agent_id: str | None = None,
        timeout: float | None = None,
        key: DPoPKeyPair | None = None,
        key_file: str | os.PathLike[str] | None = None,
        identity_token: str | Callable[[], str] | None = None,
        http_transport: httpx.Client | None = None,
    ) -> None:
        if inspect.iscoroutinefunction(identity_token):
            raise TypeError("identity_token must not be asynchronous here: use LatchGateClient")
        self._core = Core(
            socket=None if http_transport is not None else socket,
            base_url=base_url,
            public_base_url=public_base_url,
            agent_id=agent_id,
            timeout=timeout,
            key=key,
            key_file=key_file,
            identity_token=identity_token,
            lock=threading.Lock(),
        )
        self._closing = threading.Event()
        self._owns_transport = http_transport is None
        path = self._core.address.socket_path
        self._http = http_transport or httpx.Client(
            transport=DeadlineTransport(path), **client_options()
        )

    @property
    def gate_url(self) -> str:
        """The base that proofs name."""
        return self._core.address.public_base_url

    @property
    def http_transport(self) -> httpx.Client:
        """The transport, for requests of your own to the gate."""
        return self._http

    @property
    def session_id(self) -> str | None:
        """None before the first lease."""
        lease = self._core.leases.lease
        return None if lease is None else lease.session_id

    @property
    def lease_jti(self) -> str | None:
        """None before the first lease."""
        lease = self._core.leases.lease
        return None if lease is None else lease.jti

    @property
    def sequence_findings(self) -> tuple[SequenceFinding, ...]:
        """What is wrong with the numbers of this client's calls so far; empty: nothing."""
        return self._core.memory.findings

    def connect(
        self,
        *,
        agent_id: str | None = None,
        scopes: Sequence[str] | None = None,
        max_calls: int | None = None,
        max_cost_usd_cents: int | None = None,
    ) -> None:
        """Opens a session, a new one each time. Not needed when the client has an agent id."""
        return self._drive(self._core.connect(agent_id, scopes, max_calls, max_cost_usd_cents))

    def execute(self, action_id: str, params: Mapping[str, Any] | None = None) -> ActionResult:
        """Executes an action and returns its result once the receipt is durable. Raises
        `LatchGateApprovalRequired` when the call is held, and the other errors of `errors`."""
        return self._drive(self._core.execute(action_id, params))

    def wait_for_approval(self, approval_id: str, *, timeout: float = 600.0) -> ActionResult:
        """Waits so many seconds for an operator's decision on a held call and, once it was
        executed, for its result. Only asks: it executes nothing again, outlives a gate that is away
        for a while, and can be repeated with the same id. Raises `LatchGateApprovalDenied`,
        `LatchGateApprovalExpired`, `LatchGateDenied` (revoked, or refused after the approval),
        `LatchGateUnavailable` with `receipt_id` (approved, and failed), and
        `LatchGateApprovalTimeout` (still held)."""
        return self._drive(self._core.wait_for_approval(approval_id, timeout))

    def get_approval_status(self, approval_id: str) -> ApprovalStatus:
        """Asks once what became of a held call."""
        return self._drive(self._core.get_approval_status(approval_id))

    def list_approvals(
        self, *, status: str | None = None, limit: int | None = None
    ) -> tuple[ApprovalEntry, ...]:
        """The held calls of this principal, of all its sessions, newest first."""
        return self._drive(self._core.list_approvals(status, limit))

    def get_receipt(self, receipt_id: str) -> ExecutionReceipt:
        """Reads a receipt of this principal."""
        return self._drive(self._core.get_receipt(receipt_id))

    def get_receipt_keys(self) -> tuple[ReceiptKey, ...]:
        """The keys that the gate signs receipts with, former ones included. Needs no lease."""
        return self._drive(self._core.get_receipt_keys())

    def verify_receipt(
        self, receipt: str | ExecutionReceipt, *, keys: Sequence[ReceiptKey] | None = None
    ) -> ReceiptReport:
        """Checks a receipt here and not at the gate: signature, `result_hash`, whether it is about
        the call that this client made, and whether the numbers of the session grow without a gap.
        Give `keys` that you have from elsewhere; without them the gate is asked, and the report
        says so."""
        return self._drive(self._core.verify_receipt(receipt, keys))

    def get_action_egress(self, action_id: str) -> EgressProfile:
        """What an action may reach."""
        return self._drive(self._core.get_action_egress(action_id))

    def list_actions(self) -> tuple[ActionSummary, ...]:
        """The gate's catalogue, by id. Needs no lease; what it lists may still be denied."""
        return self._drive(self._core.list_actions())

    def list_permitted_actions(self) -> tuple[PermittedAction, ...]:
        """The actions that policy would not refuse this agent outright, by id."""
        return self._drive(self._core.list_permitted_actions())

    def close(self) -> None:
        """Ends waits for approvals and forgets the lease. The client cannot be used afterwards."""
        self._core.close()
        self._closing.set()
        if self._owns_transport:
            self._http.close()

    def __enter__(self) -> LatchGateSyncClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _drive(self, steps: Steps[T]) -> T:
        try:
            command = steps.send(None)
            while True:
                try:
                    value = self._perform(command)
                except BaseException as error:
                    command = steps.throw(error)
                else:
                    command = steps.send(value)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def _perform(self, command: Command) -> Any:
        if isinstance(command, Send):
            return self._send(command)
        if isinstance(command, Acquire):
            return command.lock.acquire()  # type: ignore[attr-defined]
        if isinstance(command, Call):
            value = command.function()
            if inspect.isawaitable(value):
                if inspect.iscoroutine(value):
                    value.close()
                raise TypeError("what it gave must be awaited: use LatchGateClient")
            return value
        if isinstance(command, Sleep):
            self._closing.wait(command.seconds)
        return None

    def _send(self, command: Send) -> Answer:
        address = self._core.address
        try:
            check_before_sending(address, self._core.is_closed, self._owns_transport)
            return self._exchange(command)
        except LatchGateTransportError:
            raise
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            httpx.StreamError,
            OSError,
            RuntimeError,
        ) as error:
            raise transport_error(address, command, error) from error

    def _exchange(self, command: Send) -> Answer:
        deadline = time.monotonic() + command.timeout
        request = self._http.build_request(**request_arguments(self._core.address, command))
        response = self._http.send(request, stream=True, follow_redirects=False)
        try:
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                if len(content) > MAX_ANSWER_BYTES:
                    raise too_large()
                # The limits of a transport that is not ours start again with each piece.
                if time.monotonic() > deadline:
                    raise too_late(command)
        finally:
            response.close()
        return read_answer(response.status_code, response.headers, bytes(content))
