#!/bin/sh
# Makes the user that the nightly job runs as. It owns /var/lib/headroom and cannot log in.
set -e
if ! getent passwd headroom >/dev/null; then
  group=--user-group
  if getent group headroom >/dev/null; then group="--gid headroom"; fi
  # shellcheck disable=SC2086 # two words
  useradd --system $group --home-dir /var/lib/headroom --no-create-home \
    --shell /usr/sbin/nologin headroom
fi
