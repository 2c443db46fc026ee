# shellcheck shell=bash
# What the server scripts of this folder share; sourced by them, never run.
#
# A server script defines the functions create, server_command (fills the array `server`) and ready, and ends with
# `serve`. An instance lives in a directory of its own:
#   data/   what the server stores       port   its port, kept for life
#   pid     of the running server        log    all it said, appended over restarts
#   kind    mysql, mariadb or kafka

cache=${SLUICEGATE_CACHE:-$HOME/.cache/sluicegate}/servers-1 # the number goes up when `install` lays it out anew
start_seconds_max=120
stop_seconds_max=60
# Below the ephemeral range: a client retrying a dead port inside it can end up connected to itself, and keep the port.
port_min=20000
port_max=29999

kind=$(basename "$0")
home=$cache/$kind
run=()
server=()

say() { printf '%s: %s\n' "$kind" "$*" >&2; }
die() { say "$*"; exit 1; }

# Fills the array `run` with what runs programs unpacked in the folder $1: they bring their own libc and its loader.
# shellcheck disable=SC2034 # used by those who source this
run_from() {
  local libraries=("$1"/usr/lib/*-linux-gnu)
  local loader=("${libraries[0]}"/ld-linux-*.so.*)
  run=("${loader[0]}" --library-path "${libraries[0]}")
}

# Prints a port nobody listens on, claimed for $dir as long as $dir/port exists.
claim_port() {
  local claims=$cache/ports port owner
  mkdir -p "$claims"
  while :; do
    port=$((port_min + SRANDOM % (port_max - port_min + 1)))
    owner=$(cat "$claims/$port" 2>/dev/null || true)
    if [[ -n $owner && -e $owner/port ]]; then continue; fi
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then continue; fi
    rm -f "$claims/$port"
    if (set -o noclobber && echo "$dir" >"$claims/$port") 2>/dev/null; then break; fi
  done
  echo "$port"
}

# True once the last thread of process $1 is gone, and with it the files it held open; a zombie's first thread may remain.
gone() {
  local state
  [[ -d /proc/$1/task ]] || return 0
  state=$(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null) || return 0
  [[ $state == Z && $(echo /proc/"$1"/task/*) == "/proc/$1/task/$1" ]]
}

# True while the process of $dir/pid is this instance, and not a later process with the same number. One that is dying has
# no words left: its end is waited for, so that a start right after a SIGKILL from elsewhere finds no lock in its way.
running() {
  local words=()
  pid=$(cat "$dir/pid" 2>/dev/null) || return 1
  while mapfile -d '' -t words 2>/dev/null <"/proc/$pid/cmdline" && ((${#words[@]} == 0)); do
    ! gone "$pid" || return 1
    sleep 0.01
  done
  [[ " ${words[*]} " == *"$dir/"* ]]
}

report() {
  printf 'port=%s\n' "$(cat "$dir/port")"
  if [[ -S $dir/socket ]]; then echo "socket=$dir/socket"; fi
  printf 'pid=%s\nlog=%s\n' "$(cat "$dir/pid")" "$dir/log"
}

# Ends a start that failed or was interrupted: no process is left that nobody knows of.
abandon() {
  if [[ -n $1 ]]; then kill -KILL "$1" 2>/dev/null || true; fi
  rm -f "$dir/pid"
}

fail() {
  say "$1; the end of $dir/log:"
  tail -n 15 "$dir/log" >&2
  exit 1
}

start() {
  if running; then report; return; fi
  [[ -e $home/version ]] || die "not installed: run tests/servers/install $kind"
  if [[ ! -e $dir/port ]]; then
    mkdir -p "$dir"
    create
    echo "$kind" >"$dir/kind"
    claim_port >"$dir/port.part"
    mv "$dir/port.part" "$dir/port"
  fi
  rm -f "$dir"/socket*
  touch "$dir/log"
  server_command "$@"

  local pid deadline=$((SECONDS + start_seconds_max))
  trap 'exit 143' INT TERM HUP
  trap 'abandon "${!-}"' EXIT
  # A session of its own: Ctrl-C at a test run reaches the test, not its servers.
  setsid "${server[@]}" </dev/null >>"$dir/log" 2>&1 &
  pid=$!
  echo "$pid" >"$dir/pid"
  until ready; do
    kill -0 "$pid" 2>/dev/null || fail "ended before it was ready"
    ((SECONDS < deadline)) || fail "not ready after $start_seconds_max s"
    sleep 0.02
  done
  trap - EXIT
  report
}

# Sends signal $1 and waits until the process is gone.
end() {
  local deadline=$((SECONDS + stop_seconds_max)) pid
  if running; then
    kill "-$1" "$pid"
    until gone "$pid"; do
      ((SECONDS < deadline)) || die "process $pid still runs $stop_seconds_max s after SIG$1"
      sleep 0.01
    done
  fi
  rm -f "$dir/pid"
}

status() {
  local pid
  if running; then echo state=running; report; else echo state=stopped; exit 3; fi
}

usage() {
  echo "usage: tests/servers/$kind start DIR [server arguments] | stop DIR | kill DIR | status DIR | $1" >&2
  exit 2
}

# serve OTHER VERB DIR [arguments]: OTHER is the one verb that only this kind of server has, a function of its script.
serve() {
  local other=$1
  (($# >= 3)) || usage "$other"
  dir=$(realpath -m -- "$3")
  case $2 in
    start) start "${@:4}" ;;
    stop) end TERM ;;
    kill) end KILL ;;
    status) status ;;
    "${other%% *}") "${other%% *}" "${@:4}" ;;
    *) usage "$other" ;;
  esac
}
