"""Strict JSON (RFC 8259; auth spec 3.1): what two readers could read in two ways is refused."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

MAX_SAFE_INTEGER = 2**53 - 1

_SPACE = re.compile(r"[ \t\r\n]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_DIGITS = re.compile(r"[0-9]+")
_WORDS = {"true": True, "false": False, "null": None}


class JsonFault(Exception):
    """`reason`, JSON pointer `path` and byte `offset` of what is refused."""

    def __init__(self, reason: str, path: str, offset: int) -> None:
        super().__init__(f"{reason} at {path!r}, byte {offset}")
        self.reason, self.path, self.offset = reason, path, offset


class Number(float):
    """A number that was written with a fraction or an exponent."""


def parse(source: bytes | str, max_depth: int = 64) -> Any:
    """The value; raises `JsonFault`."""
    if isinstance(source, bytes):
        try:
            source = source.decode("utf-8")
        except UnicodeDecodeError as error:
            raise JsonFault("utf8", "", error.start) from None
    return _Reader(source, max_depth).document()


class _Reader:
    def __init__(self, text: str, max_depth: int) -> None:
        self.text, self.max_depth, self.at = text, max_depth, 0
        self.path: list[str] = []

    def document(self) -> Any:
        if self.text == "":
            self.fail("empty", 0)
        if self.text[0] == "\ufeff":
            self.fail("bom", 0)
        value = self.value(0)
        self.space()
        if self.at < len(self.text):
            self.fail("trailing", self.at)
        return value

    def value(self, depth: int) -> Any:
        self.space()
        first = self.text[self.at : self.at + 1]
        if first == '"':
            return self.string()
        if first in ("{", "["):
            if depth == self.max_depth:
                self.fail("depth", self.at)
            self.at += 1
            return self.members(depth + 1) if first == "{" else self.items(depth + 1)
        if first != "" and first in "-0123456789":
            return self.number()
        for word, value in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return value
        return self.fail("syntax", self.at)

    def members(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        level = len(self.path)
        if self.taken("}"):
            return found
        while True:
            self.space()
            start = self.at
            if self.text[start : start + 1] != '"':
                self.fail("syntax", start)
            name = self.string()
            self.path.append(name)
            if name in found:
                self.fail("duplicate_key", start)
            if not self.taken(":"):
                self.fail("syntax", self.at)
            found[name] = self.value(depth)
            if not self.taken(","):
                if not self.taken("}"):
                    self.fail("syntax", self.at)
                del self.path[level:]
                return found
            del self.path[level:]

    def items(self, depth: int) -> list[Any]:
        found: list[Any] = []
        level = len(self.path)
        if self.taken("]"):
            return found
        while True:
            self.path.append(str(len(found)))
            found.append(self.value(depth))
            more = self.taken(",")
            if not more and not self.taken("]"):
                self.fail("syntax", self.at)
            del self.path[level:]
            if not more:
                return found

    def string(self) -> str:
        start = self.at
        self.at += 1
        while True:
            self.at = _end(_PLAIN, self.text, self.at)
            if self.text[self.at : self.at + 1] == '"':
                break
            escape = _ESCAPE.match(self.text, self.at)
            if escape is None:
                self.fail("syntax", self.at)
            self.at = escape.end()
        self.at += 1
        value: str = json.loads(self.text[start : self.at])
        if any(0xD800 <= ord(one) <= 0xDFFF for one in value):
            self.fail("lone_surrogate", start)
        return value

    def number(self) -> float:
        start = self.at
        first = start + (self.text[start] == "-")
        whole_end = self.at = self.digits(first)
        if self.text[first] == "0" and whole_end > first + 1:
            self.fail("syntax", first)
        if self.text[self.at : self.at + 1] == ".":
            self.at = self.digits(self.at + 1)
        if self.text[self.at : self.at + 1] in ("e", "E"):
            signed = self.text[self.at + 1 : self.at + 2] in ("+", "-")
            self.at = self.digits(self.at + 1 + signed)
        if self.at == whole_end:
            # Longer than any that is safe: nobody converts a megabyte of digits for its sender.
            if whole_end - first > 16 or abs(int(self.text[start : self.at])) > MAX_SAFE_INTEGER:
                self.fail("unsafe_integer", start)
            return int(self.text[start : self.at])
        value = Number(self.text[start : self.at])
        if math.isinf(value):
            self.fail("number_range", start)
        return value

    def digits(self, at: int) -> int:
        end = _end(_DIGITS, self.text, at)
        if end == at:
            self.fail("syntax", at)
        return end

    def taken(self, character: str) -> bool:
        self.space()
        found = self.text[self.at : self.at + 1] == character
        self.at += found
        return found

    def space(self) -> None:
        self.at = _end(_SPACE, self.text, self.at)

    def fail(self, reason: str, at: int) -> NoReturn:
        path = "".join(f"/{one.replace('~', '~0').replace('/', '~1')}" for one in self.path)
        raise JsonFault(reason, path, len(self.text[:at].encode("utf-8", "surrogatepass")))


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()
