"""Keys that sign proofs of possession (RFC 9449 4.2, auth spec 7.3)."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
import uuid
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from ._encoding import encode_base64url, normalize_htu

_MAX_KEY_FILE_BYTES = 64 * 1024


def compute_ath(token: str) -> str:
    """SHA-256 of a token, base64url: binds a proof to it."""
    return encode_base64url(hashlib.sha256(token.encode("ascii")).digest())


def jwk_thumbprint(jwk: dict[str, str]) -> str:
    """RFC 7638 thumbprint of a P-256 public key, base64url."""
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    return encode_base64url(hashlib.sha256(_compact(members)).digest())


class DPoPKeyPair:
    """A P-256 key. Neither `repr` nor an error shows more than its thumbprint."""

    def __init__(self, private_key: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(private_key, ec.EllipticCurvePrivateKey) or not isinstance(
            private_key.curve, ec.SECP256R1
        ):
            raise TypeError("not a P-256 private key")
        numbers = private_key.public_key().public_numbers()
        self._private_key = private_key
        self.public_jwk: dict[str, str] = {
            "kty": "EC",
            "crv": "P-256",
            "x": encode_base64url(numbers.x.to_bytes(32, "big")),
            "y": encode_base64url(numbers.y.to_bytes(32, "big")),
        }
        self.thumbprint = jwk_thumbprint(self.public_jwk)

    @classmethod
    def generate(cls) -> DPoPKeyPair:
        """A new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: str | bytes) -> DPoPKeyPair:
        """The key of a PEM text, PKCS#8 or SEC 1. Raises `TypeError` for anything else."""
        data = pem.encode("ascii", "replace") if isinstance(pem, str) else pem
        try:
            key = serialization.load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # Without a cause: a parser's message could quote the text.
            raise TypeError(
                "not an unencrypted P-256 private key in PEM (PKCS#8 or SEC 1)"
            ) from None
        return cls(key)  # type: ignore[arg-type]

    @classmethod
    def from_pem_file(cls, path: str | os.PathLike[str]) -> DPoPKeyPair:
        """The key of a PEM file that only this user (or root) can read; raises `ValueError` for
        one that others could read or have written, `OSError` when it cannot be read."""
        data = _read_private_file(os.fspath(path))
        try:
            return cls.from_pem(data)
        except TypeError as error:
            raise ValueError(f"key file {os.fspath(path)}: {error}") from None

    def sign_proof(
        self,
        method: str,
        url: str,
        access_token: str | None = None,
        *,
        now: int | None = None,
        jti: str | None = None,
    ) -> str:
        """Signs a proof for one request; `now` in Unix seconds."""
        htu = normalize_htu(url)
        if htu is None:
            raise ValueError(f"not an absolute URL: {url}")
        claims: dict[str, Any] = {
            "jti": jti or str(uuid.uuid4()),
            "htm": method.upper(),
            "htu": htu,
            "iat": int(time.time()) if now is None else now,
        }
        if access_token is not None:
            claims["ath"] = compute_ath(access_token)
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.public_jwk}
        signed = f"{encode_base64url(_compact(header))}.{encode_base64url(_compact(claims))}"
        der = self._private_key.sign(signed.encode("ascii"), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(der)
        return f"{signed}.{encode_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def __repr__(self) -> str:
        return f"DPoPKeyPair(thumbprint='{self.thumbprint}')"


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _read_private_file(path: str) -> bytes:
    # Non-blocking: a FIFO in its place would otherwise hold the program for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        # Of what was opened, not of the path: it could be exchanged between look and read.
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode):
            raise ValueError(f"key file {path} is not a regular file")
        if info.st_uid not in (os.getuid(), 0):
            raise ValueError(
                f"key file {path} belongs to uid {info.st_uid}, not to uid {os.getuid()} or root"
            )
        if info.st_mode & 0o077:
            mode = stat.S_IMODE(info.st_mode)
            raise ValueError(
                f"key file {path} has mode 0{mode:o}: others could use the key; "
                f"run `chmod 600 {path}`"
            )
        data = file.read(_MAX_KEY_FILE_BYTES + 1)
    if len(data) > _MAX_KEY_FILE_BYTES:
        raise ValueError(f"key file {path} has more than {_MAX_KEY_FILE_BYTES} bytes")
    return data
