"""What a client has seen of its own calls: enough to compare a receipt with."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from ._answer import Answer, optional_count, optional_text
from ._jcs import request_hash

_MAX_FINDINGS = 16
_MAX_CALLS = 1024
_MAX_SESSIONS = 64


@dataclass(frozen=True)
class SequenceFinding:
    """What is wrong with the numbers that a session's answers carry. `gap`: more records than this
    client caused, made by somebody else or lost. `not_growing`: a number given twice, or one not
    above those answered before the call began."""

    session_id: str
    session_seq: int
    kind: str
    message: str


class SessionSequence:
    """Checks the numbers of one session. Each call causes one record (intent, hold or denial); a
    hold causes another when it is approved, a call that broke off another for its failure. Calls
    overlap and answers get lost, so a number is only known to lie above those answered before its
    call began, and not above what was caused so far."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._under_way = 0
        self._recent: set[int] = set()
        self._highest = 0
        self._caused = 0
        self.findings: list[SequenceFinding] = []

    def begin(self) -> int:
        """A call is about to be sent; returns the number it must lie above."""
        self._caused += 1
        self._under_way += 1
        return self._highest

    def settle(self, floor: int, session_seq: int | None, may_cause_two: bool) -> None:
        """The answer is here, with its number or without one, or there will be none."""
        self._under_way -= 1
        if may_cause_two:
            self._caused += 1
        if session_seq is not None:
            self._check(session_seq, floor)
        if self._under_way == 0:
            self._recent.clear()

    def _check(self, number: int, floor: int) -> None:
        if number <= floor or number in self._recent:
            self._find(number, "not_growing", f"session_seq {number} after {floor}")
        if number > self._caused:
            self._find(
                number,
                "gap",
                f"session_seq {number} where this client caused at most {self._caused}",
            )
            # Reported once; what follows is counted from here.
            self._caused = number
        self._recent.add(number)
        self._highest = max(self._highest, number)

    def _find(self, number: int, kind: str, message: str) -> None:
        if len(self.findings) < _MAX_FINDINGS:
            self.findings.append(SequenceFinding(self._session_id, number, kind, message))


class Ticket:
    """A call under way."""

    def __init__(self, lock: threading.Lock, session: SessionSequence | None) -> None:
        self._lock = lock
        self._session = session
        with lock:
            self._floor = 0 if session is None else session.begin()

    def settle(self, session_seq: int | None, may_cause_two: bool) -> None:
        """See `SessionSequence.settle`; without a session there is nothing to count."""
        if self._session is None:
            return
        with self._lock:
            self._session.settle(self._floor, session_seq, may_cause_two)


class CallMemory:
    """The last calls and sessions of one client; used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: OrderedDict[str, dict[str, str | int]] = OrderedDict()
        self._sessions: OrderedDict[str, SessionSequence] = OrderedDict()

    @property
    def findings(self) -> tuple[SequenceFinding, ...]:
        """Findings of all sessions, oldest session first."""
        with self._lock:
            return tuple(one for session in self._sessions.values() for one in session.findings)

    def begin(self, session_id: str | None) -> Ticket:
        """A call of this session is about to be sent."""
        if session_id is None:
            return Ticket(self._lock, None)
        with self._lock:
            session = self._sessions.setdefault(session_id, SessionSequence(session_id))
            if len(self._sessions) > _MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return Ticket(self._lock, session)

    def remember(self, action_id: str, session_id: str | None, sent: bytes, answer: Answer) -> None:
        """Remembers an answer that names a receipt: a result, or a dispatched call's failure."""
        body = answer.members
        receipt_id = optional_text(body, "receipt_id")
        if receipt_id is None:
            return
        known = {
            "receipt_id": receipt_id,
            "trace_id": optional_text(body, "trace_id"),
            "grant_id": optional_text(body, "grant_id"),
            "session_seq": optional_count(body, "session_seq"),
            "session_id": session_id,
            "action_id": action_id,
            "request_hash": request_hash(sent),
        }
        with self._lock:
            self._calls[receipt_id] = {k: v for k, v in known.items() if v is not None}
            if len(self._calls) > _MAX_CALLS:
                self._calls.popitem(last=False)

    def call_of(self, receipt_id: str) -> dict[str, str | int] | None:
        """What is known of the call that a receipt should be about."""
        with self._lock:
            return self._calls.get(receipt_id)

    def findings_of(self, session_id: str) -> tuple[SequenceFinding, ...] | None:
        """Findings of a session that this client has opened; None for another one."""
        with self._lock:
            session = self._sessions.get(session_id)
            return None if session is None else tuple(session.findings)
