"""latchgate-langchain 0.1.1, unmodified, discovers and executes."""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import version

from conftest import ISSUE, assert_held_until_approved
from gate_driver import Gate
from latchgate_langchain import LatchGateToolset


def test_every_action_is_discovered_and_one_executes(gate: Gate) -> None:
    assert version("latchgate-langchain") == "0.1.1"

    async def use() -> None:
        async with await LatchGateToolset.create() as toolset:
            tools = {tool.name: tool for tool in toolset.get_tools()}
            assert len(tools) == 14
            fetch = tools["http_fetch"]
            assert "url" in fetch.args_schema.model_fields
            assert "risk=low" in fetch.description
            output = json.loads(await fetch.ainvoke({"url": "https://api.github.com/data"}))
            assert (output["ok"], output["data"]["status_code"]) == (True, 200)

    asyncio.run(use())
    assert [(one["method"], one["url"]) for one in gate.requests] == [("GET", "/data")]


def test_a_held_call_tells_the_model_no_approval_id_and_runs_once_approved(gate: Gate) -> None:
    async def use() -> str:
        async with await LatchGateToolset.create(include={"github_create_issue"}) as toolset:
            (tool,) = toolset.get_tools()
            return str(await tool.ainvoke(ISSUE))

    told = asyncio.run(use())
    assert_held_until_approved(gate, told)
