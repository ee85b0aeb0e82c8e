"""Invoices survive the loss of whatever is between the application and the mailboxes."""

from __future__ import annotations

from typing import Any

import pytest
from invoicing.mailer import Mailer

from relaydrill.wait import wait_for


def customers(number: int) -> list[str]:
    """So many recipients."""
    return [f"customer{each}@contoso.com" for each in range(number)]


def send_all(mailer: Mailer) -> None:
    """Flush as the application's timer does, until nothing waits any more."""
    wait_for(lambda: mailer.flush() == 0, what="the outbox to be empty", deadline_s=30.0)


def accounts(relay_ledger: Any) -> dict[str, str]:
    """What became of each message, by Message-ID."""
    return {entry.message: str(entry.account) for entry in relay_ledger().entries.values()}


def test_every_invoice_arrives(mailer: Mailer, relay_ledger: Any) -> None:
    """With nothing broken, each invoice arrives, once."""
    sent = [mailer.invoice(customer, "5 EUR") for customer in customers(3)]
    send_all(mailer)
    assert accounts(relay_ledger) == dict.fromkeys(sent, "delivered")


def test_the_loss_of_a_hub_loses_no_invoice(
    mailer: Mailer, relay_fault: Any, relay_ledger: Any
) -> None:
    """With one hub of three killed, what the balancer still gives it waits, and arrives, once."""
    sent = [mailer.invoice(customer, "5 EUR") for customer in customers(9)]
    with relay_fault("kill:ht1"):
        send_all(mailer)
    assert accounts(relay_ledger) == dict.fromkeys(sent, "delivered")


def test_the_loss_of_the_balancer_is_waited_out(
    mailer: Mailer, relay_fault: Any, relay_ledger: Any
) -> None:
    """With the only way in gone, the outbox keeps every invoice; afterwards all arrive."""
    with relay_fault("kill:lb1"):
        sent = [mailer.invoice(customer, "5 EUR") for customer in customers(4)]
        assert mailer.flush() == 4
        assert accounts(relay_ledger) == {}
    send_all(mailer)
    assert accounts(relay_ledger) == dict.fromkeys(sent, "delivered")


@pytest.mark.parametrize("fault", ["backpressure", "tempfail.rcpt"])
def test_what_is_refused_for_now_is_sent_later(
    fault: str, mailer: Mailer, relay_fault: Any, relay_ledger: Any
) -> None:
    """Hubs that answer 4xx get the invoices again; none is given up, and none arrives twice."""
    with relay_fault(f"{fault}:ht1"), relay_fault(f"{fault}:ht2"), relay_fault(f"{fault}:ht3"):
        sent = [mailer.invoice(customer, "5 EUR") for customer in customers(2)]
        assert mailer.flush() == 2
    send_all(mailer)
    assert accounts(relay_ledger) == dict.fromkeys(sent, "delivered")
    assert not any(mailer.outbox.refused.iterdir())


def test_what_is_refused_for_good_is_put_aside(
    mailer: Mailer, relay_fault: Any, relay_ledger: Any
) -> None:
    """A 5xx is not tried for ever: the invoice is kept where a person finds it."""
    with relay_fault("reject:ht1"), relay_fault("reject:ht2"), relay_fault("reject:ht3"):
        mailer.invoice("customer@contoso.com", "5 EUR")
        send_all(mailer)
    assert len(list(mailer.outbox.refused.iterdir())) == 1
    assert accounts(relay_ledger) == {}


def test_an_invoice_whose_answer_is_lost_is_sent_twice_and_not_lost(
    mailer: Mailer, relay_fault: Any, relay_ledger: Any
) -> None:
    """A connection cut after the dot leaves it open whether the mail was taken: it is sent again.

    So the customer may get it twice. The other choice would be to lose it now and then.
    """
    fault = "drop-after-store"
    with relay_fault(f"{fault}:ht1"), relay_fault(f"{fault}:ht2"), relay_fault(f"{fault}:ht3"):
        sent = mailer.invoice("customer@contoso.com", "5 EUR")
        assert mailer.flush() == 1
    send_all(mailer)
    assert accounts(relay_ledger) == {sent: "duplicated"}
