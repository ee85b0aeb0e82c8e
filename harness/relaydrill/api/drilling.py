"""Drills as values, and what runs them: one on a lab, or all of an audit; and who may relay."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from relaydrill.api.boundary import (
    Listener,
    StrPath,
    a_number,
    a_path,
    a_text,
    must_hold,
    own_errors,
    private_folder,
    several,
    shown,
    texts,
)
from relaydrill.api.labs import maker, must_be_up
from relaydrill.drills.audit import Audit, run_audit
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.audit_sets import DEEPEST, Depth
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.model import Drill
from relaydrill.drills.policy import Policy, judge_policy
from relaydrill.drills.rehearsal import refuse_faults, touches_the_lab
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import Observer, Step, run_drill
from relaydrill.drills.sequences import load as load_sequence
from relaydrill.drivers.base import Lab
from relaydrill.drivers.catalogue import ATTACH, DRIVERS, SIMULATE, LabMaker, labs_at_once
from relaydrill.errors import UsageError
from relaydrill.faults import FaultSpec
from relaydrill.fresh import file_name, make_numbered
from relaydrill.topology import Topology


def drill(
    topology: Topology,
    faults: str | FaultSpec | Iterable[str | FaultSpec] = (),
    *,
    sequence: StrPath = "",
    flows: str | Iterable[str] = (),
    seed: int = 1,
    name: str = "",
) -> Drill:
    """A drill whose times are long enough to prove what the topology promises. Nothing is run.

    Args:
        topology: What it is to be run on.
        faults: What breaks, each ``KIND[.PHASE][%SHARE]:NODE[@START][+DURATION]`` with times in the
            field, such as ``kill:ht1`` or ``tempfail.rcpt:ht2@20s+40s``; a site in place of a node
            breaks all of it. Without any, and without a sequence, the steady state.
        sequence: What breaks one after another: the path of a file, or the name of a built-in one,
            such as ``rolling-restart``.
        flows: Which flows send; by default those whose mail passes what is broken.
        seed: Random seed.
        name: For people and file names; by default that of the sequence, or the faults.

    Raises:
        TopologyError: The topology was made without a file, and breaks rules; or the file of the
            sequence is wrong.
        UsageError: There is no such sequence, a flow or a node is not in the topology, there is no
            such fault, a node cannot be broken so, or would be twice at once.
    """
    must_hold(topology)
    return plan(
        topology,
        faults=tuple(
            str(each) if isinstance(each, FaultSpec) else a_text(each, "faults")
            for each in several(faults, "faults", FaultSpec)
        ),
        sequence=load_sequence(_named(sequence)) if sequence else None,
        flows=texts(flows, "flows"),
        seed=a_number(seed, "seed"),
        name=a_text(name, "name"),
    )


def run(
    lab: Lab,
    drill: Drill,
    *,
    directory: StrPath | None = None,
    on_step: Callable[[Step], object] | None = None,
) -> Judgement:
    """Run a drill on a lab, and judge it. Whatever happens, all that was broken is healed.

    Args:
        lab: Where; with nothing broken.
        drill: What to do.
        directory: Where to keep the evidence; a folder that is empty or does not exist. By default
            one beside that of the lab, named after the drill: see `Judgement.directory`.
        on_step: Called with each step, several times a second. What it raises ends the drill.

    Raises:
        UsageError: The drill is of another topology, the lab is not up, or the directory is not
            empty.
        HarnessError: The lab could not be driven, or a fault could not be healed.
    """
    _must_fit(lab, drill)
    listener = Listener(on_step)
    with own_errors(listener):
        folder = (
            make_numbered(lab.directory.parent, file_name(drill.name))
            if directory is None
            else a_path(directory)
        )
        return run_drill(lab, drill, folder, listener)


def audit(
    topology: Topology,
    *,
    nodes: str | Iterable[str] = (),
    flows: str | Iterable[str] = (),
    fault: str = "kill",
    depth: int = 1,
    seed: int = 1,
    driver: str = DRIVERS[0],
    project: str = "",
    allow_faults: bool = False,
    ask: Callable[[str], None] | None = None,
    directory: StrPath | None = None,
    at_once: int | None = None,
    on_step: Callable[[Step], object] | None = None,
) -> Audit:
    """Break every node, MX host and site in turn, each in a lab of its own, and judge all.

    Args:
        topology: What to audit.
        nodes: Only these nodes, MX hosts and sites.
        flows: Only these flows; by default those whose mail passes what is broken.
        fault: What each node suffers, ``KIND[.PHASE][%SHARE]``.
        depth: How many are lost at a time, at most: of two or more all smallest sets whose loss
            breaks a flow's promise are found; see `Audit.cut_sets`.
        seed: Random seed.
        driver: As of `lab`.
        project: As of `lab`.
        allow_faults: As of `lab`.
        ask: As of `lab`.
        directory: Where to keep the evidence; a folder that is empty or does not exist. By default
            one for temporary files, which is kept: see `Audit.directory`.
        at_once: Labs at a time; by default as many as this machine bears.
        on_step: Called with each step of every drill, from several threads. What it raises ends
            the audit, after everything was healed.

    Raises:
        TopologyError: The topology was made without a file, and breaks rules.
        UsageError: A node or flow is not in the topology, there is no such fault or driver, or the
            topology's real lab may not be broken.
        HarnessError: A lab failed; the other drills are ended first.
    """
    must_hold(topology)
    if at_once is not None and a_number(at_once, "at_once") < 1:
        raise UsageError(
            f"at_once is {at_once}; at least one lab must run, or None for the default"
        )
    if not 1 <= a_number(depth, "depth") <= DEEPEST:
        raise UsageError(f"depth is {depth}; an audit breaks 1 to {DEEPEST} at a time")
    drills = plan_audit(
        topology,
        units=texts(nodes, "nodes"),
        flows=texts(flows, "flows"),
        kind=a_text(fault, "fault"),
        seed=a_number(seed, "seed"),
    )
    folder = None if directory is None else a_path(directory)
    make = maker(driver, project=project, allow_faults=allow_faults, ask=ask)
    if driver == ATTACH and touches_the_lab(drills):
        refuse_faults(topology, allowed=allow_faults)
    listener = Listener(on_step)
    with own_errors(listener):
        return run_planned(
            topology,
            drills,
            make,
            folder or private_folder(topology.name),
            driver=driver,
            fault=fault,
            depth=depth,
            at_once=at_once,
            observe=listener,
        )


def run_planned(
    topology: Topology,
    drills: tuple[Drill, ...],
    make: LabMaker,
    directory: Path,
    *,
    driver: str,
    fault: str,
    depth: int,
    with_swaps: bool = True,
    at_once: int | None,
    observe: Observer,
    keep_labs: bool = False,
) -> Audit:
    """Run the drills of an audit as its driver bears them; for `audit`, and its command.

    Args:
        topology: What to audit.
        drills: What `plan_audit` says.
        make: Makes a lab for each.
        directory: Where to keep the evidence.
        driver: As of `lab`.
        fault: What each node suffers, ``KIND[.PHASE][%SHARE]``.
        depth: How many are lost at a time, at most.
        with_swaps: Whether one set may stand for those that the design says the same of.
        at_once: Labs at a time; None: as many as this machine bears.
        observe: Told of every step.
        keep_labs: Whether all that the labs wrote stays.

    Raises:
        UsageError: The directory is not empty.
        HarnessError: A lab failed.
    """
    seed = drills[0].seed
    return run_audit(
        topology,
        drills,
        make,
        directory,
        at_once=at_once or labs_at_once(driver, topology),
        # What is not ours is broken only if mail flows through it.
        steady_first=driver == ATTACH,
        depth=depth,
        # Of machines that others brought up the design does not say all.
        deeper=Depth(topology, fault, seed, with_swaps and driver in (*DRIVERS, SIMULATE)),
        observe=observe,
        keep_labs=keep_labs,
    )


def policy(lab: Lab) -> Policy:
    """Ask every entry point of a lab who may relay; nothing is sent.

    Args:
        lab: Whose.

    Raises:
        UsageError: It has no entry point, or nobody who could ask.
        HarnessError: The lab could not be driven.
    """
    must_be_up(lab)
    with own_errors():
        return judge_policy(lab)


def _named(sequence: StrPath) -> str | Path:
    """A sequence's name as it is, or a path."""
    return sequence if isinstance(sequence, str) else a_path(sequence)


def _must_fit(lab: Lab, drill: Drill) -> None:
    """Make sure that a drill can be run on a lab.

    Raises:
        UsageError: It cannot.
    """
    must_be_up(lab)
    if not isinstance(drill, Drill):
        raise UsageError(f"{shown(drill)} is no drill; give relaydrill.drill(lab.topology, …)")
    topology = lab.topology
    missing = [f"flow {flow!r}" for flow in drill.flows if flow not in topology.flows]
    missing += [f"node {spec.node!r}" for spec in drill.faults if spec.node not in topology.nodes]
    if missing:
        raise UsageError(
            f"the drill {drill.name} is of another topology, {topology.name} has no {missing[0]};"
            " make it with relaydrill.drill(lab.topology, …)"
        )
