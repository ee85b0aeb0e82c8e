"""Labs of several servers: hubs, HAProxy, Dovecot, Exim, OpenSMTPD."""

from __future__ import annotations

import dataclasses
from typing import Final

from tests.real_mail.building import (
    balanced,
    by_dovecot,
    final,
    hub,
    one_server,
    two_servers,
)
from tests.real_mail.dovecot import LMTP_PORT, Dovecot
from tests.real_mail.exim import Exim
from tests.real_mail.lab import DOMAIN, Built, Case, Site
from tests.real_mail.opensmtpd import OpenSMTPD
from tests.real_mail.postfix import Postfix
from tests.real_mail.recipients import mapped

_BOX: Final = f"""\
local:
  driver = accept
  domains = {DOMAIN}
  transport = box
"""


def _back(site: Site, **settings: str) -> Postfix:
    return final(site, settings, name="mbx", last=21)


def _hub_and_final(site: Site) -> Built:
    return two_servers(hub(site, site.address(21)), _back(site))


def _hub_with_archive(site: Site) -> Built:
    back = _back(site)
    front = hub(site, back.address, {"always_bcc": f"archive@{DOMAIN}"})
    return dataclasses.replace(two_servers(front, back), copies=[back.mailbox("archive")])


def _hub_discards(site: Site) -> Built:
    return two_servers(hub(site, site.address(21), {"relay_transport": "discard:"}), _back(site))


def _hub_discards_unseen(site: Site) -> Built:
    """The hub's log is not at hand: what it took is nowhere, and that is all that is known."""
    front = hub(site, site.address(21), {"relay_transport": "discard:"})
    return two_servers(front, _back(site), logged=False)


def _final_is_down(site: Site) -> Built:
    back = _back(site)
    built = two_servers(hub(site, back.address), back)
    back.stop()
    return built


def _final_refuses(site: Site) -> Built:
    back = _back(site, smtpd_recipient_restrictions="reject")
    return two_servers(hub(site, back.address), back)


def _final_defers(site: Site) -> Built:
    back = _back(site, smtpd_recipient_restrictions="defer")
    return two_servers(hub(site, back.address), back)


def _balanced(site: Site) -> Built:
    back = _back(site)
    hubs = {f"ht{i}": hub(site, back.address, name=f"ht{i}", last=10 + i) for i in (1, 2)}
    return balanced(site, hubs, back)


def _one_of_two_discards(site: Site) -> Built:
    back = _back(site)
    hubs = {
        "ht1": hub(site, back.address),
        "ht2": hub(site, back.address, {"relay_transport": "discard:"}, name="ht2", last=12),
    }
    return balanced(site, hubs, back)


def _dovecot(site: Site, *, imap: bool, inet: bool = False, **settings: str) -> Built:
    dovecot = site.run(Dovecot(site.folder / "dv", site.address(22)))
    socket = f"lmtp:unix:{dovecot.folder}/run/lmtp"
    where = f"lmtp:[{dovecot.address}]:{LMTP_PORT}" if inet else socket
    front = final(site, {"virtual_transport": where, **settings})
    return by_dovecot(site, front, dovecot, imap=imap)


def _dovecot_by_log(site: Site) -> Built:
    return _dovecot(site, imap=False)


def _dovecot_over_inet(site: Site) -> Built:
    return _dovecot(site, imap=False, inet=True)


def _dovecot_by_imap(site: Site) -> Built:
    return _dovecot(site, imap=True)


def _dovecot_with_archive(site: Site) -> Built:
    built = _dovecot(site, imap=False, always_bcc=f"archive@{DOMAIN}")
    archive = site.folder / "dv" / "mail" / "archive"
    return dataclasses.replace(built, copies=[archive])


def _dovecot_by_imap_with_archive(site: Site) -> Built:
    built = _dovecot(site, imap=True, always_bcc=f"archive@{DOMAIN}")
    archive = site.folder / "dv" / "mail" / "archive"
    return dataclasses.replace(built, copies=[archive])


def _dovecot_swallowed(site: Site) -> Built:
    """Mail is thrown away before Dovecot, and its mailbox is looked into."""
    return _dovecot(site, imap=True, transport_maps="static:discard:")


def _imap_of_the_archive(site: Site) -> Built:
    """The mailbox that is looked into is the archive's; the user's mail is thrown away."""
    built = _dovecot(
        site,
        imap=True,
        always_bcc=f"archive@{DOMAIN}",
        transport_maps="inline:{ user@contoso.com=discard:audit }",
    )
    login = {"user": "env:ARCHIVE_USER", "password": "env:MAIL_PASSWORD"}
    imap = {**built.attached["mbx"]["arrivals"]["imap"], "login": login}
    attached = {**built.attached, "mbx": {**built.attached["mbx"], "arrivals": {"imap": imap}}}
    archive = site.folder / "dv" / "mail" / "archive"
    return dataclasses.replace(built, attached=attached, copies=[archive])


def _sieved(site: Site, script: str) -> Built:
    """Everybody's mail goes through a Sieve script, and Dovecot's own log is what is read."""
    folder = site.folder / "dv"
    file = site.folder / "all.sieve"
    file.write_text(script)
    more = f"protocol lmtp {{\n mail_plugins = sieve\n}}\nplugin {{\n sieve_before = {file}\n}}\n"
    dovecot = site.run(Dovecot(folder, site.address(22), more))
    front = final(site, {"virtual_transport": f"lmtp:unix:{folder}/run/lmtp"})
    built = by_dovecot(site, front, dovecot, imap=False)
    seen = {**built.attached["mbx"], "arrivals": {"postfix_log": str(dovecot.log)}}
    return dataclasses.replace(built, attached={**built.attached, "mbx": seen})


def _sieve_keeps(site: Site) -> Built:
    return _sieved(site, "keep;\n")


def _sieve_discards(site: Site) -> Built:
    return _sieved(site, "discard;\n")


def _sieve_rejects(site: Site) -> Built:
    return _sieved(site, 'require "reject";\nreject "not wanted";\n')


def _drained(site: Site) -> Built:
    """HAProxy takes a hub out, by its runtime API, and lets it in again."""
    built = _balanced(site)
    socket = f"unix:{site.folder}/lb1/runtime.sock"
    hook = {
        does: {"haproxy": {"socket": socket, "server": ["smtp/ht1"], "state": state}}
        for does, state in (("inject", "maint"), ("heal", "ready"))
    }
    attached = {**built.attached}
    attached["ht1"] = {**attached["ht1"], "hooks": {"drain": hook}}
    flows = {"relay": {**built.design["flows"]["relay"], "rate": 10}}
    return dataclasses.replace(built, attached=attached, design={**built.design, "flows": flows})


def _null_client(site: Site) -> Built:
    """A Postfix between the sender and the hub, with a queue of its own."""
    back = _back(site)
    built = two_servers(hub(site, back.address), back)
    client = hub(site, site.address(11), name="app", last=15)
    there = {"address": client.address, "log": str(client.log), "queue": client.queue}
    nodes = {"nodes": {"app": {"kind": "postfix"}}}
    return dataclasses.replace(built, attached={**built.attached, "app": there}, design=nodes)


def _exim(site: Site, routers: str = _BOX, **more: str) -> Exim:
    return site.run(Exim(site.folder / "ht1", "ht1", site.address(11), routers, **more))


def _exim_final(site: Site) -> Built:
    return one_server(_exim(site))


def _exim_pids(site: Site) -> Built:
    main = "log_selector = +pid +millisec +queue_time +deliver_time +received_recipients"
    return one_server(_exim(site, main=main))


def _onward(site: Site) -> str:
    return f"""\
onward:
  driver = manualroute
  route_list = * {site.address(21)} byname
  self = send
  transport = onward
"""


def _exim_hub(site: Site) -> Built:
    return two_servers(_exim(site, _onward(site)), _back(site))


def _exim_redirects(data: str) -> str:
    return f"""\
aliases:
  driver = redirect
  local_parts = user
  data = {data}
  allow_defer
  allow_fail
{_BOX}"""


def _exim_alias(site: Site) -> Built:
    server = _exim(site, _exim_redirects(f"anna@{DOMAIN}, ben@{DOMAIN}"))
    return mapped(one_server(server, "anna", "ben"), user=[f"anna@{DOMAIN}", f"ben@{DOMAIN}"])


def _exim_blackhole(site: Site) -> Built:
    return one_server(_exim(site, _exim_redirects(":blackhole:")))


def _exim_fails(site: Site) -> Built:
    return one_server(_exim(site, _exim_redirects(":fail: mailbox moved away")))


def _exim_defers(site: Site) -> Built:
    return one_server(_exim(site, _exim_redirects(":defer: mailbox is being moved")))


def _exim_pipe(site: Site) -> Built:
    return one_server(_exim(site, _BOX.replace("box", "program")))


def _exim_copies(site: Site) -> Built:
    copies = f"""\
archive:
  driver = redirect
  local_parts = user
  data = archive@{DOMAIN}
  unseen
{_BOX}"""
    return one_server(_exim(site, copies), copies=["archive"])


def _exim_acl_discards(site: Site) -> Built:
    discards = "  discard\n    log_message = a rule of long ago"
    return one_server(_exim(site, acl=discards))


def _exim_freezes(site: Site) -> Built:
    """The message lies in the queue, frozen, until a person thaws it."""
    freezes = "  accept\n    control = freeze"
    return one_server(_exim(site, acl=freezes))


def _exim_hub_blackhole(site: Site) -> Built:
    return two_servers(_exim(site, _exim_redirects(":blackhole:")), _back(site))


def _opensmtpd_hub(site: Site) -> Built:
    back = _back(site)
    front = OpenSMTPD(site.folder / "ht1", "ht1", site.address(11), back.address)
    return two_servers(site.run(front), back)


_EXIM: Final = ("exim4",)
_DOVECOT: Final = ("dovecot",)
_SIEVE: Final = ("dovecot", "sievec")
_HAPROXY: Final = ("haproxy",)

ALL: Final = (
    Case("hub and final", _hub_and_final, "pass", ("delivered",)),
    Case("hub with an archive", _hub_with_archive, "pass", ("delivered",), copies=1),
    Case("hub discards", _hub_discards, "fail", ("discarded",), ("ht1",)),
    Case("hub discards unseen", _hub_discards_unseen, "not pass", ()),
    Case("final is down", _final_is_down, "stuck", ("queued",), ("refused",)),
    Case("final refuses", _final_refuses, "fail", (), ("554",)),
    Case("final defers", _final_defers, "stuck", ("queued",), ("450",)),
    Case("two hubs", _balanced, "pass", ("delivered",), needs=_HAPROXY),
    Case("one of two discards", _one_of_two_discards, "fail", (), ("ht2",), needs=_HAPROXY),
    Case("dovecot by log", _dovecot_by_log, "pass", ("delivered",), needs=_DOVECOT),
    Case("dovecot over inet", _dovecot_over_inet, "pass", ("delivered",), needs=_DOVECOT),
    Case("dovecot by imap", _dovecot_by_imap, "pass", ("delivered",), needs=_DOVECOT),
    Case(
        *("dovecot with an archive", _dovecot_with_archive, "pass", ("delivered",)),
        needs=_DOVECOT,
        copies=1,
    ),
    Case(
        *("imap with an archive", _dovecot_by_imap_with_archive, "pass", ("delivered",)),
        needs=_DOVECOT,
        copies=1,
    ),
    Case("imap, swallowed", _dovecot_swallowed, "fail", (), ("ht1",), needs=_DOVECOT),
    Case(
        *("imap of the archive", _imap_of_the_archive, "fail", ("discarded",), ("audit",)),
        needs=_DOVECOT,
        copies=1,
    ),
    Case("sieve keeps", _sieve_keeps, "pass", ("delivered",), needs=_SIEVE),
    Case(
        *("sieve discards", _sieve_discards, "fail", ("discarded",), ("Sieve script",)),
        needs=_SIEVE,
    ),
    Case("sieve rejects", _sieve_rejects, "fail", (), ("rejected message",), needs=_SIEVE),
    Case(
        *("hub drained by HAProxy", _drained, "pass", ("delivered",)),
        needs=_HAPROXY,
        faults=("drain:ht1",),
    ),
    Case("null client", _null_client, "pass", ("delivered",)),
    Case("exim", _exim_final, "pass", ("delivered",), needs=_EXIM),
    Case("exim with selectors", _exim_pids, "pass", ("delivered",), needs=_EXIM),
    Case("exim as hub", _exim_hub, "pass", ("delivered",), needs=_EXIM),
    Case("exim alias", _exim_alias, "pass", ("delivered",), needs=_EXIM),
    Case("exim blackhole", _exim_blackhole, "fail", ("discarded",), (":blackhole:",), needs=_EXIM),
    Case("exim fails", _exim_fails, "fail", (), ("mailbox moved away",), needs=_EXIM),
    Case("exim defers", _exim_defers, "stuck", ("queued",), needs=_EXIM),
    Case("exim pipe", _exim_pipe, "not pass", (), ("program",), needs=_EXIM),
    Case("exim copies", _exim_copies, "pass", ("delivered",), needs=_EXIM, copies=1),
    Case("exim acl discards", _exim_acl_discards, "fail", ("discarded",), needs=_EXIM),
    Case("exim freezes", _exim_freezes, "stuck", (), needs=_EXIM),
    Case("opensmtpd as hub", _opensmtpd_hub, "pass", ("delivered",), needs=("smtpd",)),
    Case("exim hub blackhole", _exim_hub_blackhole, "fail", (), ("ht1",), needs=_EXIM),
)
