"""YAML text to marked values, and plain values to YAML text; knows nothing of topologies.

The readers of YAML disagree on what ``on``, ``1:30`` or ``025`` mean. Here a word is true or false
only as ``true`` and ``false``, a number is decimal, and all else is text, so that the message about
a wrong value shows what stands in the file. ``025`` is refused: some readers take it for 21.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import yaml

from relaydrill.marks import (
    Mark,
    Marked,
    Mistake,
    Path,
    Scalar,
    dotted,
    overlay,
    show,
)

MOST_BYTES: Final = 256 * 1024
_DEEPEST: Final = 32
_MOST_VALUES: Final = 20_000
_MOST_DIGITS: Final = 18

_PREFIX: Final = "tag:yaml.org,2002:"
_LEADING_ZERO: Final = "!leading-zero"
_NUMBER_STARTS: Final = list("-+.0123456789")
_PATTERNS: Final[Mapping[str, tuple[re.Pattern[str], list[str]]]] = {
    _PREFIX + "null": (re.compile(r"~|null|Null|NULL|\Z"), ["~", "n", "N", ""]),
    _PREFIX + "bool": (re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")),
    _LEADING_ZERO: (re.compile(r"[-+]?0[0-9_]+"), list("-+0")),
    _PREFIX + "int": (re.compile(r"[-+]?(?:0|[1-9][0-9_]*)"), _NUMBER_STARTS),
    _PREFIX + "float": (
        re.compile(
            r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
        _NUMBER_STARTS,
    ),
}

_MISPLACED_COLON: Final = "mapping values are not allowed"
_KEY_WITHOUT_BLANK: Final = re.compile(r"^ *(?:- +)*([A-Za-z_][\w-]*:)[^\s/].*\n\s*\Z", re.M)

_SYNTAX: Final = (
    (r"'\t'", "a tab where YAML allows only spaces"),
    (_MISPLACED_COLON, "a ':' that does not fit here", "quotes, or less indent"),
    ("could not find expected ':'", "a key that has no ':'"),
    ("expected <block end>", "this does not line up with what stands above it"),
    ("expected ',' or ']'", "a list that is not closed with ']'"),
    ("expected ',' or '}'", "a mapping that is not closed with '}'"),
    ("found unexpected end of stream", "a quote that is never closed"),
    ("but found another document", "a second document", "one document to a file"),
    ("second occurrence", "an anchor (&) that is declared already", "a name of its own"),
    ("nested too deep", "nested too deep", f"up to {_DEEPEST} levels"),
    ("cannot start any token", "a character that YAML keeps for itself", "quotes around the text"),
)


class NotYaml(Exception):  # says what the text is
    """Nothing can be read from a text, or it is too much; carries the one mistake."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.what)
        self.mistake: Final = mistake


def read(text: str, file: str) -> tuple[Marked, list[Mistake]]:
    """The top-level mapping of a YAML text, and what is wrong with the text as YAML.

    What a mistake leaves usable stays in the mapping, so that others can look on.

    Raises:
        NotYaml: There is nothing to look on with.
    """
    try:
        # By bytes, as for files; what cannot be encoded is refused a few lines down.
        if len(text.encode(errors="replace")) > MOST_BYTES:
            raise NotYaml(too_big(file))
        node = _compose(text, file)
    except RecursionError:
        raise NotYaml(Mistake(Mark(file, 0), "nested too deep")) from None
    if node is None or node.tag == _PREFIX + "null":
        raise NotYaml(Mistake(Mark(file, 0), "the file is empty", "a mapping"))
    reader = _Reader(text, file)
    if not isinstance(node, yaml.MappingNode):
        kind = "a list" if isinstance(node, yaml.SequenceNode) else show(node.value)
        raise NotYaml(Mistake(reader.mark(node), f"the top level is {kind}", "a mapping"))
    return reader.build(node, (), None), reader.mistakes


def too_big(file: str) -> Mistake:
    """The mistake of a file above the limit."""
    return Mistake(Mark(file, 0), "the file is too big", f"up to {MOST_BYTES // 1024} KiB")


class _Loader(yaml.SafeLoader):
    """PyYAML's parser with the types above, bounded in depth because it is recursive."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML's own way to hold them
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > _DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "nested too deep", mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Dumper(yaml.SafeDumper):
    """Quotes what PyYAML, or the types above, would take for something other than text."""

    def ignore_aliases(self, _data: object) -> bool:
        return True

    def represent_scalar(
        self, tag: str, value: object, style: str | None = None
    ) -> yaml.ScalarNode:
        # Outside of double quotes these count as line breaks, and come back as others.
        breaks = isinstance(value, str) and not {"\x85", "\u2028", "\u2029"}.isdisjoint(value)
        return super().represent_scalar(tag, value, '"' if breaks else style)


for _tag, (_pattern, _starts) in _PATTERNS.items():
    _whole = re.compile(rf"(?:{_pattern.pattern})\Z")
    _Loader.add_implicit_resolver(_tag, _whole, _starts)
    _Dumper.add_implicit_resolver(_tag, _whole, _starts)


def write(value: Mapping[str, object]) -> str:
    """YAML of plain values, in their order; `read` gives the same values back."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return str(text)


def _key_without_blank(text: str, index: int) -> re.Match[str] | None:
    """The line before a place, where it is ``key:value``: to YAML that is text, which goes on."""
    return _KEY_WITHOUT_BLANK.search(text, 0, text.rfind("\n", 0, index) + 1)


def _compose(text: str, file: str) -> yaml.Node | None:
    last_line = len(text.rstrip("\n").split("\n")) if text.strip("\n") else 1

    def fail(index: int, what: str, allowed: str = "") -> NotYaml:
        line = min(text.count("\n", 0, index) + 1, last_line)
        return NotYaml(Mistake(Mark(file, line), f"not valid YAML: {what}", allowed))

    try:
        loader = _Loader(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        code = error.character if isinstance(error.character, int) else ord(error.character[:1])
        raise fail(error.position, f"character U+{code:04X} is not allowed") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        index = mark.index if mark else 0
        said = error.problem or error.context or "it cannot be read"
        if _MISPLACED_COLON in said and (found := _key_without_blank(text, index)):
            raise fail(found.start(1), f"a blank is missing after {found[1]!r}") from None
        for part, *words in _SYNTAX:
            if part in said:
                raise fail(index, *words) from None
        raise fail(index, said) from None
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML lets these out for an escape above U+10FFFF and a %YAML of absurd length.
        raise fail(0, "an escape or directive that cannot be read") from None


class _Reader:
    """Turns one file's nodes into `Marked` values and collects the mistakes on the way."""

    def __init__(self, text: str, file: str) -> None:
        self.mistakes: Final[list[Mistake]] = []
        self._file: Final = file
        self._line_ends: Final = [at for at, char in enumerate(text) if char == "\n"]
        self._open: Final[set[int]] = set()
        self._count = 0

    def mark(self, node: yaml.Node) -> Mark:
        # Not PyYAML's own line: that counts breaks, such as U+2028, which editors do not.
        return Mark(self._file, bisect.bisect_left(self._line_ends, node.start_mark.index) + 1)

    def build(self, node: yaml.Node, path: Path, key_at: Mark | None) -> Marked:
        at = self.mark(node)
        # Aliases can make much of little, so what counts is what they stand for.
        self._count += 1
        if self._count > _MOST_VALUES:
            limit = f"up to {_MOST_VALUES}, with each use of an alias counted"
            raise NotYaml(Mistake(at, "too many values", limit))
        if len(path) > _DEEPEST:
            raise NotYaml(Mistake(at, "nested too deep", f"up to {_DEEPEST} levels"))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path, key_at)
        if id(node) in self._open:
            return self._refuse(node, path, key_at, "an alias to what it stands in")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode) and node.tag == _PREFIX + "seq":
                items = (self.build(n, (*path, i), None) for i, n in enumerate(node.value))
                return Marked(tuple(items), at, path, key_at)
            if isinstance(node, yaml.MappingNode) and node.tag == _PREFIX + "map":
                return Marked(self._entries(node, path, key_at), at, path, key_at)
        finally:
            self._open.discard(id(node))
        return self._refuse_tag(node, path, key_at)

    def _entries(
        self, node: yaml.MappingNode, path: Path, key_at: Mark | None
    ) -> dict[str, Marked]:
        entries: dict[str, Marked] = {}
        inherited: dict[str, Marked] = {}
        for key_node, value_node in node.value:
            if key_node.value == "<<" and key_node.style is None:
                inherited = {**self._merged(value_node, path, key_at), **inherited}
                continue
            key, told = self._key(key_node, path)
            if key is None:
                continue
            entry = self.build(value_node, (*path, key), self.mark(key_node))
            if told:
                entry = replace(entry, told=True)
            first = entries.get(key)
            if first is not None:
                line = (first.key_at or first.at).line
                what = f"{dotted((*path, key))}: written twice, first on line {line}"
                self.mistakes.append(Mistake(self.mark(key_node), what, "once"))
                # Both are kept, or what only the first declares would be missed elsewhere.
                entry = overlay(first, entry, null_removes=False)
            entries[key] = entry
        return {**inherited, **entries}

    def _merged(self, node: yaml.Node, path: Path, key_at: Mark | None) -> Mapping[str, Marked]:
        """What ``<<`` brings in; of several mappings the first one wins."""
        several = isinstance(node, yaml.SequenceNode)
        entries: dict[str, Marked] = {}
        for source in node.value if several else [node]:
            built = self.build(source, path, key_at)
            if isinstance(built.value, dict):
                entries = {**built.value, **entries}
            elif not built.told:
                what = f"{dotted((*path, '<<'))}: {show(built.plain())} cannot be merged in"
                self.mistakes.append(Mistake(built.at, what, "an alias to a mapping"))
        return entries

    def _key(self, node: yaml.Node, path: Path) -> tuple[str | None, bool]:
        """A key as text, and whether a mistake in it was reported."""
        if not isinstance(node, yaml.ScalarNode):
            kind = "list" if isinstance(node, yaml.SequenceNode) else "mapping"
            where = f"{dotted(path)}: " if path else ""
            self.mistakes.append(Mistake(self.mark(node), f"{where}a {kind} as key", "text"))
            return None, True
        key = str(node.value)
        if node.tag == _PREFIX + "int" and key.isdecimal():
            return key, False  # a port, and where none is wanted an unknown field
        if node.tag != _PREFIX + "str":
            what = f"{dotted((*path, key))}: the key is not text"
            self.mistakes.append(Mistake(self.mark(node), what, f"quotes around it: {show(key)}"))
            return key, True
        # Kept out of the mapping: what cannot be encoded cannot be checked either.
        return (None, True) if self._unpaired(node, (*path, key)) else (key, False)

    def _scalar(self, node: yaml.ScalarNode, path: Path, key_at: Mark | None) -> Marked:
        text = str(node.value)
        kind = node.tag.removeprefix(_PREFIX)
        value: Scalar = text
        if kind == "str":
            return self._unpaired(node, path, key_at) or Marked(text, self.mark(node), path, key_at)
        if node.tag not in _PATTERNS:
            return self._refuse_tag(node, path, key_at)
        if not _PATTERNS[node.tag][0].fullmatch(text):
            return self._refuse(node, path, key_at, f"{show(text)} does not fit the tag !!{kind}")
        if node.tag == _LEADING_ZERO:
            fix = text.replace("_", "").lstrip("+-0") or "0"
            what = f"{text} begins with a zero, which YAML readers take differently"
            return self._refuse(node, path, key_at, what, fix)
        if kind == "int":
            digits = text.replace("_", "")
            if len(digits) > _MOST_DIGITS:
                what = f"a number of {len(digits)} digits is too big"
                return self._refuse(node, path, key_at, what, f"up to {_MOST_DIGITS} digits")
            value = int(digits)
        elif kind == "float":
            value = float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
        elif kind == "bool":
            value = text.lower() == "true"
        else:
            value = None
        return Marked(value, self.mark(node), path, key_at)

    def _unpaired(
        self, node: yaml.ScalarNode, path: Path, key_at: Mark | None = None
    ) -> Marked | None:
        """Refuses half of a surrogate pair, which an escape can write but nothing can encode."""
        if not any("\ud800" <= char <= "\udfff" for char in node.value):
            return None
        return self._refuse(node, path, key_at, "half of a surrogate pair, which is no character")

    def _refuse_tag(self, node: yaml.Node, path: Path, key_at: Mark | None) -> Marked:
        tag = node.tag.replace(_PREFIX, "!!")
        return self._refuse(node, path, key_at, f"the tag {tag} does not belong here", "no tag")

    def _refuse(
        self, node: yaml.Node, path: Path, key_at: Mark | None, what: str, allowed: str = ""
    ) -> Marked:
        at = self.mark(node)
        self.mistakes.append(Mistake(at, f"{dotted(path)}: {what}", allowed))
        return Marked(None, at, path, key_at, told=True)
