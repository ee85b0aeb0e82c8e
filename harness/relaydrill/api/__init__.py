"""What ``import relaydrill`` offers to Python programs, a module for each subject.

The names are those that `relaydrill` itself lists; programs import them from there. What a person
can mend is a `UsageError` or an `TopologyError`, and no error leaves these functions that is none
of Relaydrill's, but for those of the caller's own callbacks.
"""
