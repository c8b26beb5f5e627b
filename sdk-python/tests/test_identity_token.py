"""How tokens of issuers are asked for and presented; none is ever shown."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from gate_double import RESULT, GateDouble, claims
from latchgate import (
    DPoPKeyPair,
    LatchGateAuthError,
    LatchGateClient,
    LatchGateSyncClient,
)

EXECUTE = ("POST", "/v1/actions/a/execute")
LEASES = ("POST", "/v1/leases")


def sent(gate: GateDouble) -> list[tuple[str | None, str | None]]:
    """Both headers in which a token travels, for each request for a lease."""
    return [
        (one.headers.get("authorization"), one.headers.get("x-latchgate-identity-token"))
        for one in gate.seen
        if one.path == "/v1/leases"
    ]


def numbered() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"e30.SECRET{number}.c2ln"


def expiring(gate: GateDouble) -> None:
    gate.answers[EXECUTE] = [(200, RESULT), (401, {"error": "lease_expired"}), (200, RESULT)]


def test_a_function_is_asked_for_each_session_and_each_renewal(gate: GateDouble, call) -> None:
    tokens = numbered()
    expiring(gate)
    call(
        {"base_url": gate.url, "agent_id": "me", "identity_token": lambda: next(tokens)},
        lambda c: c.execute("a"),
        lambda c: c.execute("a"),
        lambda c: c.connect(),
    )
    assert sent(gate) == [
        ("Bearer e30.SECRET1.c2ln", None),
        ("DPoP lease.1", "e30.SECRET2.c2ln"),
        ("Bearer e30.SECRET3.c2ln", None),
    ]
    others = [one.headers for one in gate.seen if one.path != "/v1/leases"]
    assert all("SECRET" not in str(headers) for headers in others)


def test_a_new_session_proves_its_key_beside_the_token_without_ath(gate: GateDouble, call) -> None:
    tokens = numbered()
    expiring(gate)
    call(
        {"base_url": gate.url, "agent_id": "me", "identity_token": lambda: next(tokens)},
        lambda c: c.execute("a"),
        lambda c: c.execute("a"),
    )
    first, renewal = (claims(one.headers["dpop"]) for one in gate.seen if one.path == LEASES[1])
    assert "ath" not in first and "ath" in renewal
    assert (first["htm"], first["htu"]) == ("POST", f"{gate.url}/v1/leases")


def test_a_token_and_a_key_go_together(gate: GateDouble, call) -> None:
    key = DPoPKeyPair.generate()
    tokens = numbered()
    call(
        {
            "base_url": gate.url,
            "agent_id": "me",
            "key": key,
            "identity_token": lambda: next(tokens),
        },
        lambda c: c.connect(),
        lambda c: c.connect(),
    )
    assert [one.json["dpop_jwk"] for one in gate.seen] == [key.public_jwk] * 2
    assert [one[0] for one in sent(gate)] == ["Bearer e30.SECRET1.c2ln", "Bearer e30.SECRET2.c2ln"]


@pytest.mark.parametrize("form", ["text", "function"])
def test_a_token_that_was_presented_is_not_sent_again_with_a_renewal(
    gate: GateDouble, call, form: str
) -> None:
    expiring(gate)
    token = "e30.SECRET.c2ln"
    call(
        {
            "base_url": gate.url,
            "agent_id": "me",
            "identity_token": token if form == "text" else lambda: token,
        },
        lambda c: c.execute("a"),
        lambda c: c.execute("a"),
    )
    assert sent(gate) == [(f"Bearer {token}", None), ("DPoP lease.1", None)]


def test_a_refused_token_s_reason_is_in_the_message(gate: GateDouble, call) -> None:
    why = {"error": "identity_unauthenticated", "message": "the token is for another audience"}
    gate.answers[LEASES] = [(401, why)]
    options = {"base_url": gate.url, "agent_id": "me", "identity_token": "e30.SECRET.c2ln"}
    with pytest.raises(LatchGateAuthError) as caught:
        call(options, lambda c: c.execute("a"))
    assert str(caught.value) == (
        "authentication failed: identity_unauthenticated: the token is for another audience"
    )


class Broken(Exception):
    pass


def broken() -> str:
    raise Broken("SECRET")


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda: "SECRET\nx: y", "what the function identity_token gave holds characters that no "
         "JWT has (not shown here); let it return a fresh JWT"),
        (lambda: "", "what the function identity_token gave is empty; let it return a fresh JWT"),
        (lambda: b"SECRET", "what the function identity_token gave is no text but bytes; let it "
         "return a fresh JWT"),
        (broken, "the function identity_token raised Broken; its reason is in the cause"),
    ],
    ids=["line break", "empty", "bytes", "raises"],
)  # fmt: skip
def test_without_a_token_nothing_is_sent_and_nothing_shown(
    gate: GateDouble, call, function: Any, why: str
) -> None:
    options = {"base_url": gate.url, "agent_id": "me", "identity_token": function}
    with pytest.raises(LatchGateAuthError) as caught:
        call(options, lambda c: c.execute("a"))
    error = caught.value
    assert str(error) == f"authentication failed: identity_token_unusable: {why}; nothing was sent"
    assert (error.code, error.status) == ("identity_token_unusable", None)
    assert type(error.__cause__) is (Broken if function is broken else type(None))
    assert gate.seen == []


@pytest.mark.parametrize("bad", ["", "SECRET SECRET", 7, b"SECRET"])
def test_an_option_that_can_never_give_a_token_is_refused(call, bad: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="identity_token") as caught:
        call({"agent_id": "me", "identity_token": bad})
    assert "SECRET" not in str(caught.value)


def test_an_asynchronous_function_is_awaited_and_given_up_on_in_time(gate: GateDouble) -> None:
    async def token() -> str:
        return "e30.SECRET.c2ln"

    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    async def main() -> None:
        options = {"base_url": gate.url, "agent_id": "me"}
        async with LatchGateClient(**options, identity_token=token) as client:
            await client.execute("a")
        assert sent(gate) == [("Bearer e30.SECRET.c2ln", None)]
        gate.seen.clear()
        async with LatchGateClient(**options, identity_token=never, timeout=0.2) as client:
            with pytest.raises(LatchGateAuthError, match=r"gave no token within 0\.2 s; see that"):
                await client.execute("a")
        assert gate.seen == []

    asyncio.run(main())
    with pytest.raises(TypeError, match="must not be asynchronous here: use LatchGateClient"):
        LatchGateSyncClient(base_url=gate.url, identity_token=token)  # type: ignore[arg-type]


def test_a_cancelled_wait_for_a_token_ends_and_the_next_call_asks_again(gate: GateDouble) -> None:
    asked: list[int] = []

    async def main() -> None:
        begun = asyncio.Event()

        async def token() -> str:
            asked.append(1)
            if len(asked) == 1:
                begun.set()
                await asyncio.Event().wait()
            return "e30.SECRET.c2ln"

        options = {"base_url": gate.url, "agent_id": "me"}
        async with LatchGateClient(**options, identity_token=token) as client:
            call = asyncio.create_task(client.execute("a"))
            await begun.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await client.execute("a")

    asyncio.run(main())
    assert len(asked) == 2 and gate.leases == 1


def test_neither_key_nor_token_is_in_any_repr(gate: GateDouble) -> None:
    key = DPoPKeyPair.generate()
    secret = key._private_key.private_numbers().private_value
    client = LatchGateSyncClient(
        base_url=gate.url, agent_id="me", key=key, identity_token="e30.SECRET.c2ln"
    )
    with client:
        client.execute("a")
        seen: set[int] = set()
        shown = "".join(described(client, seen))
        assert "SECRET" not in shown and str(secret) not in shown and "lease.1" not in shown
        assert len(seen) > 10


def described(value: Any, seen: set[int]) -> Iterator[str]:
    """The repr of a value and of what it holds, as far as it is of this package."""
    if id(value) in seen or not type(value).__module__.startswith("latchgate"):
        return
    seen.add(id(value))
    yield repr(value)
    held = getattr(value, "__dict__", {})
    for name, it in held.items():
        # The option itself has to be kept somewhere.
        if name not in ("_token", "_presented", "token"):
            yield from described(it, seen)


def test_threads_that_meet_an_expired_lease_present_one_token(gate: GateDouble) -> None:
    tokens = numbered()
    lock = threading.Lock()

    def token() -> str:
        with lock:
            return next(tokens)

    with LatchGateSyncClient(base_url=gate.url, agent_id="me", identity_token=token) as client:
        threads = [threading.Thread(target=client.execute, args=("a",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sent(gate) == [("Bearer e30.SECRET1.c2ln", None)]
