//! Reports, ledger and a recomputation by plain SQL from the export agree to the micro: in zones with half hours and over
//! changes of clocks, by every dimension, over months of history and what was done by hand after it.

#[path = "support/history.rs"]
mod history;
#[path = "support/live.rs"]
mod live;
#[path = "support/sums.rs"]
mod sums;
mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use history::{Admin, History, export_text, is_release, metric, wait_until};
use serde_json::{Value, json};
use sums::{METRICS, Recomputed, Stretch, Sums, compare, number, reported};
use support::{Server, weir};

const TENANTS: [(&str, u32); 2] = [("ten_1", 1), ("ten_2", 2)];
const BASES: [&str; 3] = ["click", "conversion", "posting"];
/// The last two change their clocks within the history.
const ZONES: [&str; 4] = ["UTC", "Asia/Kolkata", "America/New_York", "Europe/Berlin"];

const BY_DAY: &str = include_str!("sql/by_day.sql");
const BY_DAY_OFFER_AFFILIATE: &str = include_str!("sql/by_day_offer_affiliate.sql");
const TOTALS: &str = include_str!("sql/totals.sql");
const BY_DIMENSION: [(&str, &str); 4] = [
    ("campaign", include_str!("sql/by_campaign.sql")),
    ("affiliate", include_str!("sql/by_affiliate.sql")),
    ("offer", include_str!("sql/by_offer.sql")),
    ("country", include_str!("sql/by_country.sql")),
];

/// A demo with its history and live traffic, and the same recomputed.
struct Books {
    data: PathBuf,
    recomputed: Recomputed,
}

fn history() -> History<'static> {
    History {
        seed: 11,
        // Both changes of clocks of the autumn of 2026 lie in the shorter one too.
        days: if is_release() { 90 } else { 30 },
        until: "2026-11-20T06:30:00Z",
    }
}

/// The books, for one test at a time: a data folder has one server.
fn books() -> MutexGuard<'static, Books> {
    static BOOKS: OnceLock<Mutex<Books>> = OnceLock::new();
    let books = BOOKS.get_or_init(|| Mutex::new(make()));
    books.lock().unwrap_or_else(|e| e.into_inner())
}

fn make() -> Books {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("books");
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    let data = folder.join("data");
    let mut server = history().tell(&data);
    let reasons = live::trade(&server);
    server.terminate();
    println!("live: {}", reasons.join(" "));
    let seen: BTreeSet<&str> = reasons.iter().map(String::as_str).collect();
    for reason in [
        "applied",
        "duplicate",
        "by_advertiser",
        "updated",
        "over_cap",
        "bad_amount",
        "bad_status",
        "unknown_event",
        "fx_missing",
        "too_fast",
        "wrong_advertiser",
        "unknown_click",
        "bot",
        "pixel",
    ] {
        assert!(seen.contains(reason), "{reason} is not among {reasons:?}");
    }
    let recomputed = Recomputed::new(&export_text(&data));
    recomputed.attach(&data.join("state.db"));
    Books { data, recomputed }
}

/// The demo again, with everything in its books.
fn serve(books: &Books) -> Server {
    let server = history().begin(&books.data);
    wait_until("nothing is left to fold", Duration::from_secs(60), || {
        metric(&server, "weir_journal_lag_facts{reader=\"fold\"}") == 0.0
    });
    server
}

/// The rows and totals of a report over a stretch.
fn report(admin: &mut Admin, of: &Stretch<'_>, group_by: &[&str]) -> (Sums, Sums) {
    let question = json!({"from": of.from, "to": of.to, "timezone": of.zone, "time_basis": of.basis, "group_by": group_by,
        "metrics": METRICS, "limit": 10_000});
    let (rows, totals) = admin.report(of.tenant, &question);
    (reported(&rows, group_by), reported(&totals, &[]))
}

/// The history's own days, and today's, with what was done after it. A report spans no more than a year.
fn stretches() -> [(String, String); 2] {
    let day = |when: &str| {
        let said = Command::new("date")
            .args(["-u", "-d", when, "+%F"])
            .output()
            .unwrap();
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    };
    let history = ("2026-08-01".to_owned(), "2026-11-21".to_owned());
    [history, (day("2 days ago"), day("2 days"))]
}

/// Compares the rows of a question in one stretch; gives how many there are, and the totals.
fn check(
    books: &Books,
    admin: &mut Admin,
    (sql, group_by): (&str, &[&str]),
    of: &Stretch<'_>,
) -> (usize, Sums) {
    let (rows, totals) = report(admin, of, group_by);
    let what = format!("by {} {of:?}", group_by.join(", "));
    compare(&what, &books.recomputed.sums(sql, of), &rows, &METRICS);
    (rows.len(), totals)
}

#[test]
fn every_verdict_and_every_unique_click_is_what_plain_sql_makes_of_the_facts() {
    let books = books();
    for differing in [
        include_str!("sql/differing_verdicts.sql"),
        include_str!("sql/differing_uniques.sql"),
    ] {
        let first = books.recomputed.first_of(differing);
        assert!(
            first.is_empty(),
            "place | recomputed | product\n{}",
            first.join("\n")
        );
    }
}

#[test]
fn reports_by_day_are_the_recomputation_in_every_zone_on_every_basis_over_changes_of_clocks() {
    let books = books();
    let server = serve(&books);
    let (mut admin, mut rows) = (Admin::of(&server), 0);
    let stretches = stretches();
    let mut day = |of: Stretch<'_>| {
        let (count, totals) = check(&books, &mut admin, (BY_DAY, &["day"]), &of);
        let recomputed = books.recomputed.sums(TOTALS, &of);
        compare(&format!("totals {of:?}"), &recomputed, &totals, &METRICS);
        rows += count;
    };
    for (tenant, _) in TENANTS {
        for basis in BASES {
            let of = |zone, (from, to)| Stretch {
                tenant,
                basis,
                zone,
                from,
                to,
            };
            let [(from, to), (today, soon)] = &stretches;
            for zone in ZONES {
                day(of(zone, (from, to)));
            }
            day(of("Asia/Kolkata", (today, soon)));
        }
    }
    println!("{rows} rows of reports by day are what was recomputed");
    assert!(rows >= 2 * 3 * 4 * history().days as usize, "{rows}");
}

#[test]
fn reports_by_campaign_affiliate_offer_and_country_are_the_recomputation() {
    let books = books();
    let server = serve(&books);
    let (mut admin, mut rows) = (Admin::of(&server), 0);
    for (tenant, _) in TENANTS {
        for basis in BASES {
            for (from, to) in &stretches() {
                let of = Stretch {
                    tenant,
                    basis,
                    zone: "America/New_York",
                    from,
                    to,
                };
                for (dimension, sql) in BY_DIMENSION {
                    rows += check(&books, &mut admin, (sql, &[dimension]), &of).0;
                }
            }
        }
        let (from, to) = &stretches()[0];
        let of = Stretch {
            tenant,
            basis: "conversion",
            zone: "Asia/Kolkata",
            from,
            to,
        };
        let by = (BY_DAY_OFFER_AFFILIATE, &["day", "offer", "affiliate"][..]);
        rows += check(&books, &mut admin, by, &of).0;
    }
    println!("{rows} rows of reports by other dimensions are what was recomputed");
}

/// All conversions of a tenant, as the API lists them.
fn listed(admin: &mut Admin, tenant: &str) -> Sums {
    let (mut sums, mut after) = (Sums::new(), String::new());
    loop {
        let page = admin.ask(
            tenant,
            "GET",
            &format!("/v1/conversions?limit=500{after}"),
            &Value::Null,
        );
        for one in page["items"].as_array().expect("items") {
            let status = one["status"].as_str().expect("a status").to_owned();
            let sum = sums.entry(vec![status]).or_insert_with(|| vec![0; 3]);
            let of_one = [1, number(&one["payout"]), number(&one["revenue"])];
            sum.iter_mut()
                .zip(of_one)
                .for_each(|(sum, one)| *sum += one);
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return sums,
        }
    }
}

/// What each affiliate and advertiser has on its accounts, as the API tells it.
fn balances(admin: &mut Admin, tenant: &str) -> Sums {
    let mut sums = Sums::new();
    for (path, accounts) in [
        ("/v1/affiliates", ["pending", "payable"]),
        ("/v1/advertisers", ["pending", "receivable"]),
    ] {
        let owners =
            admin.ask(tenant, "GET", &format!("{path}?limit=500"), &Value::Null)["items"].take();
        for owner in owners.as_array().expect("items") {
            let id = owner["id"].as_str().expect("an id");
            let answer = admin.ask(tenant, "GET", &format!("{path}/{id}/balance"), &Value::Null);
            for balance in answer["balances"].as_array().expect("balances") {
                let currency = balance["currency"].as_str().expect("a currency");
                for account in accounts {
                    let amount = number(&balance[account]);
                    let key = [id, account, currency].map(str::to_owned).to_vec();
                    if amount != 0 {
                        sums.insert(key, vec![amount]);
                    }
                }
            }
        }
    }
    sums
}

#[test]
fn conversions_by_status_and_balances_are_the_recomputation() {
    let books = books();
    let server = serve(&books);
    let mut admin = Admin::of(&server);
    for (tenant, _) in TENANTS {
        let by_status = include_str!("sql/by_status.sql");
        let by_status = books.recomputed.of_tenant(by_status, tenant, 3);
        let columns = ["count", "payout", "revenue"];
        let theirs = listed(&mut admin, tenant);
        compare(
            &format!("conversions of {tenant}"),
            &by_status,
            &theirs,
            &columns,
        );
        let accounts = include_str!("sql/accounts.sql");
        let accounts = books.recomputed.of_tenant(accounts, tenant, 1);
        let theirs = balances(&mut admin, tenant);
        compare(
            &format!("balances of {tenant}"),
            &accounts,
            &theirs,
            &["amount"],
        );
    }
}

/// Payout and revenue of a tenant in the ledger, whose entries must come to nothing in all.
fn ledger(books: &Books, number: u32) -> (i64, i64) {
    let entries = books
        .recomputed
        .of_store(include_str!("sql/ledger.sql"), number);
    let sum = |kinds: &[&str]| -> i64 {
        let of_kind = entries
            .iter()
            .filter(|(key, _)| kinds.contains(&key[0].as_str()));
        of_kind.map(|(_, sums)| sums[0]).sum()
    };
    let all: i64 = entries.values().map(|sums| sums[0]).sum();
    assert_eq!(all, 0, "{entries:?}");
    let payout = sum(&["aff_pending", "aff_payable"]);
    let revenue = -sum(&["adv_pending", "adv_receivable"]);
    assert_eq!(payout, -sum(&["commission_expense"]), "{entries:?}");
    assert_eq!(revenue, sum(&["tenant_revenue"]), "{entries:?}");
    (payout, revenue)
}

#[test]
fn the_ledger_balances_to_zero_and_comes_to_what_the_reports_say() {
    let books = books();
    let server = serve(&books);
    let mut admin = Admin::of(&server);
    for (tenant, number) in TENANTS {
        let (payout, revenue) = ledger(&books, number);
        for basis in BASES {
            let (mut payouts, mut revenues) = (0, 0);
            for (from, to) in &stretches() {
                let of = Stretch {
                    tenant,
                    basis,
                    zone: "UTC",
                    from,
                    to,
                };
                let (_, totals) = report(&mut admin, &of, &[]);
                let column = |metric| METRICS.iter().position(|m| *m == metric).expect("a metric");
                payouts += totals
                    .values()
                    .map(|sums| sums[column("payout")])
                    .sum::<i64>();
                revenues += totals
                    .values()
                    .map(|sums| sums[column("revenue")])
                    .sum::<i64>();
            }
            assert_eq!(
                (payouts, revenues),
                (payout, revenue),
                "{tenant} by {basis}"
            );
        }
        println!("{tenant}: payout {payout} and revenue {revenue} micros in ledger and reports");
    }
    drop(server);
    let verified = weir(&books.data, &["verify"]);
    assert!(verified.status.success(), "{verified:?}");
}
