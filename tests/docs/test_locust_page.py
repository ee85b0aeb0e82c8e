"""What the page on Locust says is so: its files are run, against a lab."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from relaydrill import topology_files
from relaydrill.drivers.process import ProcessLab
from relaydrill.endpoint import Endpoint
from relaydrill.journal import read_events
from relaydrill.wait import wait_for
from tests.locust_workers import DRILL, ROOT, free_port, needs_locust, workers

pytestmark = needs_locust

_PAGE = (ROOT / "docs" / "python" / "locust.md").read_text(encoding="utf-8")
_FOLDER = ROOT / "docs" / "python" / "locust"
_OFFICE = _FOLDER / "office.py"


@pytest.mark.parametrize("name", ["shared.yaml", "drill.py", "office.py"])
def test_the_page_shows_the_files_that_are_there(name: str) -> None:
    """A block of the page is the file beside it, to the letter."""
    blocks = re.findall(r"^```\w+\n(.*?)^```$", _PAGE, re.M | re.S)
    assert (_FOLDER / name).read_text(encoding="utf-8") in blocks


def write_shared(folder: Path, port: int) -> None:
    """The page's topology, with a port of its own: two of these tests may run side by side."""
    design = yaml.safe_load((_FOLDER / "shared.yaml").read_text(encoding="utf-8"))
    design["nodes"]["app"]["load"]["port"] = port
    (folder / "shared.yaml").write_text(yaml.safe_dump(design))


def relaydrill(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours in a folder."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("relaydrill")), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_the_drill_of_the_page(tmp_path: Path) -> None:
    """Its workers and its drill, as the page starts them, come to an account of all mail.

    Whether the tier holds is not this test's matter: a busy machine's checks may time out.
    """
    port = free_port()
    write_shared(tmp_path, port)
    [command] = re.findall(r"^relaydrill (drill .*)$", _PAGE, re.M)
    with workers(2, port, tmp_path, DRILL) as started:
        done = relaydrill(tmp_path, *command.split(), "--json")
        statuses = [worker.ended() for worker in started]
    assert done.returncode in (0, 1, 3), done.stdout + done.stderr
    for flow in json.loads(done.stdout)["flows"].values():
        checks = {each["check"]: each for each in flow["checks"]}
        assert checks["harness"]["status"] == checks["account"]["status"] == "pass", checks
        assert checks["account"]["figures"]["delivered"] > 50
    assert statuses == [0, 0]


def test_workers_come_back_for_the_next_lab_of_an_audit(tmp_path: Path) -> None:
    """The loop of the page serves two labs that begin and end one right after the other.

    Whether the tier holds is not this test's matter, either.
    """
    port = free_port()
    [loop] = re.findall(r"`(while locust .*; done)`", _PAGE)
    loop = loop.replace("locust -f drill.py", f"{sys.executable} -m locust -f {DRILL}")
    loop = loop.replace("--worker", f"--worker --master-port {port}")
    write_shared(tmp_path, port)
    with (tmp_path / "workers.log").open("wb") as log:
        shells = [
            subprocess.Popen(["sh", "-c", loop], stdout=log, stderr=log, start_new_session=True)
            for _ in range(2)
        ]
    try:
        done = relaydrill(tmp_path, "audit", "shared.yaml", "--node", "ht1", "--json")
    finally:
        for shell in shells:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
    assert done.returncode in (0, 1, 3), done.stdout + done.stderr
    assert [row["drill"] for row in json.loads(done.stdout)["rows"]] == ["steady", "kill:ht1"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessLab]:
    """A lab to load."""
    with ProcessLab(
        topology_files.load("sharepoint"), tmp_path_factory.mktemp("lab") / "lab"
    ) as lab:
        yield lab


def at_work(
    where: Endpoint, folder: Path, is_enough: Callable[[], bool]
) -> tuple[int, dict[str, Any], str]:
    """The page's office without a web UI, until it is told to end: exit status, statistics, rest.

    Not by ``--run-time``: the clock of Locust's timers begins while it is still being imported.
    """
    with (folder / "said").open("w+") as said, (folder / "errors").open("w+") as errors:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "locust", "-f", str(_OFFICE), "--host", str(where)),
                *("--headless", "--users", "10", "--spawn-rate", "10"),
                *("--stop-timeout", "20", "--json"),
            ],
            stdout=said,
            stderr=errors,
        )
        try:
            wait_for(is_enough, what="the office to write", deadline_s=40.0)
            process.terminate()
            status = process.wait(40.0)
        finally:
            process.kill()
            process.wait()
    [mail] = json.loads((folder / "said").read_text())
    assert (mail["name"], mail["method"]) == ("mail", "SMTP")
    return status, mail, (folder / "errors").read_text()


def test_locust_counts_what_arrives(lab: ProcessLab, tmp_path: Path) -> None:
    """Every message that the mailbox got is a request, and every request is one of these."""
    before = seen(lab, "mbx", "arrived")
    status, mail, said = at_work(
        lab.reachable("mail", 25), tmp_path, lambda: seen(lab, "mbx", "arrived") >= before + 30
    )
    assert status == 0, said
    assert mail["num_failures"] == 0
    assert 0.0 < mail["min_response_time"] <= mail["max_response_time"] < 20_000.0
    assert mail["total_content_length"] > 2000 * mail["num_requests"]
    wait_for(
        lambda: seen(lab, "mbx", "arrived") - before == mail["num_requests"],
        what="the mail",
        deadline_s=20.0,
    )


def test_a_refusal_is_a_failure_with_the_server_s_own_words(
    lab: ProcessLab, tmp_path: Path
) -> None:
    """Each attempt is a failure, and what the hub says stands in Locust's report of errors."""
    control = lab.control("ht1")
    control("disturb", label="full", action="reply", phase="mail", reply=[452, "4.3.1 Full"])
    before = seen(lab, "ht1", "bitten")
    try:
        status, mail, said = at_work(
            lab.reachable("ht1", 25), tmp_path, lambda: seen(lab, "ht1", "bitten") >= before + 20
        )
    finally:
        control("relieve", label="full")
    assert status == 1, said
    assert mail["num_requests"] == mail["num_failures"] >= 20
    error = r"NotAccepted\('refused at mail: 452 4.3.1 Full'\)"
    assert re.search(rf"^{mail['num_failures']} +SMTP mail: {error}", said, re.M), said


def test_the_web_ui_shows_it(lab: ProcessLab, tmp_path: Path) -> None:
    """Started from the browser's own form, the office's requests stand in the UI's figures."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with serving(port, lab.reachable("mail", 25), tmp_path):
        wait_for(lambda: asked(base + "/stats/requests"), what="the web UI", deadline_s=30.0)
        form = urllib.parse.urlencode({"user_count": 5, "spawn_rate": 5}).encode()
        assert asked(base + "/swarm", form)["success"]

        def counted() -> bool:
            told = asked(base + "/stats/requests")["stats"]
            return any(row["name"] == "mail" and row["num_requests"] > 5 for row in told)

        wait_for(counted, what="requests in the web UI", deadline_s=30.0)


@contextlib.contextmanager
def serving(port: int, where: Endpoint, folder: Path) -> Iterator[None]:
    """The page's office with its web UI."""
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "locust", "-f", str(_OFFICE), "--host", str(where)),
                *("--web-host", "127.0.0.1", "--web-port", str(port)),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def asked(url: str, form: bytes | None = None) -> Any:
    """What the web UI answers; None while it does not."""
    try:
        with urllib.request.urlopen(url, form, timeout=10.0) as answer:
            return json.load(answer)
    except OSError:
        return None


def test_a_drill_s_user_without_a_drill_says_what_it_is_for(tmp_path: Path) -> None:
    """One sentence, and no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", str(DRILL), "--headless", "--users", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "DrillUser is for the workers of a drill: add --worker" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("recipient = ''", "Office has no recipient"),
        ("persona = 'sendmail'", "no persona is called 'sendmail'; there are: single_host"),
        ("host = ''", "Office has no host: name it there, or with --host"),
    ],
)
def test_a_locustfile_that_cannot_send_is_told_why(line: str, words: str, tmp_path: Path) -> None:
    """One sentence says what is missing, and where."""
    whole = _OFFICE.read_text(encoding="utf-8")
    (tmp_path / "office.py").write_text(
        whole.replace("    wait_time", f"    host = 'a.test'\n    {line}\n    wait_time")
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "locust", "-f", "office.py", "--headless"),
            *("--users", "1", "--run-time", "2s"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode != 0


def test_without_the_extra_one_sentence_says_what_to_install() -> None:
    """An import in a Python that has no Locust."""
    code = "import sys; sys.modules['locust'] = None\nimport relaydrill.locust"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith("run: pip install 'relaydrill[locust]'")


def seen(lab: ProcessLab, node: str, kind: str) -> int:
    """How many events of a kind a node's journal has."""
    return sum(event.kind == kind for event in read_events(lab.journal(node)))
