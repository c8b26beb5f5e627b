"""Headers and proofs of requests to one gate."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from ._address import GateAddress
from ._answer import Answer
from ._answer_error import refusal_code
from ._clock import GateClock
from ._steps import Send, Steps
from .dpop import DPoPKeyPair

_SHORTEST = 0.001


class Requests:
    """Makes requests to one gate and knows its time."""

    def __init__(self, address: GateAddress) -> None:
        self._public_base_url = address.public_base_url
        self.clock = GateClock()

    def send(
        self,
        method: str,
        path: str,
        timeout: float,
        *,
        key: DPoPKeyPair | None = None,
        token: str | None = None,
        headers: Mapping[str, str] = {},
        agent_label: str | None = None,
        body: bytes | None = None,
    ) -> Steps[Answer]:
        """Sends a request, with a proof of `key` bound to the lease `token` where there is one.
        Sent once, and once more only when its proof was refused while the gate's clock shows
        another time: whatever the proof was for has not been looked at then."""
        begun = time.monotonic()
        all_headers = {"accept": "application/json", **headers}
        if body is not None:
            all_headers["content-type"] = "application/json"
        if agent_label is not None:
            all_headers["x-latchgate-agent"] = agent_label
        if token is not None:
            all_headers["authorization"] = f"DPoP {token}"
        request = Send(method, path, timeout, all_headers, body)
        answer = yield from self._send_once(request, key, token)
        if key is None or refusal_code(answer) != "invalid_dpop":
            return answer
        if not self.clock.correct(answer.date):
            return answer
        left = max(_SHORTEST, timeout - (time.monotonic() - begun))
        return (yield from self._send_once(replace(request, timeout=left), key, token))

    def _send_once(
        self, request: Send, key: DPoPKeyPair | None, token: str | None
    ) -> Steps[Answer]:
        if key is not None:
            # The path without its query: that is what the gate compares.
            url = self._public_base_url + request.path
            proof = key.sign_proof(request.method, url, token, now=int(self.clock.now()))
            request = replace(request, headers={**request.headers, "dpop": proof})
        answer: Answer = yield request
        return replace(answer, gate_ahead=round(self.clock.difference(answer.date)))
