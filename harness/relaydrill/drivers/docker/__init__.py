"""The Docker driver: each node a container with its own address on a bridge network of the run."""
