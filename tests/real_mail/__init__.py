"""Drills of labs of real mail servers, each attached to from outside.

Postfix, Exim, OpenSMTPD, Dovecot and HAProxy run as processes of this machine, on addresses of
127.62.0.0/16, each in a folder of its own and with a log of its own. Nothing in them is of
Relaydrill. What became of the mail is counted a second time, by `tests.real_mail.mailboxes`, which
reads files alone.
"""
