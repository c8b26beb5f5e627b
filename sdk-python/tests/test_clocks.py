"""The gate's time is what leases and proofs are about."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone

import pytest
from gate_double import GateDouble, Seen, claims
from latchgate import DPoPKeyPair, LatchGateAuthError
from latchgate._address import GateAddress
from latchgate._answer import Answer
from latchgate._request import Requests

HOUR = 3600
EXECUTE = "/v1/actions/a/execute"


class Clocked:
    """A double that refuses proofs as a gate does, by its own clock, and leases for a minute."""

    def __init__(self, gate: GateDouble, ahead: float) -> None:
        gate.clock_ahead = ahead
        self.gate = gate
        self.plain = gate.answer
        gate.answer = self.answer  # type: ignore[method-assign]

    def answer(self, seen: Seen) -> tuple[int, object]:
        now = time.time() + self.gate.clock_ahead
        ends = datetime.fromtimestamp(now + 60, timezone.utc)
        self.gate.expires_at = ends.isoformat().replace("+00:00", "Z")
        if "dpop" in seen.headers:
            age = int(now) - claims(seen.headers["dpop"])["iat"]
            if age > 60:
                return 401, {"error": "invalid_dpop", "deny_reason": f"iat too old: {age} s"}
            if age < -5:
                return 401, {
                    "error": "invalid_dpop",
                    "deny_reason": f"iat too far in future: {-age} s",
                }
        return self.plain(seen)


@pytest.mark.parametrize("ahead", [HOUR, -HOUR, 23 * HOUR], ids=["behind", "ahead", "a day behind"])
def test_a_machine_whose_clock_is_off_takes_the_time_of_the_gate(
    gate: GateDouble, call, ahead: float
) -> None:
    Clocked(gate, ahead)
    call(
        {"base_url": gate.url, "agent_id": "me"},
        lambda c: c.execute("a"),
        lambda c: c.execute("a"),
        lambda c: c.execute("a"),
    )
    # One proof was refused, and no lease that looks expired was replaced.
    assert gate.paths() == ["/v1/leases", EXECUTE, EXECUTE, EXECUTE, EXECUTE]


def test_a_clock_that_is_mended_while_a_client_lives_is_noticed(gate: GateDouble, call) -> None:
    Clocked(gate, HOUR)

    def mend(_: object) -> None:
        gate.clock_ahead = 0

    call(
        {"base_url": gate.url, "agent_id": "me"},
        lambda c: c.execute("a"),
        mend,
        lambda c: c.execute("a"),
    )
    assert gate.paths()[-1] == EXECUTE


@pytest.mark.parametrize(("ahead", "where"), [(25 * HOUR, "behind"), (-25 * HOUR, "ahead of")])
def test_a_clock_more_than_a_day_off_is_not_followed_but_told(
    gate: GateDouble, call, ahead: float, where: str
) -> None:
    Clocked(gate, ahead)
    with pytest.raises(LatchGateAuthError) as caught:
        call({"base_url": gate.url, "agent_id": "me"}, lambda c: c.execute("a"))
    assert re.fullmatch(
        r"authentication failed: invalid_dpop: iat too .* [0-9]+ s\. The clock of this machine is "
        rf"\d+ s {where} the gate's: set the one that is wrong by network time",
        str(caught.value),
    )
    assert gate.paths() == ["/v1/leases", EXECUTE]


def test_a_gate_that_shows_another_time_each_time_is_asked_twice_not_for_ever(
    gate: GateDouble, call
) -> None:
    plain = gate.answer

    def answer(seen: Seen) -> tuple[int, object]:
        if seen.path == "/v1/leases":
            return plain(seen)
        gate.clock_ahead += 600
        return 401, {"error": "invalid_dpop"}

    gate.answer = answer  # type: ignore[method-assign]
    with pytest.raises(LatchGateAuthError):
        call({"base_url": gate.url, "agent_id": "me"}, lambda c: c.execute("a"))
    assert gate.paths() == ["/v1/leases", EXECUTE, EXECUTE]


def test_a_proof_refused_for_another_reason_is_not_made_again(gate: GateDouble, call) -> None:
    gate.answers[("POST", EXECUTE)] = [(401, {"error": "invalid_dpop", "deny_reason": "htm"})]
    with pytest.raises(LatchGateAuthError) as caught:
        call({"base_url": gate.url, "agent_id": "me"}, lambda c: c.execute("a"))
    assert str(caught.value) == "authentication failed: invalid_dpop: htm"
    assert gate.paths() == ["/v1/leases", EXECUTE]


def test_the_time_of_a_call_sent_twice_is_that_of_one() -> None:
    url = "http://localhost:3000"
    requests = Requests(GateAddress(url, url, None, False))
    steps = requests.send("GET", "/x", 5.0, key=DPoPKeyPair.generate())
    first = steps.send(None)
    assert first.timeout == 5.0
    time.sleep(0.05)
    refused = Answer(401, {"error": "invalid_dpop"}, date=time.time() + HOUR)
    second = steps.send(refused)
    assert second.timeout < 4.96
    made = claims(second.headers["dpop"])["iat"] - claims(first.headers["dpop"])["iat"]
    assert HOUR - 2 <= made <= HOUR + 2
