"""Doing a fault to a node of a lab, and undoing it: one life for drills, tests and by hand."""

from relaydrill.injection.deeds import Deed, deed_of
from relaydrill.injection.draining import drain
from relaydrill.injection.life import Injection, Injections, to_hold

__all__ = ["Deed", "Injection", "Injections", "deed_of", "drain", "to_hold"]
