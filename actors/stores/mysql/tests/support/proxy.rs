//! A road to a server that can be cut: it lets through, turns away, is silent, or breaks at a commit.

#![allow(dead_code)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

/// How often a connection looks what the road does now.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What the road does with what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Road {
    /// Both ways.
    Open = 0,
    /// Connections are ended, and new ones too.
    Closed = 1,
    /// Nothing is said, and nothing arrives.
    Silent = 2,
    /// The next `COMMIT` does not arrive; its connection ends.
    LosesCommit = 3,
    /// The next `COMMIT` arrives; its connection ends before the answer.
    LosesAnswer = 4,
}

impl Road {
    fn of(code: u8) -> Self {
        let all = [Self::Open, Self::Closed, Self::Silent, Self::LosesCommit];
        all.into_iter()
            .find(|road| *road as u8 == code)
            .unwrap_or(Self::LosesAnswer)
    }
}

#[derive(Default)]
struct Shared {
    road: AtomicU8,
    /// For how many more commits the road stays as it is, when it breaks at commits.
    breaks: AtomicUsize,
    commits: AtomicUsize,
    is_over: AtomicBool,
}

impl Shared {
    fn road(&self) -> Road {
        Road::of(self.road.load(Ordering::SeqCst))
    }

    /// A commit comes by: what happens to it.
    fn at_commit(&self) -> Road {
        self.commits.fetch_add(1, Ordering::SeqCst);
        let road = self.road();
        if matches!(road, Road::LosesCommit | Road::LosesAnswer) {
            let left = self.breaks.fetch_sub(1, Ordering::SeqCst);
            if left == 1 {
                self.road.store(Road::Open as u8, Ordering::SeqCst);
            }
            if left == 0 {
                self.breaks.store(0, Ordering::SeqCst);
                return Road::Open;
            }
        }
        road
    }
}

/// The near end of the road.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// An open road to `server`, such as `127.0.0.1:3306`.
    pub fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let (of_all, server) = (Arc::clone(&shared), server.to_owned());
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if of_all.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, server) = (Arc::clone(&of_all), server.clone());
                std::thread::spawn(move || carry(near, &server, &shared));
            }
        });
        Self { address, shared }
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, also for what is under way: a connection that reads has looked again when this returns.
    pub fn set(&self, road: Road) {
        self.shared.road.store(road as u8, Ordering::SeqCst);
        std::thread::sleep(LOOK_EVERY * 3);
    }

    /// Breaks at each of the next `count` commits, in the way of `road`.
    pub fn break_at_commits(&self, road: Road, count: usize) {
        self.shared.breaks.store(count, Ordering::SeqCst);
        self.set(road);
    }

    /// How many commits came by.
    pub fn commits(&self) -> usize {
        self.shared.commits.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.set(Road::Closed);
        // The last one wakes who waits for connections.
        drop(TcpStream::connect(self.address));
    }
}

fn carry(near: TcpStream, server: &str, shared: &Arc<Shared>) {
    while shared.road() == Road::Silent {
        std::thread::sleep(LOOK_EVERY);
    }
    if shared.road() == Road::Closed {
        return;
    }
    let Ok(far) = TcpStream::connect(server) else {
        return;
    };
    for end in [&near, &far] {
        let prepared = end
            .set_nodelay(true)
            .and_then(|()| end.set_read_timeout(Some(LOOK_EVERY)));
        prepared.expect("a connected socket");
    }
    let (Ok(answers_to), Ok(answers_from)) = (near.try_clone(), far.try_clone()) else {
        return;
    };
    let of_answers = Arc::clone(shared);
    let answers = std::thread::spawn(move || {
        pump(&answers_from, &answers_to, &of_answers, |_| Road::Open);
    });
    let mut commands = Commands::default();
    pump(&near, &far, shared, |bytes| {
        if commands.has_commit(bytes) {
            shared.at_commit()
        } else {
            Road::Open
        }
    });
    answers.join().expect("carried");
}

/// Carries one way until either end is gone or the road is closed.
fn pump(from: &TcpStream, to: &TcpStream, shared: &Shared, mut seen: impl FnMut(&[u8]) -> Road) {
    let mut buffer = vec![0; 64 << 10];
    let (mut reader, mut writer) = (from, to);
    loop {
        match shared.road() {
            Road::Closed => break,
            Road::Silent => {
                std::thread::sleep(LOOK_EVERY);
                continue;
            }
            _ => {}
        }
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        match seen(&buffer[..count]) {
            Road::LosesCommit => break,
            Road::LosesAnswer => {
                // What was sent arrives; who sent it does not hear of it.
                drop(from.shutdown(Shutdown::Both));
                drop(writer.write_all(&buffer[..count]));
                std::thread::sleep(Duration::from_millis(50));
                break;
            }
            _ => {}
        }
        if writer.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}

/// Reads what a client sends as packets: three bytes of length, a number, and a command.
#[derive(Default)]
struct Commands {
    head: Vec<u8>,
    left: usize,
}

/// The command of a query, and what it says.
const COMMIT: &[u8] = b"\x03COMMIT";

impl Commands {
    fn has_commit(&mut self, mut bytes: &[u8]) -> bool {
        let mut found = false;
        while !bytes.is_empty() {
            if self.left == 0 {
                self.head.push(bytes[0]);
                bytes = &bytes[1..];
                if self.head.len() < 4 {
                    continue;
                }
                let head = std::mem::take(&mut self.head);
                self.left = u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize;
                found |= self.left == COMMIT.len() && bytes.starts_with(COMMIT);
            }
            let passed = self.left.min(bytes.len());
            self.left -= passed;
            bytes = &bytes[passed..];
        }
        found
    }
}
