//! Of two engines on copies of one data folder, the one that was there first writes nothing more.

use std::process::Command;
use std::time::Duration;

use crate::beside_others;
use crate::database::{Database, number};
use crate::exactly_once::furnish;
use crate::history::{log, wait_until};
use crate::installation::Installation;
use crate::support::catalog::click;
use crate::support::{Client, Server};

fn signal(server: &Server, name: &str) {
    let pid = server.ready["pid"].to_string();
    let sent = Command::new("kill").args([name, &pid]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn an_engine_that_was_replaced_while_it_stood_still_writes_nothing_more() {
    let _beside = beside_others();
    let database = Database::new();
    let first = Installation::new(&database.url);
    let routes = furnish(&first);
    let old = first.serve();
    let clicks = |server: &Server, count: usize| {
        let mut client = Client::new(&server.url("/traffic"));
        for turn in 0..count {
            let answer = click(&mut client, &routes[turn % routes.len()].path);
            assert_eq!(answer.status, 302, "{answer:?}");
        }
    };
    let stored = || {
        number(
            &database.url,
            "SELECT CAST(SUM(gross_click) AS SIGNED) FROM rollups",
        )
    };
    let until_stored = |count: i64| {
        wait_until(
            &format!("{count} clicks are stored"),
            Duration::from_secs(30),
            || stored() == count,
        );
    };
    clicks(&old, 100);
    until_stored(100);
    signal(&old, "-STOP");
    let second = Installation::new(&database.url);
    let copied = Command::new("cp")
        .arg("-r")
        .arg(&first.data)
        .arg(&second.data)
        .status()
        .unwrap();
    assert!(copied.success());
    let mut new = second.serve();
    clicks(&new, 50);
    until_stored(150);

    signal(&old, "-CONT");
    // More than the new one took: its log goes on where the books end.
    clicks(&old, 100);
    // Long enough for it to have tried several times.
    for _ in 0..15 {
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(
            stored(),
            150,
            "what the old engine took is not in the books"
        );
    }
    let says = log(&first.data);
    assert!(
        says.contains("another process has taken this installation's books over"),
        "{says}"
    );
    clicks(&new, 20);
    until_stored(170);
    new.terminate();
    second.books_agree();
}
