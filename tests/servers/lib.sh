# shellcheck shell=bash
# What the server scripts of this folder share; sourced by them, never run.
#
# A server script defines the functions create, server_command (fills the array `server`) and ready, and ends with
# `serve`. An instance lives in a directory of its own:
#   data/   what the server stores       port   its port, kept for life
#   pid     of the running server        log    its output, appended over restarts
#   kind    mysql, mariadb or kafka

cache=${SLUICEGATE_CACHE:-$HOME/.cache/sluicegate}/servers-1 # raise the number when `install` changes the layout
start_seconds_max=120
stop_seconds_max=60
# Below the ephemeral range: a client that retries a dead port inside it can connect to itself, and keep the port.
port_min=20000
port_max=29999

kind=$(basename "$0")
home=$cache/$kind
run=()
server=()
inside=()

say() { printf '%s: %s\n' "$kind" "$*" >&2; }
die() { say "$*"; exit 1; }

# Fills the array `run` with the command prefix for programs unpacked in the folder $1: they bring their own libc and loader.
# shellcheck disable=SC2034 # used by the scripts that source this
run_from() {
  local libraries=("$1"/usr/lib/*-linux-gnu)
  local loader=("${libraries[0]}"/ld-linux-*.so.*)
  run=("${loader[0]}" --library-path "${libraries[0]}")
}

# Prints a free port, claimed for $dir as long as $dir/port exists.
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

# True while the process of $dir/pid is this instance, and not a later process with the same number. A dying process has no
# command line: wait for its end, so that a start right after a SIGKILL from elsewhere finds no lock in its way.
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

# Ends a start that failed or was interrupted, so that no stray process is left.
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
    if [[ -n ${SLUICEGATE_SERVER_DISK-} ]]; then create_disk "$SLUICEGATE_SERVER_DISK"; fi
    echo "$kind" >"$dir/kind"
    claim_port >"$dir/port.part"
    mv "$dir/port.part" "$dir/port"
  fi
  rm -f "$dir"/socket*
  touch "$dir/log"
  server_command "$@"
  if [[ -e $dir/disk ]]; then on_disk; server=("${inside[@]}" "${server[@]}"); fi

  local pid deadline=$((SECONDS + start_seconds_max))
  trap 'exit 143' INT TERM HUP
  trap 'abandon "${!-}"' EXIT
  # A session of its own: Ctrl-C at a test run reaches the test, not its servers.
  setsid "${server[@]}" </dev/null >>"$dir/log" 2>&1 &
  pid=$!
  echo "$pid" >"$dir/pid"
  until ready; do
    kill -0 "$pid" 2>/dev/null || fail "exited before it was ready"
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
      ((SECONDS < deadline)) || die "process $pid is still running $stop_seconds_max s after SIG$1"
      sleep 0.01
    done
  fi
  rm -f "$dir/pid"
}

# Makes $dir/data a disk of size $1 that can be filled: a tmpfs in a mount namespace of this instance only. A process keeps it
# across restarts of the server, and ends soon after $dir is gone.
create_disk() {
  local namespace=(unshare --mount) keep
  ((EUID == 0)) || namespace=(unshare --user --map-root-user --mount)
  # shellcheck disable=SC2016 # expanded inside
  keep='set -e; mv "$1/data" "$1/made"; mkdir "$1/data"; mount -t tmpfs -o "size=$2" tmpfs "$1/data"
    cp -a --sparse=never "$1/made/." "$1/data/"; rm -rf "$1/made"; echo $$ >"$1/disk.part"; mv "$1/disk.part" "$1/disk"
    while [[ -e $1/disk ]]; do sleep 1; done'
  setsid "${namespace[@]}" bash -c "$keep" disk "$dir" "$1" </dev/null >>"$dir/log" 2>&1 &
  until [[ -e $dir/disk ]]; do
    kill -0 "$!" 2>/dev/null || fail "could not mount a disk"
    sleep 0.02
  done
}

# Fills the array `inside` with the command prefix that runs a command in the disk's namespace.
on_disk() {
  inside=(nsenter --target "$(cat "$dir/disk")" --mount)
  ((EUID == 0)) || inside+=(--user --preserve-credentials)
}

# Gives the disk the size $1, such as 2G, or with `full` the size of its contents.
disk() {
  local size=$1 tries=50
  [[ -e $dir/disk ]] || die "was not started with SLUICEGATE_SERVER_DISK"
  on_disk
  # The server may write more in between.
  until [[ $1 != full ]] || size=$("${inside[@]}" df --block-size=1 --output=used "$dir/data" | tail -n 1)
    "${inside[@]}" mount -o "remount,size=$size" "$dir/data"; do
    ((tries-- > 0)) || die "could not make the disk $1"
  done
}

status() {
  local pid
  if running; then echo state=running; report; else echo state=stopped; exit 3; fi
}

usage() {
  echo "usage: tests/servers/$kind start DIR [server arguments] | stop DIR | kill DIR | status DIR | disk DIR SIZE|full | $1" >&2
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
    disk) disk "${4:-full}" ;;
    "${other%% *}") "${other%% *}" "${@:4}" ;;
    dump) if declare -F dump >/dev/null; then dump "${@:4}"; else usage "$other"; fi ;;
    *) usage "$other" ;;
  esac
}
