"""The published guide for custom agents, word for word, and every Python snippet of our own pages,
as programs of their own against a real gate. What the operator does is done through the driver."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gate_driver import Gate
from latchgate import DPoPKeyPair

ROOT = Path(__file__).resolve().parents[4]
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
GUIDE = (ROOT / "docs/custom-agent.md").read_text("utf-8")
PAGES = GUIDE + (ROOT / "sdk-python/README.md").read_text("utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGES, re.DOTALL)
(MANIFEST,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
ACTIONS = ["http_fetch", "github_create_issue", "send_message"]
SINKS = ["http_read", "http_write", "http_delete"]
RIGHTS = {
    "policy_version": "guide-1",
    "acl": {
        name: {"allowed_actions": ACTIONS, "allowed_sinks": SINKS}
        for name in ("agent-test", "dev:anonymous", "reader")
    },
}

# The published guide's own Python, to the letter.

LOOP = """\
import asyncio
from latchgate import LatchGateClient, LatchGateApprovalRequired

async def agent_loop():
    async with LatchGateClient(agent_id="my-agent") as client:
        # Every call goes through auth => policy => WASM sandbox => receipt.
        result = await client.execute("http_fetch", {
            "url": "https://api.example.com/data",
        })
        print(result.output)
        print(f"receipt: {result.receipt_id}")

        # High-risk actions trigger the approval flow automatically.
        try:
            await client.execute("github_create_issue", {
                "owner": "myorg",
                "repo": "myrepo",
                "title": "Automated issue",
                "body": "Created by agent with LatchGate audit trail.",
            })
        except LatchGateApprovalRequired as exc:
            print(f"Waiting for operator approval: {exc.approval_id}")

asyncio.run(agent_loop())
"""

POLLING = """\
from latchgate import LatchGateApprovalRequired

try:
    result = await client.execute("send_message", {
        "to": "ceo@example.com",
        "subject": "Contract signed",
        "body": "The deal is closed.",
    })
except LatchGateApprovalRequired as exc:
    print(f"Approval required: {exc.approval_id}")
    # Notify operator, then poll:
    while True:
        status = await client.get_approval_status(exc.approval_id)
        if not status.is_pending:
            break
        await asyncio.sleep(5)
    print(f"Approval resolved: {status.decision}")
"""

RECEIPT = """\
result = await client.execute("http_fetch", {"url": "https://example.com"})
receipt = await client.get_receipt(result.receipt_id)
print(f"Verified: {receipt.is_fully_successful}")
"""

SOCKET = """\
client = LatchGateClient(
    socket="/run/latchgate/gate.sock",
    agent_id="my-agent",
)
"""

VARIABLE = """\
# Reads LATCHGATE_URL automatically:
client = LatchGateClient(agent_id="my-agent")
"""


def with_client(fragment: str) -> str:
    """Where the guide has a client already."""
    return f"""\
import asyncio
from latchgate import LatchGateClient

async def main():
    async with LatchGateClient(agent_id="my-agent") as client:
{indent(fragment, 8 * " ")}

asyncio.run(main())
"""


def then_used(fragment: str) -> str:
    """Where the guide makes a client and goes no further."""
    return f"""\
import asyncio
from latchgate import LatchGateClient

{fragment}

async def main():
    async with client:
        result = await client.execute("http_fetch", {{"url": "https://httpbin.org/get"}})
        print(result.receipt_id)

asyncio.run(main())
"""


class World:
    """A gate on the default socket of a runtime directory, ready for the guide."""

    def __init__(self, **options: object) -> None:
        self.runtime = tempfile.mkdtemp(prefix="lg-run-")
        directory = Path(self.runtime, "latchgate")
        directory.mkdir(mode=0o700)
        self.gate = Gate(
            socketDirectory=str(directory),
            manifests={"send_message.yaml": MANIFEST},
            data=RIGHTS,
            env={"LATCHGATE_SECRET_GITHUB_TOKEN": "ghp_test_0123456789"},
            **options,
        )
        # The hosts of the guide, of which http_fetch lists none.
        for domain in ("api.example.com", "example.com"):
            learned = {
                "action_id": "http_fetch",
                "domain": domain,
                "principal": self.gate.principal,
            }
            added = self.gate.operator("POST", "/v1/admin/domains", learned)
            assert added["status"] == 200, added
        self.gate.answer("GET", "/data", body={"numbers": [1, 2]})
        self.gate.answer("POST", "/v1/messages", status=202, body={"id": "m-1"})

    def run(self, program: str, **env: str) -> Program:
        return Program(program, self.runtime, env)

    def sent(self) -> list[tuple[str, str, str]]:
        return [(one["method"], one["host"], one["url"]) for one in self.gate.requests]

    def close(self) -> None:
        try:
            self.gate.close()
        finally:
            shutil.rmtree(self.runtime)


class Program:
    """A program text, run by an interpreter of its own; warnings are errors."""

    def __init__(self, text: str, runtime: str, env: dict[str, str]) -> None:
        self.directory = tempfile.mkdtemp(prefix="lg-agent-")
        Path(self.directory, "agent.py").write_text(text, "utf-8")
        paths = [env.pop("FIRST", ""), str(ROOT / "sdk-python/src")]
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-W", "error", "agent.py"],
            cwd=env.pop("CWD", self.directory),
            env={
                "PATH": os.environ["PATH"],
                "XDG_RUNTIME_DIR": runtime,
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                "PYTHONDONTWRITEBYTECODE": "1",
                **env,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.out = ""

    def said(self, pattern: str) -> re.Match[str]:
        """Waits until standard output has a line like this."""
        assert self.process.stdout is not None
        while True:
            line = self.process.stdout.readline()
            self.out += line
            found = re.fullmatch(pattern, line.rstrip("\n"))
            if found is not None:
                return found
            if line == "":
                rest, errors = self.process.communicate()
                raise AssertionError(f"it ended without {pattern}: {self.out}{rest}{errors}")

    def ends(self) -> str:
        """Everything it printed; fails when it failed."""
        out, errors = self.process.communicate()
        shutil.rmtree(self.directory)
        assert (self.process.returncode, errors) == (0, ""), out
        return self.out + out


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def snippet(containing: str) -> str:
    """The one snippet with this text in it."""
    (found,) = [one for one in SNIPPETS if containing in one]
    return found


LOOP_SAYS = rf"""\{{'ok': True, 'data': .*'body': '\{{"numbers":\[1,2\]\}}'.*\}}
receipt: {UUID}
Waiting for operator approval: {UUID}
"""

RUN_THROUGH = {
    '"https://httpbin.org/get"})\n    print(result.receipt_id)': rf"{UUID}\n",
    "agent_loop": LOOP_SAYS,
    "held for approval": (
        r"github_create_issue \(high, held for approval\)\nhttp_fetch \(low, at once\)\n"
        r"send_message \(high, held for approval\)\n"
    ),
    "async def audit": r"Verified: True\n",
    "trusted_keys": r"valid matches continuous \[\]\n",
    "10.0.0.1": r"policy_denied: egress_denied: .*\nbudget exhausted for action 'http_fetch'\n",
    "timeout=300": rf"\{{'ok': True, .*\}} {UUID}\n",
}
"""What the snippets that need nobody else print, by a text that only one of them has."""

LED = ["get_approval_status", "timeout=600", "/run/latchgate", "# Reads LATCHGATE_URL", "key_file="]
"""Those that have a test of their own below."""


def test_every_snippet_is_run_and_none_twice() -> None:
    assert sorted(snippet(one) for one in [*RUN_THROUGH, *LED]) == sorted(SNIPPETS)
    assert len(SNIPPETS) == 12


def test_the_published_loop_is_ours_to_the_letter() -> None:
    assert snippet("agent_loop") == LOOP


@pytest.mark.parametrize("text", RUN_THROUGH)
def test_a_snippet_that_needs_nobody_runs_through(world: World, text: str) -> None:
    out = world.run(snippet(text)).ends()
    assert re.fullmatch(RUN_THROUGH[text], out), out


def test_the_published_loop_reads_prints_its_receipt_and_is_held_for_the_issue(
    world: World,
) -> None:
    before = len(world.sent())
    out = world.run(LOOP).ends()
    assert re.fullmatch(LOOP_SAYS, out), out
    # The read, and nothing of the issue.
    assert world.sent()[before:] == [("GET", "api.example.com", "/data")]


def test_the_published_receipt_is_retrieved_and_says_that_the_call_fully_succeeded(
    world: World,
) -> None:
    assert world.run(with_client(RECEIPT)).ends() == "Verified: True\n"


@pytest.mark.parametrize("decision", ["approved", "denied"])
def test_the_polling_loops_end_with_the_operator_s_decision(world: World, decision: str) -> None:
    """The published one and ours at once: to the gate it is the same call."""
    before = len(world.sent())
    programs = [with_client(POLLING), snippet("get_approval_status")]
    agents = [world.run(program) for program in programs]
    ids = {agent.said(rf"Approval required: ({UUID})")[1] for agent in agents}
    assert ids == {one["approval_id"] for one in world.gate.pending() if one["approval_id"] in ids}
    (approval_id,) = ids
    decided = (world.gate.approve if decision == "approved" else world.gate.deny)(approval_id)
    assert decided["status"] == 200
    says = f"Approval required: {approval_id}\nApproval resolved: {decision}\n"
    assert [agent.ends() for agent in agents] == [says, says]
    sent = [("POST", "api.example.com", "/v1/messages")] if decision == "approved" else []
    assert world.sent()[before:] == sent


def test_waiting_gives_the_result_of_the_one_execution(world: World) -> None:
    before = len(world.sent())
    agent = world.run(snippet("timeout=600"))
    approval_id = agent.said(rf"Approval required: ({UUID})")[1]
    receipt_id = world.gate.approve(approval_id)["body"]["receipt_id"]
    assert agent.ends().endswith(f"\nSent: True, receipt {receipt_id}\n")
    assert world.sent()[before:] == [("POST", "api.example.com", "/v1/messages")]


@pytest.mark.parametrize("whose", ["published", "ours"])
def test_a_named_socket_is_used(world: World, whose: str) -> None:
    program = then_used(SOCKET) if whose == "published" else snippet("/run/latchgate")
    redirect = str(Path(__file__).parent / "redirect")
    out = world.run(program, FIRST=redirect, GATE_SOCKET=world.gate.socket).ends()
    assert re.fullmatch(rf"{UUID}\n", out), out


def test_latchgate_url_is_used() -> None:
    over_tcp = World(tcp=True)
    try:
        for program in (then_used(VARIABLE), snippet("# Reads LATCHGATE_URL")):
            # No socket to fall back to.
            agent = Program(program, "/nowhere", {"LATCHGATE_URL": str(over_tcp.gate.url)})
            assert re.fullmatch(rf"{UUID}\n", agent.ends())
        assert over_tcp.sent() == [("GET", "httpbin.org", "/get")] * 2
    finally:
        over_tcp.close()


def test_an_agent_with_a_key_of_its_own_is_known_over_tcp(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file = tmp_path / "reader.pem"
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(*pem, serialization.NoEncryption()))
    jkt = DPoPKeyPair(key).thumbprint
    table = f'[agents.reader]\nprincipal = "reader"\ndpop_jkt = "{jkt}"'
    over_tcp = World(tcp=True, tables=table)
    try:
        (tmp_path / "agent.py").write_text(snippet("key_file="), "utf-8")
        env = {"LATCHGATE_URL": str(over_tcp.gate.url), "CWD": str(tmp_path)}
        out = Program(snippet("key_file="), "/nowhere", env).ends()
        assert out == "['github_create_issue', 'http_fetch', 'send_message']\n"
    finally:
        over_tcp.close()
