"""The transport of the synchronous client: one time limit over all of a request."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import httpcore
import httpx

from ._transport import KEPT_CONNECTIONS, KEPT_SECONDS

_WRITTEN_AT_ONCE = 16 * 1024

# The more special ones first.
_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.ReadTimeout, httpx.ReadTimeout),
    (httpcore.WriteTimeout, httpx.WriteTimeout),
    (httpcore.PoolTimeout, httpx.PoolTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.ReadError, httpx.ReadError),
    (httpcore.WriteError, httpx.WriteError),
    (httpcore.RemoteProtocolError, httpx.RemoteProtocolError),
    (httpcore.LocalProtocolError, httpx.LocalProtocolError),
    (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
)


class DeadlineTransport(httpx.BaseTransport):
    """Sends requests whose time-out is over all of it: httpx's own starts again with each piece
    that arrives, so that a server which sends a byte now and then holds a thread for ever. Closing
    it ends what other threads wait for."""

    def __init__(self, socket_path: str | None) -> None:
        self._deadline = _Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=None
            if socket_path is not None
            else httpx.create_ssl_context(trust_env=False),
            max_connections=None,
            max_keepalive_connections=KEPT_CONNECTIONS,
            keepalive_expiry=KEPT_SECONDS,
            uds=socket_path,
            network_backend=_Backend(self._deadline),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends one request; its time is the longest of the request's time-outs."""
        limits = request.extensions.get("timeout", {}).values()
        known = [limit for limit in limits if limit is not None]
        at = time.monotonic() + max(known) if known else None
        with self._deadline.set(at), _httpx_errors():
            answer = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer, self._deadline, at),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Closes every connection, those in use included."""
        self._pool.close()


class _Deadline:
    """Until when the request of this thread has time, by `time.monotonic`; None: for ever."""

    def __init__(self) -> None:
        self._local = threading.local()

    @contextmanager
    def set(self, at: float | None) -> Iterator[None]:
        before = getattr(self._local, "at", None)
        self._local.at = at
        try:
            yield
        finally:
            self._local.at = before

    def limit(self, timeout: float | None, error: type[Exception]) -> float | None:
        """What is left of the time; raises `error` when nothing is."""
        at: float | None = getattr(self._local, "at", None)
        if at is None:
            return timeout
        left = at - time.monotonic()
        if left <= 0:
            raise error("the time for this request is over")
        return left if timeout is None else min(left, timeout)


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response, deadline: _Deadline, at: float | None) -> None:
        self._answer = answer
        self._deadline = deadline
        self._at = at

    def __iter__(self) -> Iterator[bytes]:
        parts = self._answer.iter_stream()
        while True:
            # Around each piece, not around the loop: between two of them the caller may be reading
            # another answer in this thread.
            with self._deadline.set(self._at), _httpx_errors():
                part = next(parts, None)
            if part is None:
                return
            yield part

    def close(self) -> None:
        with _httpx_errors():
            self._answer.close()


class _Backend(httpcore.NetworkBackend):
    def __init__(self, deadline: _Deadline) -> None:
        self._inner = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        limit = self._deadline.limit(timeout, httpcore.ConnectTimeout)
        stream = self._inner.connect_tcp(host, port, limit, local_address, socket_options)
        return _Stream(stream, self._deadline)

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        limit = self._deadline.limit(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.connect_unix_socket(path, limit, socket_options), self._deadline)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.limit(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # In pieces: each has its own limit, and a peer may take a large body as slowly as it likes.
        for start in range(0, len(buffer), _WRITTEN_AT_ONCE):
            self._inner.write(
                buffer[start : start + _WRITTEN_AT_ONCE],
                self._deadline.limit(timeout, httpcore.WriteTimeout),
            )

    def close(self) -> None:
        # Closing alone would leave a thread that reads from it waiting until its time is over.
        raw = self._inner.get_extra_info("socket")
        # An error says that the peer was faster.
        with suppress(OSError):
            socket.socket.shutdown(raw, socket.SHUT_RDWR)
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        limit = self._deadline.limit(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, limit), self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


@contextmanager
def _httpx_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        for theirs, ours in _ERRORS:
            if isinstance(error, theirs):
                raise ours(str(error)) from error
        raise
