#!/bin/bash
# Records the traces again: real software under a real load, over loopback only.
#
# usage: record.sh --install            install what the recordings need (Debian, as root)
#        record.sh FOLDER [SCENARIO...] record into FOLDER; all scenarios when none is named
#
# FOLDER gets, for each scenario, NAME.all.raw.zst (everything heaptrack saw), NAME.raw.zst (the
# program's own blocks), NAME.zst (the same, for heaptrack_print) and NAME.pooltrace.
set -euo pipefail

SCENARIOS=(mosquitto lua coap https)
PACKAGES=(heaptrack zstd mosquitto python3-paho-mqtt lua5.4 libcoap3-bin lighttpd
  lighttpd-mod-mbedtls curl openssl iproute2 procps)
COMMANDS=(heaptrack zstd mosquitto lua5.4 coap-server-notls coap-client-notls lighttpd curl
  openssl ss pgrep)
PATH=$PATH:/usr/sbin # where Debian keeps servers
PYTHON=/usr/bin/python3 # Debian's own: python3-paho-mqtt belongs to it

here=$(cd "$(dirname "$0")" && pwd)
workloads=$here/workloads
out=''
work=''
recorder=''
program=''

die() {
  echo "record.sh: $*" >&2
  exit 1
}

# ---- what is needed --------------------------------------------------------------------------

install_packages() {
  [ "$(id -u)" -eq 0 ] || die "--install needs root"
  apt-get install -y --no-install-recommends "${PACKAGES[@]}"
}

check_needs() {
  command -v cargo >/dev/null || die "missing: cargo, from a Rust toolchain"
  local missing=() name
  for name in "${COMMANDS[@]}"; do
    command -v "$name" >/dev/null || missing+=("$name")
  done
  "$PYTHON" -c 'import paho.mqtt.client' 2>/dev/null || missing+=(python3-paho-mqtt)
  [ -e /usr/lib/lighttpd/mod_mbedtls.so ] || missing+=(lighttpd-mod-mbedtls)
  [ ${#missing[@]} -eq 0 ] || die "missing: ${missing[*]}; run: sudo $0 --install"
}

# ---- recording -------------------------------------------------------------------------------

# Starts a server under heaptrack and waits until it listens.
# start NAME PORT COMMAND...
start() {
  local name=$1 port=$2
  shift 2
  heaptrack --raw -o "$out/$name.all" "$@" >"$work/$name.log" 2>&1 &
  recorder=$!
  local try
  for try in {1..100}; do
    program=$(pgrep -P "$recorder" -f "^(/usr/s?bin/)?$1" || true)
    if [ -n "$program" ] && [ -n "$(ss -lntuH "sport = :$port")" ]; then return; fi
    sleep 0.1
  done
  cat "$work/$name.log" >&2
  die "$name does not listen on port $port after $try tries"
}

# Ends the server and waits until the recording is complete.
stop() {
  kill -TERM "$program"
  wait "$recorder" || true # the program's own exit code; a broken recording fails to import
  recorder=''
  program=''
}

# Ends whatever a failed or interrupted run left behind.
clean_up() {
  if [ -n "$program" ]; then # heaptrack ends, and tidies up, once the program has
    kill -TERM "$program" 2>/dev/null || true
    wait "$recorder" || true
  fi
  local job
  for job in $(jobs -p); do
    # shellcheck disable=SC2046 # a list of process numbers
    kill -TERM "$job" $(pgrep -P "$job") 2>/dev/null || true
  done
  wait
  rm -rf "$work"
}

# Keeps the blocks that the named modules asked for.
# keep NAME MODULE...
keep() {
  local name=$1 interpreter
  shift
  interpreter=$(dirname "$(command -v heaptrack)")/../lib/heaptrack/libexec/heaptrack_interpret
  zstd -dcq "$out/$name.all.raw.zst" | "$PYTHON" "$workloads/own_blocks.py" "$@" |
    zstd -qf -o "$out/$name.raw.zst"
  zstd -dcq "$out/$name.raw.zst" | "$interpreter" 2>/dev/null | zstd -qf -o "$out/$name.zst"
}

# Makes native traces of the recordings.
import() {
  local name
  for name in "$@"; do
    (cd "$here/.." && cargo run --quiet --release -- import "$out/$name.raw.zst" -o "$out/$name.pooltrace")
  done
}

# ---- scenarios -------------------------------------------------------------------------------

# An MQTT broker: 12 subscribers, 6 nodes with wills and retained messages, passing door sensors.
record_mosquitto() {
  local port=18830
  cat >mosquitto.conf <<END
listener $port 127.0.0.1
allow_anonymous true
persistence false
sys_interval 5
max_queued_messages 200
user $(id -un)
log_type error
END
  start mosquitto "$port" mosquitto -c mosquitto.conf
  timeout 120 "$PYTHON" "$workloads/mqtt_load.py" "$port" 45 &
  wait $! # in the background, so that an interruption is heeded at once
  stop
  keep mosquitto mosquitto
}

# The Lua interpreter: a gateway's program with a JSON codec, rules and coroutines.
record_lua() {
  cp -r "$workloads/lua" .
  "$PYTHON" "$workloads/sensor_feed.py" 1500 10 |
    timeout 120 heaptrack --raw -o "$out/lua.all" lua5.4 lua/sensors.lua >lua.log
  keep lua lua5.4
}

# One round of a CoAP node: small values, observation's trigger, blockwise transfers, errors.
# coap_node NUMBER ROUNDS URL
coap_node() {
  local number=$1 rounds=$2 url=$3 round
  # A node keeps its port, as a device does: the server knows it as one session.
  ask() { timeout 20 coap-client-notls -v 0 -B 10 -p $((15690 + number)) "$@" >/dev/null 2>&1; }
  for ((round = 1; round <= rounds; round++)); do
    ask -m put -t 50 -e "{\"node\":$number,\"round\":$round,\"temp\":2$((round % 10)).5}" "$url/node/$number"
    ask "$url/node/$number"
    ask -N "$url/time"
    case $((round % 6)) in
      0) ask "$url/.well-known/core" ;;
      1) ask -m put -e "v$number.$round" "$url/example_data" ;; # tells the observers
      2) ask -m put -b 256 -f "config-$number" "$url/config/$number" ;;
      3) ask -b 64 "$url/config/$number" ;;
      4) ask -m delete "$url/node/$number" ;;
      5) ask "$url/nothing/$number" ;;
    esac
    sleep 0.2
  done
}

# A CoAP server: six nodes put, get, delete and transfer blockwise; three clients observe.
record_coap() {
  local port=15683 number job jobs=()
  local url=coap://127.0.0.1:$port
  "$PYTHON" "$workloads/sensor_feed.py" 60 0 >feed
  for number in 1 2 3 4 5 6; do
    head -c $((500 + 700 * number)) feed >"config-$number"
  done
  start coap "$port" coap-server-notls -A 127.0.0.1 -p "$port" -d 20
  for number in 1 2 3; do
    timeout 60 coap-client-notls -v 0 -s $((8 * number)) "$url/example_data" >/dev/null 2>&1 &
    jobs+=($!)
  done
  timeout 60 coap-client-notls -v 0 -s 20 "$url/time" >/dev/null 2>&1 &
  jobs+=($!)
  for number in 1 2 3 4 5 6; do
    coap_node "$number" 90 "$url" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do
    wait "$job" || die "a CoAP client failed"
  done
  stop
  keep coap coap libcoap
}

# A small HTTPS server on mbedTLS: one page after another, sometimes two clients at once.
record_https() {
  local port=18443 round
  local url=https://127.0.0.1:$port
  mkdir www
  "$PYTHON" "$workloads/sensor_feed.py" 400 0 >feed
  head -c 300 feed >www/status.json
  head -c 6000 feed >www/index.html
  head -c 40000 feed >www/firmware.bin
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -subj /CN=device -addext subjectAltName=IP:127.0.0.1 \
    -keyout key.pem -out cert.pem 2>/dev/null
  cat key.pem cert.pem >server.pem
  cat >lighttpd.conf <<END
server.modules = ("mod_mbedtls")
server.document-root = "www"
server.bind = "127.0.0.1"
server.port = $port
server.max-connections = 4
server.max-fds = 32
server.feature-flags = ("server.h2proto" => "disable")
server.max-keep-alive-idle = 2
server.chunkqueue-chunk-sz = 1024
ssl.engine = "enable"
ssl.pemfile = "server.pem"
END
  fetch() { curl -sS --max-time 20 --cacert cert.pem --remote-name-all "$@"; }
  start https "$port" lighttpd -D -f lighttpd.conf
  for round in 1 2 3 4; do
    fetch "$url/index.html" "$url/status.json" "$url/status.json" # one connection, kept alive
    sleep 1
    fetch "$url/firmware.bin" &
    fetch "$url/status.json?round=$round" "$url/missing"
    wait $!
    sleep 1
  done
  stop
  keep https lighttpd mod_ libmbed
}

# ---- main ------------------------------------------------------------------------------------

main() {
  case ${1:-} in
    --install)
      install_packages
      return
      ;;
    "" | -*) die "usage: record.sh --install | record.sh FOLDER [${SCENARIOS[*]}]" ;;
  esac
  mkdir -p "$1"
  out=$(cd "$1" && pwd)
  shift
  [ $# -gt 0 ] || set -- "${SCENARIOS[@]}"
  local name
  for name in "$@"; do
    [[ " ${SCENARIOS[*]} " == *" $name "* ]] || die "no scenario named $name; there are: ${SCENARIOS[*]}"
  done
  check_needs
  work=$(mktemp -d)
  trap clean_up EXIT
  trap 'exit 130' INT TERM
  cd "$work" # commands are recorded too: relative paths keep them the same everywhere
  for name in "$@"; do
    echo "recording $name"
    "record_$name"
  done
  import "$@" # last: recordings are not lost when the tool does not build
}

main "$@"
