"""The vectors of what a gate and an auditor check, by a second implementation."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from verifiers.shown_text import sanitized
from verifiers.strict_json import JsonFault, parse
from verifiers.tokens import Refused, check_lease, check_proof
from verifiers.transparency import (
    EMPTY_ROOT,
    NoteFault,
    leaf_hash,
    open_checkpoint,
    open_note,
    read_checkpoint,
    read_vkey,
    root_of_inclusion,
    roots_of_consistency,
    split_note,
    tree_root,
)

VECTORS = Path(__file__).parents[2] / "vectors"


def vectors(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


def named(cases: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case["name"])


def test_every_file_of_vectors_is_read_by_these_tests() -> None:
    read = "".join(one.read_text("utf-8") for one in Path(__file__).parent.glob("test_*.py"))
    assert [
        one.name for one in VECTORS.glob("*.json") if f'vectors("{one.stem}")' not in read
    ] == []


def test_strict_json_is_accepted_with_the_value_of_the_standard_parser() -> None:
    for text in vectors("strict-json")["accepted"]:
        assert parse(text) == json.loads(text), text
        assert parse(text.encode()) == json.loads(text), text


def test_strict_json_is_refused_with_reason_path_and_offset() -> None:
    file = vectors("strict-json")
    for case in file["refused"]:
        with pytest.raises(JsonFault) as caught:
            parse(case["text"])
        fault = caught.value
        found = {"reason": fault.reason, "path": fault.path, "offset": fault.offset}
        assert {"text": case["text"], **found} == case
    for case in file["refused_bytes"]:
        with pytest.raises(JsonFault) as caught:
            parse(bytes.fromhex(case["hex"]))
        found = {"reason": caught.value.reason, "offset": caught.value.offset}
        assert {"hex": case["hex"], **found} == case


@named(vectors("dpop-proofs")["cases"])
def test_a_proof_is_judged_as_the_vectors_say(case: dict[str, Any]) -> None:
    expect, verdict = case["expect"], dict(case["verdict"])
    if verdict.pop("ok"):
        assert check_proof(case["proof"], **expect) == verdict
        return
    with pytest.raises(Refused) as caught:
        check_proof(case["proof"], **expect)
    assert caught.value.kind == verdict["kind"], caught.value.reason


@named(vectors("leases")["cases"])
def test_a_lease_is_judged_as_the_vectors_say(case: dict[str, Any]) -> None:
    verdict = case["verdict"]
    if verdict["ok"]:
        assert check_lease(case["token"], lease_keys(), case["now"]) == verdict["claims"]
        return
    with pytest.raises(Refused) as caught:
        check_lease(case["token"], lease_keys(), case["now"])
    assert caught.value.kind == verdict["code"], caught.value.reason


def lease_keys() -> dict[str, ec.EllipticCurvePublicKey]:
    numbers = next(one for one in vectors("keys")["p256"] if one["name"] == "G")
    x, y = (int.from_bytes(base64.urlsafe_b64decode(numbers[name] + "=="), "big") for name in "xy")
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    return {vectors("leases")["header"]["kid"]: key}


def test_trees_have_the_published_roots_and_proofs() -> None:
    file = vectors("merkle-tree")
    assert EMPTY_ROOT.hex() == file["empty_root"]
    hashes = [leaf_hash(bytes.fromhex(one)) for one in file["leaves"]]
    assert [one.hex() for one in hashes] == file["leaf_hashes"]
    roots = [tree_root(hashes[: size + 1]) for size in range(len(hashes))]
    assert [one.hex() for one in roots] == file["roots"]
    for case in file["inclusion"]:
        index, size = case["index"], case["size"]
        proof = [bytes.fromhex(one) for one in case["proof"]]
        assert root_of_inclusion(index, size, hashes[index], proof) == roots[size - 1]
        for wrong in ([*proof, EMPTY_ROOT], proof[:-1] if proof else [EMPTY_ROOT], proof[::-1]):
            if wrong != proof:
                assert root_of_inclusion(index, size, hashes[index], wrong) != roots[size - 1]
    for case in file["consistency"]:
        old, new = case["from"], case["to"]
        proof = [bytes.fromhex(one) for one in case["proof"]]
        wanted = (roots[old - 1], roots[new - 1])
        assert roots_of_consistency(old, new, roots[old - 1], proof) == wanted
        assert roots_of_consistency(old, new, roots[old - 1], [*proof, EMPTY_ROOT]) != wanted


def test_keys_of_notes_are_read_and_others_refused() -> None:
    file = vectors("signed-notes")
    for case in file["vkeys"]:
        key = read_vkey(case["vkey"])
        found = (key.name, key.key_id.hex(), key.public_key.hex())
        assert found == (case["name"], case["key_id"], case["public_key"])
    for case in file["invalid_vkeys"]:
        with pytest.raises(NoteFault):
            read_vkey(case["vkey"])
    signers = {one["name"]: bytes.fromhex(one["seed"]) for one in file["signers"]}
    for name, seed in signers.items():
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        assert raw in [read_vkey(one["vkey"]).public_key for one in file["vkeys"]], name


def test_notes_are_opened_and_wrong_ones_refused() -> None:
    file = vectors("signed-notes")
    for case in file["notes"]:
        assert open_note(case["note"], read_vkey(case["vkey"])) == case["text"]
    for case in file["unverified_notes"]:
        text, signatures = split_note(case["note"])
        assert (text, [one[0] for one in signatures]) == (case["text"], case["signers"])
    for case in file["invalid_notes"]:
        with pytest.raises(NoteFault):
            open_note(case["note"], read_vkey(case["vkey"]))


def test_checkpoints_are_read_and_wrong_ones_refused() -> None:
    file = vectors("signed-notes")
    for case in file["checkpoints"]:
        found = read_checkpoint(case["text"])
        assert (found.origin, found.size, found.root.hex()) == (
            case["origin"], case["size"], case["root"],
        )  # fmt: skip
    for case in file["invalid_checkpoints"]:
        with pytest.raises(NoteFault):
            read_checkpoint(case["text"])
    wrong = file["wrong_origin"]
    assert open_note(wrong["note"], read_vkey(wrong["vkey"]))
    with pytest.raises(NoteFault, match="of another log"):
        open_checkpoint(wrong["note"], read_vkey(wrong["vkey"]))


def test_the_errors_of_the_client_have_the_statuses_of_the_table() -> None:
    from latchgate._answer import Answer
    from latchgate._answer_error import answer_error
    from latchgate.errors import (
        LatchGateAuthError,
        LatchGateBudgetExhausted,
        LatchGateDenied,
        LatchGateLeaseExpired,
        LatchGateReplayDetected,
        LatchGateUnavailable,
    )

    kinds = {
        400: LatchGateDenied,
        401: LatchGateAuthError,
        403: LatchGateDenied,
        422: LatchGateDenied,
    }
    special = {
        "budget_exhausted": LatchGateBudgetExhausted,
        "lease_expired": LatchGateLeaseExpired,
        "replay_detected": LatchGateReplayDetected,
    }
    for code, status in vectors("error-codes")["statuses"].items():
        error = answer_error(Answer(status, {"error": code}), "a")
        assert type(error) is special.get(code, kinds.get(status, LatchGateUnavailable)), code
        assert (error.code, error.status) == (code, status)


def test_what_is_shown_of_a_text_is_what_the_gate_would_show() -> None:
    for case in vectors("sanitize")["cases"]:
        assert sanitized(case["text"], case["max_bytes"]) == case["result"], case["text"]
