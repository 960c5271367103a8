#!/usr/bin/env bash
# Lets the clients and proxies that are installed talk to every model, and prints a Markdown table
# with pass, FAIL or SKIPPED (not installed). Nothing is installed here; on Debian these are
# curl, wrk, apache2-utils (ab), nghttp2-client (h2load), nginx-light and haproxy.
#   scripts/clients.sh [MODEL...]        NETSERVE=path of the program (bin/netserve)
# Exit 0: nothing failed. 1: something did; why is on standard error. 2: could not run.
set -eu -o pipefail
netserve=${NETSERVE:-bin/netserve}
[ -x "$netserve" ] || { echo "$netserve is not there: make build" >&2; exit 2; }
PATH=$PATH:/usr/sbin # where Debian keeps nginx and haproxy
clients=(curl wrk ab h2load nginx haproxy)
models=("$@")
# Columns are two blanks apart or more: some hold words with one between them. The sixth says whether it runs here.
[ $# -gt 0 ] || mapfile -t models < <("$netserve" --list | awk -F '  +' '$6 == "yes" {print $1}')
[ ${#models[@]} -gt 0 ] || { echo "$netserve --list names no model that runs here" >&2; exit 2; }

dir=$(mktemp -d)
server='' proxy=''
stop() { # a process that this script started
  [ -z "$1" ] || { kill "$1" && wait "$1"; } 2>"$dir/stop" || true
}
trap 'stop "$proxy"; stop "$server"; rm -rf "$dir"' EXIT
head -c 300000 /dev/urandom >"$dir/body"

# await FILE|SOCKET: until it is there with something in it, for at most 5 s.
await() {
  for _ in $(seq 250); do
    if [ -S "$1" ] || [ -s "$1" ]; then return 0; fi
    sleep 0.02
  done
  echo "$1 did not appear" >&2
  return 1
}

serve() { # MODEL; sets server and addr
  rm -f "$dir/ready" # or the address of the last one would be read
  "$netserve" --model "$1" --proto http --addr 127.0.0.1:0 >"$dir/ready" 2>"$dir/server.log" &
  server=$!
  await "$dir/ready"
  addr=$(sed 's/.*"ready":"\([^"]*\)".*/\1/' "$dir/ready")
}

# fetch [OPTION...] PATH: curl, bounded, silent, failing for anything but 2xx. Proxies listen on
# a Unix socket, so that they need no port.
fetch() { timeout 20 curl -sSf --max-time 15 "$@"; }

check() { # WHAT COMMAND...: names what went wrong
  local what=$1
  shift
  "$@" >"$dir/out" 2>&1 || { echo "$what: $(tail -c 300 "$dir/out")" >&2; return 1; }
}

# talk WHAT [CURL OPTION...]: what a browser, an uploader and a crawler would do.
talk() {
  local what=$1
  shift
  check "$what, GET" fetch "$@" "http://$addr/" -o "$dir/got" &&
    check "$what, body" grep -qx 'Hello, World!' "$dir/got" &&
    check "$what, HEAD" fetch "$@" -I "http://$addr/bytes/1000" &&
    check "$what, upload" fetch "$@" --data-binary @"$dir/body" "http://$addr/echo" -o "$dir/got" &&
    check "$what, upload came back" cmp "$dir/body" "$dir/got" &&
    check "$what, chunked upload" fetch "$@" -X POST -T - "http://$addr/echo" -o "$dir/got" <"$dir/body" &&
    check "$what, chunked upload came back" cmp "$dir/body" "$dir/got" &&
    check "$what, expect" fetch "$@" -H 'Expect: 100-continue' --data-binary @"$dir/body" \
      "http://$addr/echo" -o "$dir/got" &&
    check "$what, kept connection" fetch "$@" "http://$addr/bytes/[1000-1099]" -o "$dir/got" &&
    check "$what, its end" test "$(stat -c %s "$dir/got")" = 1099 &&
    check "$what, HTTP/1.0" fetch "$@" -0 "http://$addr/" -o "$dir/got"
}

try_curl() { talk "curl to $1"; }

# load WHAT WANTED UNWANTED COMMAND...: its report has a line like the one and none like the other.
load() {
  local what=$1 wanted=$2 unwanted=$3
  shift 3
  timeout 20 "$@" >"$dir/report" 2>&1 && grep -qE "$wanted" "$dir/report" &&
    ! grep -qE "$unwanted" "$dir/report" || { echo "$what: $(tail -n 20 "$dir/report")" >&2; return 1; }
}

try_wrk() {
  load "wrk to $1" 'requests in' 'Socket errors|Non-2xx' wrk -t1 -c20 -d1s "http://$addr/bytes/1000"
}

try_ab() { # with connections that are kept, and with one for each request
  load "ab -k to $1" '^Failed requests: *0$' 'Non-2xx' ab -q -k -n 2000 -c 20 "http://$addr/" &&
    load "ab to $1" '^Failed requests: *0$' 'Non-2xx' ab -q -n 2000 -c 20 "http://$addr/"
}

try_h2load() {
  load "h2load to $1" '2000 succeeded, 0 failed, 0 errored' 'not in any output' \
    h2load --h1 -n 2000 -c 20 -t1 "http://$addr/"
}

try_nginx() {
  cat >"$dir/nginx.conf" <<END
daemon off; master_process off; pid $dir/nginx.pid; error_log stderr;
events { worker_connections 200; }
http {
  access_log off; client_body_temp_path $dir/t1; proxy_temp_path $dir/t2;
  fastcgi_temp_path $dir/t3; uwsgi_temp_path $dir/t4; scgi_temp_path $dir/t5;
  upstream models { server $addr; keepalive 4; }
  server {
    listen unix:$dir/proxy.sock;
    location / { proxy_pass http://models; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
END
  behind "$1" nginx -p "$dir" -c "$dir/nginx.conf" -e stderr
}

try_haproxy() {
  cat >"$dir/haproxy.cfg" <<END
global
  maxconn 200
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
  http-reuse always
frontend front
  bind unix@$dir/proxy.sock
  default_backend models
backend models
  server model $addr
END
  behind "$1" haproxy -db -f "$dir/haproxy.cfg"
}

behind() { # MODEL PROXY...: talks to the model through the proxy
  local what="$2 to $1" status=0
  shift
  rm -f "$dir/proxy.sock"
  "$@" >"$dir/proxy.log" 2>&1 &
  proxy=$!
  await "$dir/proxy.sock" && talk "$what" --unix-socket "$dir/proxy.sock" || status=1
  [ $status = 0 ] || tail -n 3 "$dir/proxy.log" >&2
  stop "$proxy"
  proxy=''
  return $status
}

failed=0
declare -A cell
for model in "${models[@]}"; do
  for client in "${clients[@]}"; do
    if ! command -v "$client" >"$dir/which"; then
      cell[$client,$model]=SKIPPED
      continue
    fi
    serve "$model" # afresh, so that one client's damage is not another's
    cell[$client,$model]=pass
    "try_$client" "$model" || { cell[$client,$model]=FAIL failed=1; cat "$dir/server.log" >&2; }
    stop "$server"
    server=''
  done
done

echo "| client |$(printf ' %s |' "${models[@]}")"
echo "|---|$(printf -- '---|%.0s' "${models[@]}")"
for client in "${clients[@]}"; do
  row="| $client |"
  for model in "${models[@]}"; do
    row+=" ${cell[$client,$model]} |"
  done
  echo "$row"
done
exit $failed
