"""The Python programs of ``examples/``, run against a gate on the default socket."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from gate_driver import Gate

EXAMPLES = Path(__file__).resolve().parents[4] / "examples"
LOOP = EXAMPLES / "agent-loop/agent_loop.py"
MACHINE = EXAMPLES / "approval-machine/approval_machine.py"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
HELD = re.compile(f"latchgate approvals approve ({UUID})\n")

RIGHTS = {
    "policy_version": "examples",
    "acl": {
        "agent-test": {
            "allowed_actions": ["http_fetch", "http_post"],
            "allowed_sinks": ["http_read", "http_write"],
        }
    },
    "latchgate": {"require_approval": {"http_post": {"*": True}}},
}


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lg-ex-") as path:
        Path(path, "latchgate").mkdir(mode=0o700)
        yield Path(path)


@pytest.fixture
def gate(home: Path) -> Iterator[Gate]:
    with Gate(socketDirectory=str(home / "latchgate"), data=RIGHTS) as gate:
        gate.answer("GET", "/zen", body="Keep it logically awesome.")
        gate.answer("GET", "/", body="<h1>Example Domain</h1>")
        gate.answer("POST", "/post", body={"json": {}})
        yield gate


class Program:
    """An example that runs; what it prints is read line by line."""

    def __init__(
        self, home: Path, file: Path, *arguments: str, program: str = sys.executable
    ) -> None:
        self._process = subprocess.Popen(
            [program, str(file), *arguments],
            cwd=home,
            env={**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""

    def until_held(self) -> str:
        """Reads on until the program waits for an approval, and gives its id."""
        while (found := HELD.search(self.said)) is None:
            line = self._process.stdout.readline()
            assert line != "", f"ended without a held call: {self.said}"
            self.said += line
        return found[1]

    def end(self) -> int:
        self.said += self._process.stdout.read()
        return self._wait()

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        self._process.kill()
        self._wait()

    def _wait(self) -> int:
        self._process.stdout.close()
        return self._process.wait()


def requests(gate: Gate) -> list[tuple[str, str, str]]:
    return [(one["method"], one["host"], one["url"]) for one in gate.requests]


def test_the_loop_is_told_of_a_denial_and_has_the_result_of_the_held_call(
    gate: Gate, home: Path
) -> None:
    agent = Program(home, LOOP)
    held = agent.until_held()
    assert requests(gate) == [("GET", "api.github.com", "/zen")]
    assert gate.approve(held)["status"] == 200
    assert agent.end() == 0
    assert re.sub(UUID, "ID", agent.said).splitlines() == [
        "model   I ask GitHub for a thought.",
        'call    http_fetch {"url": "https://api.github.com/zen"}',
        "result  verified, receipt ID",
        "model   I remove the repository, nobody needs it.",
        'call    http_delete {"url": "https://api.github.com/repos/acme/rocket"}',
        "result  refused: principal 'agent-test' is not authorised for action 'http_delete'",
        "model   I may not do that. Then I look at a page that nobody has listed.",
        'call    http_fetch {"url": "https://example.com/"}',
        "held    for an operator: latchgate approvals approve ID",
        "result  verified, receipt ID",
        "model   I made 3 calls; 1 had no result.",
    ]
    assert requests(gate)[1:] == [("GET", "example.com", "/")]


def test_the_loop_goes_on_after_a_denial_by_the_operator(gate: Gate, home: Path) -> None:
    agent = Program(home, LOOP)
    gate.operator("POST", f"/v1/approvals/{agent.until_held()}/deny", {"reason": "not today"})
    assert agent.end() == 0
    assert "result  refused: An operator denied this call: not today\n" in agent.said
    assert agent.said.endswith("I made 3 calls; 2 had no result.\n")
    assert requests(gate) == [("GET", "api.github.com", "/zen")]


def test_without_a_gate_the_programs_end_with_what_to_do(home: Path) -> None:
    for file in (LOOP, MACHINE):
        agent = Program(home, file)
        assert agent.end() == 1
        assert "latchgate up" in agent.said
        assert "Traceback" not in agent.said


@pytest.mark.parametrize("file", [LOOP, MACHINE])
def test_interrupted_while_it_waits_a_program_ends_without_a_traceback(
    gate: Gate, home: Path, file: Path
) -> None:
    agent = Program(home, file)
    agent.until_held()
    agent.interrupt()
    assert agent.end() == 130
    assert "Traceback" not in agent.said


def test_the_state_machine_survives_its_death_while_it_waits(gate: Gate, home: Path) -> None:
    first = Program(home, MACHINE)
    held = first.until_held()
    first.kill()
    saved = json.loads((home / "approval-machine.json").read_text())
    assert (saved["at"], saved["approvalId"]) == ("waiting", held)
    assert (home / "approval-machine.json").stat().st_mode & 0o777 == 0o600
    gate.approve(held)
    second = Program(home, MACHINE)
    assert second.end() == 0
    assert re.fullmatch(
        f"waiting   latchgate approvals approve {held}\ndone      verified, receipt {UUID}\n",
        second.said,
    )
    third = Program(home, MACHINE)
    assert (third.end(), third.said) == (0, second.said.splitlines(keepends=True)[1])
    assert requests(gate) == [("POST", "httpbin.org", "/post")]
    assert json.loads(gate.requests[0]["body"]) == saved["note"]


def test_what_the_typescript_program_began_the_python_one_ends(gate: Gate, home: Path) -> None:
    compiled = EXAMPLES / "dist/approval-machine/approval-machine.js"
    first = Program(home, compiled, program=os.environ["NODE"])
    held = first.until_held()
    first.kill()
    gate.approve(held)
    second = Program(home, MACHINE)
    assert (second.end(), requests(gate)) == (0, [("POST", "httpbin.org", "/post")])
    assert second.said.startswith(f"waiting   latchgate approvals approve {held}\ndone ")


def test_a_denied_note_ends_the_state_machine_and_is_not_sent(gate: Gate, home: Path) -> None:
    agent = Program(home, MACHINE, "note.json")
    gate.operator("POST", f"/v1/approvals/{agent.until_held()}/deny", {"reason": "typo"})
    assert agent.end() == 0
    assert agent.said.endswith("denied    typo\n")
    assert json.loads((home / "note.json").read_text()) == {"at": "denied", "reason": "typo"}
    assert requests(gate) == []
