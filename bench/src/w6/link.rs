use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use gossip_driver::core::{Class, Endpoint};
use gossip_driver::transport::{
    FrameSender, FrameWriter as _, Link as _, Transport as _, frame_queue,
};
use runtime_tokio::TokioRuntime;
use tokio::sync::Notify;
use transport_tcp::{TcpConfig, TcpReader, TcpTransport};

/// The sending end of a link.
pub(super) struct Flow {
    sender: Arc<FrameSender>,
    flushed: Arc<Notify>,
}

impl Flow {
    pub(super) fn sender(&self) -> Arc<FrameSender> {
        Arc::clone(&self.sender)
    }

    /// Sends copies of `frame` for ever, with at most `window` unflushed bytes.
    pub(super) async fn saturate(self, frame: Bytes, class: Class, window: usize) {
        let mut waiting = 0;
        loop {
            while waiting < window {
                self.sender.push(class, frame.clone());
                waiting += frame.len();
            }
            self.flushed.notified().await;
            let (_, bytes) = self.sender.take_flushed();
            waiting = waiting.saturating_sub(bytes as usize);
        }
    }
}

/// A link over loopback TCP: its sending and its receiving end.
pub(super) async fn connect() -> Result<(Flow, TcpReader<TokioRuntime>)> {
    let listen = TcpConfig::new(Endpoint::new("127.0.0.1:0"), "bench");
    let transport = TcpTransport::bind(TokioRuntime::current(), listen).await?;
    let dialled = transport.dial(transport.local_endpoint()).await?;
    let accepted = transport.accept().await?;
    let flushed = Arc::new(Notify::new());
    let (sender, queue) = frame_queue({
        let flushed = Arc::clone(&flushed);
        move || flushed.notify_one()
    });
    let (idle_reader, writer) = dialled.split();
    let (reader, idle_writer) = accepted.split();
    tokio::spawn(async move {
        // A link has two directions: the unused halves must stay alive.
        let _open = (transport, idle_reader, idle_writer);
        let _ = writer.run(queue).await;
    });
    let sender = Arc::new(sender);
    Ok((Flow { sender, flushed }, reader))
}
