"""Drivers: what runs a topology. Each makes a `base.Lab`, and says what it can do to a node."""
