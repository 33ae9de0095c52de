//! Connections in a closed loop.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use super::request::{Requests, Stream};
use super::response;
use crate::host::Cores;

/// How long answers may take after the last request.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// What to send, to whom, from where.
#[derive(Clone, Copy)]
pub struct Load<'a> {
    /// The server.
    pub server: SocketAddr,
    /// Its requests.
    pub requests: &'a Requests,
    /// Connections in all.
    pub connections: usize,
    /// For how long requests are sent.
    pub time: Duration,
    /// Where the generator runs: one thread a core.
    pub cores: Cores,
    /// Bursts of different seeds send different visitors.
    pub seed: u64,
}

/// What a burst gave.
#[derive(Debug, Clone)]
pub struct Burst {
    /// Answers.
    pub answers: u64,
    /// Answers that were no redirect.
    pub others: u64,
    /// How long requests were sent.
    pub time: Duration,
    /// Times from request to answer, in nanoseconds.
    pub latency: Histogram<u64>,
}

impl Burst {
    fn empty() -> Self {
        Self {
            answers: 0,
            others: 0,
            time: Duration::ZERO,
            // Three digits, with room that grows: neither can be refused.
            latency: Histogram::new(3).expect("three digits are a precision"),
        }
    }

    /// Answers a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.answers as f64 / self.time.as_secs_f64()
    }

    /// A quantile of the latency in milliseconds.
    #[must_use]
    pub fn ms(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e6
    }
}

/// Sends for a while.
///
/// # Errors
/// The server cannot be reached, hangs up, or does not answer in time.
pub fn burst(load: &Load<'_>) -> anyhow::Result<Burst> {
    let threads = load.cores.count().min(load.connections);
    let mut all = Burst::empty();
    let parts: Vec<anyhow::Result<Burst>> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || run_thread(load, thread, threads)))
            .collect();
        let ended = started.into_iter().map(|thread| thread.join());
        ended
            .map(|part| part.unwrap_or_else(|_| Err(anyhow::anyhow!("panic"))))
            .collect()
    });
    for part in parts {
        let part = part?;
        all.answers += part.answers;
        all.others += part.others;
        all.time = all.time.max(part.time);
        all.latency.add(part.latency)?;
    }
    Ok(all)
}

fn run_thread(load: &Load<'_>, thread: usize, threads: usize) -> anyhow::Result<Burst> {
    load.cores.pin_one(thread)?;
    let connections = load.connections / threads + usize::from(thread < load.connections % threads);
    let requests = load.requests.stream(load.seed << 8 | thread as u64);
    Sender::connect(load.server, connections, requests)?.run(load.time)
}

struct Connection {
    stream: TcpStream,
    sent: Instant,
    /// An answer that has begun.
    begun: Vec<u8>,
}

struct Sender<'a> {
    poll: std::os::fd::OwnedFd,
    connections: Vec<Connection>,
    requests: Stream<'a>,
    burst: Burst,
    waiting: usize,
}

impl<'a> Sender<'a> {
    fn connect(server: SocketAddr, count: usize, requests: Stream<'a>) -> anyhow::Result<Self> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(count);
        for index in 0..count {
            let stream = TcpStream::connect(server).context("the server does not answer")?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll::add(
                &poll,
                &stream,
                EventData::new_u64(index as u64),
                EventFlags::IN,
            )?;
            connections.push(Connection {
                stream,
                sent: Instant::now(),
                begun: Vec::new(),
            });
        }
        Ok(Self {
            poll,
            connections,
            requests,
            burst: Burst::empty(),
            waiting: 0,
        })
    }

    fn run(mut self, time: Duration) -> anyhow::Result<Burst> {
        let began = Instant::now();
        for index in 0..self.connections.len() {
            self.send(index)?;
        }
        let mut events = Vec::with_capacity(self.connections.len().max(64));
        while self.waiting > 0 {
            let elapsed = began.elapsed();
            anyhow::ensure!(
                elapsed < time + LAST_ANSWERS,
                "{} answers did not come",
                self.waiting
            );
            // Never asleep: a server that is slower than the generator would pay for waking it at each answer.
            let timeout = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            events.clear();
            epoll::wait(
                &self.poll,
                rustix::buffer::spare_capacity(&mut events),
                Some(&timeout),
            )?;
            let is_over = began.elapsed() >= time;
            for event in &events {
                self.receive(event.data.u64() as usize, is_over)?;
            }
            if is_over && self.burst.time.is_zero() {
                self.burst.time = began.elapsed();
            }
        }
        self.burst.time = if self.burst.time.is_zero() {
            began.elapsed()
        } else {
            self.burst.time
        };
        Ok(self.burst)
    }

    fn send(&mut self, index: usize) -> anyhow::Result<()> {
        let connection = &mut self.connections[index];
        let request = self.requests.next();
        connection.sent = Instant::now();
        // A request is small and the one before it was answered: the kernel has room for it.
        let written = connection.stream.write(request)?;
        anyhow::ensure!(written == request.len(), "a request went out in part");
        self.waiting += 1;
        Ok(())
    }

    fn receive(&mut self, index: usize, is_over: bool) -> anyhow::Result<()> {
        let connection = &mut self.connections[index];
        let mut buffer = [0; 4_096];
        let read = match connection.stream.read(&mut buffer) {
            Ok(0) => anyhow::bail!("the server hung up"),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let bytes = if connection.begun.is_empty() {
            &buffer[..read]
        } else {
            connection.begun.extend_from_slice(&buffer[..read]);
            &connection.begun
        };
        let Some(answer) = response::read(bytes)? else {
            let begun = bytes.to_vec();
            connection.begun = begun;
            return Ok(());
        };
        anyhow::ensure!(
            answer.length == bytes.len(),
            "an answer that nobody asked for"
        );
        connection.begun.clear();
        self.waiting -= 1;
        // What comes late is waited for, so that the server is at rest, but not counted.
        if self.burst.time.is_zero() {
            self.burst.answers += 1;
            self.burst.others += u64::from(answer.status != 302);
            self.burst
                .latency
                .record(connection.sent.elapsed().as_nanos() as u64)?;
        }
        if is_over { Ok(()) } else { self.send(index) }
    }
}
