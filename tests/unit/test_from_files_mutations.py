"""Damaged configuration files give a topology that loads, or a sentence: never a traceback."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import pytest
from tests.own_files import SABOTAGES, STYLES
from tests.unit.test_own_file_mutations import DAMAGES

from relaydrill import topology_files
from relaydrill.errors import UsageError
from relaydrill.from_files import topology_text
from relaydrill.lint import Severity, lint
from relaydrill.own_configuration import OwnFiles
from relaydrill.own_configuration.gathering import Gathered, Named
from relaydrill.own_configuration.recognising import by_content, by_name
from relaydrill.own_configuration.text import text_of

MUTATIONS: Final = 800
_OF_FILES: Final = {
    *("mx-without-address", "mx-is-address", "mx-is-alias", "null-mx-not-alone"),
    *("snat-open-relay", "open-relay", "alias-leads-nowhere", "vip-lacks-port"),
}
"""Errors of a design that may stand in the files as well."""

_TIERS: Final = (*STYLES.values(), *(each.files() for each in SABOTAGES.values()))


def damaged(rng: random.Random) -> OwnFiles:
    """Files of one tier, or of two that do not know each other, each damaged up to three times."""
    gathered = Gathered()
    together: dict[str, str] = {}
    for _ in range(rng.choice((1, 1, 2, 3))):
        together |= rng.choice(_TIERS)
    for name, text in together.items():
        data = text.encode()
        for _ in range(rng.randrange(4)):
            data = rng.choice(DAMAGES)(data, rng) if data else data
        try:
            texts = (text_of(data, name),)
        except UsageError:
            continue
        kind = by_name(Path(name)) or by_content(text_of(text.encode(), name))
        gathered.named.append(Named(name, kind, texts))
    return gathered.files()


@pytest.mark.parametrize("part", range(4))
def test_damaged_files_load_or_are_refused_in_a_sentence(part: int) -> None:
    """Of every style, sabotaged or not, with others beside it; each by its own seed."""
    written = 0
    for seed in range(part, MUTATIONS, 4):
        files = damaged(random.Random(seed))
        try:
            text = topology_text(files, f"seed {seed}")
        except UsageError as error:
            assert "\n" not in str(error)
            assert ":1: " in str(error) or not files.all
            continue
        topology = topology_files.parse(text, f"seed {seed}")
        wrong = {each.rule for each in lint(topology) if each.severity.at_least(Severity.ERROR)}
        assert wrong <= _OF_FILES, seed
        written += 1
    assert written > MUTATIONS / 4 * 0.8
