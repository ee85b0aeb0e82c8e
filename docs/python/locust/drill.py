"""What every worker of a drill runs: what is sent, and when, the drill says."""

from relaydrill.locust import DrillUser

__all__ = ["DrillUser"]
