# MariaDB: one server for all tests; each test makes a database of its own. Sourced by `services`.

mariadb_user_option() { if [[ $(id -u) -eq 0 ]]; then echo --user=root; fi; }

mariadb_prepare() {
  need mariadbd mariadb-server-core mariadb-client-core
  mkdir -p "$root/mariadb" && chmod 700 "$root/mariadb"
  # Making the folder can be interrupted: only the marker says that it is whole.
  if [[ ! -e $root/mariadb/made ]]; then
    rm -rf "$root/mariadb/data"
    # shellcheck disable=SC2046
    mariadb-install-db --no-defaults --datadir="$root/mariadb/data" --auth-root-authentication-method=normal \
      --skip-test-db $(mariadb_user_option) >"$root/mariadb/install.log" 2>&1 9>&- ||
      { tail "$root/mariadb/install.log" >&2; die "mariadb-install-db failed"; }
    touch "$root/mariadb/made"
  fi
}

mariadb_launch() {
  # A socket's path may have 107 bytes: its name is relative to the data folder.
  # shellcheck disable=SC2046
  launch mariadb "$mysql_port" mariadbd --no-defaults --datadir="$root/mariadb/data" --socket=mysqld.sock \
    --pid-file="$root/mariadb/data/mysqld.pid" --bind-address=127.0.0.1 --port="$mysql_port" --skip-name-resolve \
    --skip-log-bin --default-time-zone=+00:00 --character-set-server=utf8mb4 --collation-server=utf8mb4_bin \
    --innodb-flush-log-at-trx-commit=1 --innodb-buffer-pool-size=128M --max-connections=300 \
    --performance-schema=OFF $(mariadb_user_option)
}

mariadb_sql() {
  mariadb --no-defaults --default-character-set=utf8mb4 -h127.0.0.1 "-P$mysql_port" -uroot --connect-timeout=5 "$@"
}

mariadb_answers() { mariadb_sql -e 'SELECT 1' >/dev/null; }

mariadb_once() {
  mariadb_sql -e "CREATE USER IF NOT EXISTS 'weir'@'127.0.0.1' IDENTIFIED BY 'weir';
    GRANT ALL ON *.* TO 'weir'@'127.0.0.1' WITH GRANT OPTION;"
}
