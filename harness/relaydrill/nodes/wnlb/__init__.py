"""Windows Network Load Balancing: hosts that are a cluster by heartbeats, and share a VIP."""
