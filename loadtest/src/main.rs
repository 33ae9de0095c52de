//! The load test is not there yet: it says so and fails, so that nobody takes its silence for an answer.

fn main() -> std::process::ExitCode {
    eprintln!(
        "weir-loadtest does not drive anything yet. To measure this build use `make bench`; \
         to check its promises use `make test`."
    );
    std::process::ExitCode::FAILURE
}
