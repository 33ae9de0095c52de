//! Keys of its own for each test, on the real server of `WEIR_TEST_REDIS_URL`; a log in memory; a slow wire.

#![allow(dead_code)]

pub mod own_server;
pub mod wire;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use weir_engine::click_id::{ClickId, ClickKey, EPOCH_MS, Parts};
use weir_engine::ids::{Position, TenantId, UnixMs};
use weir_engine::ports::contract::block_on;
use weir_engine::ports::{ClickLookup, Found, LookupError, PortFuture};
use weir_engine::record::OwnedRecord;
use weir_engine::secrets::MasterSecret;
use weir_redis::{CachedClicks, Counters, Limits, Options, Redis, Within};

/// The server where none is named: that of `services up redis`.
const USUAL: &str = "redis://127.0.0.1:16379";

/// The runtime that all connections of a test crate run on.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime")
    })
}

/// The server; a test that finds none fails and says how to start one.
pub fn server() -> String {
    let url = std::env::var("WEIR_TEST_REDIS_URL").unwrap_or_else(|_| USUAL.to_owned());
    if let Err(error) = connect(&url) {
        panic!(
            "no redis at {url} ({error}): eval \"$(actors/stores/services/services up redis)\", or run `make test`"
        );
    }
    url
}

/// A connection of the test itself.
pub fn connect(url: &str) -> redis::RedisResult<redis::Connection> {
    redis::Client::open(url)?.get_connection_with_timeout(Duration::from_secs(5))
}

/// A name that no other test has.
pub fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("after 1970").as_nanos();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("t-{:x}-{now:x}-{next}", std::process::id())
}

/// Patience that a busy machine does not use up, for tests of what is said and not of when.
pub const PATIENT: Within = Within {
    clicks: Duration::from_secs(5),
    limits: Duration::from_secs(5),
    counters: Duration::from_secs(5),
};

pub fn options(prefix: &str, within: Within) -> Options {
    Options {
        prefix: prefix.to_owned(),
        generation: "g1".to_owned(),
        within,
        ..Options::default()
    }
}

pub fn secrets() -> MasterSecret {
    MasterSecret::new([7; 32])
}

/// A node of an installation.
pub fn node(url: &str, options: Options) -> Redis {
    Redis::at(url, options, &secrets(), runtime().handle().clone()).expect("a URL")
}

/// Something on keys of its own that go with it.
pub struct Opened<T> {
    opened: T,
    pub keys: Keys,
}

impl<T> Deref for Opened<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.opened
    }
}

/// The keys of a test.
pub struct Keys {
    pub url: String,
    pub prefix: String,
}

impl Keys {
    pub fn fresh() -> Self {
        Self {
            url: server(),
            prefix: fresh_name(),
        }
    }

    pub fn node(&self) -> Redis {
        node(&self.url, options(&self.prefix, PATIENT))
    }

    /// All keys there are.
    pub fn all(&self) -> Vec<String> {
        let mut connection = connect(&self.url).expect("connected");
        let pattern = format!("{}:*", self.prefix);
        let keys = redis::cmd("KEYS").arg(pattern).query(&mut connection);
        keys.expect("listed")
    }

    /// Takes all keys away, as FLUSHALL does to a server.
    pub fn wipe(&self) {
        let mut connection = connect(&self.url).expect("connected");
        for key in self.all() {
            redis::cmd("DEL")
                .arg(key)
                .exec(&mut connection)
                .expect("gone");
        }
    }

    /// Writes to a key as somebody else would.
    pub fn set(&self, key: &str, value: &[u8]) {
        let mut connection = connect(&self.url).expect("connected");
        let mut set = redis::cmd("SET");
        let set = set.arg(key).arg(value).arg("KEEPTTL");
        set.exec(&mut connection).expect("set");
    }

    pub fn get(&self, key: &str) -> Vec<u8> {
        let mut connection = connect(&self.url).expect("connected");
        let get = redis::cmd("GET").arg(key).query(&mut connection);
        get.expect("a value")
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.wipe();
    }
}

pub fn counters() -> Opened<Counters> {
    let keys = Keys::fresh();
    Opened {
        opened: keys.node().counters(),
        keys,
    }
}

pub fn limits() -> Opened<Limits> {
    let keys = Keys::fresh();
    Opened {
        opened: keys.node().limits(),
        keys,
    }
}

pub const TENANT: TenantId = TenantId(7);

/// A log that counts how often it is asked.
#[derive(Default)]
pub struct Log {
    pub clicks: Mutex<HashMap<ClickId, OwnedRecord>>,
    pub asked: AtomicU64,
    pub kept_after: AtomicU64,
}

impl Log {
    /// A log with `n` clicks.
    pub fn with(n: u16) -> Arc<Self> {
        let log = Self::default();
        for number in 0..n {
            let record = click(number);
            let click_id = record.click_id.expect("a click");
            let mut clicks = log.clicks.lock().expect("no panic");
            clicks.insert(click_id, record);
        }
        Arc::new(log)
    }

    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

impl ClickLookup for Log {
    fn find(&self, click_id: ClickId) -> PortFuture<'_, Result<Found, LookupError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let clicks = self.clicks.lock().expect("no panic");
        let found = match clicks.get(&click_id) {
            Some(record) => Found::Click(Box::new(record.clone())),
            None if click_id.unix_ms() <= self.kept_after().0 => Found::Expired,
            None => Found::Absent,
        };
        Box::pin(std::future::ready(Ok(found)))
    }

    fn kept_after(&self) -> UnixMs {
        UnixMs(self.kept_after.load(Ordering::Relaxed))
    }
}

/// The record of a click, the `number`th of its kind.
pub fn click(number: u16) -> OwnedRecord {
    let ms = 50_000_000_000 + u64::from(number);
    let parts = Parts {
        key_number: 0,
        tenant: TENANT.0,
        ms,
        node: 1,
        sequence: number % 1_024,
    };
    OwnedRecord {
        position: Position {
            partition: 3,
            seq: u64::from(number),
        },
        tenant: TENANT,
        at: UnixMs(EPOCH_MS + ms),
        kind: 1,
        version: 1,
        click_id: Some(ClickId::mint(parts, &ClickKey([9; 16]))),
        open: number.to_be_bytes().to_vec(),
        private_key: 0,
        private: vec![1, 2, 3],
        texts: ["Mozilla/5.0".to_owned(), "https://example.com/".to_owned()],
    }
}

pub fn id(number: u16) -> ClickId {
    click(number).click_id.expect("a click")
}

pub fn found(number: u16) -> Found {
    Found::Click(Box::new(click(number)))
}

pub fn find(clicks: &CachedClicks, click_id: ClickId) -> Found {
    block_on(clicks.find(click_id)).expect("found out")
}

/// Waits until something is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
