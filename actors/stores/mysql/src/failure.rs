//! What goes wrong with a server, in the words of the ports, and what may be tried again at once.

use mysql_async::{DriverError, Error, ServerError};
use weir_engine::ports::StoreError;

/// The server did not do it. A cause is kept as the source.
pub fn unavailable(error: Error) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

/// No answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer from the database within {0:?}")]
pub struct TimedOut(pub std::time::Duration);

/// The runtime of the store has ended.
#[derive(Debug, thiserror::Error)]
#[error("store has stopped")]
pub struct Stopped;

/// Whether the whole transaction may be tried again at once: it was rolled back for what others did at the same
/// time, or the server has changed hands.
///
/// 1205 lock wait, 1213 deadlock, 1020 snapshot isolation (MariaDB); 1290 and 1836 read-only after a fail-over,
/// 2006 and 2013 connection lost in one.
pub fn is_passing(error: &Error) -> bool {
    match error {
        Error::Server(ServerError { code, .. }) => {
            matches!(code, 1205 | 1213 | 1020 | 1290 | 1836 | 2006 | 2013)
        }
        Error::Driver(DriverError::ConnectionClosed) | Error::Io(_) => true,
        Error::Driver(_) | Error::Other(_) | Error::Url(_) => false,
    }
}
