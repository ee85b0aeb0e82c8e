"""VRRP: two balancers, and the addresses that one of them holds."""
