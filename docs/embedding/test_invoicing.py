"""Invoices survive the loss of a relay hub."""

from __future__ import annotations

from typing import Any

from invoicing import send_invoice


def test_invoices_survive_the_loss_of_a_hub(
    relay_lab: Any, relay_fault: Any, relay_ledger: Any
) -> None:
    """With one hub of three killed, every invoice that was sent arrives, once."""
    relay = relay_lab.reachable("mail", 25)
    with relay_fault("kill:ht1"):
        for number in range(9):
            send_invoice(relay.address, relay.port, f"customer{number}@contoso.com")
    entries = relay_ledger().entries.values()
    assert len(entries) == 9
    assert {entry.account for entry in entries} == {"delivered"}
