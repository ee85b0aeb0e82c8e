"""People who send a message now and then: how many there are, and how often, Locust decides."""

from locust import between, task

from relaydrill.locust import MailUser


class Office(MailUser):
    """One of them."""

    persona = "first_address"
    sender = "somebody@contoso.com"
    recipient = "user@contoso.com"
    wait_time = between(0.1, 0.5)

    @task
    def write(self) -> None:
        """One message."""
        self.send_mail()
