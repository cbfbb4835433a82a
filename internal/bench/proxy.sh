#!/usr/bin/env bash
# Measures the reverse proxy beside nginx's proxy_pass and mitmdump, all before one nginx on loopback:
#   internal/bench/proxy.sh HEADROOM
# Needs nginx, mitmdump, wrk, curl and python3. Figures of one run can be compared with each other only.
# What is asked for: ten times the requests/s of mitmdump, 80 % of nginx's bytes/s, and memory that does not grow.
set -euo pipefail
for program in nginx mitmdump wrk curl python3; do
  command -v $program > /dev/null || { echo "proxy: not measured, $program is missing"; exit 0; }
done
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
cat > sink.py <<'PY'
# Takes uploads and says how many bytes came.
import http.server
class Sink(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_PUT(self):
        size = left = int(self.headers["Content-Length"])
        buffer = memoryview(bytearray(1 << 18))
        while left:
            left -= self.rfile.readinto(buffer[:min(left, len(buffer))])
        self.send_response(200)
        self.send_header("Content-Length", str(len(str(size))))
        self.end_headers()
        self.wfile.write(str(size).encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", 19004), Sink).serve_forever()
PY
nginx -c "$work/nginx.conf" & pids=($!)
python3 sink.py & pids+=($!)
"$headroom" --db "$work/headroom.db" proxy --listen 127.0.0.1:19002 --upstream acme=http://127.0.0.1:19000 \
  --upstream sink=http://127.0.0.1:19004 2> headroom.log & proxy=$! pids+=($!)
mitmdump -q --set confdir="$work/mitm" --set stream_large_bodies=1m --mode reverse:http://127.0.0.1:19000 \
  --listen-host 127.0.0.1 -p 19003 > mitm.log 2>&1 & pids+=($!)
trap 'kill "${pids[@]}"; wait; rm -rf "$work"' EXIT
for port in 19001 19002 19003; do
  until curl -s -o /dev/null "http://127.0.0.1:$port/"; do sleep 0.2; done
done

load() { # NAME PREFIX FILE CONNECTIONS: a line "NAME FILE requests/s MB/s"
  wrk -t 1 -c "$4" -d 3s --timeout 10s "http://127.0.0.1:$2/$3" > wrk.log
  if grep -q 'Non-2xx' wrk.log; then cat wrk.log >&2; exit 1; fi
  awk -v name="$1" -v file="$3" '
    /requests in/ { for (i = 1; i <= NF; i++) if ($i == "in") { seconds = $(i + 1) + 0; read = $(i + 2) } }
    /requests in/ { unit = substr(read, length(read) - 1); bytes = (read + 0) * (unit == "KB" ? 1024 : unit == "MB" ? 1024^2 : unit == "GB" ? 1024^3 : 1) }
    /Requests\/sec/ { rate = $2 }
    END { printf "%-9s %-4s %9.0f requests/s %7.0f MB/s\n", name, file, rate, bytes / seconds / 1e6 }' wrk.log
}
for _ in 1 2 3; do
  for file in 1k 10m; do
    connections=$([ $file = 1k ] && echo 8 || echo 4)
    load nginx 19001/t/acme $file "$connections"
    load headroom 19002/t/acme $file "$connections"
    load mitmdump 19003 $file "$connections"
  done
done | tee figures
awk '
  $2 == "1k" { requests[$1] += $3 }
  $2 == "10m" { bytes[$1] += $5 }
  function compare(what, ratio, least) { printf "%s: %.2f, at least %.1f is asked for%s\n", what, ratio, least, ratio < least ? ": MISSED" : "" }
  END {
    compare("requests/s of headroom to those of mitmdump", requests["headroom"] / requests["mitmdump"], 10)
    compare("bytes/s of headroom to those of nginx", bytes["headroom"] / bytes["nginx"], 0.8)
  }' figures

resident() { awk -v n="$1" -v w="$2" '$1 == n":" {printf "headroom %s: %.0f MB\n", w, $2 / 1000}' "/proc/$proxy/status"; }
together() { # curl ARGUMENTS, eight at once
  local calls=()
  for _ in 1 2 3 4 5 6 7 8; do curl -sS -o /dev/null --fail "$@" & calls+=($!); done
  for call in "${calls[@]}"; do wait "$call"; done
}
resident VmHWM "before"
together http://127.0.0.1:19002/t/acme/1g
resident VmHWM "after 8 downloads of 1 GiB at once, at most"
together -T www/1g http://127.0.0.1:19002/t/sink/1g
resident VmHWM "after 8 uploads of 1 GiB at once, at most"
