//! The rolling hash of a run.

use std::fmt;

use gossip_core::{CryptoOutcome, Event, Instant, LedgerOutcome};
use serde::{Serialize, Serializer};

const BATCH: usize = 32 << 10;
const HEAD: usize = 16;
const TAIL: usize = 48;

/// BLAKE3 over every delivered event: its time, node, kind and essential bytes. Equal for equal
/// seeds, in every process and on every platform.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceHash([u8; 32]);

impl TraceHash {
    /// The hash's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceHash({self})")
    }
}

impl Serialize for TraceHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Collects records and hashes them in large pieces, which is several times faster than one by one.
#[derive(Debug)]
pub(crate) struct Trace {
    hasher: blake3::Hasher,
    batch: Vec<u8>,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            batch: Vec::with_capacity(BATCH + 256),
        }
    }

    pub(crate) fn record(&mut self, now: Instant, node: u32, event: &Event) {
        self.batch.extend_from_slice(&now.as_nanos().to_le_bytes());
        self.batch.extend_from_slice(&node.to_le_bytes());
        self.event(event);
        if self.batch.len() >= BATCH {
            self.hasher.update(&self.batch);
            self.batch.clear();
        }
    }

    pub(crate) fn hash(&self) -> TraceHash {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.batch);
        TraceHash(*hasher.finalize().as_bytes())
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Tick => self.kind(0, 0),
            Event::LinkUp {
                link,
                dial,
                binding,
                ..
            } => {
                self.kind(1, link.0);
                self.number(dial.map_or(0, |ticket| ticket.0));
                self.bytes(&binding.ours);
            }
            Event::LinkDown { link, reason } => {
                self.kind(2, link.0);
                self.batch.push(*reason as u8);
            }
            Event::DialFailed { ticket, error } => {
                self.kind(3, ticket.0);
                self.batch.push(*error as u8);
            }
            Event::Received { link, message } => {
                self.kind(4, link.0);
                self.bytes(message.encoded());
            }
            Event::Malformed { link, .. } => self.kind(5, link.0),
            Event::Flushed {
                link,
                frames,
                bytes,
            } => {
                self.kind(6, link.0);
                self.number(u64::from(*frames));
                self.number(*bytes);
            }
            Event::CryptoDone { ticket, outcome } => {
                self.kind(7, ticket.0);
                self.batch.push(crypto_outcome(outcome));
            }
            Event::LedgerDone { ticket, outcome } => {
                self.kind(8, ticket.0);
                self.ledger_outcome(outcome);
            }
            Event::Request { id, .. } => self.kind(9, id.0),
        }
    }

    fn ledger_outcome(&mut self, outcome: &LedgerOutcome) {
        match outcome {
            LedgerOutcome::Height(result) => {
                self.number(result.as_ref().map_or(u64::MAX, |height| *height));
            }
            LedgerOutcome::Committed(result) => self.batch.push(u8::from(result.is_ok())),
            LedgerOutcome::Blocks(result) => {
                self.number(
                    result
                        .as_ref()
                        .map_or(u64::MAX, |blocks| blocks.len() as u64),
                );
            }
        }
    }

    fn kind(&mut self, kind: u8, subject: u64) {
        self.batch.push(kind);
        self.number(subject);
    }

    fn number(&mut self, number: u64) {
        self.batch.extend_from_slice(&number.to_le_bytes());
    }

    /// Head, tail and length: an envelope's tail is its signature, a block's its checksum, so that
    /// any difference shows without hashing megabytes once per copy.
    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        if bytes.len() <= HEAD + TAIL {
            self.batch.extend_from_slice(bytes);
        } else {
            self.batch.extend_from_slice(&bytes[..HEAD]);
            self.batch.extend_from_slice(&bytes[bytes.len() - TAIL..]);
        }
    }
}

const fn crypto_outcome(outcome: &CryptoOutcome) -> u8 {
    match outcome {
        CryptoOutcome::Authenticated(result) => result.is_ok() as u8,
        CryptoOutcome::Verified(result) => 2 + result.is_ok() as u8,
        CryptoOutcome::Signed(result) => 4 + result.is_ok() as u8,
    }
}

#[cfg(test)]
mod tests {
    use gossip_core::{LinkId, Ticket};

    use super::*;

    fn hash_of(events: &[(u64, u32, Event)]) -> TraceHash {
        let mut trace = Trace::new();
        for (at, node, event) in events {
            trace.record(Instant::from_nanos(*at), *node, event);
        }
        trace.hash()
    }

    fn flushed(bytes: u64) -> Event {
        Event::Flushed {
            link: LinkId(1),
            frames: 1,
            bytes,
        }
    }

    #[test]
    fn time_node_kind_and_content_all_change_the_hash() {
        let base = hash_of(&[(1, 2, flushed(3))]);
        assert_eq!(base, hash_of(&[(1, 2, flushed(3))]));
        assert_ne!(base, hash_of(&[(2, 2, flushed(3))]));
        assert_ne!(base, hash_of(&[(1, 3, flushed(3))]));
        assert_ne!(base, hash_of(&[(1, 2, flushed(4))]));
        assert_ne!(base, hash_of(&[(1, 2, Event::Tick)]));
    }

    #[test]
    fn the_hash_does_not_depend_on_when_batches_are_cut() {
        let done = Event::CryptoDone {
            ticket: Ticket(7),
            outcome: CryptoOutcome::Verified(Ok(())),
        };
        let mut trace = Trace::new();
        let mut whole = Vec::new();
        for at in 0..4_000 {
            trace.record(Instant::from_nanos(at), 1, &done);
            whole.push((at, 1, done.clone()));
        }
        assert_eq!(trace.hash(), hash_of(&whole));
        trace.record(Instant::from_nanos(4_000), 1, &done);
        assert_ne!(trace.hash(), hash_of(&whole));
    }
}
