use std::pin::pin;
use std::time::Duration;

use async_channel::Receiver;
use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::join;

use super::pair::Pair;
use crate::Runtime;
use crate::core::Class;
use crate::transport::{
    FrameReader as _, FrameSender, FrameWriter as _, Link, Transport, TransportError, frame_queue,
};

/// One end of a link with its writer running.
pub(super) struct Side<L: Link> {
    pub(super) sender: FrameSender,
    pub(super) reader: L::Reader,
    flushed: Receiver<()>,
    ended: Receiver<Result<(), TransportError>>,
}

impl<L: Link> Side<L> {
    pub(super) fn start<R: Runtime>(runtime: &R, link: L) -> Self {
        let (notify, flushed) = async_channel::bounded(1);
        let (sender, queue) = frame_queue(move || {
            let _ = notify.try_send(());
        });
        let (reader, writer) = link.split();
        let (done, ended) = async_channel::bounded(1);
        runtime.spawn(async move {
            let _ = done.try_send(writer.run(queue).await);
        });
        Self {
            sender,
            reader,
            flushed,
            ended,
        }
    }

    /// The next frame; the link must not end.
    pub(super) async fn frame(&mut self, limit: usize) -> Bytes {
        self.reader
            .read(limit)
            .await
            .expect("a frame arrives")
            .expect("the link stays open")
    }

    /// What the writer's run returned.
    pub(super) async fn writer_result(&self) -> Result<(), TransportError> {
        self.ended
            .recv()
            .await
            .expect("the writer's task was dropped")
    }

    /// Waits until `frames` more frames have returned their credit; their bytes.
    pub(super) async fn credit(&self, frames: u32) -> u64 {
        let (mut seen, mut bytes) = self.sender.take_flushed();
        while seen < frames {
            self.flushed.recv().await.expect("credit returns");
            let more = self.sender.take_flushed();
            seen += more.0;
            bytes += more.1;
        }
        assert_eq!(seen, frames, "more credit returned than frames were sent");
        bytes
    }

    /// Collects credit until none has returned for half a second.
    pub(super) async fn credit_until_quiet<R: Runtime>(&self, runtime: &R) -> (u32, u64) {
        let mut total = (0, 0);
        loop {
            let more = self.sender.take_flushed();
            total = (total.0 + more.0, total.1 + more.1);
            let pause = runtime.sleep_until(runtime.now() + Duration::from_millis(500));
            match select(pin!(self.flushed.recv()), pin!(pause)).await {
                Either::Left(_) => {}
                Either::Right(_) => return total,
            }
        }
    }

    /// Waits until the writer has taken every frame, whether it is sent or not.
    pub(super) async fn taken<R: Runtime>(&self, runtime: &R) {
        while self.sender.waiting() > 0 {
            runtime
                .sleep_until(runtime.now() + Duration::from_millis(1))
                .await;
        }
    }

    pub(super) fn push_all(&self, class: Class, frames: impl IntoIterator<Item = Bytes>) {
        frames
            .into_iter()
            .for_each(|frame| self.sender.push(class, frame));
    }
}

/// A new link, its dialling end first.
pub(super) async fn links<T: Transport>(pair: &Pair<T>) -> (T::Link, T::Link) {
    // Each result is checked at once: after a failed dial, `accept` would never complete.
    let dialled = async {
        pair.dialler
            .dial(&pair.acceptor_endpoint)
            .await
            .expect("the acceptor can be dialled")
    };
    let accepted = async { pair.acceptor.accept().await.expect("a dial is accepted") };
    join!(dialled, accepted)
}

/// A new link with both writers running, its dialling end first.
pub(super) async fn sides<R: Runtime, T: Transport>(
    runtime: &R,
    pair: &Pair<T>,
) -> (Side<T::Link>, Side<T::Link>) {
    let (dialled, accepted) = links(pair).await;
    (
        Side::start(runtime, dialled),
        Side::start(runtime, accepted),
    )
}
