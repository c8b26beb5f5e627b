"""Agents for the tests: each test that takes `agent` runs with both clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from agents import Agent


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
