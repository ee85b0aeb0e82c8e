"""What other packages add is everywhere; and what is wrong with one is said with its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests import outside

DESIGN = """\
name: spammed
nodes:
  edge1: {role: edge}
  edge2: {role: edge}
  edge3: {role: edge}
  ht1: {role: hub}
  ns1: {role: dns}
  mbx: {role: mailbox, domains: [contoso.com]}
  world: {role: sender}
zones:
  contoso.com:
    mx:
      - {host: first.contoso.com, preference: 10, addresses: [edge1]}
      - {host: last.contoso.com, preference: 20, addresses: [edge2, edge3]}
flows:
  spam: {from: world, to: contoso.com, persona: last_mx, rate: 10/s}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package of the documentation is installed, beside a topology."""
    found = outside.installed(tmp_path_factory.mktemp("outside"))
    (found / "spammed.yaml").write_text(DESIGN)
    return found


def test_the_page_shows_a_file_for_each_entry_point() -> None:
    """Nothing is left to guess: what an entry names stands there, and nothing stands there else."""
    named = {
        f"{value.partition(':')[0].replace('.', '/')}.py"
        for entries in outside.entry_points().values()
        for value in entries.values()
    }
    assert named == {*outside.files()}


def test_its_faults_are_listed(place: Path) -> None:
    """As Relaydrill's own: with what each does, and what it can be done to."""
    done = outside.relaydrill(place, "faults", "--json")
    rows = {each["fault"]: each for each in json.loads(done.stdout)["faults"]}
    assert rows["greylist"]["summary"] == "puts every recipient off"
    assert "balancer" not in rows["greylist"]["roles"]
    assert "balancer" in rows["stutter"]["roles"]
    assert "greylist" in outside.relaydrill(place, "faults").stdout


PLANS = """
from relaydrill import drill, load, plan_capacity
design = load("spammed.yaml")
found = drill(design, ["greylist:edge2", "stutter:edge3@5s+9s"])
print([str(each.fault.proof) for each in found.faults], found.name)
print([each.lost for each in plan_capacity(design) if each.gone == "edge2"])
"""


def test_they_are_planned(place: Path) -> None:
    """Its faults, and the shares of its persona: a half of the mail comes to each of the last."""
    done = outside.run_python(place, "-c", PLANS)
    assert done.stderr == ""
    told = done.stdout.splitlines()
    assert told == ["['felt', 'none'] greylist:edge2+stutter:edge3", "[0.0]"]
    done = outside.relaydrill(place, "plan", "spammed.yaml", "--json")
    assert "edge3" in done.stdout, done.stderr


def test_its_persona_must_fit_the_flow(place: Path) -> None:
    """It looks up MX records, as it says; a VIP has none."""
    wrong = DESIGN.replace("to: contoso.com, persona", "to: edge1, persona")
    (place / "wrong.yaml").write_text(wrong)
    done = outside.relaydrill(place, "lint", "wrong.yaml")
    assert done.returncode == 2
    assert "'last_mx' looks up a domain or a name, and 'edge1' is neither" in done.stderr


def test_a_slip_in_its_personas_name_is_told_with_that_name(place: Path) -> None:
    """The choices are all that there are, those of packages too."""
    (place / "slip.yaml").write_text(DESIGN.replace("persona: last_mx", "persona: last_mix"))
    done = outside.relaydrill(place, "lint", "slip.yaml")
    assert done.returncode == 2
    assert "did you mean 'last_mx'? (single_host, " in done.stderr
    assert "rotated_list, last_mx)" in done.stderr


@pytest.mark.parametrize(
    ("group", "value", "command", "said"),
    [
        (
            "faults",
            "mail_drills.nowhere:GREYLIST",
            ("faults",),
            "cannot be loaded: ModuleNotFoundError: No module named 'mail_drills.nowhere'",
        ),
        ("faults", "mail_drills.it:missing", ("faults",), "cannot be loaded: AttributeError"),
        ("faults", "mail_drills.it:Broken", ("faults",), "Broken() fails: ZeroDivisionError"),
        ("faults", "mail_drills.it:NUMBER", ("faults",), "7 is no fault"),
        ("faults", "mail_drills.it:OTHER", ("faults",), "the fault calls itself 'other'"),
        ("faults", "mail_drills.it:Idle", ("faults",), "the fault has no inject and heal"),
        ("faults", "no such thing", ("faults",), "cannot be loaded: "),
        (
            "personas",
            "mail_drills.it:NUMBER",
            ("plan", "spammed.yaml"),
            "does not say whether it looks up MX",
        ),
        ("personas", "mail_drills.gone:X", ("lint", "spammed.yaml"), "ModuleNotFoundError"),
        ("drivers", "mail_drills.it:NUMBER", ("drill", "--driver", "it"), "7 makes no lab"),
        ("checks", "mail_drills.it:NUMBER", ("drill",), "7 is no function, and so no check"),
    ],
)
def test_a_broken_entry_point_is_told_with_its_package(
    group: str, value: str, command: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    """The name of the package, the entry, and what is wrong; never a traceback."""
    source = (
        "from relaydrill.faults import Proof, ServiceFault\n"
        "NUMBER = 7\n"
        'OTHER = ServiceFault(kind="other", does="is another", action="drop")\n'
        "class Idle:\n"
        '    kind, summary, proof = "it", "does nothing", Proof.NONE\n'
        "class Broken:\n"
        "    def __init__(self):\n"
        "        1 / 0\n"
    )
    name = "last_mx" if group == "personas" else "it"
    place = outside.install(
        tmp_path, {f"relaydrill.{group}": {name: value}}, {"mail_drills/it.py": source}
    )
    (place / "spammed.yaml").write_text(DESIGN)
    done = outside.relaydrill(place, *command)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert f"mail-drills, entry point {name} = {value!r} of relaydrill.{group}" in done.stderr
    assert said in done.stderr


def test_a_name_that_relaydrill_has_is_refused(tmp_path: Path) -> None:
    """Nobody changes what a well-known fault does, not even by mistake."""
    groups = {"relaydrill.faults": {"kill": "mail_drills.greylist:GREYLIST"}}
    place = outside.install(tmp_path, groups, outside.files())
    done = outside.relaydrill(place, "drill", "--fault", "kill:ht1")
    assert done.returncode == 2
    assert "Relaydrill itself has a 'kill' already" in done.stderr


def test_a_name_that_two_packages_have_is_refused(tmp_path: Path) -> None:
    """Which of them is meant, nobody could say."""
    groups = {"relaydrill.faults": {"greylist": "mail_drills.greylist:GREYLIST"}}
    outside.install(tmp_path, groups, outside.files())
    place = outside.install(tmp_path, groups, {}, name="other-drills")
    done = outside.relaydrill(place, "faults")
    assert done.returncode == 2
    assert "mail-drills, entry point greylist" in done.stderr
    assert "other-drills, entry point greylist" in done.stderr


def test_a_broken_check_does_not_keep_mail_waiting(tmp_path: Path) -> None:
    """It is told before anything is started, and not when the mail is over."""
    groups = {"relaydrill.checks": {"pace": "mail_drills.gone:check"}}
    place = outside.install(tmp_path, groups, {})
    done = outside.relaydrill(place, "drill", "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "mail-drills, entry point pace" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_driver_of_another_package_can_be_chosen(tmp_path: Path) -> None:
    """It stands in the help beside Relaydrill's own, and makes the labs."""
    source = (
        "import contextlib\n"
        "from relaydrill.errors import LabError\n\n"
        "@contextlib.contextmanager\n"
        "def lab(topology, folder):\n"
        "    raise LabError(f'no machine is free for {topology.name}')\n"
        "    yield\n"
    )
    groups = {"relaydrill.drivers": {"cloud": "mail_drills.cloud:lab"}}
    place = outside.install(tmp_path, groups, {"mail_drills/cloud.py": source})
    assert (
        "[process|docker|simulate|attach|cloud]" in outside.relaydrill(place, "drill", "-h").stdout
    )
    done = outside.relaydrill(place, "drill", "--driver", "cloud")
    assert "no machine is free for sharepoint" in done.stderr
