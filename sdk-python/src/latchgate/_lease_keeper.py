"""Keeps one lease good (spec/http-api 15.3)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from ._identity import Identity
from ._lease import Lease, LeaseWish, renew_lease, request_lease
from ._request import Requests
from ._steps import Acquire, Lock, Steps
from .errors import LatchGateAuthError, LatchGateNotConnected

_UNKNOWN = ("invalid_lease", "lease_expired")


class LeaseKeeper:
    """Callers that need a lease at the same time share one request and its failure; the next
    caller asks again. A renewal keeps the session; only a lease that the gate no longer knows is
    replaced by one of a new session, with the same wish and what is left of its budget."""

    def __init__(
        self, requests: Requests, wish: LeaseWish, identity: Identity, timeout: float, lock: Lock
    ) -> None:
        self._requests = requests
        self._wish = wish
        self._identity = identity
        self._timeout = timeout
        self._lock = lock
        self._counting = threading.Lock()
        self._calls_made = 0
        self._attempts = 0
        self._failure: Exception | None = None
        self.lease: Lease | None = None

    def connect(self, wish: LeaseWish) -> Steps[Lease]:
        """Opens a new session, whatever there was before. A failure leaves things as they are."""

        def open_session() -> Steps[Lease]:
            lease = yield from request_lease(self._requests, wish, self._identity, self._timeout)
            self._wish = wish
            with self._counting:
                self._calls_made = 0
            return lease

        yield Acquire(self._lock)
        try:
            return (yield from self._obtain(open_session))
        finally:
            self._lock.release()

    def current(self) -> Steps[Lease]:
        """A lease that can be used now; connects or renews first where that is needed."""
        lease = self.lease
        if lease is not None and self._requests.clock.now() < lease.renew_at:
            return lease
        return (yield from self._shared(self._need_now))

    def replace(self, refused: Lease, code: str) -> Steps[Lease]:
        """A lease in place of one that the gate refused with `code`, unless another caller has
        replaced it already."""

        def need() -> Callable[[], Steps[Lease]] | None:
            if self.lease is not refused:
                return self._need_now()
            if code == "lease_expired":
                return lambda: self._renew(refused)
            return self._open

        return (yield from self._shared(need))

    def count_call(self) -> None:
        """Counts a call against the budget that a lease of a new session would be given."""
        with self._counting:
            self._calls_made += 1

    def forget(self) -> None:
        """Forgets the lease and its key."""
        self.lease = None

    def _need_now(self) -> Callable[[], Steps[Lease]] | None:
        lease = self.lease
        if lease is None:
            if self._wish.agent_id is None:
                raise LatchGateNotConnected()
            return self._open
        if self._requests.clock.now() < lease.renew_at:
            return None
        return lambda: self._renew(lease)

    def _shared(self, need: Callable[[], Callable[[], Steps[Lease]] | None]) -> Steps[Lease]:
        attempts = self._attempts
        yield Acquire(self._lock)
        try:
            # Whoever waited for an attempt that failed does not try again: with a gate that is
            # away, each of many callers would wait for all those before it.
            if self._attempts != attempts and self._failure is not None:
                raise self._failure
            obtain = need()
            if obtain is None and self.lease is not None:
                return self.lease
            return (yield from self._obtain(obtain or self._open))
        finally:
            self._lock.release()

    def _obtain(self, obtain: Callable[[], Steps[Lease]]) -> Steps[Lease]:
        self._failure = None
        try:
            lease = yield from obtain()
        except Exception as error:
            self._failure = error
            raise
        finally:
            self._attempts += 1
        self.lease = lease
        return lease

    def _open(self) -> Steps[Lease]:
        return (
            yield from request_lease(
                self._requests, self._remaining_wish(), self._identity, self._timeout
            )
        )

    def _renew(self, lease: Lease) -> Steps[Lease]:
        try:
            return (
                yield from renew_lease(
                    self._requests, lease, self._remaining_wish(), self._identity, self._timeout
                )
            )
        except LatchGateAuthError as error:
            # Only a lease that is not known or too old: one that was revoked stays revoked.
            if error.code not in _UNKNOWN:
                raise
        return (yield from self._open())

    # A new session with the whole budget again would make a capped agent an uncapped one.
    def _remaining_wish(self) -> LeaseWish:
        max_calls = self._wish.max_calls
        if max_calls is None:
            return self._wish
        return replace(self._wish, max_calls=max(0, max_calls - self._calls_made))
