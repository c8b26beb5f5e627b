"""Headers and proofs of requests to one gate."""

from __future__ import annotations

from collections.abc import Mapping

from ._address import GateAddress
from ._steps import Send
from .dpop import DPoPKeyPair


class Requests:
    """Makes requests; sends none."""

    def __init__(self, address: GateAddress) -> None:
        self._public_base_url = address.public_base_url

    def build(
        self,
        method: str,
        path: str,
        timeout: float,
        *,
        headers: Mapping[str, str] = {},
        agent_label: str | None = None,
        body: bytes | None = None,
    ) -> Send:
        """A request with the headers that each one has."""
        all_headers = {"accept": "application/json", **headers}
        if body is not None:
            all_headers["content-type"] = "application/json"
        if agent_label is not None:
            all_headers["x-latchgate-agent"] = agent_label
        return Send(method, path, timeout, all_headers, body)

    def lease_headers(self, key: DPoPKeyPair, method: str, path: str, token: str) -> dict[str, str]:
        """The lease, and a proof bound to it."""
        return {
            "authorization": f"DPoP {token}",
            "dpop": self.proof(key, method, path, token),
        }

    def proof(self, key: DPoPKeyPair, method: str, path: str, token: str | None) -> str:
        """A proof for one request; it names the gate's public URL."""
        return key.sign_proof(method, self._public_base_url + path, token)
