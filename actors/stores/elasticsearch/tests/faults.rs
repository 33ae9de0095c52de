//! What the index makes of a server that is full, busy, away, tampered with or silent.

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use elasticsearch::http::Method;
use serde_json::{Value, json};
use support::{Opened, at_server};
use weir_elasticsearch::Options;
use weir_engine::fact::{ClickOutcome, ClickReason};
use weir_engine::ids::{CampaignId, TenantId, UnixMs};
use weir_engine::ports::contract::block_on;
use weir_engine::ports::{Generation, SearchError, SearchIndex, Watermark, Written};
use weir_engine::search::{ClickDocument, Document, DocumentKind, SearchQuery, Target, Visit};

const TENANT: TenantId = TenantId(7);
/// 2026-03-01T00:00:00Z.
const MARCH: u64 = 1_772_323_200_000;

fn click(seq: u64) -> Document {
    Document::Click(Box::new(ClickDocument {
        click_id: format!("click{seq}"),
        tenant: TENANT,
        at: UnixMs(MARCH + seq),
        seq,
        target: Target {
            campaign_id: CampaignId::new(TENANT, 1),
            flow_id: None,
            offer_id: None,
            offer_version: None,
            arm: None,
            affiliate_id: None,
            country: "DE".to_owned(),
            device: "mobile".to_owned(),
            test: false,
        },
        visit: Visit::default(),
        wanted_offer_id: None,
        outcome: ClickOutcome::Invalid,
        reason: ClickReason::NoArm,
        unique: false,
        valid: false,
        propensity: 1.0,
        cost_micros: None,
        cost_currency: None,
    }))
}

fn watermark(offset: u64) -> Watermark {
    Watermark {
        offsets: vec![(0, offset)],
        at: UnixMs(MARCH),
    }
}

fn write(
    index: &impl SearchIndex,
    generation: Generation,
    seqs: &[u64],
) -> Result<Vec<Written>, SearchError> {
    let documents: Arc<[Document]> = seqs.iter().map(|seq| click(*seq)).collect();
    block_on(index.write(generation, documents))
}

fn count(index: &impl SearchIndex) -> Result<u64, SearchError> {
    let query =
        SearchQuery::read(TENANT, DocumentKind::Clicks, "UTC", &json!({})).expect("a question");
    block_on(index.clicks(TENANT, query)).map(|page| page.total)
}

/// An index with three clicks and their cursor.
fn filled() -> (Opened, Generation) {
    let index = support::open();
    let generation = block_on(index.live()).expect("live");
    write(&*index, generation, &[1, 2, 3]).expect("written");
    block_on(index.set_cursor(generation, watermark(3))).expect("kept");
    (index, generation)
}

fn clicks_index(index: &Opened) -> String {
    format!("{}-clicks-g1-2026.03", index.prefix)
}

fn set(index: &str, settings: &Value) {
    let (status, body) = at_server(Method::Put, &format!("/{index}/_settings"), Some(settings));
    assert_eq!(status, 200, "{body}");
}

#[test]
fn an_index_that_was_deleted_has_come_nowhere_and_is_filled_again() {
    let (index, generation) = filled();
    for name in index.indices() {
        at_server(Method::Delete, &format!("/{name}"), None);
    }
    assert!(matches!(
        block_on(index.set_cursor(generation, watermark(4))),
        Err(SearchError::Lost)
    ));
    assert_eq!(count(&*index).expect("an answer"), 0);
    let generation = block_on(index.live()).expect("live");
    assert_eq!(block_on(index.cursor(generation)).expect("read"), None);
    assert_eq!(
        write(&*index, generation, &[1, 2, 3]).expect("written"),
        vec![Written::Stored; 3]
    );
    block_on(index.set_cursor(generation, watermark(3))).expect("kept");
    assert_eq!(count(&*index).expect("an answer"), 3);
}

#[test]
fn one_month_that_was_deleted_is_noticed_even_when_the_server_made_it_again() {
    let (index, generation) = filled();
    let name = clicks_index(&index);
    at_server(Method::Delete, &format!("/{name}"), None);
    // The server makes an index that it is asked to write to.
    write(&*index, generation, &[4]).expect("written");
    assert!(matches!(
        block_on(index.set_cursor(generation, watermark(4))),
        Err(SearchError::Lost)
    ));
    let generation = block_on(index.live()).expect("live");
    assert_eq!(block_on(index.cursor(generation)).expect("read"), None);
    write(&*index, generation, &[1, 2, 3, 4]).expect("written");
    block_on(index.set_cursor(generation, watermark(4))).expect("kept");
    assert_eq!(
        block_on(index.again().cursor(generation)).expect("read"),
        Some(watermark(4))
    );
    assert_eq!(count(&*index).expect("an answer"), 4);
}

#[test]
fn a_control_index_that_was_deleted_leaves_readers_what_they_saw() {
    let (index, _) = filled();
    let fresh = block_on(index.begin()).expect("begun");
    write(&*index, fresh, &[1, 2]).expect("written");
    block_on(index.set_cursor(fresh, watermark(2))).expect("kept");
    block_on(index.publish(fresh)).expect("published");
    at_server(Method::Delete, &format!("/{}-control", index.prefix), None);
    assert_eq!(count(&*index).expect("an answer"), 2);
    let again = index.again();
    assert_eq!(block_on(again.live()).expect("live"), fresh);
    assert_eq!(block_on(again.cursor(fresh)).expect("read"), None);
    assert_eq!(count(&*index).expect("an answer"), 2);
}

#[test]
fn an_index_of_another_installation_is_neither_read_nor_written() {
    let (index, generation) = filled();
    let other = support::index(weir_elasticsearch::Options {
        owner: "another".to_owned(),
        ..support::options(&index.prefix)
    });
    let refused = |what: Result<(), SearchError>| match what {
        Err(SearchError::Refused(why)) => assert!(why.contains("another installation"), "{why}"),
        what => panic!("{what:?}"),
    };
    refused(block_on(other.live()).map(drop));
    refused(block_on(other.begin()).map(drop));
    refused(block_on(other.publish(generation)));
    refused(block_on(other.set_cursor(generation, watermark(9))));
    refused(write(&other, generation, &[4]).map(drop));
    refused(count(&other).map(drop));
    assert_eq!(count(&*index).expect("an answer"), 3);
}

#[test]
fn a_publication_that_was_cut_off_is_finished_by_the_next_start() {
    let (index, first) = filled();
    let fresh = block_on(index.begin()).expect("begun");
    write(&*index, fresh, &[1, 2, 3, 4]).expect("written");
    block_on(index.set_cursor(fresh, watermark(4))).expect("kept");
    block_on(index.publish(fresh)).expect("published");
    assert!(fresh > first);
    // As if it had been cut off before readers were led over.
    let indices = format!("{}-clicks-g{}-2026.03", index.prefix, fresh.0);
    let alias = json!({"index": indices, "alias": format!("{}-clicks", index.prefix)});
    let body = json!({"actions": [{"remove": alias}]});
    let (status, said) = at_server(Method::Post, "/_aliases", Some(&body));
    assert_eq!(status, 200, "{said}");
    assert_eq!(count(&*index).expect("an answer"), 0);
    assert_eq!(block_on(index.again().live()).expect("live"), fresh);
    assert_eq!(count(&*index).expect("an answer"), 4);
}

#[test]
fn a_disk_that_is_nearly_full_makes_the_writer_wait_and_poisons_nothing() {
    let (index, generation) = filled();
    let name = clicks_index(&index);
    set(&name, &json!({"index.blocks.read_only_allow_delete": true}));
    let refused = write(&*index, generation, &[4]);
    assert!(
        matches!(
            refused,
            Err(SearchError::Unavailable(_) | SearchError::Overloaded { .. })
        ),
        "{refused:?}"
    );
    assert_eq!(count(&*index).expect("an answer"), 3);
    set(&name, &json!({"index.blocks.read_only_allow_delete": null}));
    assert_eq!(
        write(&*index, generation, &[4]).expect("written"),
        [Written::Stored]
    );
}

#[test]
fn an_index_that_is_closed_makes_the_writer_wait_and_poisons_nothing() {
    let (index, generation) = filled();
    let name = clicks_index(&index);
    at_server(Method::Post, &format!("/{name}/_close"), None);
    let refused = write(&*index, generation, &[4]);
    assert!(
        matches!(refused, Err(SearchError::Unavailable(_))),
        "{refused:?}"
    );
    at_server(
        Method::Post,
        &format!("/{name}/_open?wait_for_active_shards=1"),
        None,
    );
    assert_eq!(
        write(&*index, generation, &[4]).expect("written"),
        [Written::Stored]
    );
}

#[test]
fn a_document_that_does_not_fit_its_index_is_poison_with_the_servers_reason() {
    let index = support::open();
    let generation = block_on(index.live()).expect("live");
    let body = json!({"mappings": {"properties": {"country": {"type": "long"}}}});
    let (status, answer) = at_server(
        Method::Put,
        &format!("/{}", clicks_index(&index)),
        Some(&body),
    );
    // The template says otherwise; what is asked for at creation wins.
    assert_eq!(status, 200, "{answer}");
    let written = write(&*index, generation, &[1]).expect("written");
    assert!(
        matches!(&written[0], Written::Poison { reason } if reason.contains("country")),
        "{written:?}"
    );
    // Whoever starts then finds an index whose fields cannot be made what they should be: no reason to stand still.
    assert_eq!(block_on(index.again().live()).expect("live"), generation);
}

/// A server that says the same to everything.
fn stub(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else {
                return;
            };
            let mut request = [0; 65_536];
            let _ = connection.read(&mut request);
            if answer.is_empty() {
                // Silence until the other side gives up.
                while connection.read(&mut request).is_ok_and(|read| read > 0) {}
            }
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    url
}

fn at(url: String) -> weir_elasticsearch::Elasticsearch {
    let timeout = Duration::from_millis(300);
    support::index(Options {
        timeout,
        ..Options::at(url)
    })
}

#[test]
fn a_server_that_is_busy_says_when_to_come_again() {
    let busy = stub(
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
    );
    let answer = block_on(at(busy).live());
    let wait = Some(Duration::from_secs(7));
    assert!(
        matches!(answer, Err(SearchError::Overloaded { retry_after }) if retry_after == wait),
        "{answer:?}"
    );
}

#[test]
fn a_server_that_is_away_silent_or_hidden_behind_a_page_is_unavailable() {
    let away = "http://127.0.0.1:1".to_owned();
    let page =
        stub("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 9\r\nconnection: close\r\n\r\n<html>502");
    let login =
        stub("HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\n<html>login");
    for url in [away, page, login, stub("")] {
        let index = at(url.clone());
        assert!(
            matches!(block_on(index.live()), Err(SearchError::Unavailable(_))),
            "{url}"
        );
        assert!(
            matches!(count(&index), Err(SearchError::Unavailable(_))),
            "{url}"
        );
    }
}
