"""BIND as a node: its configuration, its log, and the keeper that speaks for it."""
