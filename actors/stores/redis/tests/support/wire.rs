//! A wire to a server that can be made slow or silent.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Nothing comes through.
pub const SILENT: u64 = u64::MAX;

pub struct Wire {
    port: u16,
    delay_ms: Arc<AtomicU64>,
}

impl Wire {
    /// A wire to a port of this machine.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let wire = Self {
            port: listener.local_addr().expect("an address").port(),
            delay_ms: Arc::default(),
        };
        let delay_ms = Arc::clone(&wire.delay_ms);
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.expect("a connection");
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                let (near2, far2) = (near.try_clone().expect("cloned"), far.try_clone());
                pass(near, far2.expect("cloned"), Arc::clone(&delay_ms));
                pass(far, near2, Arc::default());
            }
        });
        wire
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What goes to the server waits so long; [`SILENT`] = for ever.
    pub fn delay(&self, ms: u64) {
        self.delay_ms.store(ms, Ordering::Relaxed);
    }
}

/// Passes bytes on, each lot after the delay.
fn pass(mut from: TcpStream, mut to: TcpStream, delay_ms: Arc<AtomicU64>) {
    std::thread::spawn(move || {
        let mut bytes = [0; 16_384];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            match delay_ms.load(Ordering::Relaxed) {
                0 => {}
                SILENT => continue,
                ms => std::thread::sleep(Duration::from_millis(ms)),
            }
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        drop(to.shutdown(std::net::Shutdown::Both));
    });
}
