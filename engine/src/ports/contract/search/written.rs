//! Documents are written once, cursors and generations say how far.

use super::*;

/// An index of which nothing was deleted knows how far it has come; a new one does not.
pub async fn a_new_index_has_come_nowhere_and_finds_nothing(index: &impl SearchIndex) {
    let page = clicks(index, TENANT, json!({})).await;
    assert_eq!(
        (page.items, page.total, page.watermark),
        (Vec::new(), 0, None)
    );
    let generation = index.live().await.expect("live");
    assert_eq!(index.cursor(generation).await.expect("read"), None);
    let page = drilldown(index, json!({"of": "clicks", "group_by": ["country"]})).await;
    assert_eq!((page.rows, page.total.count), (Vec::new(), 0));
    index
        .set_cursor(generation, watermark(3))
        .await
        .expect("kept");
    assert_eq!(index.live().await.expect("live"), generation);
    assert_eq!(
        index.cursor(generation).await.expect("read"),
        Some(watermark(3))
    );
    let unknown = index
        .set_cursor(Generation(generation.0 + 7), watermark(4))
        .await;
    assert!(matches!(unknown, Err(SearchError::Lost)));
}

/// What was written is found once its cursor is kept, as it was written, and the answer says how far it goes.
pub async fn what_was_written_is_read_back_when_the_cursor_is_kept(index: &impl SearchIndex) {
    let whole = click(1, BEGIN, |c| {
        c.visit = Visit {
            os: "iOS".to_owned(),
            ip: "203.0.113.0".parse().ok(),
            subs: Subs([(1, "a".to_owned()), (20, "ü ☃".to_owned())].into()),
            ..Visit::default()
        };
        (c.cost_micros, c.cost_currency) = (Some(i64::MAX), Some(Currency::USD));
    });
    let sale = conversion(2, BEGIN, |c| c.reason = Some(ConversionReason::ByStaff));
    fill(index, &[whole.clone(), sale.clone()]).await;
    let page = clicks(index, TENANT, json!({})).await;
    assert_eq!(page.watermark, Some(watermark(2)));
    assert_eq!(
        page.items
            .into_iter()
            .map(Box::new)
            .map(Document::Click)
            .collect::<Vec<_>>(),
        [whole]
    );
    let page = conversions(index, json!({})).await;
    assert_eq!(
        page.items
            .into_iter()
            .map(Box::new)
            .map(Document::Conversion)
            .collect::<Vec<_>>(),
        [sale]
    );
}

/// A second time changes nothing, and an older state never replaces a newer one.
pub async fn a_document_is_there_once_in_its_newest_version(index: &impl SearchIndex) {
    let made = conversion(4, BEGIN, |c| c.status = ConversionStatus::Pending);
    let changed = conversion(4, BEGIN, |c| {
        c.status = ConversionStatus::Rejected;
        c.changed_seq = 9;
    });
    let visit = click(1, BEGIN, |_| ());
    let generation = fill(index, &[visit.clone(), changed]).await;
    let again = write(index, generation, &[made, visit]).await;
    assert_eq!(again, vec![Written::AlreadyThere; 2]);
    let newer = conversion(4, BEGIN, |c| c.changed_seq = 11);
    assert_eq!(write(index, generation, &[newer]).await, [Written::Stored]);
    index
        .set_cursor(generation, watermark(12))
        .await
        .expect("kept");
    let page = conversions(index, json!({})).await;
    let states: Vec<_> = page
        .items
        .iter()
        .map(|c| (c.status, c.changed_seq))
        .collect();
    assert_eq!(
        (states, page.total),
        (vec![(ConversionStatus::Approved, 11)], 1)
    );
    assert_eq!(found(index, json!({})).await, [1]);
}

/// What cannot be indexed is named with its reason; its neighbours are written.
pub async fn a_document_that_cannot_be_indexed_does_not_block_the_others(index: &impl SearchIndex) {
    let generation = index.live().await.expect("live");
    let documents = [
        click(1, BEGIN, |_| ()),
        click(2, UnixMs(u64::MAX), |_| ()),
        click(3, hour(1), |_| ()),
    ];
    let written = write(index, generation, &documents).await;
    assert!(
        matches!(&written[1], Written::Poison { reason } if !reason.is_empty()),
        "{written:?}"
    );
    assert_eq!(
        (&written[0], &written[2]),
        (&Written::Stored, &Written::Stored)
    );
    index
        .set_cursor(generation, watermark(3))
        .await
        .expect("kept");
    assert_eq!(found(index, json!({})).await, [3, 1]);
}

/// Texts of any length are taken.
pub async fn texts_of_any_length_are_taken(index: &impl SearchIndex) {
    let long = "é".repeat(60_000);
    let document = click(1, BEGIN, |c| {
        c.visit.user_agent.clone_from(&long);
        c.visit.referrer.clone_from(&long);
        c.visit.subs = Subs([(1, long.clone())].into());
    });
    fill(index, &[document]).await;
    let page = clicks(index, TENANT, json!({})).await;
    assert_eq!(page.items[0].visit.subs.0[&1], long);
}

/// Readers see the old generation, whole, until the new one is published, whole; then the old one is gone.
pub async fn a_generation_is_seen_when_it_is_published(index: &impl SearchIndex) {
    let old = fill(index, &[click(1, BEGIN, |_| ())]).await;
    let forgotten = index.begin().await.expect("begun");
    write(index, forgotten, &[click(7, BEGIN, |_| ())]).await;
    let fresh = index.begin().await.expect("begun");
    assert!(old < forgotten && forgotten < fresh);
    let late = index.set_cursor(forgotten, watermark(9)).await;
    assert!(matches!(late, Err(SearchError::Lost)), "{late:?}");
    let written = write(
        index,
        fresh,
        &[click(1, BEGIN, |_| ()), click(2, hour(1), |_| ())],
    )
    .await;
    assert_eq!(written, vec![Written::Stored; 2]);
    index.set_cursor(fresh, watermark(2)).await.expect("kept");
    assert_eq!(found(index, json!({})).await, [1]);
    assert_eq!(index.live().await.expect("live"), old);
    index.publish(fresh).await.expect("published");
    let page = clicks(index, TENANT, json!({})).await;
    let seqs: Vec<u64> = page.items.iter().map(|c| c.seq).collect();
    assert_eq!((seqs, page.watermark), (vec![2, 1], Some(watermark(2))));
    assert_eq!(index.live().await.expect("live"), fresh);
    let late = index.set_cursor(old, watermark(9)).await;
    assert!(matches!(late, Err(SearchError::Lost)), "{late:?}");
    let written = write(index, fresh, &[click(3, hour(2), |_| ())]).await;
    assert_eq!(written, [Written::Stored]);
    index.set_cursor(fresh, watermark(3)).await.expect("kept");
    assert_eq!(found(index, json!({})).await, [3, 2, 1]);
}

/// Months that lie wholly before a time are dropped, and that is no loss.
pub async fn old_months_are_forgotten_and_the_cursor_stays(index: &impl SearchIndex) {
    let (january, march) = (UnixMs(BEGIN.0 - 40 * 86_400_000), BEGIN);
    let documents = [
        click(1, january, |_| ()),
        conversion(2, january, |_| ()),
        click(3, march, |_| ()),
    ];
    let generation = fill(index, &documents).await;
    assert_eq!(
        index.forget(january).await.expect("asked"),
        Vec::<String>::new()
    );
    assert_eq!(index.forget(march).await.expect("asked").len(), 2);
    assert_eq!(found(index, json!({})).await, [3]);
    assert_eq!(conversions(index, json!({})).await.total, 0);
    assert_eq!(
        index.cursor(generation).await.expect("read"),
        Some(watermark(3))
    );
    write(index, generation, &[click(4, hour(1), |_| ())]).await;
    index
        .set_cursor(generation, watermark(4))
        .await
        .expect("kept");
    let stats = index.stats().await.expect("told");
    assert_eq!(
        (stats.live, stats.clicks, stats.conversions),
        (Some(generation), 2, 0)
    );
    assert_eq!(stats.cursor, Some(watermark(4)));
}
