"""The Docker driver: each node a container with its own address on a bridge network of the run."""

from relaydrill.drivers.docker.lab import DockerLab

__all__ = ["DockerLab"]
