"""A hub's transport: accepted mail in queues, and on towards its next hops."""
