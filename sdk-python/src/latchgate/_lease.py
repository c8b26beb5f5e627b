"""One lease, and how it is asked for (spec/http-api 8.1, design 10)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ._answer import Answer, optional_text, required_text, success_body
from ._answer_error import answer_error
from ._clock import GateClock
from ._identity import Identity
from ._request import Requests
from ._steps import Steps
from .dpop import DPoPKeyPair
from .errors import LatchGateTransportError

_RENEW_UNDER_SECONDS = 60.0
_SHORTEST = 0.001
_PATH = "/v1/leases"
_ACTION_OF_CONNECT = "<connect>"
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Lease:
    """A lease in use: the token, the key it is bound to, and when to renew it."""

    token: str = field(repr=False)
    key: DPoPKeyPair
    agent_label: str | None
    session_id: str | None
    jti: str | None
    renew_at: float
    """Unix seconds by the gate's clock from which the next call renews it first."""


@dataclass(frozen=True)
class LeaseWish:
    """What a lease is asked for."""

    scopes: Sequence[str]
    max_calls: int | None
    max_cost_usd_cents: int | None
    agent_id: str | None


def request_lease(
    requests: Requests, wish: LeaseWish, identity: Identity, timeout: float
) -> Steps[Lease]:
    """Asks for a lease of a new session."""
    begun = time.monotonic()
    token = yield from identity.session_token(timeout)
    key = identity.key or DPoPKeyPair.generate()
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    # A registered key proves itself, and beside a token any key does: who has caught the token
    # alone gets no lease for a key of his. A key made for nobody has nothing to prove.
    proves = identity.key is not None or token is not None
    answer = yield from requests.send(
        "POST",
        _PATH,
        _left(timeout, begun),
        key=key if proves else None,
        headers=headers,
        agent_label=agent_label(wish.agent_id),
        body=_body(wish, key),
    )
    return _read_lease(answer, key, wish, requests.clock)


def renew_lease(
    requests: Requests, lease: Lease, wish: LeaseWish, identity: Identity, timeout: float
) -> Steps[Lease]:
    """Renews a lease: the old one and a proof by its key keep session, budget and scopes. A gate
    of version 0.2.0 looks at the body alone and opens a new session with what it says."""
    begun = time.monotonic()
    token = yield from identity.renewal_token(timeout)
    answer = yield from requests.send(
        "POST",
        _PATH,
        _left(timeout, begun),
        key=lease.key,
        token=lease.token,
        headers={} if token is None else {"x-latchgate-identity-token": token},
        agent_label=agent_label(wish.agent_id),
        body=_body(wish, lease.key),
    )
    return _read_lease(answer, lease.key, wish, requests.clock)


def agent_label(agent_id: str | None) -> str | None:
    """The label of an agent id: sent only as visible ASCII of at most 64 characters."""
    if agent_id is None or not re.fullmatch(r"[\x21-\x7e]{1,64}", agent_id):
        return None
    return agent_id


def _body(wish: LeaseWish, key: DPoPKeyPair) -> bytes:
    body: dict[str, Any] = {"scopes": list(wish.scopes), "dpop_jwk": key.public_jwk}
    budgets = {"max_calls": wish.max_calls, "max_cost_usd_cents": wish.max_cost_usd_cents}
    given = {name: value for name, value in budgets.items() if value is not None}
    if given:
        body["budgets"] = given
    return json.dumps(body, allow_nan=False).encode("utf-8")


# What the token took is gone, so that both together end in time.
def _left(timeout: float, begun: float) -> float:
    return max(_SHORTEST, timeout - (time.monotonic() - begun))


def _read_lease(answer: Answer, key: DPoPKeyPair, wish: LeaseWish, clock: GateClock) -> Lease:
    if not answer.is_success:
        raise answer_error(answer, _ACTION_OF_CONNECT)
    body = success_body(answer, "lease")
    token = required_text(body, "lease_jwt", "lease")
    if not _TOKEN.fullmatch(token):
        raise LatchGateTransportError("lease_jwt in lease response is not a token")
    expires_at = _unix_seconds(required_text(body, "expires_at", "lease"))
    # By the gate's own clock: on a machine that is ahead a new lease would look expired. Half of a
    # short lease: 60 s would be a new lease for every call where leases live 60 s.
    lifetime = max(0.0, expires_at - (clock.now() + answer.gate_ahead))
    return Lease(
        token=token,
        key=key,
        agent_label=agent_label(wish.agent_id),
        session_id=optional_text(body, "session_id"),
        jti=optional_text(body, "lease_jti"),
        renew_at=expires_at - min(_RENEW_UNDER_SECONDS, lifetime / 2),
    )


def _unix_seconds(text: str) -> float:
    # Python 3.10 reads neither `Z` nor fractions that have not three or six digits.
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text)
    try:
        if match is None:
            raise ValueError(text)
        zone = "+00:00" if match[3] in "Zz" else match[3]
        whole = datetime.fromisoformat(match[1].upper() + zone).astimezone(timezone.utc)
        return whole.timestamp() + float(match[2] or 0)
    except (ValueError, OverflowError):
        raise LatchGateTransportError(
            f"expires_at in lease response is not a time: '{text}'"
        ) from None
