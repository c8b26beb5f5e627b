from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from gate_double import GateDouble
from latchgate import LatchGateClient, LatchGateSyncClient


@pytest.fixture
def gate() -> Iterator[GateDouble]:
    double = GateDouble()
    yield double
    double.close()


@pytest.fixture(params=[LatchGateClient, LatchGateSyncClient], ids=["async", "sync"])
def call(request: Any) -> Any:
    """`call(options, lambda client: ...)`: each test runs with both clients."""

    def run(options: dict[str, Any], *steps: Any) -> Any:
        async def main() -> Any:
            client = request.param(**options)
            try:
                value = None
                for step in steps:
                    value = step(client)
                    if inspect.isawaitable(value):
                        value = await value
                return value
            finally:
                closed = client.close()
                if inspect.isawaitable(closed):
                    await closed

        return asyncio.run(main())

    return run
