"""What all models of a topology share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Base of all topology models: frozen, and no key that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
