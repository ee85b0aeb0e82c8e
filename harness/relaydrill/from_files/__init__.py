"""From configuration files of the user's own programs to the text of a topology file.

What files say is read by `relaydrill.own_configuration`; here it becomes nodes, names and flows:
a module for each kind of source (`haproxy`, `nginx`, `keepalived`, `relays` of Postfix and Exim,
`directory` of zones) gives parts without names, `balancers`, `inbound`, `sending` and `filling` put
them together, and `writing` writes them down, each with its line. Nothing is left out in silence:
what no topology can say stands at the end of the file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from relaydrill.errors import UsageError
from relaydrill.farms import haproxy
from relaydrill.farms.parts import Remarks
from relaydrill.from_files import nginx
from relaydrill.from_files.balancers import put_balancers
from relaydrill.from_files.directory import directory_of
from relaydrill.from_files.draft import Draft
from relaydrill.from_files.filling import put_connectors, put_domains, put_flows, put_name_servers
from relaydrill.from_files.inbound import put_zones
from relaydrill.from_files.keepalived import held
from relaydrill.from_files.relays import of_exim, of_postfix
from relaydrill.from_files.sending import put_relays
from relaydrill.from_files.writing import Told, text_of
from relaydrill.lint.own_files import lint_files
from relaydrill.lint.rule import Severity
from relaydrill.own_configuration import OwnFiles
from relaydrill.own_configuration.haproxy import Haproxy
from relaydrill.own_configuration.text import Note

_MOST_SERVERS: Final = 150
_LARGEST_NAMED: Final = 16 * 1024
_WANTED: Final = (
    "name a file with a balancer's servers, a virtual address, MX records or a next server"
)


def topology_text(files: OwnFiles, name: str, folder: Path | None = None) -> str:
    """The text of a topology file that says what some configuration files do.

    Args:
        files: They belong to one mail tier.
        name: What the topology is called, if it can be.
        folder: Where it will lie, so that it can name balancers' own files; None: it names none.

    Raises:
        UsageError: They name no server and no address that mail goes to.
    """
    draft, domain_remark = _draft(files)
    if not draft.hub_remarks:
        raise UsageError(_nothing_there(files))
    if len(draft.hub_remarks) > _MOST_SERVERS:
        first = [*draft.hub_remarks.values()][_MOST_SERVERS]
        what = f"that is server {_MOST_SERVERS + 1}, and a lab has room for {_MOST_SERVERS}"
        raise UsageError(f"{first}: {what}; name the files of one mail tier, or fewer of them")
    linted = lint_files(files)
    findings = [
        Note(each.mark, f"{each.severity} {each.rule}: {each.summary}")
        for each in linted.findings
        if each.severity is not Severity.INFO and not each.reason
    ]
    lines = {text.path: text.lines for _, each in files.all for text in each.texts}
    sources = [*dict.fromkeys(each.source for _, each in files.all)]
    own = {each.source: _paths(each, folder) for each in files.haproxy if folder is not None}
    return text_of(draft, sources, name, domain_remark, Told(linted.notes, findings, lines), own)


def _paths(haproxy: Haproxy, folder: Path) -> tuple[str, ...]:
    """The files of a HAProxy, as a topology in a folder names them; none where it cannot.

    What is no plain UTF-8 text, or larger than a topology can hold, is not named there.
    """
    size = sum(len(line) + 2 for text in haproxy.texts for line in text.lines)
    odd = any(text.notes or not text.path.isprintable() for text in haproxy.texts)
    if size > _LARGEST_NAMED or odd:
        return ()
    paths = (text.path for text in haproxy.texts)
    return tuple(path if Path(path).is_absolute() else _from(folder, path) for path in paths)


def _from(folder: Path, path: str) -> str:
    """A path, as it is from a folder. The way up from a folder begins where its links lead."""
    real = Path(path).parent.resolve() / Path(path).name
    # As `os.path` has it: `Path.relative_to` knows no way up in this Python.
    return os.path.relpath(real, folder.resolve())


def _draft(files: OwnFiles) -> tuple[Draft, str]:
    """All parts, put together, and where the mailboxes' domain is from."""
    remarks = Remarks()
    farms = [farm for each in files.haproxy for farm in haproxy.farms(each, remarks)]
    farms += [farm for each in files.nginx for farm in nginx.farms(each, remarks)]
    relays = [of_postfix(each, remarks) for each in files.postfix]
    relays += [of_exim(each, remarks) for each in files.exim]
    draft = Draft(directory_of(files.zones, remarks), remarks)
    put_balancers(draft, farms, held(files.keepalived, remarks))
    put_zones(draft)
    relaying = put_relays(draft, relays)
    domain_remark = put_domains(draft, files, relays)
    put_flows(draft)
    put_name_servers(draft)
    put_connectors(draft, relaying)
    return draft, domain_remark


def _nothing_there(files: OwnFiles) -> str:
    """Why no topology can be made of some files."""
    told = [
        f"{each.texts[0].path}:1: {each.why_idle or 'no server that mail goes to is named here'}"
        for _, each in files.all
    ]
    return f"{'; '.join(told)}; {_WANTED}"


__all__ = ["topology_text"]
