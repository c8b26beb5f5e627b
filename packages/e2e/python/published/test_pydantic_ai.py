"""latchgate-pydantic-ai 0.1.1, unmodified, discovers and executes."""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import version
from typing import Any

from conftest import ISSUE, assert_held_until_approved
from gate_driver import Gate
from latchgate_pydantic_ai import LatchGateToolset
from pydantic_ai.messages import ToolCallPart


async def call(toolset: LatchGateToolset, name: str, arguments: dict[str, Any]) -> str:
    return str(await toolset.call_tool(ToolCallPart(tool_name=name, args=arguments)))


def test_every_action_is_discovered_and_one_executes(gate: Gate) -> None:
    assert version("latchgate-pydantic-ai") == "0.1.1"

    async def use() -> None:
        async with await LatchGateToolset.create() as toolset:
            tools = {tool.name: tool for tool in await toolset.get_tools()}
            assert len(tools) == 14
            assert "url" in tools["http_fetch"].parameters_json_schema["properties"]
            page = {"url": "https://api.github.com/data"}
            output = json.loads(await call(toolset, "http_fetch", page))
            assert (output["ok"], output["data"]["status_code"]) == (True, 200)

    asyncio.run(use())
    assert [(one["method"], one["url"]) for one in gate.requests] == [("GET", "/data")]


def test_a_held_call_tells_the_model_no_approval_id_and_runs_once_approved(gate: Gate) -> None:
    async def use() -> str:
        async with await LatchGateToolset.create(include={"github_create_issue"}) as toolset:
            return await call(toolset, "github_create_issue", ISSUE)

    told = asyncio.run(use())
    assert told.startswith("ERROR: ")
    assert_held_until_approved(gate, told)
