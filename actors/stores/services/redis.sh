# Redis: one server for all tests; each test has a key prefix of its own. Sourced by `services`.

redis_prepare() {
  need redis-server redis-server redis-tools
  mkdir -p "$root/redis/data"
  # Redis rewrites its command line: the title keeps the folder in it, by which we know our process.
  cat >"$root/redis/redis.conf" <<CONF
port $redis_port
bind 127.0.0.1
dir $root/redis/data
appendonly yes
appendfsync everysec
save ""
daemonize no
proc-title-template "{title} $root/redis"
CONF
}

redis_launch() { launch redis "$redis_port" redis-server "$root/redis/redis.conf"; }

redis_answers() { [[ $(redis-cli -h 127.0.0.1 -p "$redis_port" ping) == PONG ]]; }

redis_once() { :; }
