"""What became of every message, by the logs of mail servers of several hosts.

Logs are read once, in bounded memory: what is open is kept, and what is over becomes one row for
each recipient, in a temporary file. At the end the rows of all hosts are joined by Message-ID and
queue id.
"""
