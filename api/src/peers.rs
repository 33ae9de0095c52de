//! Peers of the listeners: whom they are counted as, how many connections each holds, and the stream that tells when
//! one takes no bytes.
//!
//! Always true: an IPv6 address counts as its /64, for a whole one is what a customer of a network is given. Not
//! here: what is done about a slow peer (each listener), whose address stands behind a proxy (the edge).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The network that an address is counted as: itself, or the /64 of an IPv6 address.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

/// How many connections each network holds.
#[derive(Debug, Default)]
pub(crate) struct PerAddress(Mutex<HashMap<IpAddr, u32>>);

impl PerAddress {
    /// Counts one more, unless `limit` (0 = none) are held already.
    pub(crate) fn admit(&self, address: IpAddr, limit: u32) -> bool {
        let mut held = self.held();
        let count = held.entry(network_of(address)).or_default();
        let is_admitted = limit == 0 || *count < limit;
        *count += u32::from(is_admitted);
        is_admitted
    }

    /// One less.
    pub(crate) fn release(&self, address: IpAddr) {
        let (mut held, network) = (self.held(), network_of(address));
        if let Some(count) = held.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                held.remove(&network);
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who is told how a connection's bytes go.
pub(crate) trait Watch: Unpin {
    /// Bytes came.
    fn read_some(&mut self) {}

    /// The peer took bytes, or takes none now.
    ///
    /// # Errors
    /// The connection is to end.
    fn write_went(&mut self, is_blocked: bool, cx: &mut Context<'_>) -> io::Result<()>;
}

/// A stream that tells when bytes come and when the peer takes none.
pub(crate) struct WatchedStream<W> {
    stream: TcpStream,
    watch: W,
}

impl<W: Watch> WatchedStream<W> {
    pub(crate) fn new(stream: TcpStream, watch: W) -> Self {
        Self { stream, watch }
    }

    fn written(
        &mut self,
        polled: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match self.watch.write_went(polled.is_pending(), cx) {
            Ok(()) => polled,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<W: Watch> AsyncRead for WatchedStream<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.watch.read_some();
        }
        polled
    }
}

impl<W: Watch> AsyncWrite for WatchedStream<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.written(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_no_more_than_its_share() {
        let held = PerAddress::default();
        let address = IpAddr::from([203, 0, 113, 9]);
        assert!(held.admit(address, 2) && held.admit(address, 2));
        assert!(!held.admit(address, 2));
        held.release(address);
        assert!(held.admit(address, 2));
        assert!(held.admit(address, 0), "no limit");
    }

    #[test]
    fn an_ipv6_address_counts_as_its_64() {
        let held = PerAddress::default();
        let admit = |text: &str| held.admit(text.parse().unwrap(), 1);
        assert!(admit("2001:db8:1:2::1"));
        assert!(!admit("2001:db8:1:2:ffff:ffff:ffff:ffff"), "same /64");
        assert!(admit("2001:db8:1:3::1"), "the next /64");
        held.release("2001:db8:1:2::77".parse().unwrap());
        assert!(admit("2001:db8:1:2::2"));
        assert!(admit("203.0.113.1") && admit("203.0.113.2"));
        assert!(!admit("::ffff:203.0.113.1"), "IPv4 written as IPv6");
    }
}
