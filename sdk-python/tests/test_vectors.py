"""The vectors that the TypeScript tests read too."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from latchgate._ed25519_point import is_safe_public_key
from latchgate._encoding import decode_base64url, encode_base64url, normalize_htu
from latchgate._jcs import canonical_bytes, canonicalize, digest
from latchgate._lease import _unix_seconds
from latchgate._receipts import check_receipt, verify_ed25519
from latchgate.dpop import DPoPKeyPair, compute_ath

VECTORS = Path(__file__).parents[2] / "vectors"


def vectors(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


def test_base64url_has_one_text_for_some_bytes() -> None:
    file = vectors("base64url")
    for case in file["valid"]:
        data = bytes.fromhex(case["hex"])
        assert encode_base64url(data) == case["text"]
        assert decode_base64url(case["text"]) == data
    for case in file["invalid"]:
        assert decode_base64url(case["text"]) is None, case["why"]


def test_htu_is_normalised() -> None:
    for case in vectors("htu")["cases"]:
        assert normalize_htu(case["input"]) == case["result"], case["input"]


def test_jcs_writes_the_published_texts() -> None:
    file = vectors("jcs")
    for case in file["published"]:
        value = json.loads(case["input"])
        assert canonicalize(value) == case["canonical"], case["name"]
        if "utf8" in case:
            assert canonical_bytes(value).hex() == case["utf8"]
    for case in file["numbers"]:
        assert canonicalize(json.loads(case["text"])) == case["canonical"], case["text"]
    for case in file["ieee754"]:
        (number,) = struct.unpack(">d", bytes.fromhex(case["hex"]))
        assert canonicalize(number) == case["canonical"], case["hex"]
    for case in file["digests"]:
        assert digest(json.loads(case["canonical"])) == case["digest"]


def test_keys_have_their_thumbprint_and_tokens_their_hash() -> None:
    file = vectors("keys")
    compared = 0
    for case in file["p256"]:
        if "d" not in case or "jkt" not in case:
            continue
        d = int.from_bytes(base64.urlsafe_b64decode(case["d"] + "=="), "big")
        key = DPoPKeyPair(ec.derive_private_key(d, ec.SECP256R1()))
        assert (key.public_jwk["x"], key.public_jwk["y"]) == (case["x"], case["y"])
        assert key.thumbprint == case["jkt"]
        assert case["d"] not in repr(key)
        compared += 1
    assert compared > 0
    for case in file["ath"]:
        assert compute_ath(case["token"]) == case["ath"]


def test_ed25519_signatures_are_judged_and_unsafe_keys_refused() -> None:
    file = vectors("keys")
    for case in file["ed25519"]:
        key = bytes.fromhex(case["public_key"])
        assert is_safe_public_key(key)
        if "signature" in case:
            message, signature = bytes.fromhex(case["message"]), bytes.fromhex(case["signature"])
            assert verify_ed25519(key, message, signature)
            assert not verify_ed25519(key, message + b"x", signature)
    for case in file["ed25519_refused"]:
        assert not is_safe_public_key(bytes.fromhex(case["public_key"])), case["why"]


@pytest.mark.parametrize("case", vectors("receipts")["checks"], ids=lambda case: case["name"])
def test_a_receipt_is_judged_as_the_vectors_say(case: dict[str, Any]) -> None:
    keys = {k["kid"]: bytes.fromhex(k["public_key"]) for k in vectors("receipts")["keys"]}
    key = keys.get(case["key"])
    expected = case["expected"]
    found = check_receipt(case["receipt"], key)
    assert found == (expected["signature"], expected["result_hash"])


def test_a_time_of_a_lease_is_read_in_every_form() -> None:
    for case in vectors("timestamps")["cases"]:
        for form in ("ms_z", "auto_z", "auto_offset"):
            assert round(_unix_seconds(case[form]) * 1000) == case["unix_ms"], case[form]


def test_a_proof_is_that_of_the_vectors_but_for_its_signature() -> None:
    file = vectors("dpop-proofs")
    case = next(one for one in file["cases"] if one["name"] == "a valid proof")
    header, payload, _ = case["proof"].split(".")
    said = json.loads(decode_base64url(payload) or b"")
    owner = next(one for one in vectors("keys")["p256"] if one["name"] == "A")
    d = int.from_bytes(base64.urlsafe_b64decode(owner["d"] + "=="), "big")
    key = DPoPKeyPair(ec.derive_private_key(d, ec.SECP256R1()))
    token = next(t["token"] for t in vectors("keys")["ath"] if t["ath"] == said["ath"])
    made = key.sign_proof(said["htm"], said["htu"], token, now=said["iat"], jti=said["jti"])
    assert made.split(".")[:2] == [header, payload]
    assert len(decode_base64url(made.split(".")[2]) or b"") == 64
