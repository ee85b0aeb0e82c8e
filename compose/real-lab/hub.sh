#!/bin/sh
# A relay: Postfix with 25 for the application server and 587 for those who log in, both behind
# HAProxy with the PROXY protocol. Mail for contoso.com goes to mbx, for drill.test to whoever
# drills.
set -eu
until [ -e /shared/ready ]; do sleep 0.1; done
cd /etc/postfix
cp /shared/hub.pem /shared/hub.key .
printf 'pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n' > sasl/smtpd.conf
echo real-secret | saslpasswd2 -c -p -u contoso.com -f /etc/sasldb2 app
chmod 644 /etc/sasldb2
cat > main.cf <<END
compatibility_level = 3.6
maillog_file = /var/log/mail.log
myhostname = $(hostname)
smtpd_banner = \$myhostname ESMTP Postfix
inet_protocols = ipv4
mydestination =
local_recipient_maps =
alias_maps =
mynetworks = 10.213.26.1/32
relay_domains = contoso.com, drill.test
transport_maps = inline:{ {contoso.com=${DISCARD:-relay:[10.213.26.14]:25}}, {drill.test=relay:[10.213.26.1]:21025} }
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_restrictions = permit_mynetworks, permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_sasl_local_domain = contoso.com
smtpd_tls_cert_file = /etc/postfix/hub.pem
smtpd_tls_key_file = /etc/postfix/hub.key
smtp_tls_security_level = none
smtp_connect_timeout = 3s
queue_run_delay = 3s
minimal_backoff_time = 3s
maximal_backoff_time = 3s
smtp_destination_concurrency_failed_cohort_limit = 100
END
postconf -MX smtp/inet 2>/dev/null || true
postconf -Me '25/inet = 25 inet n - n - - smtpd'
postconf -Pe 25/inet/smtpd_upstream_proxy_protocol=haproxy
postconf -Me '587/inet = 587 inet n - n - - smtpd'
postconf -Pe 587/inet/smtpd_upstream_proxy_protocol=haproxy \
  587/inet/smtpd_tls_security_level=encrypt 587/inet/smtpd_sasl_auth_enable=yes
for service in smtp relay cleanup qmgr rewrite error discard; do
  postconf -Fe "$service/unix/chroot=n"
done
cp master.cf master.cf.whole
postfix start
exec sleep infinity
