"""The SDK's clients against a real gate: over TCP, told by LATCHGATE_URL, and over the default
socket, told nothing."""

from __future__ import annotations

import pytest
from agents import ISSUE, PAGE
from gate_driver import Gate
from latchgate import (
    LatchGateApprovalDenied,
    LatchGateApprovalRequired,
    LatchGateAuthError,
    LatchGateDenied,
)


def held(client, action_id: str = "github_create_issue", params=ISSUE) -> str:
    with pytest.raises(LatchGateApprovalRequired) as caught:
        client.execute(action_id, params)
    return caught.value.approval_id


def test_a_call_gives_its_result_and_the_receipt_is_there(gate: Gate, agent) -> None:
    client = agent()
    result = client.execute("http_fetch", PAGE)
    assert result.output["ok"] is True and result.output["data"]["status_code"] == 200
    assert result.is_fully_successful
    assert result.session_seq == 1 and result.log is not None
    receipt = client.get_receipt(result.receipt_id)
    assert receipt.is_fully_successful
    assert (receipt.session_id, receipt.session_seq) == (client.session_id, 1)
    assert [one["url"] for one in gate.requests] == ["/data"]


def test_a_held_call_is_waited_for_and_executed_once(gate: Gate, agent) -> None:
    client = agent()
    approval_id = held(client)
    entry = next(one for one in client.list_approvals() if one.approval_id == approval_id)
    target = "POST https://api.github.com/repos/acme/rocket/issues"
    assert (entry.status, entry.target) == ("pending", target)
    status = client.get_approval_status(approval_id)
    assert (status.is_pending, status.decision) == (True, None)
    waiting = client.begin("wait_for_approval", approval_id, timeout=60)
    assert gate.requests == []
    approved = gate.approve(approval_id)
    result = waiting.result()
    assert result.receipt_id == approved["body"]["receipt_id"]
    status = client.get_approval_status(approval_id)
    assert (status.decision, status.output) == ("approved", result.output)
    assert [one["method"] for one in gate.requests] == ["POST"]


def test_a_call_that_an_operator_denies_says_so(gate: Gate, agent) -> None:
    client = agent()
    approval_id = held(client)
    waiting = client.begin("wait_for_approval", approval_id, timeout=60)
    gate.command("deny", approval_id=approval_id, body={"reason": "not on a Friday"})
    with pytest.raises(LatchGateApprovalDenied, match="denied by an operator: not on a Friday"):
        waiting.result()
    assert client.get_approval_status(approval_id).decision == "denied"
    assert gate.requests == []


def test_what_the_agent_may_call_is_what_policy_would_not_refuse(gate: Gate, agent) -> None:
    client = agent()
    actions = {one.action_id: one for one in client.list_permitted_actions()}
    assert actions["http_fetch"].approval == "none"
    assert actions["github_create_issue"].approval == "required"
    assert actions["http_fetch"].request_schema["required"] == ["url"]
    assert "api.github.com" in actions["http_fetch"].egress.allowed_domains
    assert set(actions) <= {one.action_id for one in client.list_actions()}
    revoked = {"principal": gate.principal, "actions": ["http_fetch"]}
    assert gate.operator("POST", "/v1/admin/policy/revoke", revoked)["status"] == 200
    assert "http_fetch" not in {one.action_id for one in client.list_permitted_actions()}
    with pytest.raises(LatchGateDenied, match="policy_denied"):
        client.execute("http_fetch", PAGE)
    assert gate.requests == []
    assert gate.operator("POST", "/v1/admin/policy/grant", revoked)["status"] == 200


def test_a_revoked_lease_is_not_replaced(gate: Gate, agent) -> None:
    client = agent()
    client.execute("http_fetch", PAGE)
    revoked = gate.operator("POST", "/v1/admin/revoke", {"session_id": client.session_id})
    assert revoked["status"] == 200
    with pytest.raises(LatchGateAuthError) as caught:
        client.execute("http_fetch", PAGE)
    assert caught.value.code == "lease_revoked"
    assert len(gate.requests) == 1
