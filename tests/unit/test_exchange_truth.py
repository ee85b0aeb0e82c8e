"""A model writes the logs of three servers, with the truth beside them; files are taken away."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.test_exchange_account import row
from tests.unit.test_exchange_events import log_of

from relaydrill.errors import ExchangeLogError
from relaydrill.exchange_logs.files import read_all
from relaydrill.exchange_logs.log_account import LogAccount, account
from relaydrill.exchange_logs.tracking import Tracking
from relaydrill.verdict import Status

Row = dict[str, str]
Files = dict[str, list[Row]]
_INTRA: Final = {"connector_id": "Intra-Organization SMTP Send Connector"}
_LOGS: Final = (("EDGE1", "MSGTRK"), ("EX1", "MSGTRK"), ("EX2", "MSGTRK"), ("EX2", "MSGTRKMD"))
_ENDS: Final = (
    *("delivered", "duplicated", "failed", "discarded", "handed on", "queued", "held", "lost"),
)
_KINDS: Final = {
    "delivered": {"delivered"},
    "duplicated": {"duplicated", "delivered"},
    "lost": {"lost", "handed on"},
}
_QUIET: Final = {"queued", "held", "handed on", "unobserved", "unknown", "not accepted"}

_MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(_ENDS),
        st.booleans(),  # by the Edge server
        st.booleans(),  # a copy goes to an archive
        st.integers(0, 2 * 3600),
    ),
    min_size=1,
    max_size=6,
)


class Model:
    """Three servers of 2016: an Edge, and two with mailboxes; a log for each hour."""

    def __init__(self) -> None:
        self.files: Files = defaultdict(list)
        for hour in range(3):
            for server, kind in _LOGS:
                for at in (hour * 3600.0 + 59, hour * 3600.0 + 3599):
                    tick = {"message": f"<tick-{server}-{kind}-{at}@x>", "client_hostname": server}
                    self._log(server, kind, at, "AGENTINFO", source="AGENT", **tick)

    def send(self, number: int, end: str, by_edge: bool, copied: bool, at: float) -> None:
        """One message on its way to its end, with a row wherever Exchange would write one."""
        ours = {"message": f"<{number}@app>"}
        ends = {"client_hostname": "app", "server_hostname": "EDGE1" if by_edge else "EX1"}
        hops = ["EDGE1", "EX1"] if by_edge else ["EX1"]
        self._log(hops[0], "MSGTRK", at, "RECEIVE", **ours, **ends)
        if by_edge:
            to = {"client_hostname": "EDGE1", "server_hostname": "EX1.corp"}
            self._log("EDGE1", "MSGTRK", at + 2, "SEND", **ours, **to)
            taken = {"client_hostname": "EDGE1.corp", "server_hostname": "EX1"}
            self._log("EX1", "MSGTRK", at + 1, "RECEIVE", **ours, **taken)
        self._end(ours, end, copied, at + 3)

    def _end(self, ours: Row, end: str, copied: bool, at: float) -> None:
        own = {"client_hostname": "EX1", **ours}
        to = {"server_hostname": "EX2.corp", **_INTRA}
        if copied and end != "lost":
            self._log("EX1", "MSGTRK", at, "SEND", "archive@contoso.com", **own, **to)
            self._deliver(ours, at, "archive@contoso.com")
        match end:
            case "delivered" | "duplicated" | "lost":
                self._log("EX1", "MSGTRK", at, "SEND", **own, **to)
                for time in {"delivered": (at,), "duplicated": (at, at + 5)}.get(end, ()):
                    self._deliver(ours, time, "user@contoso.com")
            case "failed":
                self._log("EX1", "MSGTRK", at, "FAIL", **own)
            case "discarded":
                self._log("EX1", "MSGTRK", at, "DROP", source_context="Malware Agent", **own)
            case "handed on":
                away = {"server_hostname": "mx.partner.example"}
                self._log("EX1", "MSGTRK", at, "SENDEXTERNAL", **own, **away)
            case "held":
                self._log("EX1", "MSGTRK", at, "POISONMESSAGE", **own)

    def _deliver(self, ours: Row, at: float, to: str) -> None:
        ends = {"client_hostname": "EX2", "server_hostname": "EX2", "source": "STOREDRIVER"}
        self._log("EX2", "MSGTRKMD", at, "DELIVER", to, **ours, **ends)

    def _log(self, server: str, kind: str, at: float, event: str, *to: str, **more: str) -> None:
        name = f"{server}/{kind}20261124{12 + int(at // 3600)}-1.LOG"
        self.files[name].append(row(event, at, *to, **more))


def _account(files: Files, folder: Path) -> LogAccount | None:
    for name, rows in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(log_of(sorted(rows, key=lambda each: each["date-time"])), newline="")
    try:
        return account(Tracking(read_all([folder])))
    except ExchangeLogError:
        return None  # not one file is left


def _told(found: LogAccount) -> dict[int, str]:
    return {
        int(fate.entry.message.strip("<>").partition("@")[0]): str(fate.account)
        for fate in found.fates
        if fate.entry.recipient == "user@contoso.com"
    }


@settings(deadline=None, max_examples=30)
@given(_MESSAGES)
def test_with_all_logs_the_account_is_the_truth(
    messages: list[tuple[str, bool, bool, int]],
) -> None:
    """Every message ends where the model has let it end, and copies are told apart."""
    model = Model()
    for number, (end, by_edge, copied, at) in enumerate(messages):
        model.send(number, end, by_edge, copied, at)
    with TemporaryDirectory() as folder:
        found = _account(model.files, Path(folder))
    assert found
    assert _told(found) == {number: end for number, (end, *_) in enumerate(messages)}
    copies = sum(copied and end != "lost" for end, _, copied, _ in messages)
    assert sum(found.tracking.copies.values()) == copies


@settings(deadline=None, max_examples=50)
@given(_MESSAGES, st.data())
def test_without_some_logs_nothing_false_is_said(
    messages: list[tuple[str, bool, bool, int]], data: st.DataObject
) -> None:
    """Whatever files are taken away: no false loss, no false end, no false delivery."""
    model = Model()
    for number, (end, by_edge, copied, at) in enumerate(messages):
        model.send(number, end, by_edge, copied, at)
    gone = data.draw(st.sets(st.sampled_from(sorted(model.files)), max_size=6))
    files = {name: rows for name, rows in model.files.items() if name not in gone}
    with TemporaryDirectory() as folder:
        found = _account(files, Path(folder))
    for number, said in (_told(found) if found else {}).items():
        truth = messages[number][0]
        assert said in _QUIET or said in _KINDS.get(truth, {truth}), (number, truth, said)
    if found and found.status is Status.PASS:
        assert set(_told(found).values()) <= {"delivered"}
