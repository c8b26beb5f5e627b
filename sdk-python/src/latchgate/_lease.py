"""One lease, and how it is asked for (spec/http-api 8.1, design 10)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ._answer import Answer, optional_text, required_text, success_body
from ._answer_error import answer_error
from ._request import Requests
from ._steps import Call, Steps
from .dpop import DPoPKeyPair
from .errors import LatchGateTransportError

_RENEW_UNDER_SECONDS = 60.0
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
    """Unix seconds from which the next call renews it first."""


@dataclass(frozen=True)
class LeaseWish:
    """What a lease is asked for. `key`: a registered one; None: a new one for each session."""

    scopes: Sequence[str]
    max_calls: int | None
    max_cost_usd_cents: int | None
    agent_id: str | None


class Identity:
    """The credentials of the agent: a key, a source of tokens, both or neither."""

    def __init__(
        self, key: DPoPKeyPair | None, token: str | Callable[[], Any] | None
    ) -> None:
        if token is not None and not isinstance(token, str) and not callable(token):
            raise TypeError("identity_token must be a text or a function that returns one")
        if isinstance(token, str):
            _check_token(token)
        self.key = key
        self._token = token
        self._presented: str | None = None

    def session_token(self) -> Steps[str | None]:
        """A token for a new session; None: the client has no tokens."""
        token = yield from self._ask()
        self._presented = token
        return token

    def renewal_token(self) -> Steps[str | None]:
        """A token for a renewal. None for one that was presented before: a gate takes each token
        once, and until the first one ends the key alone renews the session."""
        token = yield from self._ask()
        if token == self._presented:
            return None
        self._presented = token
        return token

    def _ask(self) -> Steps[str | None]:
        if self._token is None or isinstance(self._token, str):
            return self._token
        token = yield Call(self._token)
        _check_token(token)
        return token

    def __repr__(self) -> str:
        return f"Identity(key={self.key!r}, token={'none' if self._token is None else 'set'})"


# Before it becomes a header: a transport's complaint about a line break would quote the token.
def _check_token(token: object) -> None:
    if not isinstance(token, str):
        raise TypeError(f"identity_token gave {type(token).__name__}, not a text")
    if not _TOKEN.fullmatch(token):
        raise ValueError(
            "identity_token is empty or holds characters that no JWT has (it is not shown here)"
        )


def request_lease(requests: Requests, wish: LeaseWish, identity: Identity, timeout: float) -> Steps[Lease]:
    """Asks for a lease of a new session."""
    token = yield from identity.session_token()
    key = identity.key or DPoPKeyPair.generate()
    headers = {}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    # A registered key proves itself; one made a moment ago has nothing to prove.
    if identity.key is not None:
        headers["dpop"] = requests.proof(key, "POST", "/v1/leases", None)
    return (yield from _send(requests, wish, key, headers, timeout))


def renew_lease(
    requests: Requests, lease: Lease, wish: LeaseWish, identity: Identity, timeout: float
) -> Steps[Lease]:
    """Renews a lease: the old one and a proof by its key keep session, budget and scopes. A gate
    of version 0.2.0 looks at the body alone and opens a new session with what it says."""
    token = yield from identity.renewal_token()
    headers = requests.lease_headers(lease.key, "POST", "/v1/leases", lease.token)
    if token is not None:
        headers["x-latchgate-identity-token"] = token
    return (yield from _send(requests, wish, lease.key, headers, timeout))


def agent_label(agent_id: str | None) -> str | None:
    """The label of an agent id: sent only as visible ASCII of at most 64 characters."""
    if agent_id is None or not re.fullmatch(r"[\x21-\x7e]{1,64}", agent_id):
        return None
    return agent_id


def _send(
    requests: Requests, wish: LeaseWish, key: DPoPKeyPair, headers: dict[str, str], timeout: float
) -> Steps[Lease]:
    label = agent_label(wish.agent_id)
    body: dict[str, Any] = {"scopes": list(wish.scopes), "dpop_jwk": key.public_jwk}
    budgets = {"max_calls": wish.max_calls, "max_cost_usd_cents": wish.max_cost_usd_cents}
    given = {name: value for name, value in budgets.items() if value is not None}
    if given:
        body["budgets"] = given
    answer = yield requests.build(
        "POST",
        "/v1/leases",
        timeout,
        headers=headers,
        agent_label=label,
        body=json.dumps(body, allow_nan=False).encode("utf-8"),
    )
    if not answer.is_success:
        raise answer_error(answer, _ACTION_OF_CONNECT)
    return _read_lease(answer, key, label)


def _read_lease(answer: Answer, key: DPoPKeyPair, label: str | None) -> Lease:
    body = success_body(answer, "lease")
    token = required_text(body, "lease_jwt", "lease")
    if not _TOKEN.fullmatch(token):
        raise LatchGateTransportError("lease_jwt in lease response is not a token")
    expires_at = _unix_seconds(required_text(body, "expires_at", "lease"))
    # Half of a short lease: 60 s would be a new lease for every call where leases live 60 s.
    lifetime = max(0.0, expires_at - time.time())
    return Lease(
        token=token,
        key=key,
        agent_label=label,
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
