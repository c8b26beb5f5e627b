"""Agents for the tests: each test that takes `agent` runs with both clients. Gates that nothing is
done to serve the tests of a module one after the other."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agents import CREATED, SECRETS, Agent
from gate_driver import Gate

Reached = tuple[Gate, str | None]


@pytest.fixture(scope="module", params=["tcp", "socket"])
def reached(request: pytest.FixtureRequest) -> Iterator[Reached]:
    """A gate over TCP, or on the default socket of a runtime directory."""
    if request.param == "tcp":
        with Gate(env=SECRETS, tcp=True) as gate:
            yield gate, None
        return
    runtime = tempfile.mkdtemp(prefix="lg-run-")
    directory = Path(runtime, "latchgate")
    directory.mkdir(mode=0o700)
    try:
        with Gate(env=SECRETS, socketDirectory=str(directory)) as gate:
            yield gate, runtime
    finally:
        shutil.rmtree(runtime)


@pytest.fixture
def gate(reached: Reached, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Over TCP the agent is told `LATCHGATE_URL`; on the default socket it is told nothing."""
    found, runtime = reached
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime or "/nowhere")
    if runtime is None:
        monkeypatch.setenv("LATCHGATE_URL", str(found.url))
    else:
        monkeypatch.delenv("LATCHGATE_URL", raising=False)
    found.answer("POST", "/repos/acme/rocket/issues", status=201, body=CREATED)
    found.forget()
    return found


@pytest.fixture(scope="module")
def running() -> Iterator[Gate]:
    """A gate on a socket of its own."""
    with Gate(env=SECRETS) as gate:
        gate.answer("POST", "/repos/acme/rocket/issues", status=201, body=CREATED)
        yield gate


@pytest.fixture
def plain(running: Gate) -> Gate:
    """That gate, with nothing sent to its upstream yet."""
    running.forget()
    return running


@pytest.fixture(params=["async", "sync"])
def agent(request: pytest.FixtureRequest) -> Iterator[Callable[..., Agent]]:
    """Makes a client with these options; it is closed with the test."""
    made: list[Agent] = []

    def make(**options: Any) -> Agent:
        made.append(Agent(request.param, **{"agent_id": "my-agent", **options}))
        return made[-1]

    yield make
    for one in made:
        one.close()
