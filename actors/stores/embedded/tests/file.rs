//! The file: its schema, its lock, copies of it.

mod support;

use std::path::Path;
use std::task::{Context, Waker};

use rusqlite::Connection;
use support::open;
use weir_embedded::migrate::{SchemaError, plan, status, up};
use weir_embedded::{BackupError, Embedded, OpenError, Snapshot, backup};
use weir_engine::ids::TenantId;
use weir_engine::ports::contract::{Owner, Sale, block_on};
use weir_engine::ports::{LedgerStore, StoreError};

const TENANT: TenantId = TenantId(7);

fn execute(path: &Path, sql: &str) {
    Connection::open(path)
        .expect("opened")
        .execute_batch(sql)
        .expect("executed");
}

fn filled(store: &Embedded) -> Owner {
    block_on(async {
        let mut owner = Owner::claim(store, TENANT).await;
        owner.convert(Sale::default());
        owner.commit(store).await;
        owner
    })
}

#[test]
fn a_file_of_a_newer_schema_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.sqlite");
    drop(Embedded::open(&path).expect("opened"));
    execute(
        &path,
        "INSERT INTO refinery_schema_history SELECT 999, 'later', applied_on, checksum FROM refinery_schema_history LIMIT 1",
    );
    let before = std::fs::read(&path).expect("read");
    let refused = Embedded::open(&path).expect_err("must be refused");
    assert!(
        matches!(
            refused,
            OpenError::Schema(SchemaError::Newer { found: 999, .. })
        ),
        "{refused:?}"
    );
    assert!(
        refused.to_string().contains("written by a newer build"),
        "{refused}"
    );
    assert!(matches!(
        Snapshot::open(&path),
        Err(SchemaError::Newer { .. })
    ));
    assert!(matches!(up(&path), Err(SchemaError::Newer { .. })));
    assert_eq!(std::fs::read(&path).expect("read"), before);
}

#[test]
fn migrations_are_shown_before_they_are_applied_and_applied_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.sqlite");
    let planned = plan(&path).expect("planned");
    assert!(
        planned[0].sql.contains("CREATE TABLE rollups"),
        "prints its SQL"
    );
    assert!(!path.exists(), "a plan makes no file");
    assert_eq!(up(&path).expect("applied"), planned);
    assert_eq!(plan(&path).expect("planned"), []);
    assert_eq!(up(&path).expect("applied"), []);
    assert!(
        status(&path)
            .expect("read")
            .iter()
            .all(|step| step.is_applied)
    );
}

#[test]
fn a_store_that_is_not_there_or_without_schema_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.sqlite");
    assert!(matches!(Snapshot::open(&path), Err(SchemaError::Open(_))));
    execute(&path, "CREATE TABLE something (x)");
    assert!(matches!(
        Snapshot::open(&path),
        Err(SchemaError::Older { found: 0, .. })
    ));
}

#[test]
fn while_someone_outside_holds_the_lock_a_commit_comes_back_and_can_be_tried_again() {
    let store = open();
    let mut owner = filled(&store);
    owner.convert(Sale::default());
    let window = owner.take_window();
    let outside = Connection::open(store.path()).expect("opened");
    outside.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let (error, back) = block_on(store.commit(window.clone())).expect_err("locked out");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(format!("{back:?}"), format!("{window:?}"));
    outside.execute_batch("ROLLBACK").expect("unlocked");
    block_on(store.commit(back))
        .map_err(|(e, _)| e)
        .expect("committed");
    assert_eq!(block_on(store.offsets()).expect("read")[0].next_offset, 2);
}

#[test]
fn what_is_committed_is_there_after_a_restart_and_the_old_owner_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.sqlite");
    let store = Embedded::open(&path).expect("opened");
    let mut owner = filled(&store);
    let made = owner.convert(Sale::default());
    block_on(owner.commit(&store));
    drop(store);
    let store = Embedded::open(&path).expect("opened");
    assert_eq!(
        block_on(store.conversion(TENANT, made.id)).expect("read"),
        Some(made)
    );
    block_on(Owner::claim(&store, TENANT));
    owner.convert(Sale::default());
    let (error, _) = block_on(store.commit(owner.take_window())).expect_err("fenced");
    assert!(matches!(error, StoreError::Fenced { .. }), "{error:?}");
}

#[test]
fn a_commit_that_nobody_waits_for_any_more_is_written_before_the_store_closes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.sqlite");
    let store = Embedded::open(&path).expect("opened");
    let mut owner = filled(&store);
    owner.convert(Sale::default());
    {
        let mut commit = store.commit(owner.take_window());
        let _ = commit
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
    }
    drop(store);
    let offsets = Snapshot::open(&path).expect("opened").offsets();
    assert_eq!(offsets.expect("read")[0].next_offset, 2);
}

#[test]
fn a_snapshot_stays_at_its_commit_while_the_store_goes_on() {
    let store = open();
    let mut owner = filled(&store);
    let snapshot = Snapshot::open(store.path()).expect("opened");
    let before = snapshot.digests().expect("read");
    owner.convert(Sale::default());
    block_on(owner.commit(&*store));
    assert_eq!(snapshot.digests().expect("read"), before);
    assert_eq!(snapshot.offsets().expect("read")[0].next_offset, 1);
    let now = Snapshot::open(store.path()).expect("opened");
    assert_ne!(now.digests().expect("read"), before);
    assert_eq!(now.offsets().expect("read")[0].next_offset, 2);
}

#[test]
fn a_backup_of_a_running_store_is_a_store_as_of_its_offsets() {
    let store = open();
    let mut owner = filled(&store);
    let copy = store.folder().join("copy.sqlite");
    let offsets = backup(store.path(), &copy).expect("copied");
    let expect = Snapshot::open(store.path())
        .expect("opened")
        .digests()
        .expect("read");
    owner.convert(Sale::default());
    block_on(owner.commit(&*store));
    assert_eq!(offsets[0].next_offset, 1);
    assert_eq!(
        Snapshot::open(&copy)
            .expect("opened")
            .digests()
            .expect("read"),
        expect
    );
    let restored = Embedded::open(&copy).expect("opened");
    block_on(async {
        let mut owner = Owner::claim(&restored, TENANT).await;
        owner.convert(Sale::default());
        owner.commit(&restored).await;
    });
    assert!(matches!(
        backup(store.path(), &copy),
        Err(BackupError::Exists(_))
    ));
}
