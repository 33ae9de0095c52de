//! A wire to a server that can be cut, silent or slow, or say that there is too much to do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a wire is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Everything comes through.
    Open,
    /// Nobody listens.
    Refused,
    /// Who is there hears nothing, and is not told.
    Silent,
    /// What goes to the server comes so much later.
    Slow(Duration),
    /// Every request gets a 429, in the server's place.
    Busy,
}

pub struct Wire {
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    target: String,
    mood: Mutex<Mood>,
    open: Mutex<Vec<TcpStream>>,
}

impl Wire {
    /// An open wire to a server such as `127.0.0.1:6379`.
    pub fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            mood: Mutex::new(Mood::Open),
            open: Mutex::default(),
        });
        let accepts = Arc::clone(&shared);
        std::thread::spawn(move || accepts.accept(listener, port));
        Self { port, shared }
    }

    /// Changes how it is. Who had an open request on a wire that was cut, silent or busy loses the connection.
    pub fn set(&self, mood: Mood) {
        let before = std::mem::replace(&mut *self.shared.mood.lock().unwrap(), mood);
        let cuts = |mood| matches!(mood, Mood::Refused | Mood::Busy);
        if cuts(mood) || cuts(before) || before == Mood::Silent {
            for connection in self.shared.open.lock().unwrap().drain(..) {
                drop(connection.shutdown(Shutdown::Both));
            }
        }
    }
}

impl Shared {
    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap()
    }

    fn accept(self: Arc<Self>, listener: TcpListener, port: u16) {
        listener.set_nonblocking(true).unwrap();
        let mut listener = Some(listener);
        loop {
            if self.mood() == Mood::Refused {
                listener = None;
            } else if listener.is_none() {
                listener = TcpListener::bind(("127.0.0.1", port)).ok();
                listener
                    .iter()
                    .for_each(|l| l.set_nonblocking(true).unwrap());
            }
            match listener.as_ref().map(TcpListener::accept) {
                Some(Ok((near, _))) => {
                    near.set_nonblocking(false).unwrap();
                    self.join(near);
                }
                _ => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    fn join(self: &Arc<Self>, near: TcpStream) {
        self.open.lock().unwrap().push(near.try_clone().unwrap());
        let shared = Arc::clone(self);
        match self.mood() {
            Mood::Silent => {}
            Mood::Busy => drop(std::thread::spawn(move || shared.refuse(near))),
            _ => {
                let Ok(far) = TcpStream::connect(&self.target) else {
                    drop(near.shutdown(Shutdown::Both));
                    return;
                };
                drop((near.set_nodelay(true), far.set_nodelay(true)));
                let (near2, far2) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                std::thread::spawn(move || shared.pass(near, far, true));
                let shared = Arc::clone(self);
                std::thread::spawn(move || shared.pass(far2, near2, false));
            }
        }
    }

    /// Passes bytes on until somebody hangs up.
    fn pass(&self, mut from: TcpStream, mut to: TcpStream, is_to_server: bool) {
        let mut bytes = [0; 65_536];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            match self.mood() {
                Mood::Open => {}
                Mood::Slow(by) if is_to_server => std::thread::sleep(by),
                Mood::Slow(_) => {}
                Mood::Silent => continue,
                Mood::Refused | Mood::Busy => break,
            }
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        drop((to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both)));
    }

    /// Answers every HTTP request of a connection with a 429.
    fn refuse(&self, near: TcpStream) {
        let mut reader = BufReader::new(near);
        while self.mood() == Mood::Busy {
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            if line.is_empty() || reader.read_exact(&mut vec![0; length]).is_err() {
                return;
            }
            let body = r#"{"error":{"type":"es_rejected_execution_exception","reason":"queue full"},"status":429}"#;
            let answer = format!(
                "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nretry-after: 1\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}
