"""latchgate-crewai 0.1.1, unmodified, discovers and executes."""

from __future__ import annotations

import json
from importlib.metadata import version

from conftest import ISSUE, assert_held_until_approved
from gate_driver import Gate
from latchgate_crewai import LatchGateToolset


def test_every_action_is_discovered_and_one_executes(gate: Gate) -> None:
    assert (version("latchgate-crewai"), version("latchgate")) == ("0.1.1", "0.2.0")
    toolset = LatchGateToolset.create_sync()
    assert len(toolset.action_ids) == 14
    fetch = toolset.get("http_fetch")
    assert "url" in fetch.args_schema.model_fields
    output = json.loads(fetch.run(url="https://api.github.com/data"))
    assert (output["ok"], output["data"]["status_code"]) == (True, 200)
    assert [(one["method"], one["url"]) for one in gate.requests] == [("GET", "/data")]


def test_a_held_call_tells_the_model_no_approval_id_and_runs_once_approved(gate: Gate) -> None:
    toolset = LatchGateToolset.create_sync(include={"github_create_issue"})
    told = toolset.get("github_create_issue").run(**ISSUE)
    assert told.startswith("ERROR: ")
    assert_held_until_approved(gate, told)
