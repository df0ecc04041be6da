use std::sync::Arc;

use bytes::Bytes;
use gossip_driver::TcpRuntime;
use gossip_driver::core::{Binding, Endpoint};
use gossip_driver::transport::Link;

use crate::close_signal::CloseSignal;
use crate::decoder::Decoder;
use crate::encoder::Encoder;
use crate::flow::Flow;
use crate::handshake::Session;
use crate::idle_timer::IdleTimer;
use crate::reader::QUIET;
use crate::shared::Shared;
use crate::window::Window;
use crate::writer::SUSPEND_AFTER;
use crate::{Cipher, TcpReader, TcpWriter};

/// An encrypted connection.
pub struct TcpLink<R: TcpRuntime> {
    remote: Endpoint,
    binding: Bytes,
    cipher: Cipher,
    reader: TcpReader<R>,
    writer: TcpWriter<R>,
}

impl<R: TcpRuntime> TcpLink<R> {
    /// The cipher of this link.
    #[must_use]
    pub const fn cipher(&self) -> Cipher {
        self.cipher
    }

    pub(crate) fn new(
        shared: &Shared<R>,
        remote: Endpoint,
        stream: R::Stream,
        session: Session,
    ) -> Self {
        let (incoming, outgoing) = R::split(stream);
        let close = Arc::new(CloseSignal::default());
        let flow = Arc::new(Flow::default());
        let window = Window::new(shared.config.window);
        let timeout = shared.config.idle_timeout;
        let now = shared.runtime.now();
        let reader = TcpReader {
            runtime: shared.runtime.clone(),
            stream: incoming,
            decoder: Decoder::new(session.opening),
            close: Arc::clone(&close),
            flow: Arc::clone(&flow),
            counters: Arc::clone(&shared.counters),
            idle: IdleTimer::new(timeout, now),
            quiet: IdleTimer::new(QUIET, now),
        };
        let writer = TcpWriter {
            runtime: shared.runtime.clone(),
            stream: outgoing,
            encoder: Encoder::new(session.sealing).with_window(window, flow),
            close,
            keep_alive: IdleTimer::new(timeout / 3, now),
            stuck: IdleTimer::new(SUSPEND_AFTER, now),
            ended: false,
        };
        Self {
            remote,
            binding: session.binding,
            cipher: session.cipher,
            reader,
            writer,
        }
    }
}

impl<R: TcpRuntime> Link for TcpLink<R> {
    type Reader = TcpReader<R>;
    type Writer = TcpWriter<R>;

    fn remote(&self) -> Endpoint {
        self.remote.clone()
    }

    fn binding(&self) -> Binding {
        Binding::symmetric(self.binding.clone())
    }

    fn split(self) -> (TcpReader<R>, TcpWriter<R>) {
        (self.reader, self.writer)
    }
}

impl<R: TcpRuntime> std::fmt::Debug for TcpLink<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TcpLink")
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}
