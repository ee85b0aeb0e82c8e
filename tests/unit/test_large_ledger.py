"""The ledger of large journals says what `join` says of the same events."""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks import ledger_journals
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.histories import BODY, OTHER_BODY, History

from relaydrill.drills import record
from relaydrill.drills.checks import Case, run_checks
from relaydrill.errors import HarnessError
from relaydrill.journal import Event, read_events
from relaydrill.ledger import Account, Attempts, Entry, Ledger, Named, halves, join, join_journals
from relaydrill.ledger.bulk import Journals
from relaydrill.ledger.sifting import sift
from relaydrill.ledger.stretches import Stretch
from relaydrill.message import BLOCKED, WANTED
from relaydrill.message.changes import covered_by
from relaydrill.smtp import Result
from relaydrill.verdict import Verdict

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""What is told of a ledger does not depend on how busy the machine is."""

FLOWS = ("relay", "submission")
NODES = ("ht1", "ht2", "edge", "mbx", "lb1")
PEOPLE = ("user@contoso.com", "User@Contoso.com", "other@contoso.com")
MESSAGES = ("<1@app>", "<2@app>", "<3@app>", "<4@app>")

HARMLESS = {"relay": covered_by(("disclaimer",))}
"""What one of the flows declares."""

moments = st.integers(0, 40).map(lambda number: number / 1000)
nodes = st.sampled_from(NODES)
ports = st.sampled_from([0, 25, 587])
digests = st.sampled_from([BODY, BODY, BODY, OTHER_BODY, "", BODY.upper(), "no digest"])
tellings = st.fixed_dictionaries(
    {"result": st.sampled_from([*map(str, Result)])},
    optional={
        "phase": st.sampled_from(["mail", "reply"]),
        "code": st.sampled_from([250, 452, 550, "452"]),
        "reason": st.sampled_from(["connection refused", "zu spät", "\ud800"]),
        "server": st.sampled_from(["ht1.contoso.com", "ht2.contoso.com"]),
        "choice": st.sampled_from(["ht1", "mail"]),
        "member": st.sampled_from([0, 1, None]),
        "slack_s": st.sampled_from([0.0, 0.003, 1]),
        "reused": st.sampled_from([True, False, "yes"]),
    },
)


@st.composite
def details(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """What one event may carry."""
    match kind:
        case "attempt":
            sort = draw(st.sampled_from([WANTED, BLOCKED]))
            detail = {"flow": draw(st.sampled_from(FLOWS)), "sort": sort, "digest": draw(digests)}
            return detail | draw(st.sampled_from([{}, {"scheduled": 0.0005}, {"scheduled": 1}]))
        case "outcome":
            return draw(tellings)
        case "accepted" | "stored":
            return {"port": draw(ports)} | draw(
                st.sampled_from([{}, {"stored": False}, {"stored": None}])
            )
        case "arrived":
            rest: list[dict[str, Any]] = [{}, {"file": "1.mbx"}, {"mailbox": PEOPLE[2]}]
            rest += [{"mailbox": "anna@contoso.com", "needs": ["anna@contoso.com", PEOPLE[2]]}]
            rest += [{"mailbox": "anna@contoso.com", "queue_id": "A1"}, {"queue_id": "A1"}]
            rest += [{"known_by": "header", "changed": ["message_id"]}, {"changed": ["subject"]}]
            rest += [{"changed": "subject"}, {"changed": ["date", "disclaimer"]}]
            box: dict[str, Any] = draw(st.sampled_from(rest))
            return {"port": draw(ports), "digest": draw(digests), **box}
        case "copied" | "unattributed":
            more: list[dict[str, Any]] = [{}, {"declared": True}, {"said": "imap: {for: []}"}]
            more += [{"marks": MESSAGES[:2]}, {"marks": "<a>"}]
            return draw(st.sampled_from(more))
        case "relayed" | "bounced":
            to: list[dict[str, Any]] = [{}, {"queue_id": "A1"}, {"queue_id": "B"}]
            to += [{"queue_id": "A1", "mailbox": "anna@contoso.com"}, {"mailbox": "b@x"}]
            return draw(st.sampled_from(to))
        case "discarded" | "held":
            why: list[dict[str, Any]] = [{}, {"by": "a filter", "said": "spam"}, {"by": 1}]
            return draw(st.sampled_from(why))
        case "handed-on":
            return draw(st.sampled_from([{}, {"to": "gw.contoso.com", "said": "250 ok"}]))
        case _:
            return draw(st.sampled_from([{}, {"port": draw(ports)}]))


@st.composite
def any_event(draw: st.DrawFn) -> Event:
    """Any event that speaks of mail, as it may stand anywhere in a journal."""
    kinds = ["attempt", "outcome", "stored", "accepted", "resubmitted", "relayed", "bounced"]
    kinds += ["arrived", "connected", "answered", "queue", "deferred"]
    kinds += ["copied", "unattributed", "handed-on", "discarded", "held", "sight"]
    kind, moment = draw(st.sampled_from(kinds)), draw(moments)
    message, to = draw(st.sampled_from(["", *MESSAGES])), draw(st.sampled_from(PEOPLE))
    if kind == "queue":
        items = draw(st.lists(st.tuples(st.sampled_from(MESSAGES), st.sampled_from(PEOPLE))))
        shadows = draw(st.sampled_from([{}, {"shadows": {"ht1": 2}}]))
        detail = {"items": [*map(list, items)], **shadows}
        return Event(moment, 1.0, draw(nodes), kind, detail=detail)
    if kind == "sight":
        sights: list[dict[str, Any]] = [{}, {"unread": []}, {"unread": ["mail.log is gone"]}]
        sight = {"arrivals": True, "blind": draw(st.sampled_from([[], ["ht1"]]))}
        return Event(moment, 1.0, draw(nodes), kind, detail=sight | draw(st.sampled_from(sights)))
    if kind in ("copied", "unattributed"):
        to = draw(st.sampled_from(["", "archive@contoso.com", *PEOPLE]))
    return Event(moment, 1.0, draw(nodes), kind, message, to, draw(details(kind)))


@st.composite
def one_message(draw: st.DrawFn, message: str) -> list[Event]:
    """What mostly becomes of a message: delivered by way of some hubs, or turned down."""
    history = History(draw(st.sampled_from(FLOWS)), draw(st.sampled_from(PEOPLE)))
    begun = draw(moments)
    if not draw(st.booleans()):
        history.attempt(message, draw(st.sampled_from([*Result, None])), at=begun, code=452)
        return history.events
    history.attempt(message, at=begun, took=draw(st.sampled_from([0.0, 0.004])))
    # A worker elsewhere sent it, or a connection had served another message.
    more: list[dict[str, Any]] = [{}, {"slack_s": 0.003}, {"reused": True}]
    if slack := draw(st.sampled_from(more)):
        over = history.events[-1]
        history.events[-1] = replace(over, detail={**over.detail, **slack})
    for hub in draw(st.lists(st.sampled_from(NODES[:3]), max_size=2)):
        history.accepted(message, hub, at=begun + draw(st.sampled_from([0.0, 0.002])))
        history.write(hub, "relayed", message, at=begun + draw(st.sampled_from([0.002, 0.005])))
    body = draw(st.sampled_from([BODY, BODY, BODY, OTHER_BODY]))
    told: dict[str, Any] = draw(
        st.sampled_from([{}, {}, {"changed": ["disclaimer"]}, {"changed": ["subject"]}])
    )
    came = begun + draw(st.sampled_from([0.002, 0.009]))
    history.arrived(message, digest=body, at=came, **told)
    if draw(st.booleans()):  # an archive has it, too
        history.write("mbx", "copied", message, recipient="archive@contoso.com")
    return history.events


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Some messages, mostly ordinary ones, and whatever else may have happened."""
    events = [event for message in MESSAGES for event in draw(one_message(message))]
    for at in draw(st.lists(st.integers(0, len(events) - 1), max_size=2, unique=True)):
        events[at] = draw(st.sampled_from([events[at], draw(any_event())]))
    events += draw(st.lists(any_event(), max_size=3))
    # Which of two events of one kind in one microsecond is the first, nobody can know.
    seen: set[tuple[float, str]] = set()
    for at, told in enumerate(events):
        event = replace(told, mono=round(told.mono, 6))
        while (event.mono, event.kind) in seen:
            event = replace(event, mono=round(event.mono + 1e-6, 6))
        seen.add((event.mono, event.kind))
        events[at] = event
    return events


odd_lines = st.lists(
    st.sampled_from(
        ['{"mono":1', "", "[]", '{"mono":NaN,"wall":1,"node":"a","kind":"relayed"} torn']
    )
)


def written(folder: Path, events: list[Event], odd: list[str]) -> list[Path]:
    """The events as the journals of their nodes, and other lines between; the last is torn."""
    lines: dict[str, list[str]] = defaultdict(list)
    for number, event in enumerate(events):
        lines[event.node] += [event.to_line(), *odd[number : number + 1]]
    for node, texts in lines.items():
        text = "\n".join(texts) + "\n"
        (folder / f"{node}.jsonl").write_text(text + text.splitlines()[0][:-3])
    return sorted(folder.iterdir())


def said_of(entry: Entry) -> object:
    """What a ledger says of a message, comparable."""
    return (
        (entry.message, entry.recipient, entry.flow, entry.digest, entry.account, entry.saw),
        (entry.attempts, entry.queued_on, entry.copies, entry.waits_on, entry.is_resubmitted),
        entry.deferred if entry.queued_on else (),
        (sorted(entry.accepted), sorted(entry.arrived), sorted(entry.bounced)),
        (entry.changed, entry.known_by),
        (entry.exits, sorted(entry.mailboxes), entry.needs, entry.held, entry.elsewhere),
    )


def said_of_attempts(attempts: Attempts) -> Iterator[object]:
    """What `Attempts` says, question by question."""
    yield sorted(attempts, key=repr)
    yield [*attempts.starts], [*attempts.acceptances], attempts.latest_s, repr(attempts.observed)
    yield sorted(attempts.failed, key=repr), sorted(attempts.unserved(0.003), key=repr)
    yield [attempts.over_before(moment) for moment in (0.0, 0.01, 0.02, 1.0)]
    yield [sorted(attempts.choices(moment), key=repr) for moment in (-1.0, 0.01, 0.02)]
    yield attempts.any(lambda attempt: attempt.deferred)
    yield attempts.accepted, [*attempts.failures], sorted(attempts.took_s())
    parts = [attempts.between(begin, begin + 0.01) for begin in (0.0, 0.01, 0.02)]
    yield [sorted(part, key=repr) for part in parts], [part.accepted for part in parts]


def banner_of(*known: str) -> Named:
    """Says which of these nodes a banner names."""

    def named(banner: str) -> str:
        name = banner.partition(".")[0]
        return name if name in known else ""

    return named


def said(ledger: Ledger) -> Iterator[object]:
    """Everything that a ledger says, question by question."""
    yield {key: said_of(entry) for key, entry in ledger.entries.items()}
    yield len(ledger.entries)
    yield ledger.unread, sorted(ledger.copies, key=repr)
    spans = ((float("-inf"), float("inf")), (0.01, 0.02))
    nobody, ht1, both = banner_of(), banner_of("ht1"), banner_of("ht1", "ht2")
    for flow in (*FLOWS, ""):
        yield sorted(map(repr, map(said_of, ledger.of_flow(flow))))
        yield ledger.accounts(flow)
        yield sorted(ledger.copies_of(flow), key=repr)
        for named in (nobody, ht1, both):  # whose banners are no node's, some or all
            yield sorted(ledger.acceptances(flow, named))
            yield +ledger.untold(flow, named)
        yield sorted(ledger.scheduled(flow))
        yield [*said_of_attempts(ledger.attempts(flow))]
        yield [*said_of_attempts(ledger.attempts(flow, wanted=False))]
        for moment in (0.005, 0.01, 0.02):
            yield ledger.under_way(flow, moment), ledger.under_way(flow, moment, over_for_s=0.005)
            yield sorted(repr(said_of(entry)) for entry in ledger.across(flow, moment))
            yield ledger.tries(flow, ht1, since=moment)
            yield ledger.tries(flow, nobody, until=moment, over_by=moment + 0.002)
        yield ledger.tries(flow, both)
        for node in NODES:
            for after, before in spans:
                given_ = {"after": after, "before": before}
                yield sorted(ledger.traffic_of(node, flow, 25, **given_), key=repr)
                yield ledger.took(node, flow, 25, **given_)
    yield [(ledger.look(node), ledger.last_departure(node)) for node in NODES]
    yield [ledger.last_sign(node, until) for node in NODES for until in (0.01, 1.0)]


@given(histories(), odd_lines)
@UNHURRIED
def test_a_large_ledger_says_what_join_says(events: list[Event], odd: list[str]) -> None:
    """Whatever befell some messages, columns give the same answers as the events themselves."""
    with tempfile.TemporaryDirectory() as folder:
        paths = written(Path(folder), events, odd)
        large = join_journals(paths, many_bytes=0, harmless=HARMLESS)
        told = (event for path in paths for event in read_events(path))
        small = join(told, harmless=HARMLESS)
    for mine, theirs in zip(said(large), said(small), strict=True):
        assert mine == theirs


@given(histories(), odd_lines, st.floats(0, 1))
@UNHURRIED
def test_what_two_processes_read_is_what_one_reads(
    events: list[Event], odd: list[str], part: float
) -> None:
    """Wherever the files are cut, no line is read twice, and none is left out."""
    with tempfile.TemporaryDirectory() as folder:
        paths = written(Path(folder), events, odd)
        sizes = {path: path.stat().st_size for path in paths}
        first, second = Journals(), Journals()
        first.read(Stretch(path, 0, int(size * part)) for path, size in sizes.items())
        second.read(Stretch(path, int(size * part), size) for path, size in sizes.items())
        first.extend(second)
        ordinary, others = sift(first)
        small = join(event for path in paths for event in read_events(path))
    large = join(others, ordinary)
    for mine, theirs in zip(said(large), said(small), strict=True):
        assert mine == theirs


def a_drill() -> list[Event]:
    """What one sees of most drills: mail that is delivered, by one hub or two, or turned down."""
    history = History()
    for number in range(100):
        message = f"<{number}@app>"
        if number % 10 == 0:
            history.attempt(message, Result.DROPPED)
        else:
            history.delivered(message, f"ht{number % 3}")
    return history.events


def test_ordinary_mail_is_kept_in_columns(tmp_path: Path) -> None:
    """Mail that is delivered once, or turned down, makes no entry; what differs makes one."""
    events = a_drill()
    ledger = join_journals(written(tmp_path, events, []), many_bytes=0)
    assert not ledger.whole
    assert ledger.accounts("relay") == {Account.DELIVERED: 90, Account.NOT_ACCEPTED: 10}
    history = History()
    history.arrived("<7@app>", at=9.0)
    with (tmp_path / "mbx.jsonl").open("a") as journal:
        journal.write("\n" + history.events[0].to_line() + "\n")
    again = join_journals(sorted(tmp_path.iterdir()), many_bytes=0)
    assert [entry.account for entry in again.whole.values()] == [Account.DUPLICATED]
    assert again.accounts("relay")[Account.DELIVERED] == 89


def test_a_second_process_reads_a_half(tmp_path: Path) -> None:
    """What is read in two processes is judged as what one has read."""
    paths = written(tmp_path, a_drill(), [])
    ordinary, others = sift(halves.read_in_halves(paths))
    large = join(others, ordinary)
    assert not large.whole
    small = join(event for path in paths for event in read_events(path))
    for mine, theirs in zip(said(large), said(small), strict=True):
        assert mine == theirs


def test_small_journals_are_kept_whole(tmp_path: Path) -> None:
    """Below the size from which it pays, every entry is kept whole."""
    paths = written(tmp_path, a_drill(), [])
    assert len(join_journals(paths).whole) == 100


def test_a_second_process_that_ends_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judge that got half of the journals only says so, and gives no verdict."""
    paths = written(tmp_path, a_drill(), [])
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(HarnessError, match="second process that reads the journals ended with"):
        halves.read_in_halves(paths)


@given(histories())
@UNHURRIED
def test_what_attempts_tell_is_what_each_of_them_tells(events: list[Event]) -> None:
    """Questions that are answered from columns have the answers that each attempt has."""
    ledger = join(events)
    for flow in FLOWS:
        attempts = ledger.attempts(flow)
        assert attempts.accepted == sum(each.accepted for each in attempts)
        assert [*attempts.failures] == [each.started for each in attempts if not each.accepted]
        took = [each.took_s for each in attempts]
        assert [*attempts.took_s()] == [each for each in took if each is not None]
        some = [each for each in attempts if 0.01 <= each.started < 0.02]
        assert [*attempts.between(0.01, 0.02)] == some
        moments = sorted(moment for moment, _ in ledger.acceptances(flow, banner_of("ht1")))
        assert moments == [*attempts.acceptances]


def test_large_journals_are_judged_as_small_ones(tmp_path: Path) -> None:
    """A drill with a kill gets the same verdicts and figures, however its ledger is kept."""
    ledger_journals.write(tmp_path / "run", 1500)
    run = record.load(tmp_path / "run")

    def checked(ledger: Ledger) -> list[Verdict]:
        flows = run.drill.flows
        return [v for f in flows for v in run_checks(Case(run.topology, run.drill, f, ledger))]

    large = join_journals(run.journals(), many_bytes=0)
    assert len(large.whole) < 15
    assert checked(large) == checked(join(run.events()))
