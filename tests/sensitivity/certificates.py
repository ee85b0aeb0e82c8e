"""Certificates behind 587, where clients look at them."""

from __future__ import annotations

from typing import Final

from .defect import Asked, Defect, Drilled, Finding, Linted, Renewal

_GOOD: Final = ("mail.contoso.com", "ht2.contoso.com")
_AT_HT2: Final = "ht2 port 587 bears the name mail.contoso.com"

DEFECTS: Final = (
    *(
        Defect(
            id=f"certificate-{name}{suffix}",
            subject="certificates",
            wrong=f"one hub's certificate {wrong}"
            + (", asked of the entry points" if suffix else ""),
            change="",
            way=Asked() if suffix else Drilled((), ("submission",)),
            findings=(
                Finding("policy", ("starttls", said), _AT_HT2)
                if suffix
                else Finding("steady", ("at starttls", said), "submission"),
            ),
            renewed=(renewal,),
        )
        for name, wrong, said, renewal in (
            (
                "without-the-name",
                "bears its own name and not the one that clients are given",
                "Hostname mismatch",
                Renewal("ht2", ("ht2.contoso.com",)),
            ),
            (
                "expired",
                "has run out",
                "certificate has expired",
                Renewal("ht2", _GOOD, expired=True),
            ),
            (
                "of-nobody-known",
                "was signed by an authority that no client knows",
                "unable to get local issuer certificate",
                Renewal("ht2", _GOOD, trusted=False),
            ),
        )
        for suffix in (("", "-policy") if name == "without-the-name" else ("",))
    ),
    Defect(
        id="certificate-declared-without-the-name",
        subject="certificates",
        wrong="one hub's certificate is declared, and lacks the name that clients are given",
        change="nodes: {ht2: {certificate: [ht2.contoso.com]}}",
        way=Linted(),
        findings=(Finding("certificate-lacks-name", ("ht2", "mail.contoso.com")),),
    ),
    Defect(
        id="clients-given-a-short-name",
        subject="certificates",
        wrong="clients are given a name that no certificate bears",
        change="flows: {submission: {to: mail}}",
        way=Drilled((), ("submission",)),
        findings=(Finding("steady", ("at starttls",), "submission"),),
    ),
)
