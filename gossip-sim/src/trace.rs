//! The rolling hash of a run.

mod commands;
mod recording;
mod replies;
mod requests;
#[cfg(test)]
mod tests;

use std::fmt;

use bytes::Bytes;
use gossip_core::proto::Chaincode;
use gossip_core::{
    CryptoError, CryptoOutcome, Event, Instant, JoinChannel, LedgerOutcome, Request, Signatures,
    ValidIdentity,
};
use serde::{Serialize, Serializer};

pub use self::recording::Fingerprint;
pub(crate) use self::recording::Recording;

const BATCH: usize = 32 << 10;
/// Number of bytes hashed at each end of a longer piece.
const EDGE: usize = 32 << 10;

/// BLAKE3 over every delivered event: its time, node, kind and content. Of a frame or block of more than 64 KiB, the
/// length and 32 KiB at each end are hashed. Equal for equal seeds, in every process and on every platform.
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

/// Collects records and hashes them in large batches, which is several times faster than one by one.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    hasher: blake3::Hasher,
    batch: Vec<u8>,
    /// Whether error texts, and the debug text of rare requests, are hashed.
    as_printed: bool,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            batch: Vec::with_capacity(BATCH + 256),
            as_printed: true,
        }
    }

    /// A trace that does not depend on names and texts of the core.
    fn without_texts() -> Self {
        Self {
            as_printed: false,
            ..Self::new()
        }
    }

    pub(crate) fn record(&mut self, now: Instant, node: u32, event: &Event) {
        self.begin(now, node);
        self.event(event);
        self.end();
    }

    fn begin(&mut self, now: Instant, node: u32) {
        self.batch.extend_from_slice(&now.as_nanos().to_le_bytes());
        self.batch.extend_from_slice(&node.to_le_bytes());
    }

    fn end(&mut self) {
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
                remote,
                binding,
            } => {
                self.kind(1, link.0);
                self.number(dial.map_or(u64::MAX, |ticket| ticket.0));
                self.bytes(remote.as_str().as_bytes());
                self.bytes(&binding.ours);
                self.bytes(&binding.theirs);
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
            Event::Malformed { link, error } => {
                self.kind(5, link.0);
                if self.as_printed {
                    self.bytes(error.to_string().as_bytes());
                }
            }
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
                self.crypto_outcome(outcome);
            }
            Event::LedgerDone { ticket, outcome } => {
                self.kind(8, ticket.0);
                self.ledger_outcome(outcome);
            }
            Event::Validated { ticket, verdict } => {
                self.kind(10, ticket.0);
                self.batch.push(*verdict as u8);
            }
            Event::Request { id, request } => {
                self.kind(9, id.0);
                self.request(request);
            }
        }
    }

    fn crypto_outcome(&mut self, outcome: &CryptoOutcome) {
        match outcome {
            CryptoOutcome::Authenticated(result) => self.result(0, result, Self::identity),
            CryptoOutcome::Verified(result) => self.result(1, result, |_, ()| {}),
            CryptoOutcome::Signed(result) => self.result(2, result, Self::signatures),
        }
    }

    fn result<T>(
        &mut self,
        kind: u8,
        result: &Result<T, CryptoError>,
        content: impl FnOnce(&mut Self, &T),
    ) {
        match result {
            Ok(value) => {
                self.batch.extend([kind, 0]);
                content(self, value);
            }
            Err(error) => self.batch.extend([kind, 1, *error as u8]),
        }
    }

    fn identity(&mut self, identity: &ValidIdentity) {
        self.bytes(identity.peer.as_bytes());
        self.bytes(identity.org.as_ref().map_or(&[], |org| org.as_bytes()));
        let expires_in = identity
            .expires_in
            .map_or(u128::MAX, |left| left.as_nanos());
        self.batch.extend_from_slice(&expires_in.to_le_bytes());
    }

    fn signatures(&mut self, signatures: &Signatures) {
        self.bytes(&signatures.payload);
        self.bytes(signatures.secret.as_ref().unwrap_or(&Bytes::new()));
    }

    fn ledger_outcome(&mut self, outcome: &LedgerOutcome) {
        let error = match outcome {
            LedgerOutcome::Height(Ok(height)) => {
                self.batch.push(0);
                return self.number(*height);
            }
            LedgerOutcome::Committed(Ok(())) => return self.batch.push(1),
            LedgerOutcome::Blocks(Ok(blocks)) => {
                self.batch.push(2);
                self.number(blocks.len() as u64);
                return blocks.iter().for_each(|block| self.bytes(block));
            }
            LedgerOutcome::Height(Err(error))
            | LedgerOutcome::Committed(Err(error))
            | LedgerOutcome::Blocks(Err(error)) => error,
        };
        self.batch.push(3);
        if self.as_printed {
            self.bytes(error.to_string().as_bytes());
        } else {
            self.ledger_error(error);
        }
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "rare requests may take the time to be formatted"
    )]
    fn request(&mut self, request: &Request) {
        match request {
            Request::JoinChannel { channel, config } => {
                self.kind(0, config.sequence);
                self.bytes(channel.as_str().as_bytes());
                self.members(config);
            }
            Request::LeaveChannel { channel } => {
                self.kind(1, 0);
                self.bytes(channel.as_str().as_bytes());
            }
            Request::Publish {
                channel,
                seq,
                block,
            } => {
                self.kind(2, *seq);
                self.bytes(channel.as_str().as_bytes());
                self.bytes(block);
            }
            Request::UpdateMetadata { metadata } => {
                self.kind(3, 0);
                self.bytes(metadata);
            }
            Request::UpdateChaincodes {
                channel,
                chaincodes,
            } => {
                self.kind(4, chaincodes.len() as u64);
                self.bytes(channel.as_str().as_bytes());
                chaincodes.iter().for_each(|one| self.chaincode(one));
            }
            Request::Stop => self.kind(5, 0),
            other => {
                self.kind(6, 0);
                if self.as_printed {
                    self.bytes(format!("{other:?}").as_bytes());
                } else {
                    self.rare_request(other);
                }
            }
        }
    }

    fn members(&mut self, config: &JoinChannel) {
        self.number(config.members.len() as u64);
        for (org, anchors) in &config.members {
            self.bytes(org.as_bytes());
            self.number(anchors.len() as u64);
            for anchor in anchors {
                self.bytes(anchor.as_str().as_bytes());
            }
        }
    }

    fn chaincode(&mut self, chaincode: &Chaincode) {
        self.bytes(chaincode.name.as_bytes());
        self.bytes(chaincode.version.as_bytes());
        self.bytes(&chaincode.metadata);
    }

    fn kind(&mut self, kind: u8, subject: u64) {
        self.batch.push(kind);
        self.number(subject);
    }

    fn number(&mut self, number: u64) {
        self.batch.extend_from_slice(&number.to_le_bytes());
    }

    /// Appends a piece after its length, so that different sequences of pieces never give the same bytes. Hashing
    /// all of a large block once per copy would cost more than the run.
    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        if bytes.len() <= 2 * EDGE {
            self.batch.extend_from_slice(bytes);
        } else {
            self.batch.extend_from_slice(&bytes[..EDGE]);
            self.batch.extend_from_slice(&bytes[bytes.len() - EDGE..]);
        }
    }
}
