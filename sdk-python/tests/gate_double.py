"""A gate's HTTP side, played by a real server on TCP or on a Unix socket."""

from __future__ import annotations

import base64
import json
import os
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

RESULT = {
    "output": {"ok": True, "status": 200},
    "receipt_id": "r-1",
    "trace_id": "t-1",
    "grant_id": "g-1",
    "verification": {"outcome": "verified", "is_fully_successful": True},
    "runtime": {"duration_ms": 3},
}


def claims(jws: str) -> dict[str, Any]:
    """The payload of a token, unchecked."""
    part = jws.split(".")[1]
    payload: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return payload


class Seen:
    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method, self.path, self.headers, self.body = method, path, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class GateDouble:
    """Answers `answers[(method, path)]`, a list used up to its last entry; leases by itself."""

    def __init__(self, socket_path: str | None = None) -> None:
        self.seen: list[Seen] = []
        self.answers: dict[tuple[str, str], list[tuple[int, Any]]] = {}
        self.leases = 0
        self.expires_at = "2999-01-01T00:00:00Z"
        self.clock_ahead = 0.0
        """Seconds by which its clock, its `Date` with it, is ahead of this machine's."""
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def address_string(self) -> str:
                return "local"

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(time.time() + double.clock_ahead)

            def log_message(self, *_: Any) -> None:
                return

            def _serve(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                headers = {k.lower(): v for k, v in self.headers.items()}
                seen = Seen(self.command, self.path, headers, self.rfile.read(length))
                double.seen.append(seen)
                status, body = double.answer(seen)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _serve

        self.server: Any
        if socket_path is None:
            self.server = _TcpServer(("127.0.0.1", 0), Handler)
            self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        else:
            self.server = _UnixServer(socket_path, Handler)
            self.url = ""
            os.chmod(socket_path, 0o600)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def answer(self, seen: Seen) -> tuple[int, Any]:
        listed = self.answers.get((seen.method, seen.path.split("?")[0]))
        if listed:
            return listed.pop(0) if len(listed) > 1 else listed[0]
        if seen.path == "/v1/leases":
            self.leases += 1
            n = self.leases
            return 201, {
                "lease_jwt": f"lease.{n}",
                "expires_at": self.expires_at,
                "session_id": f"s-{n}",
                "lease_jti": f"j-{n}",
            }
        if seen.path.endswith("/execute"):
            return 200, RESULT
        return 404, {"error": "not_found"}

    def paths(self) -> list[str]:
        return [one.path for one in self.seen]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
