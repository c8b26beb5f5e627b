"""A real gate for tests in Python: starts the driver of the e2e harness and leads it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

MAIN = Path(__file__).resolve().parents[1] / "dist/src/harness/gate-driver-main.js"


class Gate:
    """A gate and its recording upstream, in a process of their own until ``close``.

    ``options`` are the ``DriverOptions`` of packages/e2e/src/harness/gate-driver.ts. Raises
    ``RuntimeError`` when the driver ends early or refuses a command.
    """

    def __init__(self, **options: Any) -> None:
        self._process = subprocess.Popen(
            [os.environ.get("NODE", "node"), str(MAIN), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._forgotten = 0
        greeting = self._read()
        self.socket: str = greeting["socket"]
        self.admin_socket: str = greeting["admin_socket"]
        self.url: str | None = greeting["url"]
        self.public_base_url: str = greeting["public_base_url"]
        self.principal: str = greeting["principal"]
        self.root: str = greeting["root"]

    def command(self, command: str, **arguments: Any) -> Any:
        """Runs one command of the driver and returns its result."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']}")
        return answer["result"]

    def approve(self, approval_id: str) -> dict[str, Any]:
        """Approves as the operator: ``{"status": …, "body": …}``."""
        return self.command("approve", approval_id=approval_id)

    def deny(self, approval_id: str) -> dict[str, Any]:
        """Denies as the operator: ``{"status": …, "body": …}``."""
        return self.command("deny", approval_id=approval_id)

    def operator(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Sends a request of the operator to the admin socket: ``{"status": …, "body": …}``."""
        content = {} if body is None else {"body": body}
        return self.command("operator", method=method, path=path, **content)

    def pending(self) -> list[dict[str, Any]]:
        """What waits for approval, as the operator sees it."""
        return self.operator("GET", "/v1/approvals")["body"]["approvals"]

    def restart(self) -> None:
        """Ends the gate and starts another one on the same files and addresses."""
        self.command("restart")

    def signal(self, signal: str) -> None:
        """Sends ``SIGKILL``, ``SIGSTOP`` or ``SIGCONT`` to a gate with ``spawned=True``."""
        self.command("signal", signal=signal)

    def start(self) -> None:
        """Starts a gate that was killed or stopped."""
        self.command("start_gate")

    def stop(self) -> None:
        """Ends the gate in good order; ``start`` starts another one."""
        self.command("stop_gate")

    def set_clock(self, offset: float) -> None:
        """Sets the gate's clock to so many seconds ahead of this machine's."""
        self.command("clock", offset=offset)

    def answer(self, method: str, path: str, **answer: Any) -> None:
        """Has the upstream answer ``status``, ``headers``, ``body`` from now on."""
        self.command("answer", method=method, path=path, **answer)

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What the upstream has received so far, or since ``forget``."""
        return self.command("upstream")[self._forgotten :]

    def forget(self) -> None:
        """Has ``requests`` begin here."""
        self._forgotten = len(self.command("upstream"))

    def close(self) -> None:
        """Ends gate and upstream, and removes their files."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line == "":
            raise RuntimeError(f"the gate driver ended with {self._process.wait()}: see its stderr")
        return json.loads(line)
