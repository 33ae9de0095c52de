//! The one thread that writes.
//!
//! It owns the write connection and takes jobs from a channel in order. Always true: a job is answered after
//! it is on disk, or with why it is not; a commit that failed changed nothing and goes back to its caller.
//! Not here: bounds of the queue: callers keep at most one commit under way.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::oneshot;
use weir_engine::ports::{Commit, PartitionState, StoreError};

use crate::commit;
use crate::failure::stopped;

/// What a commit that was not written gives back.
type Refused = (StoreError, Box<Commit>);

enum Job {
    Commit(Box<Commit>, oneshot::Sender<Result<(), Refused>>),
    Claim(
        Vec<u16>,
        oneshot::Sender<Result<Vec<PartitionState>, StoreError>>,
    ),
}

/// The way to the writing thread; dropping it waits for the jobs that it was given.
#[derive(Debug)]
pub struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(connection: Connection) -> std::io::Result<Self> {
        let (jobs, queue) = channel();
        let thread = std::thread::Builder::new()
            .name("weir-store".to_owned())
            .spawn(move || run(connection, &queue))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Writes a commit.
    pub async fn commit(&self, commit: Commit) -> Result<(), (StoreError, Commit)> {
        let (reply, answer) = oneshot::channel();
        let unsent = match &self.jobs {
            Some(jobs) => jobs
                .send(Job::Commit(Box::new(commit), reply))
                .err()
                .map(|e| e.0),
            None => Some(Job::Commit(Box::new(commit), reply)),
        };
        if let Some(Job::Commit(commit, _)) = unsent {
            return Err((stopped(), *commit));
        }
        match answer.await {
            Ok(result) => result.map_err(|(error, commit)| (error, *commit)),
            // The thread died with the commit: whether it was written is told by the offsets.
            Err(_) => Err((stopped(), Commit::default())),
        }
    }

    /// Gives partitions a new epoch.
    pub async fn claim(&self, partitions: Vec<u16>) -> Result<Vec<PartitionState>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(Job::Claim(partitions, reply))
            .map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed by it; nothing is left to be done here.
            let _ = thread.join();
        }
    }
}

fn run(mut connection: Connection, queue: &Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        // An answer that nobody waits for any more is dropped.
        match job {
            Job::Commit(commit, reply) => drop(reply.send(written(&mut connection, commit))),
            Job::Claim(partitions, reply) => {
                drop(reply.send(commit::claim(&mut connection, &partitions)))
            }
        }
    }
}

fn written(connection: &mut Connection, commit: Box<Commit>) -> Result<(), Refused> {
    let started = Instant::now();
    let result = commit::apply(connection, &commit);
    metrics::histogram!("weir_store_commit_seconds", "store" => "embedded")
        .record(started.elapsed());
    result.map_err(|error| (error, commit))
}
