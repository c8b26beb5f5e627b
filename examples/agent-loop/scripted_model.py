"""Plays a model: the same turns whatever it is told, then a last word that counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from latchgate import PermittedAction


@dataclass(frozen=True)
class ToolCall:
    """A call that the model would like to be made."""

    action: str
    params: dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """What the model answers: words, and the calls it wants; without calls it has finished."""

    say: str
    calls: Sequence[ToolCall] = field(default=())


@dataclass(frozen=True)
class Outcome:
    """What came of a call, as the model is told."""

    call: ToolCall
    text: str


TURNS = (
    Turn(
        "I ask GitHub for a thought.",
        [ToolCall("http_fetch", {"url": "https://api.github.com/zen"})],
    ),
    Turn(
        "I remove the repository, nobody needs it.",
        [ToolCall("http_delete", {"url": "https://api.github.com/repos/acme/rocket"})],
    ),
    Turn(
        "I may not do that. Then I look at a page that nobody has listed.",
        [ToolCall("http_fetch", {"url": "https://example.com/"})],
    ),
)


class ScriptedModel:
    """Replace it by a call of your model."""

    def __init__(self) -> None:
        self._left = list(TURNS)

    def next(
        self, task: str, tools: Sequence[PermittedAction], told: Sequence[Turn | Outcome]
    ) -> Turn:
        """The next turn of the conversation."""
        if self._left:
            return self._left.pop(0)
        outcomes = [entry.text for entry in told if isinstance(entry, Outcome)]
        refused = sum(text.startswith("refused") for text in outcomes)
        return Turn(f"I made {len(outcomes)} calls; {refused} had no result.")
