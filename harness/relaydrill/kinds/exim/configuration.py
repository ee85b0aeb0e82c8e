"""Exim's configuration as a sender with a smart host: text from settings, and nothing else.

Exim reads whole seconds only; every timer of the topology is rounded up.
"""

from __future__ import annotations

import math

from relaydrill.nodes import config

_TEMPLATE = """\
primary_hostname = {fqdn}
local_interfaces = {address}
daemon_smtp_ports = {port}
spool_directory = {workdir}/spool
log_file_path = {log}
pid_file_path = {workdir}/exim.pid
log_selector = +millisec +outgoing_port +smtp_confirmation
# Nothing here may wait for a name server, or for an ident server: there is none.
host_lookup =
dns_ipv4_lookup = *
disable_ipv6 = true
keep_environment =
tls_advertise_hosts =
rfc1413_query_timeout = 0s
message_size_limit = {size}
# One host hands in everything: no limits on what it may do.
smtp_accept_max = 0
smtp_accept_queue = 0
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 0
smtp_reserve_hosts =
queue_run_max = 20
remote_max_parallel = 20
# What it would return to a sender goes nowhere: nobody here reads it.
ignore_bounce_errors_after = 0s
acl_smtp_rcpt = take

begin acl
take:
  accept

begin routers
returned:
  driver = redirect
  senders = :
  data = :blackhole:
{router}

begin transports
out:
  driver = smtp
  port = {smart_port}
  hosts_avoid_tls = *
  hosts_try_chunking =
  hosts_try_dane =
  connect_timeout = {connect}
  command_timeout = {reply}
  data_timeout = {reply}
  final_timeout = {final}

begin retry
* * F,1h,{retry}; F,4d,{late}
"""

_SMART_HOST = """\
everything:
  driver = manualroute
  route_list = * {smart_host} byname
  transport = out
  host_find_failed = defer
  no_more"""

_BY_MX = """\
by_mx:
  driver = dnslookup
  transport = out
  ignore_target_hosts = 0.0.0.0
  no_more"""


def exim_conf(settings: config.Mta, log: str) -> str:
    """The configuration file.

    Args:
        settings: The node's configuration.
        log: Path of the log file.
    """
    [listener] = settings.listeners
    smart_host = _SMART_HOST.format(smart_host=settings.smart_host)
    return _TEMPLATE.format(
        fqdn=settings.fqdn,
        address=listener.bind.address,
        port=listener.bind.port,
        workdir=settings.workdir,
        log=log,
        size=listener.connectors[0].size,
        router=smart_host if settings.smart_host else _BY_MX,
        smart_port=settings.port,
        connect=_seconds(settings.connect_s),
        reply=_seconds(settings.reply_s),
        final=_seconds(2 * settings.reply_s),
        retry=_seconds(settings.retry_s),
        late=_seconds(settings.late_retry_s),
    )


def queue_interval(settings: config.Mta) -> str:
    """How often it looks into its queue, for its ``-q`` option."""
    return _seconds(settings.queue_run_s)


def _seconds(seconds: float) -> str:
    return f"{max(1, math.ceil(seconds))}s"
