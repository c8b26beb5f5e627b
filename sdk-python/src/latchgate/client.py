"""The asynchronous client (spec/http-api 15)."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

import httpx

from ._answer import Answer, read_answer
from ._core import Core
from ._memory import SequenceFinding
from ._receipts import ReceiptKey, ReceiptReport
from ._steps import Acquire, Call, CallTimeout, Command, Send, Steps
from ._transport import (
    KEPT_CONNECTIONS,
    KEPT_SECONDS,
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


class LatchGateClient:
    """A client of one gate for one agent. It connects when it is first
    used, renews its lease by itself and repeats a request by itself only where the gate has not
    looked at it: it did not know the lease, or refused the proof while its clock shows another
    time.

    `socket`, `base_url`: where the gate is (`base_url`, else `socket`, else `LATCHGATE_URL`, else
    the default socket). `public_base_url`: the gate's own, where it differs. `agent_id`: allows the
    client to connect by itself; a label in the gate's records, never an identity. `timeout`:
    seconds for one request (30; 45 for `execute`). `key_file`: a P-256 private key in PEM that the
    gate has registered for this agent, or `key`. `identity_token`: a JWT, or a function that gives
    a fresh one for each session and renewal. `http_transport`: replaces the transport; `socket` is
    then ignored, and `close()` leaves it open."""

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
        identity_token: str | Callable[[], str | Awaitable[str]] | None = None,
        http_transport: httpx.AsyncClient | None = None,
    ) -> None:
        self._core = Core(
            socket=None if http_transport is not None else socket,
            base_url=base_url,
            public_base_url=public_base_url,
            agent_id=agent_id,
            timeout=timeout,
            key=key,
            key_file=key_file,
            identity_token=identity_token,
            lock=asyncio.Lock(),
        )
        self._closing = asyncio.Event()
        self._owns_transport = http_transport is None
        path = self._core.address.socket_path
        self._http = http_transport or httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                uds=path,
                trust_env=False,
                limits=httpx.Limits(
                    max_connections=None,
                    max_keepalive_connections=KEPT_CONNECTIONS,
                    keepalive_expiry=KEPT_SECONDS,
                ),
            ),
            **client_options(),
        )

    @property
    def gate_url(self) -> str:
        """The base that proofs name."""
        return self._core.address.public_base_url

    @property
    def http_transport(self) -> httpx.AsyncClient:
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

    async def connect(
        self,
        *,
        agent_id: str | None = None,
        scopes: Sequence[str] | None = None,
        max_calls: int | None = None,
        max_cost_usd_cents: int | None = None,
    ) -> None:
        """Opens a session, a new one each time. Not needed when the client has an agent id."""
        return await self._drive(
            self._core.connect(agent_id, scopes, max_calls, max_cost_usd_cents)
        )

    async def execute(
        self, action_id: str, params: Mapping[str, Any] | None = None
    ) -> ActionResult:
        """Executes an action and returns its result once the receipt is durable. Raises
        `LatchGateApprovalRequired` when the call is held, and the other errors of `errors`."""
        return await self._drive(self._core.execute(action_id, params))

    async def wait_for_approval(self, approval_id: str, *, timeout: float = 600.0) -> ActionResult:
        """Waits so many seconds for an operator's decision on a held call and, once it was
        executed, for its result. Only asks: it executes nothing again, outlives a gate that is away
        for a while, and can be repeated with the same id. Raises `LatchGateApprovalDenied`,
        `LatchGateApprovalExpired`, `LatchGateDenied` (revoked, or refused after the approval),
        `LatchGateUnavailable` with `receipt_id` (approved, and failed), and
        `LatchGateApprovalTimeout` (still held)."""
        return await self._drive(self._core.wait_for_approval(approval_id, timeout))

    async def get_approval_status(self, approval_id: str) -> ApprovalStatus:
        """Asks once what became of a held call."""
        return await self._drive(self._core.get_approval_status(approval_id))

    async def list_approvals(
        self, *, status: str | None = None, limit: int | None = None
    ) -> tuple[ApprovalEntry, ...]:
        """The held calls of this principal, of all its sessions, newest first."""
        return await self._drive(self._core.list_approvals(status, limit))

    async def get_receipt(self, receipt_id: str) -> ExecutionReceipt:
        """Reads a receipt of this principal."""
        return await self._drive(self._core.get_receipt(receipt_id))

    async def get_receipt_keys(self) -> tuple[ReceiptKey, ...]:
        """The keys that the gate signs receipts with, former ones included. Needs no lease."""
        return await self._drive(self._core.get_receipt_keys())

    async def verify_receipt(
        self, receipt: str | ExecutionReceipt, *, keys: Sequence[ReceiptKey] | None = None
    ) -> ReceiptReport:
        """Checks a receipt here and not at the gate: signature, `result_hash`, whether it is about
        the call that this client made, and whether the numbers of the session grow without a gap.
        Give `keys` that you have from elsewhere; without them the gate is asked, and the report
        says so."""
        return await self._drive(self._core.verify_receipt(receipt, keys))

    async def get_action_egress(self, action_id: str) -> EgressProfile:
        """What an action may reach."""
        return await self._drive(self._core.get_action_egress(action_id))

    async def list_actions(self) -> tuple[ActionSummary, ...]:
        """The gate's catalogue, by id. Needs no lease; what it lists may still be denied."""
        return await self._drive(self._core.list_actions())

    async def list_permitted_actions(self) -> tuple[PermittedAction, ...]:
        """The actions that policy would not refuse this agent outright, by id."""
        return await self._drive(self._core.list_permitted_actions())

    async def close(self) -> None:
        """Ends waits for approvals and forgets the lease. The client cannot be used afterwards."""
        self._core.close()
        self._closing.set()
        if self._owns_transport:
            await self._http.aclose()

    async def __aenter__(self) -> LatchGateClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _drive(self, steps: Steps[T]) -> T:
        try:
            command = steps.send(None)
            while True:
                try:
                    value = await self._perform(command)
                except BaseException as error:
                    command = steps.throw(error)
                else:
                    command = steps.send(value)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    async def _perform(self, command: Command) -> Any:
        if isinstance(command, Send):
            return await self._send(command)
        if isinstance(command, Acquire):
            return await command.lock.acquire()  # type: ignore[attr-defined]
        if isinstance(command, Call):
            value = command.function()
            if not inspect.isawaitable(value):
                return value
            try:
                return await asyncio.wait_for(value, command.timeout)
            except asyncio.TimeoutError:
                raise CallTimeout from None
        # A time-out says that the pause is over.
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._closing.wait(), command.seconds)
        return None

    async def _send(self, command: Send) -> Answer:
        address = self._core.address
        try:
            check_before_sending(address, self._core.is_closed, self._owns_transport)
            # Over all of it: httpx's own limits start again with each piece that arrives.
            return await asyncio.wait_for(self._exchange(command), command.timeout)
        except asyncio.TimeoutError:
            raise too_late(command) from None
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

    async def _exchange(self, command: Send) -> Answer:
        request = self._http.build_request(**request_arguments(self._core.address, command))
        response = await self._http.send(request, stream=True, follow_redirects=False)
        try:
            content = bytearray()
            async for part in response.aiter_bytes():
                content += part
                if len(content) > MAX_ANSWER_BYTES:
                    raise too_large()
        finally:
            await response.aclose()
        return read_answer(response.status_code, response.headers, bytes(content))
