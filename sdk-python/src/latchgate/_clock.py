"""The gate's time, as far as this client knows it."""

from __future__ import annotations

import time

_PROOF_SKEW = 5.0
"""Seconds that a proof may be made ahead of the gate's clock (spec/auth-and-evidence 1)."""
_MAX_CORRECTION = 24 * 3600.0
"""A clock that is further off has to be mended; and a proof for next year is for nobody."""


class GateClock:
    """The time of this machine, until the gate refuses a proof while its `Date` says another one.
    Leases and proofs are about the gate's clock, not about ours."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Unix seconds."""
        return time.time() + self._ahead

    def difference(self, date: float | None) -> float:
        """Seconds by which a gate whose answer has just come with this `Date` is ahead of
        `now()`."""
        difference = 0.0 if date is None else date - self.now()
        # `Date` has whole seconds and is as old as the way here is long: so little says nothing.
        return 0.0 if abs(difference) < _PROOF_SKEW / 2 else difference

    def correct(self, date: float | None) -> bool:
        """Takes over the time of an answer that refused a proof. False: it is the time that the
        proof was made with, or too far off to follow."""
        difference = self.difference(date)
        if difference == 0 or abs(self._ahead + difference) > _MAX_CORRECTION:
            return False
        self._ahead += difference
        return True
