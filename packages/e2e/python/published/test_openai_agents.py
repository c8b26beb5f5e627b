"""latchgate-openai-agents 0.1.1, unmodified, discovers and executes."""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import version
from typing import Any

from agents.tool_context import ToolContext
from conftest import ISSUE, assert_held_until_approved
from gate_driver import Gate
from latchgate_openai_agents import latchgate_tools


async def call(tool: Any, arguments: dict[str, Any]) -> str:
    text = json.dumps(arguments)
    context = ToolContext(
        context=None, tool_name=tool.name, tool_call_id="call-1", tool_arguments=text
    )
    return str(await tool.on_invoke_tool(context, text))


def test_every_action_is_discovered_and_one_executes(gate: Gate) -> None:
    assert version("latchgate-openai-agents") == "0.1.1"

    async def use() -> None:
        tools = {tool.name: tool for tool in await latchgate_tools()}
        assert len(tools) == 14
        schema = tools["http_fetch"].params_json_schema
        assert schema["additionalProperties"] is False
        assert set(schema["required"]) == set(schema["properties"])
        output = json.loads(await call(tools["http_fetch"], {"url": "https://api.github.com/data"}))
        assert (output["ok"], output["data"]["status_code"]) == (True, 200)

    asyncio.run(use())
    assert [(one["method"], one["url"]) for one in gate.requests] == [("GET", "/data")]


def test_a_held_call_tells_the_model_no_approval_id_and_runs_once_approved(gate: Gate) -> None:
    async def use() -> str:
        (tool,) = await latchgate_tools(include={"github_create_issue"})
        return await call(tool, ISSUE)

    told = asyncio.run(use())
    assert told.startswith("ERROR: ")
    assert_held_until_approved(gate, told)
