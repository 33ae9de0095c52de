# `make test` is everything; `make test-fast` needs no server and no release build.
.PHONY: test test-fast lint
test: lint
	./.ci/count cargo test --workspace --locked

test-fast:
	cargo test --workspace --lib --locked

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; else echo "cargo-deny is not installed: bans, licences and sources are checked by the tests in docs/"; fi
