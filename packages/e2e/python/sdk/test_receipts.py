"""Receipts of a real gate, checked here: by the SDKs of both languages, and down to its log."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from agents import CREATED, ISSUE, PAGE, SECRETS, Agent
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gate_driver import Gate
from latchgate import (
    ExecutionReceipt,
    LatchGateApprovalRequired,
    LatchGateTransportError,
    LatchGateUnavailable,
    ReceiptKey,
    verify_receipt,
)
from verifiers.transparency import leaf_hash, open_checkpoint, read_vkey, tree_root

TYPESCRIPT = Path(__file__).resolve().parents[2] / "dist/src/harness/receipt-verdicts-main.js"
ADDED_ON_READ = {"signature_status", "log_index", "log"}


@pytest.fixture(scope="module")
def receipts() -> Iterator[tuple[Gate, list[ExecutionReceipt], tuple[ReceiptKey, ...]]]:
    """Of a call that succeeded, one that was approved, and one that failed."""
    with Gate(env=SECRETS) as gate:
        gate.answer("GET", "/data", status=200, body={"text": "Zürich \u2028 €", "n": 1.5e-7})
        gate.answer("POST", "/repos/acme/rocket/issues", status=201, body=CREATED)
        client = Agent("sync", socket=gate.socket, agent_id="my-agent")
        try:
            ids = [client.execute("http_fetch", PAGE).receipt_id]
            with pytest.raises(LatchGateApprovalRequired) as held:
                client.execute("github_create_issue", ISSUE)
            ids.append(gate.approve(held.value.approval_id)["body"]["receipt_id"])
            gate.answer("GET", "/data", status=200, body="x" * 20_000_000)
            with pytest.raises(LatchGateUnavailable) as failed:
                client.execute("http_fetch", PAGE)
            ids.append(failed.value.receipt_id)
            found = [client.get_receipt(one) for one in ids]
            reports = [client.verify_receipt(one) for one in found]
            assert [(one.signature, one.keys, one.sequence, one.findings) for one in reports] == [
                ("valid", "fetched", "continuous", ())
            ] * 3
            assert [one.call for one in reports] == ["matches", "unknown", "matches"]
            yield gate, found, client.get_receipt_keys()
        finally:
            client.close()


def test_a_receipt_verifies_in_both_languages_and_no_member_can_be_changed(receipts) -> None:
    _, found, keys = receipts
    assert [one.failure_class for one in found[:2]] == [None, None] and found[2].failure_class
    variants = [one.raw for one in found]
    for one in found:
        variants += tampered(one.raw)
    assert len(variants) > 500
    verdicts = [verdict(one, keys) for one in variants]
    assert verdicts == typescript(variants, keys)
    assert verdicts[:3] == [["valid", "matches"]] * 3
    accepted = [
        one
        for one, said in zip(variants[3:], verdicts[3:], strict=True)
        if said and said[0] == "valid"
    ]
    assert accepted == []


def test_a_receipt_of_which_the_output_is_erased_says_so_in_both_languages(receipts) -> None:
    _, found, keys = receipts
    erased = [{**one.raw, "provider_receipt": None} for one in found]
    # A call that failed before there was an output has none to erase.
    verdicts = [verdict(one, keys) for one in erased]
    assert verdicts[:2] == [["valid", "erased"]] * 2
    assert verdicts == typescript(erased, keys)


def test_another_key_verifies_nothing_in_either_language(receipts) -> None:
    _, found, _ = receipts
    public = Ed25519PrivateKey.generate().public_key()
    x_hex = raw_key(public).hex()
    own = found[0].signing_key_id
    forged = [{**one.raw, "signing_key_id": x_hex[:16]} for one in found]
    keys = (ReceiptKey(x_hex[:16], x_hex),)
    assert [verdict(one, keys) for one in forged] == [["invalid", "matches"]] * 3
    assert typescript(forged, keys) == [["invalid", "matches"]] * 3
    assert verdict(found[0].raw, keys) == ["unknown_key_id", "matches"]
    with pytest.raises(ValueError, match="the kid must be the first 16 digits"):
        verify_receipt(found[0], (ReceiptKey(own, x_hex),))


def test_the_receipts_are_in_the_log_whose_checkpoint_the_gate_signed(receipts) -> None:
    """Down to the bytes, with an auditor of our own: leaves, tree, signature of the log's key."""
    gate, found, _ = receipts
    gate.stop()
    seed = Path(gate.root, "keys/log.key").read_bytes()
    key = b"\x01" + raw_key(Ed25519PrivateKey.from_private_bytes(seed).public_key())
    notes = Path(gate.root, "audit.db.high-water").read_text("utf-8").splitlines()
    note = json.loads(notes[-1])["note"]
    checkpoint = open_checkpoint(note, read_vkey(vkey("latchgate-test", key)))

    with sqlite3.connect(f"file:{gate.root}/data/audit.db?mode=ro", uri=True) as database:
        leaves = [row[0] for row in database.execute("SELECT bytes FROM leaves ORDER BY leaf")]
    assert checkpoint.size == len(leaves)
    hashes = [leaf_hash(one) for one in leaves]
    assert tree_root(hashes) == checkpoint.root
    hashes[2] = leaf_hash(leaves[2].replace(b"e", b"f", 1))
    assert tree_root(hashes) != checkpoint.root

    logged = [json.loads(one) for one in leaves]
    bodies = {one["body"]["receipt_id"]: one["body"] for one in logged if one["type"] == "receipt"}
    for one in found:
        signed = {name: it for name, it in one.raw.items() if name not in ADDED_ON_READ}
        logged_body = bodies[one.receipt_id]
        assert {**logged_body, "provider_receipt": None} == {**signed, "provider_receipt": None}
    gate.start()


def verdict(members: dict[str, Any], keys: tuple[ReceiptKey, ...]) -> list[str] | None:
    try:
        report = verify_receipt(ExecutionReceipt.from_json(members), keys)
    except LatchGateTransportError:
        return None
    return [report.signature, report.result_hash]


def typescript(receipts: list[Any], keys: tuple[ReceiptKey, ...]) -> list[Any]:
    given = {"receipts": receipts, "keys": [asdict(one) for one in keys]}
    done = subprocess.run(
        [os.environ.get("NODE", "node"), str(TYPESCRIPT)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def tampered(receipt: dict[str, Any]) -> list[dict[str, Any]]:
    """The receipt with each value in it changed, each member left out, one member more."""
    changed = []
    for path in paths(receipt):
        if path[0] in ADDED_ON_READ:
            continue
        for value in replacements(get(receipt, path)):
            one = copy.deepcopy(receipt)
            get(one, path[:-1])[path[-1]] = value
            changed.append(one)
        # Without its output a receipt is one of which it was erased.
        if path != ["provider_receipt"]:
            one = copy.deepcopy(receipt)
            del get(one, path[:-1])[path[-1]]
            changed.append(one)
    return [*changed, {**receipt, "extra": 1}]


def paths(value: Any) -> Iterator[list[Any]]:
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, it in members:
        yield [name]
        if isinstance(it, (dict, list)):
            yield from ([name, *more] for more in paths(it))


def get(value: Any, path: list[Any]) -> Any:
    for one in path:
        value = value[one]
    return value


def replacements(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value, 1]
    if isinstance(value, (int, float)):
        return [value + 1, str(value), None]
    if isinstance(value, str):
        return [f"{value} ", value[::-1] + "0", 0]
    if isinstance(value, dict):
        return [{**value, "extra": 1}, [value]]
    if isinstance(value, list):
        return [[*value, 1], {}]
    return [0, ""]


def raw_key(public: Any) -> bytes:
    raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return bytes(public.public_bytes(*raw))


def vkey(name: str, key: bytes) -> str:
    key_id = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex()
    return f"{name}+{key_id}+{base64.b64encode(key).decode()}"
