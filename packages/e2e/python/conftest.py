"""What the suites share: a gate per transport, found without any configuration of the agent."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import loopback_only
import pytest
from gate_driver import Gate

loopback_only.install()

ISSUE = {"owner": "acme", "repo": "rocket", "title": "Fins fall off"}
CREATED = {"id": 1, "number": 7, "html_url": "https://github.com/acme/rocket/issues/7"}


@pytest.fixture(params=["tcp", "socket"])
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Over TCP the agent is told ``LATCHGATE_URL``; on the default socket it is told nothing."""
    runtime = tempfile.mkdtemp(prefix="lg-run-")
    directory = Path(runtime, "latchgate")
    directory.mkdir(mode=0o700)
    where = {"tcp": True} if request.param == "tcp" else {"socketDirectory": str(directory)}
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    monkeypatch.delenv("LATCHGATE_URL", raising=False)
    try:
        with Gate(env={"LATCHGATE_SECRET_GITHUB_TOKEN": "ghp_test_0123456789"}, **where) as gate:
            if gate.url is not None:
                monkeypatch.setenv("LATCHGATE_URL", gate.url)
            gate.answer("POST", "/repos/acme/rocket/issues", status=201, body=CREATED)
            yield gate
    finally:
        shutil.rmtree(runtime)
    assert loopback_only.LEFT == []


def assert_held_until_approved(gate: Gate, told: str) -> None:
    """A framework's held call: the model hears of it without the id, and approving runs it once."""
    assert "requires human approval" in told
    (pending,) = gate.pending()
    assert pending["approval_id"] not in told
    assert gate.requests == []
    assert gate.approve(pending["approval_id"])["status"] == 200
    (sent,) = gate.requests
    assert (sent["method"], sent["url"]) == ("POST", "/repos/acme/rocket/issues")
