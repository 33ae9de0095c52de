//! An old log stays readable: files that an earlier build wrote are kept here, and read as what they said.
//!
//! `v1/` was written by the first build: one fact of each kind, every field set. A change of the journal's format or
//! of a fact's encoding that forgets its version fails here. When a version is added, add a folder beside `v1/`
//! (`WEIR_WRITE_OLD_LOG=1` writes what [`facts`] says into `new/`) and leave the old ones as they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use weir_engine::catalog::{Change, EntityKey, EntityKind};
use weir_engine::click_id::{ClickId, ClickKey, EPOCH_MS, Parts};
use weir_engine::fact::{
    AuthKind, ClickCore, ClickDetail, ClickOutcome, ClickPrivate, ClickReason, ConversionReceived,
    ConversionStatus, ConversionStatusChanged, Fact, Kind, Paid, ReceivedPrivate, Sent, Warning,
};
use weir_engine::ids::{ConversionId, DerivedId, TenantId, UnixMs};
use weir_engine::money::{Currency, Micros};
use weir_engine::ports::{Append, Found};
use weir_engine::record::Record;
use weir_journal::{Cursors, Journal, Options, StoredLog, verify};

const TENANT: TenantId = TenantId(0x00ab_cdef);
const AT: UnixMs = UnixMs(EPOCH_MS + 61_000_000_000);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/old_log/v1")
}

fn click_id(counter: u16) -> ClickId {
    let parts = Parts {
        key_number: 3,
        tenant: TENANT.0,
        ms: AT.0 - EPOCH_MS,
        node: 77,
        sequence: counter,
    };
    ClickId::mint(parts, &ClickKey([9; 16]))
}

/// A fact with everything that is stored of it.
#[derive(Debug, PartialEq)]
enum Whole {
    Click(Box<(ClickCore, ClickDetail, ClickPrivate)>),
    Received(Box<(ConversionReceived, ReceivedPrivate)>),
    Changed(ConversionStatusChanged),
    Config(Change),
}

/// What the old log says, in its order.
fn facts() -> Vec<Whole> {
    let usd = "USD".parse::<Currency>().expect("a currency");
    let core = ClickCore {
        tenant: TENANT,
        at: AT,
        click_id: click_id(5),
        campaign: 300,
        flow: Some(2),
        wanted_offer: Some(17),
        sent: Some(Sent {
            offer: 17,
            offer_version: 4,
            arm: 70_000,
        }),
        affiliate: Some(129),
        visitor: [0x0123_4567_89ab_cdef, u64::MAX],
        country: *b"DE",
        device: 2,
        bot: Some(3),
        propensity: 0.1 + 0.2,
        policy_version: 1 << 40,
        config_version: 12,
        cost: Some(Paid {
            amount: Micros(-1_234_567),
            currency: usd,
        }),
        is_test: true,
        outcome: ClickOutcome::Redirected,
        reason: ClickReason::None,
    };
    let detail = ClickDetail {
        link: "k7Qx2mB9aZ".to_owned(),
        eligible: vec![70_000, 70_001, 1],
    };
    let text = |name: &str| format!("{name} ü€😀");
    let private = ClickPrivate {
        ip: Some("2001:db8::".parse().expect("an address")),
        sub: vec![(1, text("sub1")), (20, text("sub20"))],
        source: text("source"),
        aff_click_id: text("partner"),
        language: "de-AT".to_owned(),
        os: "Android".to_owned(),
        os_version: "16".to_owned(),
        browser: "Firefox".to_owned(),
        browser_version: "140".to_owned(),
        region: text("region"),
        city: text("city"),
        isp: text("isp"),
        ad_ids: std::array::from_fn(|i| text(&format!("ad{i}"))),
        utm: std::array::from_fn(|i| text(&format!("utm{i}"))),
        user_agent: text("agent"),
        referrer: text("https://referrer.example/"),
    };
    let received = ConversionReceived {
        received_id: click_id(6),
        advertiser: Some(8),
        click_id: Some(click_id(5)),
        auth: AuthKind::Token,
        occurred_at: Some(UnixMs(AT.0 + 5)),
        event: "sale".to_owned(),
        txid: text("order"),
        amount: "12.345678".to_owned(),
        currency: "EUR".to_owned(),
        status: "approved".to_owned(),
        warnings: vec![Warning::BadTime, Warning::AmountDiffers],
    };
    let received_private = ReceivedPrivate {
        ip: Some("203.0.113.0".parse().expect("an address")),
        adv: BTreeMap::from([
            ("adv1".to_owned(), text("one")),
            ("adv9".to_owned(), text("nine")),
        ]),
        raw: "click_id=…&token=***".to_owned(),
    };
    let changed = ConversionStatusChanged {
        conversion_id: ConversionId(DerivedId(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff)),
        from: ConversionStatus::Pending,
        to: ConversionStatus::Rejected,
        reason: text("fraud"),
        by: "key_1".to_owned(),
    };
    let config = Change {
        key: EntityKey {
            kind: EntityKind::Terms,
            number: 17,
            second: 129,
        },
        version: 4,
        by: "operator".to_owned(),
        body: json!({"status": "approved", "payout": {"type": "cpa", "amount": "2.50"}}),
    };
    vec![
        Whole::Config(config),
        Whole::Click(Box::new((core, detail, private))),
        Whole::Received(Box::new((received, received_private))),
        Whole::Changed(changed),
    ]
}

/// Reads the log in a folder.
fn read(data: &Path) -> Vec<Whole> {
    let log = StoredLog::open(data).expect("opened");
    let mut reader = log
        .read_from(Cursors::START)
        .expect("readable")
        .with_texts();
    let mut found = Vec::new();
    while let Some(batch) = reader.try_next(100).expect("read") {
        for logged in batch.iter() {
            let record = &logged.record;
            assert_eq!(
                (record.tenant, record.at, record.private_key),
                (TENANT, AT, 0)
            );
            found.push(match Fact::read(&logged).expect("a fact") {
                Fact::Clicked(core) => {
                    let (again, detail) = ClickCore::read_with_detail(record).expect("a click");
                    assert_eq!(core, again);
                    let private = ClickPrivate::read(record).expect("its private part");
                    Whole::Click(Box::new((core, detail, private)))
                }
                Fact::ConversionReceived(received) => {
                    let private = ReceivedPrivate::read(record).expect("its private part");
                    Whole::Received(Box::new((*received, private)))
                }
                Fact::ConversionStatusChanged(changed) => Whole::Changed(*changed),
                Fact::ConfigChanged(change) => Whole::Config(*change),
            });
        }
        if reader.lag() == 0 {
            break;
        }
    }
    found
}

/// Writes a log as this build writes it.
async fn write(data: &Path) {
    let options = Options {
        segment_bytes: 32 << 10,
        max_bytes: 1 << 20,
        ring_bytes: 64 << 10,
        ..Options::default()
    };
    let journal = Journal::open(data, &options).expect("opened");
    let lane = journal.lane();
    for fact in facts() {
        let (mut open, mut private) = (Vec::new(), Vec::new());
        let mut texts = [String::new(), String::new()];
        let (kind, version, id) = match &fact {
            Whole::Click(whole) => {
                let (core, detail, rest) = &**whole;
                core.write(detail, &mut open);
                rest.write(&mut private);
                texts = [rest.user_agent.clone(), rest.referrer.clone()];
                (Kind::Clicked, ClickCore::VERSION, Some(core.click_id))
            }
            Whole::Received(whole) => {
                whole.0.write(&mut open);
                whole.1.write(&mut private);
                (Kind::ConversionReceived, ConversionReceived::VERSION, None)
            }
            Whole::Changed(changed) => {
                changed.write(&mut open);
                (
                    Kind::ConversionStatusChanged,
                    ConversionStatusChanged::VERSION,
                    None,
                )
            }
            Whole::Config(change) => {
                change.write(&mut open);
                (Kind::ConfigChanged, Change::VERSION, None)
            }
        };
        let record = Record {
            tenant: TENANT,
            at: AT,
            kind: kind.code(),
            version,
            click_id: id,
            open: &open,
            private_key: 0,
            private: &private,
            texts: [&texts[0], &texts[1]],
        };
        lane.append(&record).await.expect("appended");
    }
    journal.close().expect("closed");
}

#[test]
fn the_first_builds_log_is_read_as_what_it_said() {
    assert_eq!(read(&folder()), facts());
}

#[test]
fn a_click_of_the_first_builds_log_is_found_by_its_id() {
    let log = StoredLog::open(&folder()).expect("opened");
    let found = log.find_now(click_id(5)).expect("read");
    assert!(
        matches!(&found, Found::Click(click) if click.position.seq == 1),
        "{found:?}"
    );
    let report = verify(&folder()).expect("read");
    assert!(report.problem.is_none(), "{:?}", report.problem);
}

#[tokio::test]
async fn what_this_build_writes_it_reads() {
    let data = tempfile::tempdir().expect("a folder");
    write(data.path()).await;
    assert_eq!(read(data.path()), facts());
    if std::env::var_os("WEIR_WRITE_OLD_LOG").is_some() {
        let into = folder().with_file_name("new");
        write(&into).await;
        println!("written: {}", into.display());
    }
}
