"""Where the log of a server that runs elsewhere is to be had. Pure data."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from relaydrill.model import Model


class LogSource(Model):
    """A log of Postfix or Exim: exactly one of ``file``, ``run``, ``journald``, ``docker``.

    Attributes:
        file: A file of this machine, a FIFO, or a folder with everything in it.
        run: A command that prints lines as they come, started without a shell.
        journald: A unit of this machine's journal; ``postfix*`` is several.
        docker: A container of this machine's Docker engine.
        mailboxes: What of the transports, relays and commands that the log names is a mailbox,
            beside those that are recognised; a part of the name will do.
        filters: What of them is none, whatever it is called.
    """

    file: str | None = Field(default=None, min_length=1)
    run: tuple[str, ...] | None = Field(default=None, min_length=1)
    journald: str | None = Field(default=None, min_length=1)
    docker: str | None = Field(default=None, min_length=1)
    mailboxes: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    filters: tuple[Annotated[str, Field(min_length=1)], ...] = ()

    @property
    def places(self) -> int:
        """How many there are; one, in a design that breaks no rule."""
        named = (self.file, self.run, self.journald, self.docker)
        return sum(each is not None for each in named)


def _with_keys(value: Any) -> Any:
    if isinstance(value, str):
        return {"file": value}
    if isinstance(value, dict):  # what JSON calls a list is a tuple here
        return {key: tuple(each) if isinstance(each, list) else each for key, each in value.items()}
    return value


Log = Annotated[LogSource, BeforeValidator(_with_keys, json_schema_input_type=str | LogSource)]
"""A log: the path alone will do for a file."""
