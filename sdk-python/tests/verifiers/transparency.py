"""Merkle trees (RFC 9162 2.1), signed notes and checkpoints (C2SP), as an auditor checks them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from latchgate._ed25519_point import is_safe_public_key
from latchgate._receipts import verify_ed25519

EMPTY_ROOT = hashlib.sha256().digest()
_MOST_LEAVES = 2**53 - 1


class NoteFault(Exception):
    """What is wrong with a note, a key or a checkpoint."""


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_root(hashes: list[bytes]) -> bytes:
    """Root of a tree by the definition: split at the largest power of two below its size."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return node_hash(tree_root(hashes[:split]), tree_root(hashes[split:]))


def root_of_inclusion(index: int, size: int, leaf: bytes, proof: list[bytes]) -> bytes | None:
    """The root that a proof leads to, from the top down; None where it has not the right length."""
    if not 0 <= index < size:
        return None
    if size == 1:
        return leaf if not proof else None
    if not proof:
        return None
    split = 1 << ((size - 1).bit_length() - 1)
    *below, sibling = proof
    if index < split:
        inner = root_of_inclusion(index, split, leaf, below)
        return None if inner is None else node_hash(inner, sibling)
    inner = root_of_inclusion(index - split, size - split, leaf, below)
    return None if inner is None else node_hash(sibling, inner)


def roots_of_consistency(
    old: int, new: int, old_root: bytes, proof: list[bytes]
) -> tuple[bytes, bytes] | None:
    """The roots of the old and the new tree that a proof leads to; None for a wrong length."""
    if old == new:
        return None if proof else (old_root, old_root)
    if old == 0 or old > new:
        return None
    return _consistency(old, new, proof, True, old_root)


def _consistency(
    old: int, new: int, proof: list[bytes], is_whole: bool, old_root: bytes
) -> tuple[bytes, bytes] | None:
    if old == new:
        if is_whole:
            return None if proof else (old_root, old_root)
        return (proof[0], proof[0]) if len(proof) == 1 else None
    if not proof:
        return None
    split = 1 << ((new - 1).bit_length() - 1)
    *below, sibling = proof
    if old <= split:
        inner = _consistency(old, split, below, is_whole, old_root)
        return None if inner is None else (inner[0], node_hash(inner[1], sibling))
    inner = _consistency(old - split, new - split, below, False, old_root)
    return inner and (node_hash(sibling, inner[0]), node_hash(sibling, inner[1]))


@dataclass(frozen=True)
class Verifier:
    """A verifier key: name of the log, key id, Ed25519 key."""

    name: str
    key_id: bytes
    public_key: bytes


@dataclass(frozen=True)
class Checkpoint:
    """State of a log at one size."""

    origin: str
    size: int
    root: bytes


def read_vkey(vkey: str) -> Verifier:
    """Reads `name+keyid+key`; raises `NoteFault`."""
    name, _, rest = vkey.partition("+")
    key_id, _, key_text = rest.partition("+")
    key = _base64(key_text)
    if not _is_key_name(name) or not re.fullmatch(r"[0-9a-f]{8}", key_id) or key is None:
        raise NoteFault("not name+keyid+key")
    if len(key) != 33 or key[0] != 1:
        raise NoteFault("not an Ed25519 key")
    if not is_safe_public_key(key[1:]):
        raise NoteFault("a key of small order, or not canonical")
    if hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() != key_id:
        raise NoteFault("the key id is of another key")
    return Verifier(name, bytes.fromhex(key_id), key[1:])


def split_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Text, and name, key id and signature of each line; raises `NoteFault`."""
    if not note.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", note):
        raise NoteFault("no final newline, or a control character")
    if any(0xD800 <= ord(one) <= 0xDFFF for one in note) or len(note) > 1_000_000:
        raise NoteFault("not UTF-8, or too long")
    text, mark, tail = note.rpartition("\n\n")
    if not mark:
        raise NoteFault("no signatures")
    lines = tail[:-1].split("\n")
    if len(lines) > 64:
        raise NoteFault("too many signatures")
    return text + "\n", [_signature_line(line) for line in lines]


def open_note(note: str, verifier: Verifier) -> str:
    """The text that this key has signed; raises `NoteFault`."""
    text, signatures = split_note(note)
    own = [one for one in signatures if one[:2] == (verifier.name, verifier.key_id)]
    if not own:
        raise NoteFault("not signed by this key")
    if not all(verify_ed25519(verifier.public_key, text.encode(), one[2]) for one in own):
        raise NoteFault("a wrong signature")
    return text


def read_checkpoint(text: str) -> Checkpoint:
    """Reads origin, size and root; raises `NoteFault`."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] != "" or "" in lines[:-1]:
        raise NoteFault("not three lines or more")
    root = _base64(lines[2])
    if not re.fullmatch(r"0|[1-9][0-9]*", lines[1]) or int(lines[1]) > _MOST_LEAVES:
        raise NoteFault("no size")
    if root is None or len(root) != 32:
        raise NoteFault("no root")
    return Checkpoint(lines[0], int(lines[1]), root)


def open_checkpoint(note: str, verifier: Verifier) -> Checkpoint:
    """A checkpoint of this log, signed by its key; raises `NoteFault`."""
    checkpoint = read_checkpoint(open_note(note, verifier))
    if checkpoint.origin != verifier.name:
        raise NoteFault("of another log")
    return checkpoint


def _signature_line(line: str) -> tuple[str, bytes, bytes]:
    match = re.fullmatch(r"\u2014 ([^ ]+) ([^ ]+)", line)
    data = None if match is None else _base64(match[2])
    if match is None or data is None or len(data) < 5 or not _is_key_name(match[1]):
        raise NoteFault("no signature line")
    return match[1], data[:4], data[4:]


def _is_key_name(name: str) -> bool:
    return name != "" and not re.search(r"[\s+\u0085\ufeff]", name)


def _base64(text: str) -> bytes | None:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # One spelling only: padding bits are zero.
    return data if base64.b64encode(data).decode() == text else None
