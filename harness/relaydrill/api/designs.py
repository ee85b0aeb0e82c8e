"""What can be said of a topology without a lab."""

from __future__ import annotations

from collections.abc import Mapping

from relaydrill.api.boundary import StrPath, a_path, must_hold, own_errors
from relaydrill.drills.yearly_by_design import yearly_cost_by_design
from relaydrill.errors import UsageError
from relaydrill.lint import LintFinding, lint
from relaydrill.lint.own_files import FilesLinted
from relaydrill.lint.own_files import lint_files as linted_files
from relaydrill.own_configuration.gathering import Gathered
from relaydrill.planning import Outlook, outlooks
from relaydrill.topology import Topology
from relaydrill.yearly_cost.cost import YearlyCost


def lint_topology(topology: Topology) -> tuple[LintFinding, ...]:
    """Everything in a topology that breaks a rule of the design, the worst first.

    Args:
        topology: What to look at.

    Returns:
        The findings; those that its author lets stand are `LintFinding.suppressed`.

    Raises:
        TopologyError: The topology was made without a file, and breaks rules.
        UsageError: It is no topology.
    """
    must_hold(topology)
    return lint(topology)


def lint_files(
    *files: StrPath, kinds: Mapping[str, str] | None = None, failover_s: float | None = None
) -> FilesLinted:
    """Everything in configuration files of programs that breaks a rule, with file and line.

    Args:
        files: haproxy.cfg, keepalived.conf, main.cf, zone files and so on, looked at together. A
            folder is read as its program would; ``a.cfg+b.cfg`` are files of one process.
        kinds: Whose a file is, where neither its name nor its content tells: by the file as it is
            given, ``haproxy``, ``keepalived``, ``postfix``, ``exim``, ``nginx``, ``named`` or
            ``zone``.
        failover_s: How many seconds mail may be gone when something dies; for rules on TTLs.

    Returns:
        The findings, in the order of the lines, and what was not understood.

    Raises:
        UsageError: A file cannot be read, or nobody can tell whose it is.
    """
    told = {str(a_path(each)): each for each in files}
    asked = {str(a_path(file)): kind for file, kind in (kinds or {}).items()}
    if not told:
        raise UsageError("no file is given; name one, such as haproxy.cfg")
    if strangers := asked.keys() - told.keys():
        raise UsageError(f"kinds has {min(strangers)}, which is no file that is given")
    gathered = Gathered()
    with own_errors():
        for name in told:
            gathered.add(name, asked.get(name, ""))
        if gathered.problems:
            told_of = gathered.problems.items()
            raise UsageError(
                "; ".join(why if name in why else f"{name}: {why}" for name, why in told_of)
            )
        return linted_files(gathered.files(failover_s))


def plan_capacity(topology: Topology) -> tuple[Outlook, ...]:
    """Which server gets what share of the inbound mail: with nothing gone, each server, each site.

    Args:
        topology: What to look at.

    Raises:
        TopologyError: The topology was made without a file, and breaks rules.
        UsageError: There is no inbound flow, or it is no topology.
    """
    must_hold(topology)
    return outlooks(topology)


def plan_yearly_cost(topology: Topology) -> YearlyCost | None:
    """How long each flow is out of service in a year by the design alone, as no drill was made.

    `Audit.yearly_cost` has the same as drills showed it.

    Args:
        topology: What to look at.

    Returns:
        A figure for each flow, and what they take for granted; None where the topology says of
        nothing how often it fails.

    Raises:
        TopologyError: The topology was made without a file, and breaks rules.
        UsageError: It is no topology.
    """
    must_hold(topology)
    return yearly_cost_by_design(topology)
