#!/bin/sh
# Where the mail ends: a Maildir for everybody at contoso.com. Its log tells what has arrived.
set -eu
until [ -e /shared/ready ]; do sleep 0.1; done
mkdir -p /var/mail/box && chown nobody /var/mail/box
cat > /etc/postfix/main.cf <<END
compatibility_level = 3.6
maillog_file = /var/log/real-lab/mbx.log
myhostname = $(hostname)
inet_protocols = ipv4
inet_interfaces = all
mydestination =
alias_maps =
mynetworks = 10.213.26.0/24
virtual_mailbox_domains = contoso.com
virtual_mailbox_base = /var/mail
virtual_mailbox_maps = static:box/
virtual_minimum_uid = 1
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_mailbox_limit = 0
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
END
for service in smtp/inet cleanup/unix qmgr/unix rewrite/unix virtual/unix; do
  postconf -Fe "$service/chroot=n"
done
ln -sfn /shared /var/log/real-lab
postfix start
exec sleep infinity
