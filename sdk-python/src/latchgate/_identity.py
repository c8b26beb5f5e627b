"""The credentials that an agent presents (design 10)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ._steps import Call, CallTimeout, Steps
from .dpop import DPoPKeyPair
from .errors import LatchGateAuthError

_TOKEN = re.compile(r"[\x21-\x7e]+")
_UNUSABLE = "identity_token_unusable"
"""Code of the error when there is no token to send: nothing was sent."""


class Identity:
    """A key, a source of tokens, both or neither. Neither is ever shown."""

    def __init__(self, key: DPoPKeyPair | None, token: str | Callable[[], Any] | None) -> None:
        if token is not None and not isinstance(token, str) and not callable(token):
            raise TypeError("identity_token must be a text or a function that gives one")
        fault = _fault(token) if isinstance(token, str) else None
        if fault is not None:
            raise ValueError(f"identity_token {fault}")
        self.key = key
        self._token = token
        self._presented: str | None = None

    def session_token(self, timeout: float) -> Steps[str | None]:
        """A token for a new session; None: the client has no tokens. Raises
        `LatchGateAuthError`."""
        token = yield from self._ask(timeout)
        self._presented = token
        return token

    def renewal_token(self, timeout: float) -> Steps[str | None]:
        """A token for a renewal. None for one that was presented before: a gate takes each token
        once, and until the first one ends the key alone renews the session."""
        token = yield from self._ask(timeout)
        if token == self._presented:
            return None
        self._presented = token
        return token

    def _ask(self, timeout: float) -> Steps[str | None]:
        if self._token is None or isinstance(self._token, str):
            return self._token
        try:
            token = yield Call(self._token, timeout)
        except CallTimeout:
            raise _unusable(
                f"the function identity_token gave no token within {timeout:g} s; see that its "
                "issuer answers, or raise timeout"
            ) from None
        except Exception as error:
            # Its own words are for the cause alone: they may quote the token.
            raise _unusable(
                f"the function identity_token raised {type(error).__name__}; its reason is in the "
                "cause"
            ) from error
        fault = _fault(token) if isinstance(token, str) else f"is no text but {_kind(token)}"
        if fault is not None:
            raise _unusable(
                f"what the function identity_token gave {fault}; let it return a fresh JWT"
            )
        return str(token)

    def __repr__(self) -> str:
        return f"Identity(key={self.key!r}, token={'none' if self._token is None else 'set'})"


# Before it becomes a header: a transport's complaint about a line break would quote the token.
def _fault(token: str) -> str | None:
    if token == "":
        return "is empty"
    if not _TOKEN.fullmatch(token):
        return "holds characters that no JWT has (not shown here)"
    return None


def _kind(value: object) -> str:
    return "None" if value is None else f"{type(value).__name__}"


def _unusable(why: str) -> LatchGateAuthError:
    return LatchGateAuthError(_UNUSABLE, explanation=f"{why}; nothing was sent")
