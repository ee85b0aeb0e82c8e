"""Mail sent by Locust: the users of a locustfile, and the master of a drill's workers.

Importing this changes how the whole process waits (gevent), so nothing else of Relaydrill imports
it. See docs/python/locust.md.
"""

from __future__ import annotations

import importlib

try:
    importlib.import_module("locust")  # first: it patches what the others then import
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"relaydrill.locust needs the package {error.name}; run: pip install 'relaydrill[locust]'",
        name=error.name,
    ) from None

from relaydrill.locust.drilling import DrillUser
from relaydrill.locust.mailing import MailUser

__all__ = ["DrillUser", "MailUser"]
