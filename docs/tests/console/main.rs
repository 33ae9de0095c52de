//! The console blocks of the pages, run as a reader would run them.

mod block;
mod session;

use std::fs;
use std::path::{Path, PathBuf};

use block::{Step, difference, matches, steps};
use session::{Session, binary};

fn root() -> PathBuf {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR"));
    docs.parent().expect("the workspace").to_path_buf()
}

fn page(name: &str) -> String {
    let file = root().join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Runs the steps of a page in one shell and compares what they print.
fn follow(name: &str, least_steps: usize) {
    let all = steps(&page(name));
    assert!(all.len() >= least_steps, "{name} has {} steps", all.len());
    let mut session = Session::start(&binary(&root()));
    for step in &all {
        check(name, step, &mut session);
    }
}

fn check(name: &str, step: &Step, session: &mut Session) {
    let (printed, status) = session.run(&step.command);
    let said: Vec<String> = step.output.iter().map(|line| session.here(line)).collect();
    assert!(
        matches(&said, &printed),
        "{name}:{} prints something else (exit status {status})\n  $ {}\n{}  serve.log:\n{}",
        step.line,
        step.command,
        difference(&said, &printed),
        session.file("serve.log"),
    );
}

#[test]
fn the_tutorial_does_what_it_says() {
    follow("docs/src/tutorial.md", 30);
}

#[test]
fn the_operations_page_does_what_it_says() {
    follow("docs/src/operations.md", 8);
}

/// The commands that the demo's banner prints, in order.
fn banner_commands(banner: &str) -> Vec<String> {
    let lines = banner.lines().filter_map(|line| line.strip_prefix("    "));
    let commands = lines.filter(|l| l.starts_with("CLICK=") || l.starts_with("curl "));
    commands.map(str::to_owned).collect()
}

#[test]
fn the_readme_shows_the_commands_of_the_demo_and_what_they_print() {
    let shown = steps(&page("README.md"));
    let mut session = Session::start(&binary(&root()));
    let start = "weir demo --days 2 --ready-file ready.json 2> serve.log &\n\
                 until [ -s ready.json ] && grep -q 'operator key' serve.log; do sleep 0.1; done";
    session.run(start);
    // The documented ports again, so that the page is compared with what a reader sees.
    let banner = session.file("serve.log");
    let commands = banner_commands(&banner);
    assert_eq!((shown.len(), commands.len()), (3, 3), "{banner}");
    for (step, command) in shown.iter().zip(commands) {
        let (said, given) = ([session.here(&step.command)], [command.clone()]);
        assert!(
            matches(&said, &given),
            "README.md:{} shows another command than the banner\n{}",
            step.line,
            difference(&said, &given)
        );
        let step = Step {
            command,
            ..step.clone()
        };
        check("README.md", &step, &mut session);
    }
}
