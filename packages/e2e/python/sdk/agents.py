"""Both clients of the SDK, called alike."""

from __future__ import annotations

import asyncio
import inspect
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any

import pytest
from latchgate import LatchGateClient, LatchGateSyncClient, LatchGateTransportError

PAGE = {"url": "https://api.github.com/data"}
SECRETS = {"LATCHGATE_SECRET_GITHUB_TOKEN": "ghp_test_0123456789"}
CREATED = {"id": 1, "number": 7, "html_url": "https://github.com/acme/rocket/issues/7"}
ISSUE = {"owner": "acme", "repo": "rocket", "title": "Fins fall off"}


class Agent:
    """A client of either kind; the methods of both block and return what the client returns."""

    def __init__(self, kind: str, **options: Any) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        if kind == "sync":
            self._threads = ThreadPoolExecutor()
            self.client: Any = LatchGateSyncClient(**options)
            return
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

        async def make() -> LatchGateClient:
            return LatchGateClient(**options)

        try:
            self.client = self._await(make()).result()
        except BaseException:
            self._end_loop()
            raise

    def begin(self, name: str, *arguments: Any, **named: Any) -> Future[Any]:
        """A call of the method that goes on while the test does something else."""
        method = getattr(self.client, name)
        if self._loop is None:
            return self._threads.submit(method, *arguments, **named)
        return self._await(method(*arguments, **named))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        if not inspect.ismethod(found):
            return found
        return lambda *arguments, **named: self.begin(name, *arguments, **named).result()

    def give_up(self, waiting: Future[Any]) -> None:
        """Ends a call under way as a program would: a task is cancelled; a thread cannot be, so the
        client is closed."""
        if self._loop is None:
            self.client.close()
            with pytest.raises(LatchGateTransportError, match="the client was closed"):
                waiting.result()
            return
        waiting.cancel()
        with pytest.raises(CancelledError):
            waiting.result()

    def close(self) -> None:
        """Closes the client and what it was called with."""
        if self._loop is None:
            self.client.close()
            self._threads.shutdown()
            return
        if not self._loop.is_closed():
            self._await(self.client.close()).result()
            self._end_loop()

    def _await(self, coroutine: Any) -> Future[Any]:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def _end_loop(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
