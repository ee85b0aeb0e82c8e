"""The search for the smallest plan of faults that breaks a promise.

Hypothesis draws plans from a `space`, and makes the first that breaks a promise smaller
(`search`); programs beside this one try them in simulated labs (`trials`). A plan is what
``relaydrill drill`` takes: texts of faults that say everything about themselves.
"""

from __future__ import annotations

from relaydrill.drills.exploring.exploration import Exploration, Found, Plan
from relaydrill.drills.exploring.search import Limits, Progress, explore

__all__ = ["Exploration", "Found", "Limits", "Plan", "Progress", "explore"]
