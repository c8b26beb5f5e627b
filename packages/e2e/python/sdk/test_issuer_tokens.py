"""Agents that an issuer vouches for, over TCP: each token opens one session or renews one."""

from __future__ import annotations

import json
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agents import ISSUE, PAGE, SECRETS
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from gate_driver import Gate
from latchgate import (
    DPoPKeyPair,
    LatchGateApprovalRequired,
    LatchGateAuthError,
    LatchGateBudgetExhausted,
)
from latchgate._encoding import encode_base64url

NAME, AUDIENCE = "https://issuer.example.com", "https://gate.example.com"
RIGHTS = {
    "policy_version": "jwt-1",
    "acl": {
        "vouched-agent": {
            "allowed_actions": ["http_fetch", "github_create_issue"],
            "allowed_sinks": ["http_read", "http_write"],
        }
    },
}
REFUSED = "authentication failed: identity_unauthenticated: "


class Issuer:
    """Signs tokens, and publishes its key in a file."""

    def __init__(self, directory: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        jwk = {**DPoPKeyPair(self._key).public_jwk, "kid": "k1", "alg": "ES256", "use": "sig"}
        self.file = Path(directory, "issuer.jwks")
        self.file.touch(mode=0o600)
        self.file.write_text(json.dumps({"keys": [jwk]}), "utf-8")
        self.given: list[str] = []

    def token(self, **claims: Any) -> str:
        """A new token for five minutes, with these claims instead."""
        now = int(time.time())
        said = {
            "iss": NAME,
            "aud": AUDIENCE,
            "sub": "vouched-agent",
            "iat": now,
            "exp": now + 300,
            "jti": str(uuid.uuid4()),
            **claims,
        }
        parts = ({"alg": "ES256", "kid": "k1"}, said)
        signed = ".".join(encode_base64url(json.dumps(one).encode()) for one in parts)
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = encode_base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        self.given.append(f"{signed}.{signature}")
        return self.given[-1]


class Scene:
    def __init__(self, gate: Gate, issuer: Issuer) -> None:
        self.gate, self.issuer = gate, issuer


@pytest.fixture(scope="module")
def vouching() -> Iterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="lg-iss-") as directory:
        os.chmod(directory, 0o700)
        issuer = Issuer(directory)
        table = (
            f'[[identity.jwt]]\nissuer = "{NAME}"\naudience = "{AUDIENCE}"\n'
            f'jwks_file = "{issuer.file}"\nalgorithms = ["ES256"]\n'
        )
        with Gate(
            tcp=True, env=SECRETS, data=RIGHTS, tables=table, keys="lease_ttl_seconds = 30"
        ) as gate:
            yield Scene(gate, issuer)


@pytest.fixture
def scene(vouching: Scene) -> Scene:
    vouching.gate.forget()
    vouching.issuer.given.clear()
    return vouching


def refusal(client: Any) -> str:
    with pytest.raises(LatchGateAuthError) as caught:
        client.execute("http_fetch", PAGE)
    assert caught.value.code == "identity_unauthenticated"
    return str(caught.value)


@pytest.mark.parametrize("kind", ["text", "function"])
def test_an_agent_with_a_token_is_the_one_that_the_issuer_names(
    scene: Scene, agent: Any, kind: str
) -> None:
    gate, issuer = scene.gate, scene.issuer
    token = issuer.token() if kind == "text" else issuer.token
    client = agent(base_url=gate.url, identity_token=token)
    result = client.execute("http_fetch", PAGE)
    assert client.get_receipt(result.receipt_id).raw["principal"] == "vouched-agent"
    with pytest.raises(LatchGateApprovalRequired):
        client.execute("github_create_issue", ISSUE)
    assert {one["principal"] for one in gate.pending()} == {"vouched-agent"}
    # One token for one session, however many calls.
    assert len(issuer.given) == 1
    assert len(gate.requests) == 1


def test_a_session_is_renewed_with_a_fresh_token_and_keeps_its_budget(agent: Any) -> None:
    with tempfile.TemporaryDirectory(prefix="lg-iss-") as directory:
        issuer = Issuer(directory)
        table = (
            f'[[identity.jwt]]\nissuer = "{NAME}"\naudience = "{AUDIENCE}"\n'
            f'jwks_file = "{issuer.file}"\nalgorithms = ["ES256"]\n'
        )
        settings = {"data": RIGHTS, "tables": table, "keys": "lease_ttl_seconds = 30"}
        with Gate(tcp=True, **settings) as gate:
            client = agent(
                base_url=gate.url,
                identity_token=lambda: issuer.token(exp=int(time.time()) + 60),
            )
            client.connect(max_calls=2)
            client.execute("http_fetch", PAGE)
            session, lease = client.session_id, client.lease_jti
            gate.set_clock(40)
            client.execute("http_fetch", PAGE)
            assert client.session_id == session
            assert client.lease_jti != lease
            with pytest.raises(LatchGateBudgetExhausted):
                client.execute("http_fetch", PAGE)
            assert len(issuer.given) == 2


def test_a_token_bound_to_a_key_needs_that_key(scene: Scene, agent: Any) -> None:
    key = DPoPKeyPair.generate()
    bound = {"cnf": {"jkt": key.thumbprint}}
    url, issuer = scene.gate.url, scene.issuer
    client = agent(base_url=url, key=key, identity_token=lambda: issuer.token(**bound))
    assert client.execute("http_fetch", PAGE).is_fully_successful
    other = agent(base_url=url, identity_token=lambda: issuer.token(**bound))
    assert refusal(other).startswith(REFUSED)


def test_a_token_works_once(scene: Scene, agent: Any) -> None:
    token = scene.issuer.token()
    agent(base_url=scene.gate.url, identity_token=token).execute("http_fetch", PAGE)
    shown = refusal(agent(base_url=scene.gate.url, identity_token=token))
    assert shown.startswith(REFUSED)
    assert "used" in shown
    assert token not in shown
    assert len(scene.gate.requests) == 1


@pytest.mark.parametrize(
    ("claims", "named"),
    [
        ({"iss": "https://other.example.com"}, "issuer"),
        ({"aud": "https://other.example.com"}, "audience"),
        ({"exp": 1_700_000_000, "iat": 1_699_999_000}, "expired"),
        ({"sub": "uid:0"}, "names nobody"),
        ({"sub": "dev:anonymous"}, "names nobody"),
    ],
    ids=["issuer", "audience", "expired", "a uid", "anonymous"],
)
def test_a_token_that_is_wrong_says_which_check_failed_and_never_itself(
    scene: Scene, agent: Any, claims: dict[str, Any], named: str
) -> None:
    token = scene.issuer.token(**claims)
    shown = refusal(agent(base_url=scene.gate.url, identity_token=token))
    assert shown.startswith(REFUSED)
    assert named in shown.lower()
    assert token not in shown
    assert token.split(".")[2] not in shown
    assert scene.gate.requests == []


def test_a_forged_token_does_not_make_an_agent_anonymous_or_the_socket_s_user(
    scene: Scene, agent: Any
) -> None:
    forged = scene.issuer.token()[:-8] + "AAAAAAAA"
    for where in ({"base_url": scene.gate.url}, {"socket": scene.gate.socket}):
        shown = refusal(agent(identity_token=forged, **where))
        assert shown.startswith(REFUSED)
    assert scene.gate.requests == []
