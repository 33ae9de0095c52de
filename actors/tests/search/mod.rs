//! The search projection on a real journal and a real store, with an index that fails when it is told to.

mod index;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use weir_actors::{
    Clock, DeadLetter, Options, RebuildError, RebuildNews, RebuildOptions, SearchFollower,
    SearchOptions, SearchPorts, StatusWanted, rebuild,
};
use weir_engine::fact::ConversionStatus;
use weir_engine::ids::{ConversionId, TenantId, partition_of};
use weir_engine::ports::{Generation, Watermark};
use weir_engine::search::{ClickDocument, ConversionDocument, Document};
use weir_journal::{Cursors, StoredLog};

use self::index::{Fault, FaultIndex};
use crate::world::{CAMPAIGN, World};

const TENANT: TenantId = TenantId(1);

/// A rebuild without rest, and without much patience.
const EAGER: RebuildOptions = RebuildOptions {
    catch_up_percent: 100,
    patience: Duration::from_millis(300),
};

type Letters = Arc<Mutex<Vec<DeadLetter>>>;

/// A world with a tenant, and an index beside it.
struct Scene {
    world: World,
    index: FaultIndex,
    letters: Letters,
    follower: Option<SearchFollower>,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new(Options::default()).await;
        let last = world.tenant(TENANT, json!([])).await;
        world.stored(last).await;
        Self {
            world,
            index: FaultIndex::default(),
            letters: Letters::default(),
            follower: None,
        }
    }

    fn ports(&self) -> SearchPorts {
        let letters = Arc::clone(&self.letters);
        SearchPorts {
            ledger: Arc::clone(self.world.store()) as _,
            clicks: Arc::new(self.world.journal().clone()),
            index: Arc::new(self.index.clone()),
            dead_letters: Arc::new(move |letter| letters.lock().unwrap().push(letter.clone())),
        }
    }

    fn follow(&mut self) {
        let options = SearchOptions {
            batch: 100,
            at_head: Duration::from_millis(10),
            catch_up_percent: 100,
            ..SearchOptions::default()
        };
        let journal = self.world.journal().clone();
        self.follower = Some(SearchFollower::start(
            journal,
            self.ports(),
            Clock::system(),
            options,
        ));
    }

    /// Clicks of different visitors.
    async fn clicks(&mut self, count: u64) {
        for visitor in 0..count {
            self.world.click(TENANT, CAMPAIGN, visitor).await;
        }
    }

    /// Waits until the live generation has come to the end of the log.
    async fn until_whole(&self) {
        let is_whole = || {
            let end = self.world.journal().end();
            let inside = self.index.inside();
            let cursor = inside.live.and_then(|live| inside.cursors.get(&live));
            cursor.is_some_and(|c| c.offsets.iter().all(|(p, o)| *o == end.0[usize::from(*p)]))
        };
        until("the index is whole", is_whole).await;
    }

    fn seen(&self) -> (Vec<ClickDocument>, Vec<ConversionDocument>) {
        let (mut clicks, mut conversions) = (Vec::new(), Vec::new());
        for document in self.index.seen() {
            match document {
                Document::Click(click) => clicks.push(*click),
                Document::Conversion(conversion) => conversions.push(*conversion),
            }
        }
        clicks.sort_by_key(|c| c.seq);
        conversions.sort_by_key(|c| c.seq);
        (clicks, conversions)
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
    waited.unwrap_or_else(|_| panic!("not in time: {what}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clicks_and_conversions_are_indexed_as_the_books_have_them() {
    let mut scene = Scene::new().await;
    scene.follow();
    let (click, _) = scene.world.click(TENANT, CAMPAIGN, 7).await;
    scene.world.click(TENANT, CAMPAIGN, 7).await;
    let (_, position) = scene.world.convert(TENANT, click, "order-1").await;
    scene.world.convert(TENANT, click, "order-1").await;
    scene.until_whole().await;
    let (clicks, conversions) = scene.seen();
    assert_eq!(
        clicks.iter().map(|c| c.unique).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(
        conversions.len(),
        1,
        "a repeated postback makes no document"
    );
    let made = &conversions[0];
    assert_eq!(made.conversion_id, ConversionId::at(position));
    assert_eq!(
        (made.click_id.as_str(), made.payout_micros),
        (clicks[0].click_id.as_str(), 10_000_000)
    );
    assert_eq!(made.visit, clicks[0].visit, "it knows its click");
    assert_eq!(made.status, ConversionStatus::Approved);

    let wanted = StatusWanted {
        id: made.conversion_id,
        to: ConversionStatus::Rejected,
        reason: "returned".to_owned(),
        by: "key_1".to_owned(),
    };
    scene
        .world
        .mesh()
        .set_status(TENANT, wanted)
        .await
        .expect("asked")
        .expect("legal");
    scene.until_whole().await;
    let (_, conversions) = scene.seen();
    assert_eq!(
        (conversions[0].status, conversions[0].note.as_str()),
        (ConversionStatus::Rejected, "returned")
    );
    assert!(conversions[0].changed_seq > position.seq);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_is_away_is_waited_for_and_then_has_everything_once() {
    let mut scene = Scene::new().await;
    scene.index.inside().is_away = true;
    scene.follow();
    scene.clicks(250).await;
    let status = scene.follower.as_ref().unwrap().status();
    until("it says what it waits for", || {
        status.borrow().trouble.is_some()
    })
    .await;
    let faults = [
        Fault::Unavailable,
        Fault::AnswerLost,
        Fault::Overloaded,
        Fault::AnswerLost,
    ];
    scene.index.inside().faults.extend(faults);
    scene.index.inside().is_away = false;
    scene.until_whole().await;
    assert_eq!(scene.seen().0.len(), 250);
    assert!(
        scene.index.inside().already_there > 0,
        "what an answer was lost for is there already"
    );
    until("all is well", || {
        status.borrow().trouble.is_none() && status.borrow().lag_facts == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_with_too_much_to_do_gets_less_at_a_time() {
    let mut scene = Scene::new().await;
    scene.clicks(100).await;
    let end = scene.world.journal().end();
    let partition = partition_of(TENANT);
    let seq = end.0[usize::from(partition)] - 1;
    scene
        .world
        .stored(weir_engine::ids::Position { partition, seq })
        .await;
    scene.index.inside().faults.extend([Fault::Overloaded; 2]);
    scene.follow();
    scene.until_whole().await;
    let writes = scene.index.inside().writes.clone();
    assert!(writes[1] < writes[0] && writes.len() > 3, "{writes:?}");
    assert_eq!(scene.seen().0.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_is_never_taken_goes_to_the_dead_letters_and_blocks_nothing() {
    let mut scene = Scene::new().await;
    let (bad, _) = scene.world.click(TENANT, CAMPAIGN, 1).await;
    scene.index.inside().poison.insert(bad.to_string());
    scene.clicks(3).await;
    scene.follow();
    scene.until_whole().await;
    assert_eq!(scene.seen().0.len(), 3);
    let letters = scene.letters.lock().unwrap();
    let told: Vec<_> = letters
        .iter()
        .map(|l| (l.id.clone(), l.reason.as_str()))
        .collect();
    assert_eq!(told, [(bad.to_string(), "as told")]);
    assert_eq!(letters[0].document["click_id"], bad.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_was_deleted_is_filled_again_by_itself() {
    let mut scene = Scene::new().await;
    scene.follow();
    scene.clicks(120).await;
    scene.until_whole().await;
    let before = scene.seen();
    scene.index.delete();
    // Somebody has to write for the loss to be noticed.
    scene.clicks(1).await;
    scene.until_whole().await;
    let after = scene.seen();
    assert_eq!(after.0.len(), 121);
    assert_eq!(after.0[..120], before.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_it_goes_on_where_the_index_is() {
    let mut scene = Scene::new().await;
    scene.follow();
    scene.clicks(50).await;
    scene.until_whole().await;
    scene.follower.take().unwrap().stop().await;
    scene.clicks(10).await;
    scene.index.inside().writes.clear();
    scene.follow();
    scene.until_whole().await;
    assert_eq!(scene.index.inside().writes.iter().sum::<usize>(), 10);
    assert_eq!(scene.seen().0.len(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_is_seen_when_it_is_whole_and_the_follower_takes_it_over() {
    let mut scene = Scene::new().await;
    scene.follow();
    scene.clicks(130).await;
    scene.until_whole().await;
    let before = scene.seen();
    let log = StoredLog::open(scene.world.folder()).expect("a log");
    let reader = log.read_from(Cursors::START).expect("readable");
    let until_here = scene.world.journal().end();
    let mut heard = Vec::new();
    let rebuilt = rebuild(reader, until_here, scene.ports(), EAGER, |news| {
        if let RebuildNews::Done(facts) = news {
            heard.push(facts);
        }
    })
    .await;
    let rebuilt = rebuilt.expect("rebuilt");
    assert_eq!(
        (rebuilt.generation, rebuilt.documents),
        (Generation(2), 130)
    );
    assert_eq!(heard.last(), Some(&rebuilt.facts));
    assert_eq!(scene.seen(), before);
    scene.clicks(20).await;
    scene.until_whole().await;
    assert_eq!(scene.seen().0.len(), 150);
    assert!(
        scene
            .index
            .inside()
            .documents
            .keys()
            .all(|(g, _)| *g == Generation(2) || *g == Generation(1))
    );
    let status = scene.follower.as_ref().unwrap().status();
    assert_eq!(status.borrow().generation, Some(Generation(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_says_that_the_index_is_away_and_gives_up_when_that_lasts() {
    let mut scene = Scene::new().await;
    scene.clicks(5).await;
    let log = StoredLog::open(scene.world.folder()).expect("a log");
    let until_here = scene.world.journal().end();
    scene.index.inside().is_away = true;
    let mut waits = 0;
    let reader = log.read_from(Cursors::START).expect("readable");
    let given_up = rebuild(reader, until_here, scene.ports(), EAGER, |news| {
        waits += u32::from(matches!(news, RebuildNews::Waits(_)));
    })
    .await;
    assert!(
        matches!(given_up, Err(RebuildError::Away { after, .. }) if after >= EAGER.patience),
        "{given_up:?}"
    );
    assert!(waits > 1, "{waits}");
    // What is away for less than that is waited for.
    let (index, reader) = (scene.index.clone(), log.read_from(Cursors::START));
    let reader = reader.expect("readable");
    let rebuilt = rebuild(reader, until_here, scene.ports(), EAGER, |news| {
        if matches!(news, RebuildNews::Waits(_)) {
            index.inside().is_away = false;
        }
    })
    .await;
    assert_eq!(rebuilt.expect("rebuilt").documents, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_of_another_log_is_built_anew() {
    let mut scene = Scene::new().await;
    scene.clicks(5).await;
    let live = Generation(1);
    let ahead = Watermark {
        offsets: vec![(partition_of(TENANT), 1_000_000)],
        ..Watermark::default()
    };
    scene.index.inside().live = Some(live);
    scene.index.inside().cursors.insert(live, ahead);
    scene.follow();
    until("another generation is live", || {
        scene.index.inside().live > Some(live)
    })
    .await;
    scene.until_whole().await;
    assert_eq!(scene.seen().0.len(), 5);
}
