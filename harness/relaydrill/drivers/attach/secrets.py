"""Credentials, read where the inventory says that they are; they are kept nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

from relaydrill.errors import UsageError
from relaydrill.placement import Credentials
from relaydrill.topology.attach import Login


def read(login: Login) -> Credentials:
    """The user and the password.

    Raises:
        UsageError: There is no such variable or file, or it is empty.
    """
    return Credentials(_read(login.user), _read(login.password))


def _read(name: str) -> str:
    kind, _, where = name.partition(":")
    if kind == "env":
        value = os.environ.get(where, "")
        missing = f"the environment variable {where} is not set"
    else:
        try:
            value = Path(where).expanduser().read_text().strip()
            missing = f"the file {where} is empty"
        except OSError as error:
            raise UsageError(f"{name}: {error.strerror}") from None
    if not value:
        raise UsageError(f"{name}: {missing}")
    return value
