"""Which 32 bytes may stand as an Ed25519 public key."""

from __future__ import annotations

_PRIME = 2**255 - 19
# The y coordinates of the points whose order divides 8: a "signature" by such a key is good for
# many messages, or for all.
_SMALL_ORDER = frozenset(
    int.from_bytes(bytes.fromhex(text), "little")
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
)


def is_safe_public_key(key: bytes) -> bool:
    """The coordinate is below the field's prime, so that a key has one spelling, and the point is
    not of small order."""
    if len(key) != 32:
        return False
    y = int.from_bytes(key, "little") & (2**255 - 1)
    return y < _PRIME and y not in _SMALL_ORDER
