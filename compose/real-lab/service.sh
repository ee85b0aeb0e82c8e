#!/bin/sh
# What is done to a hub's Postfix from within: refuse, hang, heal. heal puts right whatever it is.
set -eu
signal() {
  for status in /proc/[0-9]*/status; do
    read -r _ name < "$status" || continue
    case $name in
      master | smtpd) pid=${status%/status} && kill "$1" "${pid#/proc/}" || true ;;
    esac
  done
}
case $1 in
  refuse) postconf -MX 25/inet 587/inet && postfix reload ;;
  hang) signal -STOP ;;
  heal)
    signal -CONT
    cp /etc/postfix/master.cf.whole /etc/postfix/master.cf
    if postfix status; then postfix reload; else postfix start; fi
    ;;
esac
