"""What goes wrong between an agent and its gate: a typed error that says what to do, in time."""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from agents import CREATED, ISSUE, PAGE, SECRETS, Agent
from gate_driver import Gate
from latchgate import (
    LatchGateApprovalExpired,
    LatchGateApprovalRequired,
    LatchGateApprovalTimeout,
    LatchGateAuthError,
    LatchGateBudgetExhausted,
    LatchGateTransportError,
    LatchGateUnavailable,
)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the default socket is looked for; short, for a socket's path has 107 bytes."""
    directory = Path(tempfile.mkdtemp(prefix="lg-run-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    monkeypatch.delenv("LATCHGATE_URL", raising=False)
    yield directory
    shutil.rmtree(directory)


def hold(gate: Gate, client) -> str:
    gate.answer("POST", "/repos/acme/rocket/issues", status=201, body=CREATED)
    with pytest.raises(LatchGateApprovalRequired) as caught:
        client.execute("github_create_issue", ISSUE)
    return caught.value.approval_id


def failure(client, kind=LatchGateTransportError) -> str:
    with pytest.raises(kind) as caught:
        client.execute("http_fetch", PAGE)
    return str(caught.value)


# No gate, wrong socket.


def test_without_a_gate_it_says_how_to_start_one(runtime: Path, agent) -> None:
    remedy = (
        "start one with `latchgate up`, set LATCHGATE_URL, or name its socket with the option "
        "'socket'"
    )
    path = runtime / "latchgate" / "gate.sock"
    why = f"{path.parent} does not exist"
    assert failure(agent()) == f"transport error: no gate answers on {path} ({why}): {remedy}"
    path.parent.mkdir(mode=0o700)
    assert failure(agent()) == (
        f"transport error: no gate answers on {path} (there is no socket): {remedy}"
    )
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
    for client in (agent(), agent(socket=path)):
        assert failure(client) == (
            f"transport error: no gate answers on {path} (ECONNREFUSED): {remedy}"
        )
    assert failure(agent(socket=runtime / "other.sock")) == (
        f"transport error: no gate answers on {runtime}/other.sock (ENOENT): {remedy}"
    )


def test_a_file_in_the_socket_s_place_is_refused(runtime: Path, agent) -> None:
    path = runtime / "latchgate" / "gate.sock"
    path.parent.mkdir(mode=0o700)
    path.write_text("")
    assert failure(agent()) == f"transport error: refusing {path}: it is not a socket"


def test_over_tcp_it_names_the_address_that_does_not_answer(runtime: Path, agent) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert failure(agent(base_url=url)) == (
            f"transport error: no gate answers on {url} (ECONNREFUSED): start one, or say where it "
            "is with LATCHGATE_URL or the option base_url"
        )


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"HTTP/1.1 201 Created\r\ncontent-length: 8\r\n\r\n<html>\r\n",
         "invalid JSON in lease response"),
        (b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n[]",
         "expected JSON object in lease response, got list"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "missing lease_jwt in lease response"),
        (b"220 mail.example ESMTP\r\n", None),
        (b"", None),
    ],
    ids=["no JSON", "no object", "no lease", "no HTTP", "nothing"],
)  # fmt: skip
def test_a_socket_of_something_else_is_told_from_a_gate(
    runtime: Path, agent, said: bytes, error: str | None
) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(runtime / "other.sock"))
        other.listen()
        answering = threading.Thread(target=answer_once, args=(other, said))
        answering.start()
        shown = failure(agent(socket=runtime / "other.sock"))
        answering.join()
    if error is None:
        assert shown.startswith("transport error: ")
    else:
        remedy = ": is it a gate that answers there? See base_url, socket or LATCHGATE_URL"
        assert shown == f"transport error: {error}{'' if 'missing' in error else remedy}"


def answer_once(listening: socket.socket, said: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        received = b""
        while b"dpop_jwk" not in received:
            received += connection.recv(65536)
        connection.sendall(said)


# A socket directory of another user.


def test_a_socket_directory_of_another_user_is_refused_and_nothing_is_sent(
    runtime: Path, agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = runtime / "latchgate"
    directory.mkdir(mode=0o700)
    uid = os.getuid()
    with Gate(socketDirectory=str(directory)) as gate:
        agent().execute("http_fetch", PAGE)
        gate.forget()
        # Nobody but root gives a directory away: the agent becomes somebody else instead.
        monkeypatch.setattr(os, "getuid", lambda: uid + 1)
        assert failure(agent()) == (
            f"transport error: refusing the gate socket {gate.socket}: {directory} belongs to uid "
            f"{uid}, not to uid {uid + 1}; somebody else could pose as the gate. Remove that "
            "directory and start the gate again, or name the socket you trust with the option "
            "'socket'"
        )
        assert gate.requests == []


def test_a_directory_that_is_exchanged_between_two_calls_is_refused(runtime: Path, agent) -> None:
    directory = runtime / "latchgate"
    directory.mkdir(mode=0o700)
    with Gate(socketDirectory=str(directory)) as gate:
        client = agent()
        client.execute("http_fetch", PAGE)
        directory.rename(runtime / "real")
        directory.symlink_to(runtime / "real")
        assert "is a symbolic link; somebody else could pose as the gate" in failure(client)
        directory.unlink()
        (runtime / "real").rename(directory)
        client.execute("http_fetch", PAGE)
        assert len(gate.requests) == 2


# Leases and restarts.


def test_an_expired_lease_is_renewed_with_its_session_and_its_budget(agent) -> None:
    with Gate(keys="lease_ttl_seconds = 30") as gate:
        client = agent(socket=gate.socket)
        client.connect(max_calls=3)
        client.execute("http_fetch", PAGE)
        session, lease = client.session_id, client.lease_jti
        # Longer than the lease lives, and not so long that a proof made now is too old.
        gate.set_clock(40)
        calls = [client.begin("execute", "http_fetch", PAGE) for _ in range(2)]
        assert len({one.result().receipt_id for one in calls}) == 2
        assert client.session_id == session and client.lease_jti != lease
        failure(client, LatchGateBudgetExhausted)
        assert len(gate.requests) == 3
        assert client.sequence_findings == ()


def test_a_session_outlives_a_gate_that_was_killed(agent) -> None:
    with Gate(spawned=True, env=SECRETS) as gate:
        client = agent(socket=gate.socket)
        client.connect(max_calls=3)
        client.execute("http_fetch", PAGE)
        session = client.session_id
        approval_id = hold(gate, client)
        gate.signal("SIGKILL")
        assert "no gate answers on" in failure(client)
        waiting = client.begin("wait_for_approval", approval_id, timeout=60)
        gate.start()
        client.execute("http_fetch", PAGE)
        assert client.session_id == session
        approved = gate.approve(approval_id)["body"]
        assert waiting.result().receipt_id == approved["receipt_id"]
        failure(client, LatchGateBudgetExhausted)
        assert [one["method"] for one in gate.requests] == ["GET", "GET", "POST"]


def test_a_gate_that_lost_its_key_is_given_a_new_session_with_what_is_left(agent) -> None:
    with Gate() as gate:
        client = agent(socket=gate.socket)
        client.connect(max_calls=2)
        client.execute("http_fetch", PAGE)
        session = client.session_id
        gate.stop()
        Path(gate.root, "keys/lease.pem").unlink()
        gate.start()
        client.execute("http_fetch", PAGE)
        assert client.session_id != session
        failure(client, LatchGateBudgetExhausted)
        assert len(gate.requests) == 2


# Clocks.


@pytest.mark.parametrize("ahead", [3600, -3600], ids=["ahead", "behind"])
def test_an_agent_whose_clock_is_off_takes_the_time_of_the_gate(
    plain: Gate, agent, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    right = time.time
    client = agent(socket=plain.socket)
    monkeypatch.setattr(time, "time", lambda: right() + ahead)
    client.connect(max_calls=2)
    session = client.session_id
    client.execute("http_fetch", PAGE)
    lease = client.lease_jti
    client.execute("http_fetch", PAGE)
    assert (client.session_id, client.lease_jti) == (session, lease)
    failure(client, LatchGateBudgetExhausted)
    assert len(plain.requests) == 2


def test_an_agent_whose_clock_is_days_off_is_told_by_how_much(
    plain: Gate, agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = time.time
    client = agent(socket=plain.socket)
    monkeypatch.setattr(time, "time", lambda: right() - 200_000)
    shown = failure(client, LatchGateAuthError)
    assert re.fullmatch(
        r"authentication failed: invalid_dpop: iat too old: 2000\d\d s, at most 60 s\. The "
        r"clock of this machine is (199|200)\d{3} s behind the gate's: set the one that is "
        r"wrong by network time",
        shown,
    ), shown
    assert plain.requests == []


@pytest.mark.parametrize(
    ("offset", "reason"), [(70, "iat too old"), (-15, "iat too far in future")]
)
def test_a_gate_that_disagrees_with_its_own_date_is_not_followed(
    agent, offset: int, reason: str
) -> None:
    with Gate(clockOffset=offset) as gate:
        with pytest.raises(LatchGateAuthError) as caught:
            agent(socket=gate.socket).execute("http_fetch", PAGE)
        shown = str(caught.value)
        assert shown.startswith(f"authentication failed: invalid_dpop: {reason}: ")
        assert shown.endswith(
            " s. The clock of this machine differs from the gate's: set the one that is wrong by "
            "network time"
        )
        assert gate.requests == []


def test_a_gate_whose_clock_goes_back_refuses_everything_and_says_so(agent) -> None:
    with Gate() as gate:
        client = agent(socket=gate.socket)
        client.execute("http_fetch", PAGE)
        gate.set_clock(30)
        client.execute("http_fetch", PAGE)
        gate.set_clock(0)
        with pytest.raises(LatchGateUnavailable) as caught:
            client.execute("http_fetch", PAGE)
        assert caught.value.code == "clock_error"
        assert len(gate.requests) == 2


# Waits.


def test_an_approval_that_expires_while_it_is_waited_for_says_so() -> None:
    """Both clients at once: it takes the ten seconds that an approval lives at the least."""
    with Gate(env=SECRETS, tables="[approvals]\nttl_seconds = 10") as gate:
        agents = [Agent(kind, socket=gate.socket, agent_id=kind) for kind in ("async", "sync")]
        try:
            approval_id = hold(gate, agents[0])
            waits = [one.begin("wait_for_approval", approval_id, timeout=60) for one in agents]
            for wait in waits:
                with pytest.raises(LatchGateApprovalExpired) as caught:
                    wait.result()
                assert str(caught.value) == (
                    f"approval '{approval_id}' for action 'github_create_issue' expired without a "
                    "decision: make the call again"
                )
            assert [one.get_approval_status(approval_id).is_expired for one in agents] == [True] * 2
            assert gate.approve(approval_id)["status"] == 409
            assert gate.requests == []
        finally:
            for one in agents:
                one.close()


def test_when_the_time_to_wait_is_over_the_call_is_still_held(plain: Gate, agent) -> None:
    client = agent(socket=plain.socket)
    approval_id = hold(plain, client)
    with pytest.raises(LatchGateApprovalTimeout) as caught:
        client.wait_for_approval(approval_id, timeout=0.3)
    assert caught.value.approval_id == approval_id
    assert str(caught.value) == (
        f"no decision on approval '{approval_id}' within 0.3 s: it is still held"
    )
    receipt = plain.approve(approval_id)["body"]["receipt_id"]
    assert client.wait_for_approval(approval_id).receipt_id == receipt


def test_a_wait_that_is_given_up_leaves_the_approval_as_it_is(plain: Gate, agent) -> None:
    client = agent(socket=plain.socket)
    approval_id = hold(plain, client)
    waiting = client.begin("wait_for_approval", approval_id)
    # Answered after the wait was sent: both are requests of one client to one plain.
    assert client.get_approval_status(approval_id).is_pending
    client.give_up(waiting)
    later = agent(socket=plain.socket)
    assert later.get_approval_status(approval_id).is_pending
    receipt = plain.approve(approval_id)["body"]["receipt_id"]
    assert later.wait_for_approval(approval_id).receipt_id == receipt
    assert len(plain.requests) == 1


# A gate that hangs.


def test_a_gate_that_hangs_is_given_up_on_and_gone_on_with(agent) -> None:
    with Gate(spawned=True) as gate:
        client = agent(socket=gate.socket, timeout=1)
        patient = agent(socket=gate.socket)
        client.execute("http_fetch", PAGE)
        gate.signal("SIGSTOP")
        try:
            assert failure(client) == (
                "transport error: no answer within 1 s; the gate finishes what it has begun: see "
                "`latchgate status`, or raise timeout"
            )
            going_on = patient.begin("execute", "http_fetch", PAGE)
        finally:
            gate.signal("SIGCONT")
        assert going_on.result().is_fully_successful
        assert client.execute("http_fetch", PAGE).is_fully_successful
