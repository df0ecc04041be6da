use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use gossip_core::{Binding, Endpoint};
use gossip_driver::transport::{
    FrameQueue, FrameReader, FrameWriter, Link, Transport, TransportError,
};

use super::Stage;

/// A stage whose transports count their open links.
#[derive(Clone, Debug)]
pub struct Counted<S>(pub S);

impl<S: Stage> Stage for Counted<S> {
    type Runtime = S::Runtime;
    type Transport = CountedTransport<S::Transport>;

    fn runtime(&self) -> S::Runtime {
        self.0.runtime()
    }

    async fn listen(&self, place: Option<&Endpoint>) -> (Self::Transport, Endpoint) {
        let (inner, endpoint) = self.0.listen(place).await;
        let open = Arc::default();
        (CountedTransport { inner, open }, endpoint)
    }
}

/// A transport that counts its links that are not dropped.
#[derive(Clone, Debug)]
pub struct CountedTransport<T> {
    inner: T,
    open: Arc<AtomicUsize>,
}

impl<T: Transport> CountedTransport<T> {
    /// The number of links with at least one half that is not dropped.
    #[must_use]
    pub fn open_links(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    fn count(&self, inner: T::Link) -> CountedLink<T::Link> {
        self.open.fetch_add(1, Ordering::SeqCst);
        let place = Arc::new(Held(Arc::clone(&self.open)));
        CountedLink { inner, place }
    }
}

impl<T: Transport> Transport for CountedTransport<T> {
    type Link = CountedLink<T::Link>;

    async fn accept(&self) -> Result<Self::Link, TransportError> {
        Ok(self.count(self.inner.accept().await?))
    }

    async fn dial(&self, to: &Endpoint) -> Result<Self::Link, TransportError> {
        Ok(self.count(self.inner.dial(to).await?))
    }

    fn close(&self) -> impl Future<Output = ()> + Send {
        self.inner.close()
    }

    fn network_id(&self) -> Option<Bytes> {
        self.inner.network_id()
    }

    fn local_endpoint(&self) -> Option<Endpoint> {
        self.inner.local_endpoint()
    }
}

/// A link of a [`CountedTransport`].
#[derive(Debug)]
pub struct CountedLink<L> {
    inner: L,
    place: Arc<Held>,
}

impl<L: Link> Link for CountedLink<L> {
    type Reader = CountedHalf<L::Reader>;
    type Writer = CountedHalf<L::Writer>;

    fn remote(&self) -> Endpoint {
        self.inner.remote()
    }

    fn binding(&self) -> Binding {
        self.inner.binding()
    }

    fn split(self) -> (Self::Reader, Self::Writer) {
        let (reader, writer) = self.inner.split();
        let other = Arc::clone(&self.place);
        (CountedHalf(reader, self.place), CountedHalf(writer, other))
    }
}

/// A half of a [`CountedLink`].
#[derive(Debug)]
pub struct CountedHalf<H>(H, Arc<Held>);

impl<R: FrameReader> FrameReader for CountedHalf<R> {
    fn read(
        &mut self,
        limit: usize,
    ) -> impl Future<Output = Result<Option<Bytes>, TransportError>> + Send {
        self.0.read(limit)
    }
}

impl<W: FrameWriter> FrameWriter for CountedHalf<W> {
    async fn run(self, queue: FrameQueue) -> Result<(), TransportError> {
        let Self(inner, _place) = self;
        inner.run(queue).await
    }
}

/// Counts a link as open until it is dropped.
#[derive(Debug)]
struct Held(Arc<AtomicUsize>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
