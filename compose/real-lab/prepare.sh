#!/bin/sh
# An authority of the lab's own, and one certificate for every hub and the name that leads to them.
set -eu
cd /shared
[ -e ready ] && exit 0
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=real lab" \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
  -keyout ca.key -out ca.pem
openssl req -newkey rsa:2048 -nodes -subj "/CN=mail.contoso.com" -keyout hub.key -out hub.csr
cat > extensions <<END
subjectAltName=DNS:mail.contoso.com,DNS:ht1.contoso.com,DNS:ht2.contoso.com,DNS:ht3.contoso.com
END
openssl x509 -req -in hub.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
  -extfile extensions -out hub.pem
touch mbx.log
chmod 644 ca.pem hub.pem hub.key mbx.log
touch ready
