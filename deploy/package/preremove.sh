#!/bin/sh
# Runs before a removal (dpkg: remove; rpm: 0) and before an upgrade, which leaves the timer as it is.
set -e
case "$1" in
remove | 0)
  if [ -d /run/systemd/system ]; then
    systemctl disable --now headroom-nightly.timer || true
    systemctl stop headroom-nightly.service || true
  else
    rm -f /etc/systemd/system/timers.target.wants/headroom-nightly.timer
  fi
  ;;
esac
