"""The account of mail servers' logs: what it says is what has become of the mail."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.mail_logs_model import ENDS, Tier, bsd, iso, log_of, tier

from relaydrill.cli.commands import cli
from relaydrill.errors import UsageError
from relaydrill.mail_account.files import find_logs
from relaydrill.mail_account.reading import account_of
from relaydrill.mail_account.result import MailAccount

AFTER = 1_767_300_000.0
"""When the logs of the model were last written: on the 1st of January 2026."""


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times without a zone are of UTC."""
    monkeypatch.setenv("TZ", "UTC")


def put(path: Path, lines: Iterable[bytes]) -> Path:
    """Write a log, packed if its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = b"".join(lines)
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    os.utime(path, (AFTER, AFTER))
    return path


def read(*paths: Path) -> MailAccount:
    """The account of logs."""
    return account_of(find_logs(paths).logs)


def counts(found: MailAccount) -> Counter[str]:
    """How many of each, those of 0 left out."""
    return Counter(found.ordered)


def written(world: Tier, folder: Path, write: Callable[..., bytes] = bsd) -> list[Path]:
    """The logs of all hosts, one file each."""
    return [put(folder / f"{name}.log", log_of(host, write)) for name, host in world.hosts.items()]


messages = st.lists(
    st.lists(st.sampled_from(ENDS), min_size=1, max_size=3), min_size=1, max_size=12
)


def sent(seed: int, all_ends: list[list[str]], ahead: float = 0.0) -> Tier:
    """A tier that has sent this mail."""
    world = tier(seed, ahead)
    for ends in all_ends:
        world.send(ends)
    return world


quick = settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class TestWhatBecameOfIt:
    """Whatever becomes of mail in the model, the account says so."""

    @quick
    @given(
        seed=st.integers(0, 999),
        ends=messages,
        write=st.sampled_from((bsd, iso)),
        ahead=st.sampled_from((0.0, -7200.0, 90.0)),
    )
    def test_the_account_is_the_truth(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        seed: int,
        ends: list[list[str]],
        write: Callable[..., bytes],
        ahead: float,
    ) -> None:
        """Four hosts that give out the same queue ids, again and again, over New Year."""
        world = sent(seed, ends, ahead)
        found = read(*written(world, tmp_path_factory.mktemp("logs"), write))
        assert counts(found) == world.truth
        told = {(fate.leg.message, fate.leg.recipient): fate.account for fate in found.undelivered}
        bad = {key: fate for key, fate in world.fates.items() if fate != "delivered"}
        assert told == bad

    @quick
    @given(seed=st.integers(0, 999), ends=messages, cut=st.data())
    def test_what_stands_twice_counts_once(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        seed: int,
        ends: list[list[str]],
        cut: st.DataObject,
    ) -> None:
        """Rotated sets, copies of parts of them, packed and not, in one folder."""
        world = sent(seed, ends)
        folder = tmp_path_factory.mktemp("logs")
        for name, host in world.hosts.items():
            lines = log_of(host)
            middle = cut.draw(st.integers(0, len(lines)))
            first, second = sorted(cut.draw(st.tuples(*[st.integers(0, len(lines))] * 2)))
            put(folder / name / "mail.log.1", lines[:middle])
            put(folder / name / "mail.log", lines[middle:])
            put(folder / "copies" / f"{name}-part.log", lines[first:second])
            put(folder / "packed" / f"{name}.gz", lines[:second])
        assert counts(read(folder)) == world.truth

    @quick
    @given(seed=st.integers(0, 999), ends=messages, cut=st.data())
    def test_a_part_of_the_logs_gives_no_wrong_account(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        seed: int,
        ends: list[list[str]],
        cut: st.DataObject,
    ) -> None:
        """Logs that begin late, end early, or are not there: nothing is lost for that, ever."""
        world = sent(seed, ends)
        folder = tmp_path_factory.mktemp("logs")
        for name, host in world.hosts.items():
            lines = log_of(host)
            first, last = sorted(cut.draw(st.tuples(*[st.integers(0, len(lines))] * 2)))
            if cut.draw(st.booleans()):
                put(folder / f"{name}.log", lines[first:last])
        if not any(folder.iterdir()):
            return
        found = read(folder)
        assert not found.counts["lost"]
        for word in ("delivered", "failed", "discarded", "duplicated"):
            arrivals = world.truth[word] + (2 * world.truth["duplicated"])
            assert found.counts[word] <= arrivals


def told(*arguments: object) -> tuple[int, str]:
    """What the command prints, and how it ends."""
    result = CliRunner().invoke(cli, ["account", *map(str, arguments)], standalone_mode=False)
    if isinstance(result.exception, UsageError):
        return result.exception.exit_status, str(result.exception)
    assert result.exception is None, result.output
    return result.return_value, result.output


class TestTheCommand:
    """What a person sees."""

    def test_it_tells_what_became_of_all_and_names_what_did_not_arrive(
        self, tmp_path: Path
    ) -> None:
        """A table by server, a line for each that did not arrive, and a sum."""
        world = sent(1, [["delivered", "discarded"], ["failed"], ["queued"]])
        written(world, tmp_path)
        status, output = told(tmp_path)
        assert status == 1
        assert "discarded by discard: <1." in output
        assert "failed: <2." in output
        assert "550 5.1.1 no such user" in output
        assert "1 delivered, 1 failed" in output
        status, output = told(tmp_path, "--json")
        assert json.loads(output)["mail"]["accounts"] == world.truth

    def test_only_what_is_asked_for_is_accounted_for(self, tmp_path: Path) -> None:
        """By recipient, domain, sender and time; a failure of others does not count."""
        world = sent(1, [["delivered", "discarded"], ["delivered"]])
        written(world, tmp_path)
        assert told(tmp_path, "--recipient", "USER0@fabrikam.com")[0] == 0
        assert told(tmp_path, "--recipient", "@fabrikam.com")[0] == 1
        assert told(tmp_path, "--recipient", "user1@fabrikam.com")[0] == 1
        assert told(tmp_path, "--sender", "nobody@contoso.com")[0] == 3
        assert told(tmp_path, "--since", "2026-01-02")[0] == 3
        assert told(tmp_path, "--since", "yesterday")[0] == 2

    def test_a_copy_is_no_recipient(self, tmp_path: Path) -> None:
        """What is declared to get copies only is told apart."""
        world = sent(1, [["delivered", "discarded"]])
        written(world, tmp_path)
        status, output = told(tmp_path, "--copy", "user1@fabrikam.com")
        assert status == 0
        assert "Copies for others, not judged: 1 discarded" in output

    def test_a_log_of_which_nothing_is_understood_proves_nothing(self, tmp_path: Path) -> None:
        """It is named, with the number of its lines, and the account is unknown."""
        log = put(tmp_path / "mail.log", [b"what is this?\n"] * 1400)
        world = sent(1, [["delivered"]])
        status, output = told(log, *written(world, tmp_path / "good"))
        assert status == 3
        assert "mail.log: none of its 1400 lines was understood" in output

    def test_a_path_that_is_not_there_is_one_sentence(self, tmp_path: Path) -> None:
        """And exit status 2."""
        assert told(tmp_path / "nothing") == (2, f"{tmp_path / 'nothing'} is not there")

    def test_a_packed_log_that_breaks_off_is_not_whole(self, tmp_path: Path) -> None:
        """What could be read counts; the account is unknown at best."""
        world = sent(1, [["delivered"]])
        written(world, tmp_path)
        whole = gzip.compress(b"".join(log_of(world.hosts["mx1"])) * 50)
        (tmp_path / "more.log.gz").write_bytes(whole[: len(whole) // 2])
        status, output = told(tmp_path)
        assert status == 3
        assert "more.log.gz cannot be read to its end" in output
