"""For all tests: a machine that behaves the same however the tests were started.

With two workers (``make test``) one has the labs whose times are judged, one after the other, for
they mostly wait. The other has those that bear company, and then computes, and yields.
"""

from __future__ import annotations

import os
import signal
from typing import Final

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.processor_share import ProcessorShare

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job is started with Ctrl-C ignored, and hands that on to every program
    # that a test starts and then interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # under nohup, as for Ctrl-C
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

os.environ.pop("PYTEST_ADDOPTS", None)  # meant for this run, and not for those that tests start

COMPUTING: Final = (
    *("tests/unit/", "tests/oracle/", "tests/report/", "tests/explore/"),
    *("tests/drills/test_durability.py", "tests/drills/test_inbound.py"),
    *("tests/drills/test_intra_org.py", "tests/drills/test_must_fail.py"),
    *("tests/drills/test_organisation.py", "tests/drills/test_policy.py"),
    "tests/drills/test_round_robin.py",
    "tests/sensitivity/test_catalogue.py::test_a_static_defect_is_found",
    "tests/sensitivity/test_catalogue.py::test_a_healthy_twin_passes",
    "tests/sensitivity/test_catalogue.py::test_a_defect_is_found_in_a_simulated_lab",
)
"""How the names of tests begin that compute; the others bring up labs, whose times are real.

A simulated lab computes: it has a time of its own.
"""

REAL: Final = (
    "tests/drills/test_durability.py::test_copies_of_what_has_been_delivered",
    "tests/drills/test_inbound.py::test_a_null_mx_is_refused_by_the_sender",
    "tests/drills/test_inbound.py::test_a_real_name_server",
    "tests/drills/test_intra_org.py::test_the_list_is_turned",
    "tests/drills/test_must_fail.py::test_a_hub_that_stores_first_loses_nothing",
    "tests/drills/test_organisation.py::test_mail_for_another_site",
    "tests/drills/test_policy.py::test_a_cluster_is_asked",
    "tests/drills/test_policy.py::test_an_unanswered_policy",
    "tests/drills/test_policy.py::test_behind_snat_all_clients",
    "tests/drills/test_round_robin.py::test_a_client_of_every_address",
)
"""Tests beside those with simulated labs whose own are of processes or containers."""

_IN_COMPANY: Final = (
    *("tests/contract/", "tests/docs/", "tests/plugin/", "tests/real_mail/"),
    *("tests/drills/test_attach_crash.py", "tests/drills/test_compose_heal.py"),
)
"""Those whose labs have room enough in their bounds to run beside others."""

_TIMED: Final = tuple(
    f"tests/unit/test_{each}.py"
    for each in (
        *("actions", "attached_sender", "fibres", "moment_of_acceptance", "sender", "stall"),
        *("undo", "vrrp_stand_in", "wait", "wnlb_agent", "wnlb_stand_in", "workload"),
    )
)
"""Unit tests that are about times, and so belong to the others."""

_LONGEST_S: Final = 600
"""How long one of these may take: whoever yields to others has little of the wall clock."""

settings.register_profile("yielding", deadline=None)
settings.load_profile("yielding")

_SHARE: Final = ProcessorShare()


def computes(nodeid: str) -> bool:
    """Whether a test computes, rather than to bring up a lab whose times are real."""
    return nodeid.startswith(COMPUTING) and not nodeid.startswith((*_TIMED, *REAL))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Where others run labs meanwhile, what bears company is one of them, what computes yields."""
    if hasattr(item.config, "workerinput"):
        if computes(item.nodeid):
            _SHARE.be_the_least()
        elif item.nodeid.startswith(_IN_COMPANY):
            _SHARE.be_one()


def pytest_sessionfinish() -> None:
    """Leave nothing on the machine."""
    _SHARE.end()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests that yield the time that this takes."""
    for item in items:
        if computes(item.nodeid) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_LONGEST_S))


class _LargestGroupsFirst(LoadScopeScheduling):
    """Gives each worker one group of labs, the largest to the first, and what computes after it."""

    def _split_scope(self, nodeid: str) -> str:
        if computes(nodeid):
            return nodeid
        return "in company" if nodeid.startswith(_IN_COMPANY) else "judged by time"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Who runs which tests, where several workers do."""
    return _LargestGroupsFirst(config, log)
