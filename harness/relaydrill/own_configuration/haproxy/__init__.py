"""HAProxy: haproxy.cfg, one file or several."""

from relaydrill.own_configuration.haproxy.model import (
    MAIL_PORTS,
    Bind,
    Haproxy,
    Place,
    Proxy,
    Section,
    Server,
    Statement,
)
from relaydrill.own_configuration.haproxy.reading import read

__all__ = [
    "MAIL_PORTS",
    "Bind",
    "Haproxy",
    "Place",
    "Proxy",
    "Section",
    "Server",
    "Statement",
    "read",
]
