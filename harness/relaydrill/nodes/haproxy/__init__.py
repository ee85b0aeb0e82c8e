"""HAProxy as a node: its configuration, its process, its log, and the keeper that speaks for it."""
