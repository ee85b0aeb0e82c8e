"""What a haproxy.cfg says that no topology holds, each line with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from relaydrill.farms.parts import Remarks
from relaydrill.own_configuration.haproxy import Haproxy, Proxy, Server, Statement

_IN_THE_TOPOLOGY: Final = frozenset(
    {
        *("bind", "server", "server-template", "default-server", "balance", "tcp-check"),
        *("default_backend", "source"),
    }
)
_NOT_ABOUT_FAILOVER: Final = frozenset(
    {
        *("log", "log-format", "log-format-sd", "log-tag", "log-steps", "error-log-format", "id"),
        *("description", "email-alert", "stats", "unique-id-format", "unique-id-header", "enabled"),
        *("declare", "guid", "cookie", "capture", "compression", "errorfile", "errorfiles"),
        *("errorloc", "errorloc302", "errorloc303", "redirect", "clitcpka-cnt", "clitcpka-idle"),
        *("clitcpka-intvl", "srvtcpka-cnt", "srvtcpka-idle", "srvtcpka-intvl", "bind-process"),
        *(
            "appsession",
            "monitor",
            "monitor-net",
            "monitor-uri",
            "retry-on",
            "max-keep-alive-queue",
        ),
        *("use-fcgi-app", "http-reuse", "http-send-name-header", "http-request", "http-response"),
        *("http-after-response", "http-error", "http-check"),
    }
)
_WHY: Final[Mapping[str, str]] = {
    "acl": "a topology has no conditions on sessions",
    "use_backend": "a topology has no conditions: whoever is led there has an address of its own",
    "use-server": "a topology has no conditions: servers share",
    "tcp-request": "a topology's balancer refuses nobody",
    "tcp-response": "a topology's balancer looks at no session",
    "stick": "a topology's balancer binds no client to a server",
    "stick-table": "a topology's balancer binds no client to a server",
    "hash-type": "a topology's balancer has no hash",
    "hash-balance-factor": "a topology's balancer has no hash",
    "retries": "a topology's balancer tries another server once, if redispatch says so",
    "maxconn": "a topology's balancer has no limit of sessions",
    "fullconn": "a topology's balancer has no limit of sessions",
    "backlog": "a topology's balancer has no limit of sessions",
    "rate-limit": "a topology's balancer has no limit of sessions",
    "disabled": "this section is disabled; what it says stands in the topology all the same",
}
_TIMEOUTS: Final[Mapping[str, str]] = {
    "connect": "a topology's balancer tries to connect for 5 s",
    "client": "a topology's balancer ends no silent session",
    "server": "a topology's balancer ends no silent session",
    "tunnel": "a topology's balancer ends no silent session",
    "queue": "a topology's balancer lets no session wait",
}
_SILENT_TIMEOUTS: Final = ("check", "http-request", "http-keep-alive", "client-fin", "server-fin")
_SILENT_OPTIONS: Final = frozenset(
    {
        *("redispatch", "smtpchk", "tcp-check", "tcplog", "httplog", "httpslog", "dontlognull"),
        *("dontlog-normal", "log-health-checks", "log-separate-errors", "logasap", "contstats"),
        *("socket-stats", "tcpka", "clitcpka", "srvtcpka", "splice-auto", "splice-request"),
        *("splice-response", "tcp-smart-accept", "tcp-smart-connect", "nolinger", "forwardfor"),
        *("http-server-close", "http-keep-alive", "httpclose", "forwarded", "originalto"),
        *("httpchk", "ldap-check", "mysql-check", "pgsql-check", "redis-check", "ssl-hello-chk"),
        *("external-check", "spop-check"),  # told of with the check itself
    }
)
_OF_SERVERS_IN_IT: Final = frozenset(
    {
        *("check", "inter", "fall", "rise", "backup", "disabled", "track", "on-marked-down"),
        *("send-proxy", "send-proxy-v2", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn", "source"),
        *("usesrc", "check-send-proxy", "id", "guid", "init-addr", "init-state", "enabled"),
        *("proto", "log-proto", "cookie", "namespace", "interface", "proxy-v2-options"),
        *("no-sslv3", "ca-file", "verify", "verifyhost", "ciphers", "ciphersuites", "crt"),
    }
)
_OF_SERVERS: Final[Mapping[str, str]] = {
    "weight": "in a topology all servers get an equal share",
    "slowstart": "in a topology a server that is back has its whole share at once",
    "fastinter": "a topology knows one interval of checks: the usual one",
    "downinter": "a topology knows one interval of checks: the usual one",
    "maxconn": "in a topology a balancer limits no server",
    "port": "in a topology checks go where mail goes",
    "addr": "in a topology checks go where mail goes",
    "resolvers": "in a topology a server does not move to another address",
    "ssl": "a topology's balancer passes TLS on as it comes",
    "check-ssl": "a topology's checks speak no TLS",
    "agent-check": "a topology knows no agent",
    "observe": "a topology's balancer learns from checks alone",
}
_OF_BINDS: Final[Mapping[str, str]] = {
    "accept-proxy": "a topology's clients speak no PROXY protocol to a balancer",
    "ssl": "a topology's balancer passes TLS on as it comes: here, STARTTLS to the server",
}


def tell(haproxy: Haproxy, mail: Sequence[Proxy], remarks: Remarks) -> None:
    """Add every line that may matter when something dies, and that no topology holds.

    Args:
        haproxy: Whose lines.
        mail: The backends that pass mail on.
        remarks: They are added here.
    """
    taking_part: list[Proxy] = []
    for backend in mail:
        taking_part += [backend, *haproxy.fronts(backend)]
        for server in backend.active:
            _server(backend, server, remarks)
    for proxy in taking_part:
        for line in (*proxy.section.statements, *proxy.inherited):
            _statement(line, remarks)
        for bind in proxy.binds:
            for word in bind.words:
                if word in _OF_BINDS:
                    remarks.leave_out(bind.at, _OF_BINDS[word])
    for proxy in haproxy.proxies if mail else ():
        if not any(proxy is each for each in taking_part):
            remarks.leave_out(proxy.at, f"{proxy.title} passes no mail on, and is left out")


def _statement(line: Statement, remarks: Remarks) -> None:
    keyword, second = line.keyword, line.word(1)
    if keyword == "mode" and second != "tcp":
        remarks.leave_out(line.at, "a topology's balancer passes bytes on, whatever they are")
    elif keyword == "timeout":
        if second not in _SILENT_TIMEOUTS:
            remarks.leave_out(line.at, _TIMEOUTS.get(second, "no topology holds this"))
    elif keyword == "option":
        if second not in _SILENT_OPTIONS:
            remarks.leave_out(line.at, "no topology holds this")
    elif keyword not in _IN_THE_TOPOLOGY | _NOT_ABOUT_FAILOVER | {"mode", "no", "default"}:
        remarks.leave_out(line.at, _WHY.get(keyword, "no topology holds this"))


def _server(backend: Proxy, server: Server, remarks: Remarks) -> None:
    weights = {each.value("weight") or "1" for each in backend.active}
    for option in server.options:
        if option in _OF_SERVERS_IN_IT or (option == "weight" and len(weights) == 1):
            continue
        why = _OF_SERVERS.get(option, f"no topology holds {option}")
        remarks.leave_out(server.lines[option], why)
