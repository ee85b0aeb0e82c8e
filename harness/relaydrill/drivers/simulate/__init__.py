"""The driver of simulated labs: all nodes in one thread, on a clock and a network of their own."""
