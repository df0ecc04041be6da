use std::sync::Arc;

use bytes::Bytes;
use gossip_driver::Runtime;
use gossip_driver::core::{Binding, Endpoint};
use gossip_driver::transport::Link;
use rand_chacha::ChaCha8Rng;

use crate::pipe::Pipe;
use crate::{Conditions, MemReader, MemWriter};

/// A connection in memory.
#[derive(Debug)]
pub struct MemLink<R: Runtime> {
    remote: Endpoint,
    binding: Bytes,
    reader: MemReader<R>,
    writer: MemWriter<R>,
}

/// What each side of a new link gets, before it is bound to a runtime.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) remote: Endpoint,
    pub(crate) binding: Bytes,
    pub(crate) incoming: Arc<Pipe>,
    pub(crate) outgoing: Arc<Pipe>,
    pub(crate) conditions: Conditions,
    pub(crate) rng: ChaCha8Rng,
}

impl<R: Runtime> MemLink<R> {
    pub(crate) fn new(runtime: &R, ends: Ends) -> Self {
        let Ends {
            remote,
            binding,
            incoming,
            outgoing,
            conditions,
            rng,
        } = ends;
        let writer = MemWriter::new(
            runtime.clone(),
            outgoing,
            Arc::clone(&incoming),
            conditions,
            rng,
        );
        let reader = MemReader::new(runtime.clone(), incoming);
        Self {
            remote,
            binding,
            reader,
            writer,
        }
    }
}

impl<R: Runtime> Link for MemLink<R> {
    type Reader = MemReader<R>;
    type Writer = MemWriter<R>;

    fn remote(&self) -> Endpoint {
        self.remote.clone()
    }

    fn binding(&self) -> Binding {
        Binding::symmetric(self.binding.clone())
    }

    fn split(self) -> (MemReader<R>, MemWriter<R>) {
        (self.reader, self.writer)
    }
}
