"""Credentials, read where the inventory says that they are; they are kept nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

from relaydrill.endpoint import Credentials
from relaydrill.errors import UsageError
from relaydrill.topology.attach import Login


def read(login: Login) -> Credentials:
    """The user and the password.

    Raises:
        UsageError: There is no such variable or file, or it is empty.
    """
    return Credentials(value(login.user), value(login.password))


def value(name: str) -> str:
    """What ``env:NAME`` or ``file:PATH`` holds.

    Raises:
        UsageError: There is no such variable or file, or it is empty or no text.
    """
    kind, _, where = name.partition(":")
    if kind == "env":
        found = os.environ.get(where, "")
        missing = f"the environment variable {where} is not set"
    else:
        try:
            found = Path(where).expanduser().read_text().strip()
            missing = f"the file {where} is empty"
        except OSError as error:
            raise UsageError(f"{name}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise UsageError(f"{name}: the file is no text") from None
    if not found:
        raise UsageError(f"{name}: {missing}")
    return found
