"""A request ends when its time is over, whatever the other side does. Without the limit these tests
do not fail: they hang, and pytest's own limit ends them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from latchgate import LatchGateClient, LatchGateSyncClient, LatchGateTransportError
from slow_server import answer, body_without_end, headers_without_end, never, slow_server

TOO_LATE = (
    "transport error: no answer within 0.4 s; the gate finishes what it has begun: see "
    "`latchgate status`, or raise timeout"
)


@pytest.mark.parametrize("pieces", [never, headers_without_end, body_without_end])
def test_a_server_that_never_ends_its_answer_is_given_up_on(call, pieces) -> None:
    with slow_server(pieces) as url:
        options = {"base_url": url, "agent_id": "me", "timeout": 0.4}
        with pytest.raises(LatchGateTransportError) as caught:
            call(options, lambda c: c.execute("a"))
        assert str(caught.value) == TOO_LATE


def test_a_server_that_does_not_take_the_request_is_given_up_on(call) -> None:
    with slow_server(never, reads=False) as url:
        options = {"base_url": url, "agent_id": "me", "timeout": 0.4}
        with pytest.raises(LatchGateTransportError) as caught:
            call(options, lambda c: c.execute("a", {"much": "x" * 16_000_000}))
        assert str(caught.value) == TOO_LATE


def test_an_answer_in_many_pieces_is_read_while_there_is_time(call) -> None:
    body = b'{"output":{"ok":true},"receipt_id":"r","trace_id":"t","grant_id":"g"}'
    with slow_server(lambda: (bytes([one]) for one in answer(body))) as url:
        options = {"base_url": url, "agent_id": "me", "timeout": 30}
        assert call(options, lambda c: c.execute("a")).receipt_id == "r"


@pytest.mark.parametrize("pieces", [never, headers_without_end, body_without_end])
def test_closing_ends_a_request_under_way(pieces: Callable[[], Any]) -> None:
    sent = threading.Event()

    def watched() -> Any:
        sent.set()
        return pieces()

    with slow_server(watched) as url:
        client = LatchGateSyncClient(base_url=url, agent_id="me", timeout=3600)
        caught: list[BaseException] = []

        def execute() -> None:
            try:
                client.execute("a")
            except LatchGateTransportError as error:
                caught.append(error)

        thread = threading.Thread(target=execute)
        thread.start()
        sent.wait()
        client.close()
        thread.join()
        assert len(caught) == 1

        sent.clear()
        asyncio.run(_closed_while_under_way(url, sent))


async def _closed_while_under_way(url: str, sent: threading.Event) -> None:
    client = LatchGateClient(base_url=url, agent_id="me", timeout=3600)
    call = asyncio.create_task(client.execute("a"))
    await asyncio.to_thread(sent.wait)
    await client.close()
    with pytest.raises(LatchGateTransportError):
        await call


def test_a_cancelled_call_ends_at_once_and_leaves_the_client_usable() -> None:
    sent = threading.Event()
    body = b'{"output":{},"receipt_id":"r","trace_id":"t","grant_id":"g"}'
    answers = iter([never(), iter([answer(body)])])

    def watched() -> Any:
        sent.set()
        return next(answers)

    async def main(url: str) -> None:
        async with LatchGateClient(base_url=url, agent_id="me", timeout=3600) as client:
            call = asyncio.create_task(client.execute("a"))
            await asyncio.to_thread(sent.wait)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert (await client.execute("a")).receipt_id == "r"

    with slow_server(watched) as url:
        asyncio.run(main(url))


def test_more_calls_wait_for_the_gate_at_once_than_httpx_lets_connect() -> None:
    there = threading.Barrier(121)
    body = b'{"output":{},"receipt_id":"r","trace_id":"t","grant_id":"g"}'

    def pieces() -> Any:
        there.wait()
        return iter([answer(body)])

    async def many(url: str) -> None:
        async with LatchGateClient(base_url=url, agent_id="me") as client:
            calls = [asyncio.create_task(client.execute("a")) for _ in range(120)]
            await asyncio.to_thread(there.wait)
            await asyncio.gather(*calls)

    with slow_server(pieces) as url, LatchGateSyncClient(base_url=url, agent_id="me") as client:
        threads = [threading.Thread(target=client.execute, args=("a",)) for _ in range(120)]
        for thread in threads:
            thread.start()
        there.wait()
        for thread in threads:
            thread.join()
        asyncio.run(many(url))
