"""Postfix as a node: as hub or mailbox server behind a keeper, or as a mail server that sends."""
