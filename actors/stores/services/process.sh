# Starting, knowing and ending a server by its pid. Sourced by `services`.

die() { echo "services: $*" >&2; exit 1; }

# Installs packages when this machine lets us, else names them.
need() {
  local program=$1; shift
  command -v "$program" >/dev/null && return 0
  if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
    die "$program is missing; install: $*"
  fi
  echo "services: installing $*" >&2
  # Debian starts a server when it is installed, unless this says no.
  local policy=/usr/sbin/policy-rc.d made=""
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && made=1
  fi
  local status=0
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; } \
    >"$root/apt.log" 2>&1 9>&- || status=$?
  [[ -z $made ]] || rm -f "$policy"
  [[ $status -eq 0 ]] || { tail -n 20 "$root/apt.log" >&2; die "cannot install $*"; }
  hash -r
  command -v "$program" >/dev/null || die "$program is still missing after installing $*"
}

pid_of() { cat "$root/$1/pid" 2>/dev/null || true; }

# A pid is believed only if the process speaks of the server's folder: a number that was given to another
# process since is never signalled. A process that ended and is not reaped yet has an empty command line.
is_running() {
  local pid
  pid=$(pid_of "$1")
  [[ -n $pid && -r /proc/$pid/cmdline ]] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$root/$1"
}

# launch NAME PORT COMMAND…: in the background, in the server's folder, without our lock.
launch() {
  local name=$1 port=$2
  shift 2
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    die "port $port, which $name needs, is taken by another process; set another one, see 'services help'"
  fi
  (
    cd "$root/$name"
    setsid nohup "$@" >>"$root/$name/log" 2>&1 </dev/null 9>&- &
    echo $! >"$root/$name/pid"
  )
}

# Waits until NAME answers; gives up when its process is gone or the time is over.
await() {
  local name=$1 until=$((SECONDS + wait_seconds))
  until "${name}_answers" 2>/dev/null; do
    if ! is_running "$name" || ((SECONDS >= until)); then
      tail -n 20 "$root/$name/log" >&2
      die "$name does not answer; its log is $root/$name/log"
    fi
    sleep 0.1
  done
}

# stop NAME SIGNAL: that process only; KILL after 30 s.
stop() {
  local name=$1 signal=$2 pid until=$((SECONDS + 30))
  is_running "$name" || return 0
  pid=$(pid_of "$name")
  kill "-$signal" "$pid"
  while is_running "$name"; do
    ((SECONDS < until)) || kill -KILL "$pid" 2>/dev/null || true
    sleep 0.05
  done
  rm -f "$root/$name/pid"
}
