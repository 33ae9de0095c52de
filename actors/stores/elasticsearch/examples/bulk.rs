//! Documents a second through the port, and through a bare loop of bulk requests with the same documents, turn by turn in
//! one run: `cargo run --release -p weir-elasticsearch --example bulk -- http://127.0.0.1:19200`.

use std::sync::Arc;
use std::time::Instant;

use elasticsearch::http::Method;
use elasticsearch::http::headers::HeaderMap;
use elasticsearch::http::transport::{SingleNodeConnectionPool, TransportBuilder};
use elasticsearch::params::VersionType;
use elasticsearch::{BulkOperation, BulkOperations, BulkParts, Elasticsearch as Bare};
use serde_json::json;
use weir_elasticsearch::{Elasticsearch, Options, Replicas};
use weir_engine::fact::{ClickOutcome, ClickReason};
use weir_engine::ids::{AffiliateId, ArmId, CampaignId, OfferId, TenantId, UnixMs};
use weir_engine::ports::SearchIndex;
use weir_engine::search::{ClickDocument, Document, Subs, Target, Visit};

const TENANT: TenantId = TenantId(7);
const DOCUMENTS: u64 = 40_000;
/// As the projection gives them.
const AT_A_TIME: usize = 4_096;
const ROUNDS: u64 = 4;

fn click(seq: u64) -> ClickDocument {
    ClickDocument {
        click_id: format!("{seq:032}"),
        tenant: TENANT,
        at: UnixMs(1_772_323_200_000 + seq),
        seq,
        target: Target {
            campaign_id: CampaignId::new(TENANT, (seq % 50) as u32),
            flow_id: None,
            offer_id: Some(OfferId::new(TENANT, (seq % 90) as u32)),
            offer_version: Some(1),
            arm: Some(ArmId::new(TENANT, (seq % 200) as u32)),
            affiliate_id: Some(AffiliateId::new(TENANT, (seq % 300) as u32)),
            country: ["DE", "US", "IN", "BR"][(seq % 4) as usize].to_owned(),
            device: "mobile".to_owned(),
            test: false,
        },
        visit: Visit {
            link: "spring".to_owned(),
            visitor: format!("{:016x}", seq.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            language: "de-DE".to_owned(),
            os: "iOS".to_owned(),
            os_version: "17".to_owned(),
            browser: "Safari".to_owned(),
            source: "news".to_owned(),
            user_agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1".to_owned(),
            referrer: format!("https://m.social.example/groups/{}", seq % 1_000),
            referrer_host: "m.social.example".to_owned(),
            ip: "203.0.113.0".parse().ok(),
            subs: Subs([(1, format!("ad-{}", seq % 5_000)), (2, "banner".to_owned())].into()),
            ..Visit::default()
        },
        wanted_offer_id: Some(OfferId::new(TENANT, (seq % 90) as u32)),
        outcome: ClickOutcome::Redirected,
        reason: ClickReason::None,
        unique: true,
        valid: true,
        propensity: 0.5,
        cost_micros: Some(120_000),
        cost_currency: Some(weir_engine::money::Currency::USD),
    }
}

fn clicks(round: u64) -> Vec<ClickDocument> {
    (round * DOCUMENTS..(round + 1) * DOCUMENTS)
        .map(click)
        .collect()
}

/// A client of the kind that the port has, and an index of the same fields.
async fn bare(url: &str) -> Bare {
    let transport =
        TransportBuilder::new(SingleNodeConnectionPool::new(url.parse().expect("a URL")));
    let bare = Bare::new(transport.disable_proxy().build().expect("a client"));
    let params: Option<&()> = None;
    let body = json!({}).to_string();
    let made = bare
        .send(
            Method::Put,
            "/bench-clicks-g9-2026.03",
            HeaderMap::new(),
            params,
            Some(body),
            None,
        )
        .await;
    made.expect("an answer")
        .error_for_status_code()
        .expect("an index");
    bare
}

async fn through_port(index: &Elasticsearch, documents: Vec<ClickDocument>) -> f64 {
    let generation = index.live().await.expect("live");
    let documents: Vec<Document> = documents
        .into_iter()
        .map(Box::new)
        .map(Document::Click)
        .collect();
    let began = Instant::now();
    for some in documents.chunks(AT_A_TIME) {
        let some: Arc<[Document]> = some.into();
        index.write(generation, some).await.expect("written");
    }
    DOCUMENTS as f64 / began.elapsed().as_secs_f64()
}

async fn through_loop(bare: &Bare, documents: Vec<ClickDocument>) -> f64 {
    let began = Instant::now();
    for some in documents.chunks(AT_A_TIME) {
        let mut operations = BulkOperations::new();
        for click in some {
            let operation = BulkOperation::index(click).id(&click.click_id);
            let operation = operation
                .version((click.seq + 1) as i64)
                .version_type(VersionType::External);
            operations.push(operation).expect("an operation");
        }
        let sent = bare
            .bulk(BulkParts::Index("bench-clicks-g9-2026.03"))
            .body(vec![operations])
            .send()
            .await;
        let answer: serde_json::Value = sent.expect("an answer").json().await.expect("JSON");
        assert_eq!(answer["errors"], false);
    }
    DOCUMENTS as f64 / began.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() {
    let url = std::env::args().nth(1).expect("the URL of a search server");
    let options = Options {
        prefix: "bench".to_owned(),
        replicas: Replicas::Fixed(0),
        refresh_interval: "-1".to_owned(),
        ..Options::at(&url)
    };
    let index = Elasticsearch::at(options, tokio::runtime::Handle::current()).expect("a client");
    index.live().await.expect("templates");
    let bare = bare(&url).await;
    for round in 0..ROUNDS {
        // Whoever comes first warms the server up for the other.
        let (port, bare) = if round % 2 == 0 {
            let bare = through_loop(&bare, clicks(round)).await;
            (through_port(&index, clicks(round)).await, bare)
        } else {
            let port = through_port(&index, clicks(round)).await;
            (port, through_loop(&bare, clicks(round)).await)
        };
        println!(
            "port {port:.0}/s, bare loop {bare:.0}/s, {:.0} %",
            100.0 * port / bare
        );
    }
    let params: Option<&()> = None;
    for name in [
        "bench-clicks-g9-2026.03",
        "bench-clicks-g1-2026.03",
        "bench-control",
    ] {
        let path = format!("/{name}");
        drop(
            bare.send(
                Method::Delete,
                &path,
                HeaderMap::new(),
                params,
                None::<String>,
                None,
            )
            .await,
        );
    }
}
