"""Checks receipts here and not at the gate (spec/auth-and-evidence 15)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ._answer import Members, optional_text
from ._ed25519_point import is_safe_public_key
from ._jcs import canonicalize
from ._memory import CallMemory
from .errors import LatchGateTransportError
from .results import ExecutionReceipt

_DOMAIN = "latchgate/receipt/v1\n"
_HASHED = (
    "effect_evidence",
    "failure_class",
    "finished_at",
    "grant_id",
    "normalized_result",
    "provider_module_digest",
    "provider_receipt",
    "receipt_id",
    "started_at",
    "verification_outcome",
)
# `provider_receipt` is inside `result_hash`.
_UNSIGNED = frozenset(("receipt_signature", "signature_status", "provider_receipt"))
# Members that a reader of the gate adds to a receipt; no signature covers them.
_ADDED_ON_READ = frozenset(("signature_status", "log_index", "log"))
_KID_LENGTH = 16


@dataclass(frozen=True)
class ReceiptKey:
    """A public key that signs receipts. `kid`: its first 16 hex digits; `x_hex`: all 64."""

    kid: str
    x_hex: str


@dataclass(frozen=True)
class ReceiptReport:
    """What a check of a receipt found, each question on its own. None of it says that the receipt
    is in the log: that takes a bundle and a checkpoint."""

    receipt_id: str
    signature: str
    """`valid`: the holder of this key stated exactly this receipt; else `invalid`,
    `missing_signature`, `missing_key_id`, `unknown_key_id` or `malformed_signature`."""
    signing_key_id: str | None
    keys: str
    """`given`: the caller vouches for the keys. `fetched`: the gate named them just now, so the
    signature shows only that the gate agrees with itself."""
    result_hash: str
    """`matches`, `differs`, or `erased`: one of the members that it covers is gone."""
    call: str
    """Whether it is about the call that this client made: `matches`, `differs`, `unknown`."""
    sequence: str
    """`continuous`, `gap`, `not_growing` or `unknown`: the numbers of its session."""
    findings: tuple[str, ...]
    """One sentence for each thing that is wrong; empty when nothing that was checked is."""


def receipt_keys(body: Members) -> tuple[ReceiptKey, ...]:
    """Reads the gate's list of keys."""
    keys = body.get("keys")
    if not isinstance(keys, list):
        raise LatchGateTransportError("missing keys in receipt keys response")
    read = []
    for key in keys:
        kid = optional_text(key, "kid") if isinstance(key, dict) else None
        x_hex = optional_text(key, "x_hex") if isinstance(key, dict) else None
        if kid is None or x_hex is None:
            raise LatchGateTransportError("missing keys in receipt keys response")
        read.append(ReceiptKey(kid, x_hex))
    return tuple(read)


def verify_receipt(receipt: ExecutionReceipt, keys: Iterable[ReceiptKey]) -> ReceiptReport:
    """Checks a receipt offline, with keys that the caller trusts: nothing is sent. Raises
    `ValueError` for keys that cannot be used."""
    return report_receipt(receipt, "given", tuple(keys), None)


def report_receipt(
    receipt: ExecutionReceipt, source: str, keys: tuple[ReceiptKey, ...], memory: CallMemory | None
) -> ReceiptReport:
    """Checks a receipt against keys and, where there is one, the memory of the client."""
    key_id = receipt.signing_key_id
    members = {k: v for k, v in receipt.raw.items() if k not in _ADDED_ON_READ}
    signature, hash_state = check_receipt(members, _find_key(keys, key_id))
    differing = _differing(receipt, memory)
    numbers = (
        None
        if memory is None or receipt.session_id is None
        else memory.findings_of(receipt.session_id)
    )
    findings = []
    if signature != "valid":
        findings.append(f"the signature is not valid: {signature}")
    if hash_state == "differs":
        findings.append("result_hash is not that of the members")
    findings.extend(differing or ())
    findings.extend(one.message for one in numbers or ())
    return ReceiptReport(
        receipt_id=receipt.receipt_id,
        signature=signature,
        signing_key_id=key_id,
        keys=source,
        result_hash=hash_state,
        call="unknown" if differing is None else ("differs" if differing else "matches"),
        sequence="unknown" if numbers is None else (numbers[0].kind if numbers else "continuous"),
        findings=tuple(findings),
    )


def check_receipt(receipt: Members, public_key: bytes | None) -> tuple[str, str]:
    """State of the signature and of `result_hash`. A receipt whose members do not give its hash
    is `invalid`, whatever its signature says."""
    hash_state = _check_hash(receipt)
    return _check_signature(receipt, public_key, hash_state), hash_state


def result_hash(receipt: Members) -> str:
    """Bare hex SHA-256 of ten members, times in the `+00:00` form. Texts are converted, never
    dates: a fraction of nine digits must survive."""
    return hashlib.sha256(result_hash_text(receipt).encode("utf-8")).hexdigest()


def result_hash_text(receipt: Members) -> str:
    """The text that `result_hash` is the hash of."""
    parts = []
    for name in _HASHED:
        text = canonicalize(receipt.get(name))
        if name.endswith("_at") and text.endswith('Z"'):
            text = f'{text[:-2]}+00:00"'
        parts.append(f'"{name}":{text}')
    return f"{{{','.join(parts)}}}"


def signing_bytes(receipt: Members) -> bytes:
    """The signed bytes: a domain, then the JCS form of the members that a signature covers."""
    signed = {name: value for name, value in receipt.items() if name not in _UNSIGNED}
    return f"{_DOMAIN}{canonicalize(signed)}".encode()


def _check_hash(receipt: Members) -> str:
    if receipt.get("provider_receipt") is None:
        return "erased"
    try:
        return "matches" if result_hash(receipt) == receipt.get("result_hash") else "differs"
    except (ValueError, RecursionError):
        return "differs"


def _check_signature(receipt: Members, public_key: bytes | None, hash_state: str) -> str:
    signature = receipt.get("receipt_signature")
    if signature is None or signature == "":
        return "missing_signature"
    if receipt.get("signing_key_id") in (None, ""):
        return "missing_key_id"
    if public_key is None:
        return "unknown_key_id"
    if not isinstance(signature, str) or not re.fullmatch(r"[0-9a-f]{128}", signature):
        return "malformed_signature"
    if hash_state == "differs":
        return "invalid"
    try:
        message = signing_bytes(receipt)
    except (ValueError, RecursionError):
        return "invalid"
    return "valid" if verify_ed25519(public_key, message, bytes.fromhex(signature)) else "invalid"


def verify_ed25519(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature is valid; False for a key of small order, under which others' signatures
    are valid too."""
    if not is_safe_public_key(public_key):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _find_key(keys: tuple[ReceiptKey, ...], kid: str | None) -> bytes | None:
    # Two keys under one id would let whoever adds the second one speak for the first.
    if len({key.kid for key in keys}) != len(keys):
        raise ValueError("two receipt keys have the same kid")
    for key in keys:
        if not re.fullmatch(r"[0-9a-f]{64}", key.x_hex):
            raise ValueError(f"receipt key {key.kid}: x_hex must be 64 lower-case hex digits")
        if key.kid != key.x_hex[:_KID_LENGTH]:
            raise ValueError(f"receipt key {key.kid}: the kid must be the first 16 digits of x_hex")
    return next((bytes.fromhex(key.x_hex) for key in keys if key.kid == kid), None)


def _differing(receipt: ExecutionReceipt, memory: CallMemory | None) -> tuple[str, ...] | None:
    known: Mapping[str, Any] | None = None if memory is None else memory.call_of(receipt.receipt_id)
    if known is None:
        return None
    return tuple(
        f"{member} is not {value}, as in the call that this client made"
        for member, value in known.items()
        if receipt.raw.get(member) != value
    )
