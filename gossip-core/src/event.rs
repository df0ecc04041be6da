//! Inputs of a node.

use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{DecodeError, SignedMessage};
use thiserror::Error;

use crate::{ChannelId, Endpoint, LinkId, OrgId, PeerId, Request, RequestId, Ticket};

/// An input of [`Node::handle`](crate::Node::handle).
///
/// A list of `(Instant, Event)` is a complete recording of a run.
#[derive(Clone, Debug)]
pub enum Event {
    /// Time has passed. Due timers fire; no other event fires timers.
    Tick,
    /// A connection is up, dialled or accepted.
    LinkUp {
        /// The new link.
        link: LinkId,
        /// The [`Command::Dial`](crate::Command::Dial) that it answers; absent if accepted.
        dial: Option<Ticket>,
        /// The remote's transport address, for traces.
        remote: Endpoint,
        /// Binds the authentication to this connection.
        binding: Binding,
    },
    /// A connection has ended. No event of that link follows.
    LinkDown {
        /// The link.
        link: LinkId,
        /// The reason.
        reason: LinkDownReason,
    },
    /// A dial failed.
    DialFailed {
        /// The dial.
        ticket: Ticket,
        /// The reason.
        error: DialError,
    },
    /// A message was received.
    Received {
        /// The link it was received on.
        link: LinkId,
        /// The decoded message with its raw bytes.
        message: SignedMessage,
    },
    /// A frame was received that is not a legal message.
    Malformed {
        /// The link it was received on.
        link: LinkId,
        /// The error of the decoder.
        error: DecodeError,
    },
    /// The transport has sent frames: returns their credit.
    Flushed {
        /// The link.
        link: LinkId,
        /// Number of frames.
        frames: u32,
        /// Their total length, in bytes.
        bytes: u64,
    },
    /// A [`CryptoJob`](crate::CryptoJob) is done.
    CryptoDone {
        /// The job.
        ticket: Ticket,
        /// Its outcome.
        outcome: CryptoOutcome,
    },
    /// A [`LedgerOp`](crate::LedgerOp) is done.
    LedgerDone {
        /// The operation.
        ticket: Ticket,
        /// Its outcome.
        outcome: LedgerOutcome,
    },
    /// The application has validated a block.
    Validated {
        /// The [`Command::Validate`](crate::Command::Validate) that this answers.
        ticket: Ticket,
        /// The verdict.
        verdict: Verdict,
    },
    /// The application makes a request.
    Request {
        /// Identifies the request in the [`Command::Reply`](crate::Command::Reply).
        id: RequestId,
        /// The request.
        request: Request,
    },
}

/// The application's verdict on a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Store the block and pass it on.
    Accept,
    /// Neither store it nor pass it on, without penalty for the sender. The block may be received again, and is
    /// requested again after a pause.
    Ignore,
    /// Treat the block like one that does not verify. A peer that was asked for it and sent it is not asked again for a
    /// while.
    Reject,
}

/// Values that bind an authentication to its connection.
///
/// Each side sends `ours` in its `ConnEstablish` and expects `theirs`. Over Noise both are the
/// handshake hash; over TLS they are the hashes of the two certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The value that we send.
    pub ours: Bytes,
    /// The value that the remote must send.
    pub theirs: Bytes,
}

impl Binding {
    /// The binding of a connection on which both sides derive the same value.
    #[must_use]
    pub fn symmetric(value: Bytes) -> Self {
        Self {
            ours: value.clone(),
            theirs: value,
        }
    }
}

/// Why a link ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LinkDownReason {
    /// The remote closed its half in order, after its last frame, and still reads: frames sent before are delivered.
    Finished,
    /// The connection broke.
    Broken,
    /// We closed it.
    Closed,
}

/// Why a dial failed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DialError {
    /// No connection to the address could be made.
    #[error("no connection to the address could be made")]
    Unreachable,
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The remote belongs to another network.
    #[error("the remote belongs to another network: check the network id on both sides")]
    WrongNetwork,
    /// The transport's own handshake failed.
    #[error("the transport's handshake failed")]
    Handshake,
    /// The transport cannot parse the address.
    #[error("the transport cannot parse the address")]
    BadAddress,
}

/// The answer to a [`CryptoJob`](crate::CryptoJob).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CryptoOutcome {
    /// Of `Authenticate` and `Validate`: the valid identity. Of `Authenticate`, its signature verifies too.
    Authenticated(Result<ValidIdentity, CryptoError>),
    /// Of `Verify` and `VerifyBlock`.
    Verified(Result<(), CryptoError>),
    /// Of `Sign`.
    Signed(Result<Signatures, CryptoError>),
}

/// Properties of a valid identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidIdentity {
    /// The PKI-ID derived from it.
    pub peer: PeerId,
    /// The organisation; absent if it is unknown. To a peer of an unknown organisation the least is disclosed.
    pub org: Option<OrgId>,
    /// The time until it expires; absent if it does not expire.
    pub expires_in: Option<Duration>,
}

impl ValidIdentity {
    /// Checks that the identity yields the PKI-ID it was presented under.
    ///
    /// # Errors
    /// [`CryptoError::StolenIdentity`].
    pub fn check_pki_id(&self, pki_id: &[u8]) -> Result<(), CryptoError> {
        if self.peer.as_bytes() == pki_id {
            Ok(())
        } else {
            Err(CryptoError::StolenIdentity)
        }
    }
}

/// Signatures made by our own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signatures {
    /// Over the payload.
    pub payload: Bytes,
    /// Over the secret payload, if one was given.
    pub secret: Option<Bytes>,
}

/// Why the crypto service refused a job.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CryptoError {
    /// The identity cannot be decoded.
    #[error("the identity cannot be decoded")]
    MalformedIdentity,
    /// The identity has expired.
    #[error("the identity has expired: renew the certificate")]
    Expired,
    /// The identity has been revoked.
    #[error("the identity has been revoked")]
    Revoked,
    /// The identity was not issued by a trusted authority.
    #[error("the identity was not issued by a trusted authority")]
    Untrusted,
    /// The identity does not yield the PKI-ID it was presented under.
    #[error("the identity does not yield the pki-id it was presented under")]
    StolenIdentity,
    /// The signature does not verify.
    #[error("the signature does not verify under the identity")]
    BadSignature,
    /// The channel's policy does not admit the signer.
    #[error("the channel's policy does not admit the signer")]
    NotAdmitted,
    /// The number, channel or data hash of the block is wrong, or orderer signatures are missing.
    #[error("its number, channel or data hash is wrong, or signatures of orderers are missing")]
    BadBlock,
    /// The signing key cannot be used.
    #[error("the signing key cannot be used")]
    SigningFailed,
    /// The service is overloaded and did not run the job.
    #[error("the crypto service is overloaded")]
    Overloaded,
    /// The service panicked on the input, which counts as a failed check.
    #[error("the crypto service panicked: see the log of this node")]
    Panicked,
}

/// The answer to a [`LedgerOp`](crate::LedgerOp).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerOutcome {
    /// Of `Height`: the number of blocks stored, which is also the next number to commit.
    Height(Result<u64, LedgerError>),
    /// Of `Commit`.
    Committed(Result<(), LedgerError>),
    /// Of `Read`: consecutive blocks from the first number requested, as many as fit.
    Blocks(Result<Vec<Bytes>, LedgerError>),
}

/// Why the ledger refused an operation.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LedgerError {
    /// The ledger does not know the channel.
    #[error("the ledger has no channel {0}")]
    UnknownChannel(ChannelId),
    /// The block does not follow the last one.
    #[error("the block does not follow the last one: {0}")]
    NotNext(String),
    /// The storage failed.
    #[error("the storage failed: {0}")]
    Storage(String),
}
