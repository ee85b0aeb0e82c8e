"""Whom a sender trusts: what stands in the file when it starts."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from relaydrill.nodes.sending.host import trust


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    """A node that starts anew in a simulated lab does so in a process that goes on."""
    authorities = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(authorities)
    first = trust(str(authorities))
    assert trust(str(authorities)) is first, "it was read once more, for each sender"
    with authorities.open("ab") as file:
        file.write(trustme.CA().cert_pem.bytes())
    again = trust(str(authorities))
    assert (len(first.get_ca_certs()), len(again.get_ca_certs())) == (1, 2)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Also one that was there before."""
    authorities = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(authorities)
    trust(str(authorities))
    authorities.unlink()
    with pytest.raises(FileNotFoundError):
        trust(str(authorities))
