"""Exim as a node: a mail server that sends."""
