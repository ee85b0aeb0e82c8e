"""Files of statements and braces: how nginx, keepalived and named write theirs, with lines kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from relaydrill.marks import Mark
from relaydrill.own_configuration.text import Note, TextFile

_DEEPEST: Final = 40


@dataclass(frozen=True, slots=True)
class Block:
    """A statement, and what stands in its braces.

    Attributes:
        at: The line of its first word.
        words: Its words without quotes.
        inside: The statements between its braces.
        has_braces: Whether it has any.
    """

    at: Mark
    words: tuple[str, ...]
    inside: tuple[Block, ...] = ()
    has_braces: bool = False

    @property
    def keyword(self) -> str:
        """Its first word."""
        return self.words[0] if self.words else ""

    def word(self, at: int) -> str:
        """A word by its position; empty if there is none."""
        return self.words[at] if at < len(self.words) else ""

    def all(self, *keywords: str) -> Iterator[Block]:
        """The statements within that begin with one of these words."""
        return (each for each in self.inside if each.keyword in keywords)

    def last(self, keyword: str) -> Block | None:
        """The last of the statements within that begins so."""
        return next((each for each in reversed(self.inside) if each.keyword == keyword), None)


@dataclass(frozen=True, slots=True)
class Style:
    """How a program writes its files.

    Attributes:
        comments: What begins a comment to the end of the line.
        by_line: Whether a line's end ends a statement; else a semicolon does.
        long_comments: Whether ``/* … */`` is one.
    """

    comments: tuple[str, ...]
    by_line: bool = False
    long_comments: bool = False


@dataclass
class _Open:
    """A block whose braces are not closed yet."""

    at: Mark
    words: tuple[str, ...]
    inside: list[Block] = field(default_factory=list)


Tokens = Iterator[tuple[Mark, str, bool]]
"""Line, text, and whether it was quoted."""


def parse(text: TextFile, style: Style, notes: list[Note]) -> Block:
    """What a file says: a block without a word, around all.

    Args:
        text: The file.
        style: How it is written.
        notes: What is wrong with it is added here.
    """
    stack = [_Open(text.mark(1), ())]
    words: list[str] = []
    start = text.mark(1)

    def ended() -> None:
        if words:
            stack[-1].inside.append(Block(start, tuple(words)))
            words.clear()

    def unfinished() -> None:
        if words and not style.by_line:
            notes.append(Note(start, f"the statement {words[0]} has no semicolon at its end"))

    for at, token, quoted in _tokens(text, style, notes):
        if token == "{" and not quoted and not words and style.by_line and stack[-1].inside:
            # A brace on a line of its own belongs to the statement above it.
            above = stack[-1].inside[-1]
            if not above.has_braces:
                stack[-1].inside.pop()
                words, start = [*above.words], above.at
        if token in ("\n", ";") and not quoted:
            ended()
        elif token == "{" and not quoted:
            if len(stack) > _DEEPEST:
                notes.append(Note(at, f"braces are nested more than {_DEEPEST} deep"))
                break
            stack.append(_Open(start if words else at, tuple(words)))
            words = []
        elif token == "}" and not quoted:
            unfinished()
            ended()
            if len(stack) == 1:
                notes.append(Note(at, "a closing brace has no opening one"))
                continue
            _close(stack)
        else:
            if not words:
                start = at
            words.append(token)
    unfinished()
    ended()
    while len(stack) > 1:
        notes.append(Note(stack[-1].at, f"the brace of {' '.join(stack[-1].words)} is not closed"))
        _close(stack)
    return Block(stack[0].at, (), tuple(stack[0].inside), has_braces=True)


def _close(stack: list[_Open]) -> None:
    done = stack.pop()
    stack[-1].inside.append(Block(done.at, done.words, tuple(done.inside), has_braces=True))


def _tokens(text: TextFile, style: Style, notes: list[Note]) -> Tokens:
    ends = "{}" if style.by_line else "{};"
    whole = "\n".join(text.lines) + "\n"
    at, line = 0, 1
    while at < len(whole):
        here = whole[at]
        if here == "\n":
            if style.by_line:
                yield text.mark(line), "\n", False
            line, at = line + 1, at + 1
        elif here.isspace():
            at += 1
        elif style.long_comments and whole.startswith("/*", at):
            end = whole.find("*/", at)
            if end < 0:
                notes.append(Note(text.mark(line), "a comment is not closed"))
                return
            line, at = line + whole.count("\n", at, end), end + 2
        elif whole.startswith(style.comments, at):
            at = whole.index("\n", at)
        elif here in "\"'":
            end = _end_of_quote(whole, at, style)
            if end < 0:
                notes.append(Note(text.mark(line), "a quote is not closed; its line is left out"))
                at = whole.index("\n", at)
                continue
            yield text.mark(line), whole[at + 1 : end].replace(f"\\{here}", here), True
            line, at = line + whole.count("\n", at, end), end + 1
        elif here in ends:
            yield text.mark(line), here, False
            at += 1
        else:
            end = _end_of_word(whole, at, ends)
            yield text.mark(line), whole[at:end], False
            at = end


def _end_of_quote(whole: str, at: int, style: Style) -> int:
    """Where the closing quote is; -1 if there is none, or not on the line where one must be."""
    quote, end = whole[at], at + 1
    while end < len(whole) and whole[end] != quote:
        if whole[end] == "\n" and style.by_line:
            return -1
        end += 2 if whole[end] == "\\" else 1
    return end if end < len(whole) else -1


def _end_of_word(whole: str, at: int, ends: str) -> int:
    """Where a word ends; ``${name}`` belongs to it."""
    end = at
    while end < len(whole):
        if whole.startswith("${", end):
            close = whole.find("}", end)
            if close >= 0 and "\n" not in whole[end:close]:
                end = close + 1
                continue
        if whole[end].isspace() or whole[end] in ends:
            break
        end += 2 if whole[end] == "\\" and whole[end + 1 : end + 2] not in ("\n", "") else 1
    return max(min(end, len(whole)), at + 1)


def spliced(block: Block, included: Callable[[Block], Sequence[Block] | None]) -> Block:
    """The same with the statements of included files in place of what includes them.

    Args:
        block: Where such statements may stand, at any depth.
        included: The statements that one stands for; None for every other statement.
    """
    inside: list[Block] = []
    for each in block.inside:
        found = included(each)
        inside += [spliced(each, included)] if found is None else found
    return Block(block.at, block.words, tuple(inside), block.has_braces)
