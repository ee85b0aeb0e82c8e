"""The balancer: who gets a connection, and which backends are believed to be up."""
