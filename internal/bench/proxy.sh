#!/usr/bin/env bash
# Measures the reverse proxy beside nginx's proxy_pass and mitmdump, all before one nginx on loopback:
#   internal/bench/proxy.sh HEADROOM
# Needs nginx, mitmdump, ab and curl. Figures of one run can be compared with each other only.
set -euo pipefail
headroom=$(realpath "$1")
work=$(mktemp -d)
chmod 755 "$work" # nginx serves as another user
cd "$work"
mkdir www
head -c 1000 /dev/urandom > www/1k
head -c 10485760 /dev/urandom > www/10m
truncate -s 1G www/1g
cat > nginx.conf <<CONF
daemon off; pid $work/nginx.pid; error_log $work/error.log; worker_processes 2;
events { worker_connections 512; }
http {
  access_log off; sendfile on; keepalive_requests 1000000;
  client_body_temp_path $work/a; proxy_temp_path $work/b; fastcgi_temp_path $work/c; uwsgi_temp_path $work/d; scgi_temp_path $work/e;
  upstream vendor { server 127.0.0.1:19000; keepalive 32; }
  server { listen 127.0.0.1:19000; root $work/www; }
  server {
    listen 127.0.0.1:19001;
    location /t/acme/ { proxy_pass http://vendor/; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0; }
  }
}
CONF
nginx -c "$work/nginx.conf" & nginx=$!
"$headroom" --db "$work/headroom.db" proxy --listen 127.0.0.1:19002 --upstream acme=http://127.0.0.1:19000 2> headroom.log & proxy=$!
mitmdump -q --set confdir="$work/mitm" --set stream_large_bodies=1m --mode reverse:http://127.0.0.1:19000 \
  --listen-host 127.0.0.1 -p 19003 > /dev/null 2>&1 & mitm=$!
trap 'cat ab.log >&2; kill $nginx $proxy $mitm; wait; rm -rf "$work"' EXIT
for port in 19001 19002 19003; do
  until curl -s -o /dev/null "http://127.0.0.1:$port/"; do sleep 0.2; done
done

measure() { # NAME PREFIX REQUESTS; mitmdump resets connections that are kept by HTTP/1.0, which is what ab speaks
  local keep=-k
  [ "$1" != mitmdump ] || keep=
  ab -q -r $keep -c 8 -n "$3" "http://127.0.0.1:$2/1k" 2> ab.log |
    awk -v n="$1" '/Requests per second/ {printf "%-9s  1 kB %8.0f requests/s\n", n, $4} /Non-2xx/'
  ab -q -r $keep -c 4 -n $(($3 < 2000 ? 20 : 60)) "http://127.0.0.1:$2/10m" 2> ab.log |
    awk -v n="$1" '/Transfer rate/ {printf "%-9s 10 MB %8.0f MB/s\n", n, $3 / 1000} /Non-2xx/'
}
for _ in 1 2; do
  measure nginx 19001/t/acme 5000
  measure headroom 19002/t/acme 5000
  measure mitmdump 19003 500
done

resident() { awk -v n="$1" -v w="$2" '$1 == n":" {printf "headroom %s %s: %.0f MB\n", w, n, $2 / 1000}' "/proc/$proxy/status"; }
resident VmRSS "before 8 x 1 GiB at once"
downloads=()
for _ in 1 2 3 4 5 6 7 8; do curl -s -o /dev/null http://127.0.0.1:19002/t/acme/1g & downloads+=($!); done
wait "${downloads[@]}"
resident VmHWM "after  8 x 1 GiB at once"
