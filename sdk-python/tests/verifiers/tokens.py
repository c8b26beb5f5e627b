"""Leases and proofs of possession, judged as the gate judges them (auth spec 6.4 and 7.4)."""

from __future__ import annotations

import re
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from latchgate._encoding import decode_base64url, normalize_htu
from latchgate.dpop import compute_ath, jwk_thumbprint

from .strict_json import JsonFault, Number, parse

_LONGEST = 16_384
_OLDEST = 60
_EARLIEST = 5


class Refused(Exception):
    """`kind` of the refusal and its reason."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason


def check_proof(
    proof: str, method: str, urls: list[str], token: str | None, jkt: str | None, now: int
) -> dict[str, Any]:
    """`jti`, `iat` and thumbprint of a good proof; raises `Refused`."""
    header_text, payload_text, signature_text = _split(proof, "malformed")
    header = _part(header_text, "header")
    if header.get("typ") != "dpop+jwt":
        raise Refused("bad_header", "typ is not dpop+jwt")
    if header.get("alg") != "ES256":
        raise Refused("bad_header", "alg is not ES256")
    if "crit" in header:
        raise Refused("bad_header", "crit names what is not known")
    key, thumbprint = _key(header.get("jwk"))
    if jkt is not None and thumbprint != jkt:
        raise Refused("bad_key", "the key is not the one of cnf.jkt")
    if key is None:
        raise Refused("bad_key", "not a point of P-256")
    signature = decode_base64url(signature_text)
    if signature is None:
        raise Refused("bad_sig", "the signature is not base64url")
    if len(signature) != 64:
        raise Refused("bad_sig", f"64 bytes are needed, not {len(signature)}")
    if not _verifies(key, f"{header_text}.{payload_text}", signature):
        raise Refused("bad_sig", "signature verification failed")
    claims = _part(payload_text, "payload")
    _check_claims(claims, has_token=token is not None)
    if claims["htm"] != method.upper():
        raise Refused(
            "bad_htm", f"htm mismatch: expected '{method.upper()}', got '{claims['htm']}'"
        )
    wanted = [normalize_htu(url) for url in urls]
    if (normalize_htu(claims["htu"]) or object()) not in wanted:
        raise Refused("bad_htu", f"htu mismatch: expected one of {wanted}, got '{claims['htu']}'")
    age = now - claims["iat"]
    if age > _OLDEST:
        raise Refused("bad_iat", "iat too old")
    if -age > _EARLIEST:
        raise Refused("bad_iat", "iat too far in future")
    if token is not None and claims["ath"] != compute_ath(token):
        raise Refused("bad_ath", "ath is of another token")
    return {"jti": claims["jti"], "iat": claims["iat"], "jkt": thumbprint}


def check_lease(token: str, keys: dict[str, ec.EllipticCurvePublicKey], now: int) -> dict[str, Any]:
    """The known claims of a good lease; raises `Refused`: `invalid_lease`, `lease_expired`."""
    header_text, payload_text, signature_text = _split(token, "invalid_lease")
    header = _part(header_text, "header", "invalid_lease")
    kid = header.get("kid")
    if header.get("typ", "JWT") != "JWT":
        raise Refused("invalid_lease", "typ")
    if "crit" in header:
        raise Refused("invalid_lease", "crit")
    if not isinstance(kid, str) or kid not in keys:
        raise Refused("invalid_lease", "missing or unknown kid")
    if header.get("alg") != "ES256":
        raise Refused("invalid_lease", "alg")
    signature = decode_base64url(signature_text)
    if signature is None or not _verifies(keys[kid], f"{header_text}.{payload_text}", signature):
        raise Refused("invalid_lease", "signature verification failed")
    payload = _part(payload_text, "payload", "invalid_lease")
    claims = _lease_claims(payload)
    for name in ("iss", "aud"):
        if claims[name] != "latchgate":
            raise Refused("invalid_lease", name)
    if claims["nbf"] > now:
        raise Refused("invalid_lease", "nbf")
    if claims["exp"] < now:
        raise Refused("lease_expired", "expired")
    return claims


def _lease_claims(payload: dict[str, Any]) -> dict[str, Any]:
    checks = {
        "iss": _is_text,
        "sub": _is_filled,
        "aud": _is_text,
        "exp": _is_integer,
        "nbf": _is_integer,
        "iat": _is_integer,
        "jti": _is_filled,
        "session_id": _is_filled,
        "scope": lambda it: isinstance(it, list) and all(map(_is_text, it)),
        "budgets": _is_budget,
        "cnf": lambda it: isinstance(it, dict) and _is_text(it.get("jkt")),
        "owner": _is_text,
        "epoch": lambda it: _is_integer(it) and it >= 0,
        "idm": _is_text,
    }
    for name in ("exp", "nbf", "iat", "epoch"):
        if isinstance(payload.get(name), Number):
            raise Refused("invalid_lease", f"payload: {name} is no integer")
    for name, check in checks.items():
        if name in ("budgets", "owner") and name not in payload:
            continue
        if not check(payload.get(name)):
            raise Refused("invalid_lease", name)
    known = {name: payload[name] for name in checks if name in payload}
    if "budgets" in known:
        known["budgets"] = {"max_calls": known["budgets"]["max_calls"]}
    known["cnf"] = {"jkt": known["cnf"]["jkt"]}
    return known


def _is_budget(it: Any) -> bool:
    if not isinstance(it, dict) or "max_calls" not in it:
        return False
    calls = it["max_calls"]
    return calls is None or (_is_integer(calls) and calls >= 0)


def _is_text(it: Any) -> bool:
    return isinstance(it, str)


def _is_filled(it: Any) -> bool:
    return isinstance(it, str) and it != ""


def _is_integer(it: Any) -> bool:
    return isinstance(it, int) and not isinstance(it, bool)


def _check_claims(claims: dict[str, Any], has_token: bool) -> None:
    jti = claims.get("jti")
    if not _is_text(jti) or not re.fullmatch(r"[\x21-\x7e]{1,128}", jti):
        raise Refused("malformed", "jti")
    for name in ("htm", "htu"):
        if not _is_text(claims.get(name)):
            raise Refused("malformed", name)
    if not _is_integer(claims.get("iat")):
        raise Refused("malformed", "iat")
    if has_token != ("ath" in claims) or (has_token and not _is_text(claims["ath"])):
        raise Refused("malformed", "ath")


def _split(token: str, kind: str) -> list[str]:
    parts = token.split(".", 2)
    if len(token) > _LONGEST or len(parts) != 3:
        raise Refused(kind, "not three segments")
    return parts


def _part(text: str, name: str, kind: str = "malformed") -> dict[str, Any]:
    data = decode_base64url(text)
    if data is None:
        raise Refused(kind, f"{name} is not base64url")
    try:
        value = parse(data, max_depth=8)
    except JsonFault as fault:
        raise Refused(kind, f"{name} is not JSON: {fault}") from None
    if not isinstance(value, dict):
        raise Refused(kind, f"{name} is not a JSON object")
    return value


def _key(jwk: Any) -> tuple[ec.EllipticCurvePublicKey | None, str]:
    if not isinstance(jwk, dict):
        raise Refused("bad_header", "jwk is missing, or no object")
    for name, wanted in (("kty", "EC"), ("crv", "P-256")):
        if jwk.get(name) != wanted:
            raise Refused("bad_header", f"jwk.{name} must be '{wanted}', got '{jwk.get(name)}'")
    if "d" in jwk:
        raise Refused("bad_header", "a private key")
    coordinates = []
    for name in ("x", "y"):
        if not _is_text(jwk.get(name)):
            raise Refused("bad_header", f"jwk.{name} is required")
    for name in ("x", "y"):
        data = decode_base64url(jwk[name])
        if data is None:
            raise Refused("bad_header", f"invalid base64url in jwk.{name}")
        if len(data) != 32:
            raise Refused("bad_key", f"jwk.{name} has {len(data)} bytes")
        coordinates.append(int.from_bytes(data, "big"))
    thumbprint = jwk_thumbprint({name: jwk[name] for name in ("crv", "kty", "x", "y")})
    try:
        numbers = ec.EllipticCurvePublicNumbers(*coordinates, ec.SECP256R1())
        return numbers.public_key(), thumbprint
    except ValueError:
        return None, thumbprint


def _verifies(key: ec.EllipticCurvePublicKey, signed: str, signature: bytes) -> bool:
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
