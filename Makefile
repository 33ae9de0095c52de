# `make test` is everything, with real servers; `make test-fast` needs none of them and no release build, and answers in
# about a minute when built.
.PHONY: test test-fast lint release services bench
test: lint release services
	env $$(actors/stores/services/services env) WEIR_TEST_BINARY="$(CURDIR)/target/release/weir" ./.ci/count cargo test --workspace --locked

# MariaDB, Redis and a search server, unless WEIR_TEST_MYSQL_URL, WEIR_TEST_REDIS_URL and WEIR_TEST_SEARCH_URL name some;
# a second run uses those that run already. `actors/stores/services/services down` ends them.
services:
	actors/stores/services/services up mariadb redis search

test-fast:
	cargo test --workspace --lib --locked

release:
	cargo build --release --locked -p weir

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; else echo "cargo-deny is not installed: bans, licences and sources are checked by the tests in docs/"; fi

# About five minutes; never fails because something is slow.
bench:
	cargo run --release --locked -p weir-bench
