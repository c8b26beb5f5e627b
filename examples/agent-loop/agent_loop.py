"""An agent in one loop: a model proposes calls, the gate decides, the model hears of it."""

from __future__ import annotations

import json
import sys

from latchgate import ActionResult, LatchGateApprovalRequired, LatchGateError, LatchGateSyncClient
from scripted_model import Outcome, ScriptedModel, ToolCall, Turn

MAX_TURNS = 20


def main() -> None:
    try:
        with LatchGateSyncClient(agent_id="example-agent-loop") as client:
            run(client, ScriptedModel(), "Find a thought and a page; tidy up.")
    except LatchGateError as error:
        sys.exit(error.gate_message or str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def run(client: LatchGateSyncClient, model: ScriptedModel, task: str) -> None:
    # What policy would not refuse outright, with descriptions and schemas: a model's list of tools.
    tools = client.list_permitted_actions()
    told: list[Turn | Outcome] = []
    for _ in range(MAX_TURNS):
        turn = model.next(task, tools, told)
        told.append(turn)
        say("model", turn.say)
        if not turn.calls:
            return
        for call in turn.calls:
            told.append(Outcome(call, perform(client, call)))
    say("stopped", f"after {MAX_TURNS} turns")


def perform(client: LatchGateSyncClient, call: ToolCall) -> str:
    """Makes one call; what the model is to be told, be it a result or a refusal."""
    say("call", f"{call.action} {json.dumps(call.params)}")
    try:
        result = execute(client, call)
    except LatchGateError as error:
        # No answer from the gate is nothing that a model could mend.
        if error.status is None:
            raise
        doubt = " (it may have happened: do not repeat it)" if error.outcome == "unknown" else ""
        refusal = f"refused: {error.gate_message or error}{doubt}"
        say("result", refusal)
        return refusal
    verified = "verified" if result.is_fully_successful else "not verified"
    say("result", f"{verified}, receipt {result.receipt_id}")
    return f"{verified}: {json.dumps(result.output)}"


def execute(client: LatchGateSyncClient, call: ToolCall) -> ActionResult:
    """A held call is not repeated: the gate makes it once an operator has approved."""
    try:
        return client.execute(call.action, call.params)
    except LatchGateApprovalRequired as held:
        say("held", f"for an operator: latchgate approvals approve {held.approval_id}")
        return client.wait_for_approval(held.approval_id)


def say(what: str, text: str) -> None:
    print(f"{what:<7} {text}", flush=True)


if __name__ == "__main__":
    main()
