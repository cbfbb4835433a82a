#!/bin/sh
# Runs after an installation (dpkg: configure, no version; rpm: 1) and after an upgrade. The timer is
# not started: nothing is pulled before tenants and token are there.
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
if [ "$1" = 1 ] || { [ "$1" = configure ] && [ -z "$2" ]; }; then
  cat <<'END'
headroom: name the tenants and [pull] dest in /etc/headroom/headroom.toml, put the token into
/etc/headroom/token, then: systemctl enable --now headroom-nightly.timer
END
fi
