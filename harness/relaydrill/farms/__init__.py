"""What balancers' files say of who shares which mail: farms, with the lines that make them so.

`parts` are what all such files have, `haproxy` finds them in haproxy.cfg. No design is known here:
a design is made from them (`relaydrill.from_files`), or filled up by them (`relaydrill.verbatim`).
"""
