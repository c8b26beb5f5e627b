"""A state machine whose one step needs a human: killed while it waits, it goes on later."""

from __future__ import annotations

import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

from latchgate import (
    ActionResult,
    LatchGateApprovalDenied,
    LatchGateApprovalExpired,
    LatchGateApprovalRequired,
    LatchGateApprovalTimeout,
    LatchGateDenied,
    LatchGateError,
    LatchGateSyncClient,
    LatchGateUnavailable,
)

# {"at": "drafting", "note": …} → {"at": "waiting", "note": …, "approvalId": …} → "done", "denied",
# "expired" or "failed": all that the program has to know when it starts again, as in
# approval-machine.ts.
State = dict[str, Any]


def main() -> None:
    file = Path(sys.argv[1] if len(sys.argv) > 1 else "approval-machine.json")
    try:
        with LatchGateSyncClient(agent_id="example-approval-machine") as client:
            run(client, file)
    except LatchGateError as error:
        sys.exit(f"{error.gate_message or error}\nstart again to go on from {file}")
    except KeyboardInterrupt:
        sys.exit(130)


def run(client: LatchGateSyncClient, file: Path) -> None:
    state: State | None = load(file)
    while state is not None:
        # Saved before the next step is taken: the file is never ahead of what happened.
        save(file, state)
        print(describe(state), flush=True)
        state = step(client, state)


def step(client: LatchGateSyncClient, state: State) -> State | None:
    """The state that follows; None: the end. Raises when the gate cannot be asked."""
    if state["at"] == "drafting":
        return publish(client, state["note"])
    if state["at"] == "waiting":
        return wait_for_operator(client, state)
    return None


def publish(client: LatchGateSyncClient, note: dict[str, str]) -> State:
    # When the program dies between the gate's answer and the file, it comes here again: while that
    # call is held, the gate answers the same call with the same approval.
    try:
        return done(client.execute("http_post", {"url": "https://httpbin.org/post", "body": note}))
    except LatchGateApprovalRequired as held:
        return {"at": "waiting", "note": note, "approvalId": held.approval_id}
    except LatchGateError as error:
        return ended(error)


def wait_for_operator(client: LatchGateSyncClient, state: State) -> State:
    # Only asks, and needs nothing but the id: it makes no difference which process made the call.
    try:
        return done(client.wait_for_approval(state["approvalId"]))
    except LatchGateApprovalTimeout:
        return state
    except LatchGateError as error:
        return ended(error)


def done(result: ActionResult) -> State:
    return {
        "at": "done",
        "receiptId": result.receipt_id,
        "verified": result.is_fully_successful,
    }


def ended(error: LatchGateError) -> State:
    if isinstance(error, LatchGateApprovalExpired):
        return {"at": "expired", "approvalId": error.approval_id}
    if isinstance(error, LatchGateApprovalDenied):
        return {"at": "denied", "reason": error.reason or "an operator said no"}
    if isinstance(error, LatchGateDenied):
        return {"at": "denied", "reason": error.gate_message or str(error)}
    # Dispatched, and it did not end well. Whether it had its effect is in the receipt.
    if isinstance(error, LatchGateUnavailable) and error.outcome is not None:
        reason = f"{error.gate_message or error} ({error.outcome})"
        return {"at": "failed", "reason": reason, "receiptId": error.receipt_id}
    raise error


def describe(state: State) -> str:
    facts = {
        "drafting": lambda: json.dumps(state["note"]["text"]),
        "waiting": lambda: f"latchgate approvals approve {state['approvalId']}",
        "done": lambda: (
            f"{'verified' if state['verified'] else 'not verified'}, receipt {state['receiptId']}"
        ),
        "denied": lambda: state["reason"],
        "expired": lambda: f"nobody decided on {state['approvalId']}",
        "failed": lambda: f"{state['reason']}, receipt {state['receiptId']}",
    }
    return f"{state['at']:<9} {facts[state['at']]()}"


def load(file: Path) -> State:
    """The state in the file, or the first one when there is no file."""
    if file.exists():
        return json.loads(file.read_text())
    # The id is made once, so that whoever receives the note twice can tell.
    return {"at": "drafting", "note": {"id": str(uuid.uuid4()), "text": "Release 1.4 is out."}}


def save(file: Path, state: State) -> None:
    """Writes beside the file, then replaces it: there is always one whole state."""
    beside = file.with_name(f"{file.name}.new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as new:
        new.write(json.dumps(state, indent=2) + "\n")
        new.flush()
        os.fsync(new.fileno())
    os.replace(beside, file)


if __name__ == "__main__":
    main()
