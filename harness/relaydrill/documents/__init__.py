"""What Relaydrill says to programs: the documents of ``--json`` and the files that outlive a run.

Each has a `format` and a `version`; its fields are a ``TypedDict`` here, from which its JSON Schema
is made. `catalogue` lists them all, `formats` reads what another version has written.
"""
