"""The single values of a topology: names, domains, ports, address ranges, durations and rates."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from relaydrill.address_span import AddressSpan, parse_address

_NAME = re.compile(r"^[a-z][a-z0-9-]{0,30}\Z")
DOMAIN = re.compile(
    r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z"
)
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|min|h)$")
_RATE = re.compile(r"^(\d+(?:\.\d+)?)\s*/\s*(s|min|h|day)$")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "day": 86400.0}
LONGEST_S: Final = 7 * 86400.0
"""No duration is longer."""

_FASTEST_PER_S: Final = 100_000.0


def wrong(kind: str, text: str, **context: Any) -> PydanticCustomError:
    """A mistake in a topology; its text says what is wrong, and after "; allowed:" what is not."""
    return PydanticCustomError(kind, text, context)


def _name(value: str) -> str:
    if not _NAME.match(value):
        raise wrong(
            "name", "not a name; allowed: a lower-case letter, then up to 30 of a-z, 0-9 and '-'"
        )
    return value


def _domain(value: str) -> str:
    lowered = value.lower().rstrip(".")
    if not DOMAIN.match(lowered):
        raise wrong("domain", "not a domain name; allowed: labels of a-z, 0-9 and '-', dotted")
    return lowered


def lies_in(name: str, domain: str) -> bool:
    """Whether a name is a domain, or lies in it."""
    return f".{name}".endswith(f".{domain}")


def innermost(name: str, domains: Iterable[str]) -> str:
    """Of the domains that a name lies in the one that is closest to it; empty if in none."""
    return max((each for each in domains if lies_in(name, each)), key=len, default="")


def _exchanger_name(value: str) -> str:
    if value == "." or (value.startswith("[") and value.endswith("]") and is_name(value[1:-1])):
        return value
    lowered = value.lower().rstrip(".")
    if not DOMAIN.match(lowered):
        raise wrong(
            "exchanger",
            "not the host of an MX record; allowed: labels of a-z, 0-9 and '-', dotted; '.' for a"
            " null MX; '[edge1]' for the mistake of an address in place of a name",
        )
    return lowered


def _certificate_name(value: str) -> str:
    lowered = value.lower().rstrip(".")
    if not DOMAIN.match(lowered.removeprefix("*.")):
        raise wrong(
            "certificate_name",
            "not a name of a certificate; allowed: mail.contoso.com, '*.contoso.com'",
        )
    return lowered


def parse_duration(value: object) -> float:
    """Seconds of ``2s``, ``500ms``, ``5min``, ``1h``; plain numbers are seconds already.

    Raises:
        PydanticCustomError: It is none of these, negative, or longer than seven days.
    """
    seconds: float
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise wrong("duration", "not a duration; allowed: a number and ms, s, min or h: 2s, 5min")
    if isinstance(value, str):
        found = _DURATION.match(value.strip())
        if not found:
            raise wrong(
                "duration", "not a duration; allowed: a number and ms, s, min or h: 2s, 5min"
            )
        seconds = float(found.group(1)) * _SECONDS[found.group(2)]
    else:
        seconds = float(value)
    if not 0 <= seconds <= LONGEST_S:
        raise wrong("duration", "duration out of range; allowed: 0s to 168h")
    return seconds


def parse_rate(value: object) -> float:
    """Events a second of ``50/s``, ``600/min``, ``16000000/day``; plain numbers are per second.

    Raises:
        PydanticCustomError: It is none of these, not above zero, or above 100000/s.
    """
    per_second: float
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise wrong("rate", "not a rate; allowed: a number, '/', and s, min, h or day: 50/s")
    if isinstance(value, str):
        found = _RATE.match(value.strip().replace("_", ""))
        if not found:
            raise wrong("rate", "not a rate; allowed: a number, '/', and s, min, h or day: 50/s")
        per_second = float(found.group(1)) / _SECONDS[found.group(2)]
    else:
        per_second = float(value)
    if not 0 < per_second <= _FASTEST_PER_S:
        raise wrong("rate", "rate out of range; allowed: above 0/s, up to 100000/s")
    return per_second


def show_duration(seconds: float) -> str:
    """A duration as a topology writes it: the inverse of `parse_duration`."""
    return f"{_digits(seconds)}s"


def _show_rate(per_second: float) -> str:
    return f"{_digits(per_second)}/s"


def _digits(number: float) -> str:
    """The shortest digits that read back as ``number``, and never an exponent."""
    text = format(Decimal(repr(number or 0.0)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def is_name(remote: str) -> bool:
    """Whether a connector's remote is a node's name, and no address range."""
    return _NAME.match(remote) is not None


def _remote(value: str) -> str:
    if is_name(value):
        return value
    try:
        return str(AddressSpan.parse(value))
    except ValueError:
        raise wrong(
            "remote",
            "neither the name of a node nor an address range; allowed: app, 10.0.0.0/24,"
            " 10.0.0.1-10.0.0.9, 2001:db8::/64",
        ) from None


def _address(value: str) -> str:
    if "%" in value:
        # An address of one link alone: another machine of the lab has no such link.
        raise wrong("address", "an address with a zone; allowed: one that all of the lab reach")
    try:
        return str(parse_address(value))
    except ValueError:
        raise wrong("address", "not an address; allowed: 10.0.0.1, 2001:db8::1") from None


def is_reachable_ipv4(text: str) -> bool:
    """Whether a text is the IPv4 address of a host that others can reach."""
    try:
        found = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return not (
        found.is_unspecified or found.is_loopback or found.is_multicast or found.is_reserved
    )


def _ipv4(value: str) -> str:
    if not is_reachable_ipv4(value):
        what = "not the IPv4 address of a host that others can reach; allowed: 10.0.0.1"
        raise wrong("ipv4", what)
    return value


def _ipv6(value: str) -> str:
    address = _address(value)
    if ":" not in address:
        raise wrong("ipv6", "not an IPv6 address; allowed: 2001:db8::11")
    return address


def _server_name(value: str) -> str:
    if re.fullmatch(r"[\d.]+", value) or ":" in value:
        return _address(value)
    lowered = value.lower().rstrip(".")
    if not DOMAIN.match(lowered):
        raise wrong("server", "neither a host name nor an address; allowed: imap.contoso.com")
    return lowered


def _address_range(value: str) -> str:
    try:
        ipaddress.ip_network(value)
        return str(AddressSpan.parse(value))
    except ValueError:
        raise wrong(
            "range", "not an address range; allowed: 10.0.0.0/24, 10.0.0.7/32, 2001:db8::/64"
        ) from None


def _secret_name(value: str) -> str:
    kind, _, where = value.partition(":")
    if kind not in ("env", "file") or not where:
        raise wrong("secret", "a secret does not belong here; allowed: env:NAME, file:PATH")
    return value


def _host(value: str) -> str:
    return value.lower().rstrip(".")


Name = Annotated[str, AfterValidator(_name)]
Domain = Annotated[str, AfterValidator(_domain)]
ExchangerName = Annotated[str, AfterValidator(_exchanger_name)]
"""What an MX record holds: a host's name, ``.``, or a node's address as ``[edge1]``."""
CertificateName = Annotated[str, AfterValidator(_certificate_name)]
Host = Annotated[str, AfterValidator(_host)]
Port = Annotated[int, Field(ge=1, le=65535)]
Remote = Annotated[str, AfterValidator(_remote)]
Address = Annotated[str, AfterValidator(_address)]
IPv4 = Annotated[str, AfterValidator(_ipv4)]
"""The IPv4 address of a host that others can reach."""
IPv6 = Annotated[str, AfterValidator(_ipv6)]
ServerName = Annotated[str, AfterValidator(_server_name)]
"""A host name, or an address."""
AddressRange = Annotated[str, AfterValidator(_address_range)]
SecretName = Annotated[str, AfterValidator(_secret_name)]
"""Where a secret is found: ``env:NAME`` or ``file:PATH``. Never the secret itself."""

Duration = Annotated[
    float,
    BeforeValidator(parse_duration, json_schema_input_type=float | str),
    PlainSerializer(show_duration, return_type=str),
]
Rate = Annotated[
    float,
    BeforeValidator(parse_rate, json_schema_input_type=float | str),
    PlainSerializer(_show_rate, return_type=str),
]


def one_or_more(value: object) -> object:
    """What may stand alone, as a list of one."""
    if isinstance(value, str):
        return (value,)
    # Strict validation, which is on, takes a list for a tuple in JSON only, and this is no longer.
    return tuple(value) if isinstance(value, list) else value


def _as_written(value: tuple[str, ...]) -> str | tuple[str, ...]:
    return value[0] if len(value) == 1 else value


Names = Annotated[
    tuple[Name, ...],
    BeforeValidator(one_or_more),
    Field(min_length=1),
    PlainSerializer(_as_written),
]
"""One name, or a list of them."""
