"""The node program: fake mail nodes, and thin keepers of real ones.

Started as ``python -m relaydrill.nodes CONFIG``, or forked by the fork server. A node knows its own
configuration and nothing of topologies, drivers or drills.
"""
