"""Agents that are known by their own key, over TCP: registered, and taken out, by an operator at
his command line."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from agents import ISSUE, PAGE, SECRETS, Agent
from gate_driver import Gate
from latchgate import (
    DPoPKeyPair,
    LatchGateApprovalRequired,
    LatchGateAuthError,
    LatchGateBudgetExhausted,
    LatchGateDenied,
)

LATCHGATE = Path(__file__).resolve().parents[3] / "cli/bin/latchgate.js"
RIGHTS = {
    "policy_version": "keys-1",
    "acl": {
        "key-agent": {
            "allowed_actions": ["http_fetch", "github_create_issue"],
            "allowed_sinks": ["http_read", "http_write"],
        }
    },
}


def operate(gate: Gate, *arguments: str) -> Any:
    command = [os.environ.get("NODE", "node"), str(LATCHGATE), "--config"]
    command += [str(Path(gate.root, "latchgate.toml")), *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=gate.root)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def reload(gate: Gate) -> None:
    answer = gate.operator("POST", "/v1/admin/reload")
    assert answer["status"] == 200, answer


def test_a_registered_key_is_the_agent_over_tcp_until_it_is_taken_out(tmp_path: Path) -> None:
    with Gate(tcp=True, env=SECRETS, data=RIGHTS) as gate:
        file = tmp_path / "reader.pem"
        jkt = operate(gate, "agents", "keygen", "reader", "-o", str(file))["dpop_jkt"]
        assert DPoPKeyPair.from_pem_file(file).thumbprint == jkt
        both = [
            Agent(kind, base_url=gate.url, agent_id="my-agent", key_file=file)
            for kind in ("async", "sync")
        ]
        try:
            for client in both:
                with pytest.raises(LatchGateAuthError) as caught:
                    client.execute("http_fetch", PAGE)
                assert str(caught.value) == (
                    "authentication failed: identity_unauthenticated: no agent is registered with "
                    f"the key {jkt}: an operator adds it with `latchgate agents add` and reloads "
                    "the gate"
                )
            operate(gate, "agents", "add", "reader", "--jkt", jkt, "--principal", "key-agent")
            reload(gate)
            for client in both:
                acts_as_key_agent(gate, client)
            operate(gate, "agents", "remove", "reader")
            reload(gate)
            for client in both:
                with pytest.raises(LatchGateAuthError) as caught:
                    client.execute("http_fetch", PAGE)
                assert caught.value.code == "identity_unauthenticated"
            assert len(gate.requests) == 2
        finally:
            for client in both:
                client.close()


def acts_as_key_agent(gate: Gate, client: Agent) -> None:
    result = client.execute("http_fetch", PAGE)
    assert client.get_receipt(result.receipt_id).raw["principal"] == "key-agent"
    permitted = [one.action_id for one in client.list_permitted_actions()]
    assert permitted == ["github_create_issue", "http_fetch"]
    with pytest.raises(LatchGateApprovalRequired):
        client.execute("github_create_issue", ISSUE)
    # One: the same call of the same agent is the same approval.
    assert [one["principal"] for one in gate.pending()] == ["key-agent"]


def test_who_presents_no_key_is_nobody(agent) -> None:
    with (
        Gate(tcp=True, data=RIGHTS) as gate,
        pytest.raises(LatchGateDenied, match="dev:anonymous"),
    ):
        agent(base_url=gate.url).execute("http_fetch", PAGE)


def test_a_session_of_a_key_is_renewed_with_it_and_never_shows_it(agent) -> None:
    key = DPoPKeyPair.generate()
    with Gate(
        tcp=True,
        data=RIGHTS,
        keys="lease_ttl_seconds = 30",
        tables=f'[agents.reader]\nprincipal = "key-agent"\ndpop_jkt = "{key.thumbprint}"',
    ) as gate:
        client = agent(base_url=gate.url, key=key)
        client.connect(max_calls=2)
        client.execute("http_fetch", PAGE)
        session, lease = client.session_id, client.lease_jti
        # The same key in another client is the same agent in another session.
        other = agent(base_url=gate.url, key=key)
        other.execute("http_fetch", PAGE)
        assert other.session_id != session
        gate.set_clock(40)
        client.execute("http_fetch", PAGE)
        assert client.session_id == session and client.lease_jti != lease
        with pytest.raises(LatchGateBudgetExhausted):
            client.execute("http_fetch", PAGE)
        assert repr(key) == f"DPoPKeyPair(thumbprint='{key.thumbprint}')"
