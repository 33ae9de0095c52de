//! Whose database it is, of which build, and how its server is set.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::beside_others;
use crate::database::{Database, execute, number};
use crate::installation::{Installation, said};
use crate::mariadb::{Mariadb, Place};
use crate::support::Client;
use crate::support::binary;
use crate::support::catalog::{Admin, click};
use crate::support::metrics::until_folded;

/// How many steps the database has.
const STEPS: &str = "SELECT COUNT(*) FROM refinery_schema_history";

/// A tenant with a link, and clicks on it, in the books.
fn take_clicks(installation: &Installation, count: usize) {
    let mut server = installation.serve();
    let (mut admin, _) = Admin::of_new_tenant(&server, &installation.data, "Acme");
    let shop = admin.advertiser(json!({}));
    let offer = admin.offer(&shop.id, json!({}));
    let affiliate = admin.affiliate("approved");
    let mut client = Client::new(&server.url("/traffic"));
    for _ in 0..count {
        let answer = click(&mut client, &format!("/c/{}?aff={affiliate}", offer.link));
        assert_eq!(answer.status, 302, "{answer:?}");
    }
    until_folded(&server);
    server.terminate();
}

#[test]
fn a_database_that_holds_the_books_of_another_installation_is_refused() {
    let _beside = beside_others();
    let database = Database::new();
    let first = Installation::new(&database.url);
    take_clicks(&first, 1);
    let facts = number(
        &database.url,
        "SELECT CAST(SUM(next_offset) AS SIGNED) FROM partition_state",
    );
    assert!(facts > 4, "{facts}");

    // Whether its own log is shorter than what is in the database, or longer.
    let second = Installation::new(&database.url);
    second.serve_in_vain();
    let third = Installation::new("");
    take_clicks(&third, 10);
    third.keep_books_at(&database.url);
    let why = third.serve_in_vain();
    assert!(why.contains("another installation"), "{why}");
    first.books_agree();
    let untouched = number(
        &database.url,
        "SELECT CAST(SUM(next_offset) AS SIGNED) FROM partition_state",
    );
    assert_eq!(untouched, facts);
}

#[test]
fn a_database_of_a_newer_build_is_refused_by_everything_that_would_use_it() {
    let _beside = beside_others();
    let database = Database::new();
    let installation = Installation::new(&database.url);
    let mut server = installation.serve();
    server.terminate();
    execute(
        &database.url,
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
         VALUES (999, 'of_tomorrow', '2030-01-01T00:00:00Z', '1')",
    );
    let whys = [
        installation.serve_in_vain(),
        installation.bad(&["replay", "--check"]),
        installation.bad(&["verify"]),
        installation.bad(&["migrate", "status"]),
        installation.bad(&["migrate", "up"]),
        installation.bad(&["doctor"]),
    ];
    for why in whys {
        assert!(why.contains("newer build"), "{why}");
        assert!(!why.contains("weir:weir"), "a password is shown: {why}");
    }
}

#[test]
fn a_database_is_brought_up_once_though_four_processes_do_it_at_the_same_time() {
    let _beside = beside_others();
    let database = Database::new();
    let installation = Installation::new(&database.url);
    std::fs::create_dir(&installation.data).unwrap();
    assert!(!installation.good(&["migrate", "status"]).contains("true"));
    let plan = installation.good(&["migrate", "plan"]);
    assert!(
        plan.contains("CREATE TABLE") && plan.contains("partition_state"),
        "{plan}"
    );
    // Books are not read from a database without a schema.
    let why = installation.bad(&["verify"]);
    assert!(why.contains("weir migrate up"), "{why}");

    let up = || {
        let mut command = Command::new(binary());
        command
            .args(["migrate", "up", "--config"])
            .arg(installation.settings());
        command
            .arg("--data")
            .arg(&installation.data)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let processes: Vec<_> = (0..4).map(|_| up()).collect();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
    let steps = number(&database.url, STEPS);
    assert!(steps >= 2, "{steps}");
    let status = installation.good(&["migrate", "status"]);
    assert_eq!(status.matches("true").count() as i64, steps, "{status}");
    assert!(!status.contains("false"), "{status}");
    assert_eq!(installation.good(&["migrate", "plan"]).trim(), "");
    assert!(installation.good(&["migrate", "up"]).contains("0 applied"));
    installation.serve().terminate();
    assert_eq!(number(&database.url, STEPS), steps);
}

#[test]
fn doctor_names_the_setting_by_which_a_commit_may_be_lost() {
    let _beside = beside_others();
    let careless = Mariadb::start(Place::here(), &["--innodb-flush-log-at-trx-commit=2"]);
    let installation = Installation::new(&careless.url());
    installation.serve().terminate();
    let says = installation.run(&["doctor"]);
    let says = (says.status.code(), said(&says));
    assert_eq!(says.0, Some(1), "{}", says.1);
    let line = says
        .1
        .lines()
        .find(|l| l.contains("innodb_flush_log_at_trx_commit"))
        .unwrap_or_default();
    assert!(
        line.contains("LOOK") && line.contains('2') && line.contains("set it to 1"),
        "{}",
        says.1
    );

    let careful = Database::new();
    installation.keep_books_at(&careful.url);
    installation.good(&["migrate", "up"]);
    let says = said(&installation.run(&["doctor"]));
    let line = says
        .lines()
        .find(|l| l.contains("innodb_flush_log_at_trx_commit"))
        .unwrap_or_default();
    assert!(line.contains("ok"), "{says}");
    assert!(!says.contains("weir:weir"), "a password is shown: {says}");
}

/// A certificate for 127.0.0.1, its key, and the certificate that signed it.
const TLS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../actors/stores/redis/tests/tls"
);

#[test]
fn a_database_that_asks_for_tls_is_spoken_to_only_when_its_certificate_is_trusted() {
    let _beside = beside_others();
    let (certificate, key) = (
        format!("--ssl-cert={TLS}/server.pem"),
        format!("--ssl-key={TLS}/server.key"),
    );
    let server = Mariadb::start(Place::here(), &[&certificate, &key]);
    execute(&server.url(), "ALTER USER 'weir'@'%' REQUIRE SSL");
    let installation = Installation::new(&server.url());
    let settings = std::fs::read_to_string(installation.settings()).unwrap();
    let with_ca = |ca: &str| {
        let settings = format!("{settings}ca = \"{ca}\"\n");
        std::fs::write(installation.settings(), settings).unwrap();
    };
    assert!(installation.bad(&["migrate", "up"]).contains("denied"));
    // It is signed by itself, and has signed nothing.
    with_ca(&format!("{TLS}/server.pem"));
    assert!(installation.bad(&["migrate", "up"]).contains("certificate"));
    with_ca(&format!("{TLS}/ca.pem"));
    installation.good(&["migrate", "up"]);
    installation.serve().terminate();
    assert!(installation.good(&["verify"]).contains("no violations"));
}
