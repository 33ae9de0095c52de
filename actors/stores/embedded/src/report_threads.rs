//! The threads that answer questions, each with a connection of its own that only reads.
//!
//! Always true: a question sees one snapshot, however long it takes; it delays no commit and no evidence, only
//! questions that come after it when all threads are busy.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;
use weir_engine::ports::StoreError;

use crate::connection::open_reader;
use crate::failure::stopped;
use crate::readers::in_one_snapshot;
use crate::store::OpenError;

/// Questions answered at once.
const THREADS: usize = 2;

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the threads; dropping it waits for the questions under way.
#[derive(Debug)]
pub struct ReportThreads {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl ReportThreads {
    /// Starts the threads on the file at `path`.
    pub fn start(path: &Path) -> Result<Self, OpenError> {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let threads = (0..THREADS).map(|_| {
            let connection = open_reader(path).map_err(crate::migrate::SchemaError::from)?;
            let queue = Arc::clone(&queue);
            std::thread::Builder::new()
                .name("weir-reports".to_owned())
                .spawn(move || run(&connection, &queue))
                .map_err(OpenError::Thread)
        });
        Ok(Self {
            threads: threads.collect::<Result<_, _>>()?,
            jobs: Some(jobs),
        })
    }

    /// Answers a question on one of the threads, in one snapshot. Nothing is read for a caller that has gone.
    pub async fn ask<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            if !reply.is_closed() {
                // The caller may go while it is read.
                drop(reply.send(in_one_snapshot(connection, read)));
            }
        });
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for ReportThreads {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // Panics are caught in it.
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, queue: &Mutex<Receiver<Job>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // The caller hears of a panic because its reply is dropped; the other questions go on.
        if catch_unwind(AssertUnwindSafe(|| job(connection))).is_err() {
            tracing::error!("a question to the store panicked");
        }
    }
}
