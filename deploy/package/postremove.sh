#!/bin/sh
# Runs after a removal (dpkg: remove, purge; rpm: 0) and after an upgrade. What was recorded is
# evidence and stays, whatever is removed.
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
case "$1" in
remove | purge | 0)
  if [ -d /var/lib/headroom ]; then
    cat <<'END'
headroom: the database, the key and what was pulled stay in /var/lib/headroom, and so does the
user headroom. To remove them for good: rm -r /var/lib/headroom && userdel headroom
END
  fi
  ;;
esac
