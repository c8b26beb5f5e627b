"""A server that accepts, reads, and then says what it says, piece by piece."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat

LEASE = b'{"lease_jwt":"lease.1","expires_at":"2999-01-01T00:00:00Z","session_id":"s-1"}'


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


def never() -> Iterator[bytes]:
    """Nothing, and the connection stays open."""
    return iter(())


def headers_without_end() -> Iterator[bytes]:
    return chain([b"HTTP/1.1 200 OK\r\nx: "], repeat(b"y"))


def body_without_end() -> Iterator[bytes]:
    return chain([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"], repeat(b"1\r\n \r\n"))


@contextmanager
def slow_server(pieces: Callable[[], Iterator[bytes]], reads: bool = True) -> Iterator[str]:
    """Its URL. Leases are given at once; everything else is answered with `pieces`, one each 20 ms.
    Without `reads` the body of a request stays in the kernel's buffers."""
    ended = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            while True:
                head = _head(connection)
                if not head:
                    return
                if head.startswith(b"POST /v1/leases "):
                    _read_body(connection, head)
                    connection.sendall(answer(LEASE, "201 Created"))
                    continue
                if reads:
                    _read_body(connection, head)
                for piece in pieces():
                    try:
                        connection.sendall(piece)
                    except OSError:
                        return
                    if ended.wait(0.02):
                        return
                ended.wait()
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        ended.set()
        server.close()


def _head(connection: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if byte == b"":
            return b""
        head += byte
    return head


def _read_body(connection: socket.socket, head: bytes) -> None:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            left = int(line.split(b":")[1])
            while left > 0:
                left -= len(connection.recv(left))
