//! What may wait for a disk is read elsewhere: a core has one thread, on which its clicks would wait with it.

use tokio::runtime::Handle;

/// Reads something on `runtime`; nothing when that has ended or the reading panicked.
pub(super) async fn read<T: Send + 'static>(
    runtime: &Handle,
    reading: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    runtime.spawn(reading).await.ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_core_goes_on_while_something_is_read() {
        let actors = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let core = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let (click, clicked) = mpsc::channel();
        // A disk that gives nothing until a click was answered on the core.
        let reading = async move { clicked.recv_timeout(Duration::from_secs(20)) };
        let (read, ()) = core.block_on(async {
            tokio::join!(read(actors.handle(), reading), async {
                click.send("answered").unwrap();
            })
        });
        assert_eq!(read, Some(Ok("answered")));
    }

    #[test]
    fn a_reading_that_panics_gives_nothing() {
        let actors = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let reading = async { panic!("the disk is gone") };
        let read: Option<()> = actors.block_on(read(actors.handle(), reading));
        assert_eq!(read, None);
    }
}
