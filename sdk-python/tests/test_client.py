from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest
from gate_double import RESULT, GateDouble, claims
from latchgate import (
    LatchGateApprovalRequired,
    LatchGateAuthError,
    LatchGateDenied,
    LatchGateNotConnected,
    LatchGateTransportError,
    LatchGateUnavailable,
)
from latchgate._default_socket import check_default_socket, default_socket_path

EXECUTE = ("POST", "/v1/actions/a/execute")
LEASES = ("POST", "/v1/leases")


def test_the_first_call_connects_and_sends_lease_and_proof(gate: GateDouble, call) -> None:
    result = call({"base_url": gate.url, "agent_id": "me"}, lambda c: c.execute("a", {"x": 1}))
    assert (result.output, result.receipt_id) == (RESULT["output"], "r-1")
    assert result.is_fully_successful
    lease, executed = gate.seen
    assert lease.json["scopes"] == ["tools:call"] and "budgets" not in lease.json
    assert "authorization" not in lease.headers and "dpop" not in lease.headers
    assert executed.body == b'{"x":1}'
    assert executed.headers["authorization"] == "DPoP lease.1"
    assert executed.headers["x-latchgate-agent"] == "me"
    proof = claims(executed.headers["dpop"])
    assert (proof["htm"], proof["htu"]) == ("POST", f"{gate.url}/v1/actions/a/execute")


def test_an_explicit_socket_wins_over_latchgate_url(gate: GateDouble, call, monkeypatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        double = GateDouble(os.path.join(folder, "s"))
        try:
            monkeypatch.setenv("LATCHGATE_URL", gate.url)
            call({"socket": os.path.join(folder, "s"), "agent_id": "me"}, lambda c: c.execute("a"))
            assert double.paths() == ["/v1/leases", "/v1/actions/a/execute"]
            assert claims(double.seen[1].headers["dpop"])["htu"].startswith("http://localhost/v1/")
            assert gate.seen == []
        finally:
            double.close()


def test_without_xdg_runtime_dir_the_error_says_where_was_looked_and_why() -> None:
    path = default_socket_path({}, 4_000_000_000)
    with pytest.raises(LatchGateTransportError) as caught:
        check_default_socket(path, 4_000_000_000)
    said = str(caught.value)
    assert f"no gate answers on {path} " in said and "XDG_RUNTIME_DIR is not set here" in said


def test_a_default_socket_in_a_directory_open_to_others_is_refused(call, monkeypatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.delenv("LATCHGATE_URL", raising=False)
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        (Path(folder) / "latchgate").mkdir(mode=0o700)
        double = GateDouble(os.path.join(folder, "latchgate", "gate.sock"))
        try:
            os.chmod(os.path.join(folder, "latchgate"), 0o777)
            with pytest.raises(LatchGateTransportError, match="has mode 0777, not 0700"):
                call({"agent_id": "me"}, lambda c: c.execute("a"))
            assert double.seen == []
            os.chmod(os.path.join(folder, "latchgate"), 0o700)
            assert call({"agent_id": "me"}, lambda c: c.execute("a")).receipt_id == "r-1"
        finally:
            double.close()


def test_without_agent_id_nothing_is_sent(gate: GateDouble, call) -> None:
    with pytest.raises(LatchGateNotConnected, match=r"call connect\(\) before execute\(\)"):
        call({"base_url": gate.url}, lambda c: c.execute("a"))
    assert gate.seen == []


@pytest.mark.parametrize("bad", ["", "../x", "a/b", "a" * 257, "a\n"])
def test_a_bad_id_is_refused_before_anything_is_sent(gate: GateDouble, call, bad: str) -> None:
    with pytest.raises(ValueError, match=r"action_id (must not|exceeds|contains)"):
        call({"base_url": gate.url, "agent_id": "me"}, lambda c: c.execute(bad))
    assert gate.seen == []


def test_an_unknown_lease_is_replaced_with_what_is_left_of_the_budget(
    gate: GateDouble, call
) -> None:
    gate.answers[EXECUTE] = [(200, RESULT), (401, {"error": "invalid_lease"}), (200, RESULT)]
    call(
        {"base_url": gate.url, "agent_id": "me"},
        lambda c: c.connect(scopes=["s"], max_calls=5),
        lambda c: c.execute("a"),
        lambda c: c.execute("a"),
    )
    leases = [one for one in gate.seen if one.path == "/v1/leases"]
    assert [one.json["budgets"] for one in leases] == [{"max_calls": 5}, {"max_calls": 4}]
    assert [one.json["scopes"] for one in leases] == [["s"], ["s"]]


def test_an_expired_lease_is_renewed_with_its_own_key(gate: GateDouble, call) -> None:
    gate.answers[EXECUTE] = [(401, {"error": "lease_expired"}), (200, RESULT)]
    call({"base_url": gate.url, "agent_id": "me"}, lambda c: c.execute("a"))
    first, _, renewal, _ = gate.seen
    assert renewal.headers["authorization"] == "DPoP lease.1"
    assert renewal.json["dpop_jwk"] == first.json["dpop_jwk"]


def test_a_revoked_lease_is_not_replaced(gate: GateDouble, call) -> None:
    gate.answers[EXECUTE] = [(401, {"error": "lease_revoked"})]
    with pytest.raises(LatchGateAuthError, match="authentication failed: lease_revoked"):
        call({"base_url": gate.url, "agent_id": "me"}, lambda c: c.execute("a"))
    assert gate.leases == 1


def test_a_key_file_that_others_can_read_is_refused(gate: GateDouble, call, tmp_path) -> None:
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    for form in (s.PrivateFormat.PKCS8, s.PrivateFormat.TraditionalOpenSSL):
        file = tmp_path / "key.pem"
        file.write_bytes(key.private_bytes(s.Encoding.PEM, form, s.NoEncryption()))
        file.chmod(0o640)
        options = {"base_url": gate.url, "agent_id": "me", "key_file": file}
        with pytest.raises(ValueError, match=f"chmod 600 {file}"):
            call(options)
        file.chmod(0o600)
        gate.seen.clear()
        call(options, lambda c: c.execute("a"))
        proof = claims(gate.seen[0].headers["dpop"])
        assert proof["htu"] == f"{gate.url}/v1/leases" and "ath" not in proof


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (400, {"error": "bad"}, LatchGateDenied, "action 'a' denied by policy: bad"),
        (403, {"error": "denied", "deny_reason": "no"}, LatchGateDenied,
         "action 'a' denied by policy: denied: no"),
        (429, {"error": "slow"}, LatchGateUnavailable,
         "gateway unavailable: unexpected status 429: slow"),
        (502, b"<html>", LatchGateUnavailable, "gateway unavailable: unknown"),
        (502, {"error": "action_execution_failed", "message": "cannot resolve a.example"},
         LatchGateUnavailable,
         "gateway unavailable: action_execution_failed: cannot resolve a.example"),
        (401, {"error": "invalid_dpop", "deny_reason": "htu mismatch: got 'b'", "message": "m"},
         LatchGateAuthError,
         "authentication failed: invalid_dpop: htu mismatch: got 'b'. Set public_base_url to the "
         "gate's public_base_url, or reach it at that URL"),
        (200, b"{", LatchGateTransportError,
         "transport error: invalid JSON in execute response: is it a gate that answers there? See "
         "base_url, socket or LATCHGATE_URL"),
        (202, {"approval_id": "p"}, LatchGateApprovalRequired,
         "action 'a' requires approval: poll approval_id='p'"),
    ],
)  # fmt: skip
def test_each_answer_has_its_error(gate: GateDouble, call, status, body, kind, text) -> None:
    gate.answers[EXECUTE] = [(status, body)]
    with pytest.raises(kind) as caught:
        call({"base_url": gate.url, "agent_id": "me"}, lambda c: c.execute("a"))
    assert str(caught.value) == text


def test_a_held_call_is_waited_for_and_gives_its_result(gate: GateDouble, call) -> None:
    gate.answers[("GET", "/v1/approvals/p/wait")] = [
        (200, {"status": "pending", "retry_after_seconds": 0}),
        (200, {"status": "approved"}),
    ]
    gate.answers[("GET", "/v1/approvals/p/result")] = [(200, RESULT)]
    result = call({"base_url": gate.url, "agent_id": "me"}, lambda c: c.wait_for_approval("p"))
    assert result.receipt_id == "r-1"


def test_permitted_actions_are_read(gate: GateDouble, call) -> None:
    entry = {
        "action_id": "a", "version": "1.0.0", "description": "d", "risk_level": "low",
        "declared_side_effects": ["network"], "approval": "none", "request_schema": None,
        "egress": {"proxy_allowlist": {"allowed_domains": ["x.example"]}},
    }  # fmt: skip
    gate.answers[("GET", "/v1/permitted-actions")] = [(200, {"actions": [entry]})]
    options = {"base_url": gate.url, "agent_id": "me"}
    (action,) = call(options, lambda c: c.list_permitted_actions())
    assert (action.action_id, action.approval, action.request_schema) == ("a", "none", None)
    assert action.egress.allowed_domains == ("x.example",)


def test_many_callers_share_one_connect(gate: GateDouble) -> None:
    import asyncio

    from latchgate import LatchGateClient

    async def main() -> None:
        async with LatchGateClient(base_url=gate.url, agent_id="me") as client:
            await asyncio.gather(*(client.execute("a") for _ in range(8)))

    asyncio.run(main())
    assert gate.leases == 1 and len(gate.seen) == 9


def test_threads_share_one_connect(gate: GateDouble) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from latchgate import LatchGateSyncClient

    with (
        LatchGateSyncClient(base_url=gate.url, agent_id="me") as client,
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(lambda _: client.execute("a"), range(8)))
    assert gate.leases == 1 and len(gate.seen) == 9


def test_a_closed_client_sends_nothing(gate: GateDouble, call) -> None:
    options = {"base_url": gate.url, "agent_id": "me"}
    with pytest.raises(LatchGateTransportError, match="this client is closed"):
        call(options, lambda c: c.close(), lambda c: c.execute("a"))
    assert gate.seen == []


def test_closing_ends_a_wait_for_approval(gate: GateDouble) -> None:
    import asyncio
    import threading

    from latchgate import LatchGateClient, LatchGateSyncClient

    asked = ("GET", "/v1/approvals/p/wait")
    gate.answers[asked] = [(200, {"status": "pending", "retry_after_seconds": 500})]

    def until_asked() -> None:
        while not any(path.startswith(asked[1]) for path in gate.paths()):
            time.sleep(0.01)

    async def main() -> None:
        client = LatchGateClient(base_url=gate.url, agent_id="me")
        wait = asyncio.create_task(client.wait_for_approval("p"))
        await asyncio.to_thread(until_asked)
        await client.close()
        with pytest.raises(LatchGateTransportError):
            await wait

    asyncio.run(main())
    gate.seen.clear()
    client = LatchGateSyncClient(base_url=gate.url, agent_id="me")
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            client.wait_for_approval("p")
        except LatchGateTransportError as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    until_asked()
    client.close()
    thread.join()
    assert len(caught) == 1
