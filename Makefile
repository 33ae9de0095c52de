# `make test` is everything; `make test-fast` needs no release build and answers in about a minute when built.
.PHONY: test test-fast lint release bench
test: lint release
	WEIR_TEST_BINARY="$(CURDIR)/target/release/weir" ./.ci/count cargo test --workspace --locked

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
