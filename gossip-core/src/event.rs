//! Everything the world can tell a node.

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
    /// Time has passed: fires the timers that are due. Nothing else does.
    Tick,
    /// A connection is up, dialled (then `dial` names the request) or accepted.
    LinkUp {
        /// The new link.
        link: LinkId,
        /// The [`Command::Dial`](crate::Command::Dial) that it answers; absent if accepted.
        dial: Option<Ticket>,
        /// The remote's transport address, for traces.
        remote: Endpoint,
        /// Ties authentication to this connection.
        binding: Binding,
    },
    /// A connection has ended. No event of that link follows.
    LinkDown {
        /// The link.
        link: LinkId,
        /// Why.
        reason: LinkDownReason,
    },
    /// A dial failed.
    DialFailed {
        /// The dial.
        ticket: Ticket,
        /// Why.
        error: DialError,
    },
    /// A message arrived.
    Received {
        /// Where from.
        link: LinkId,
        /// The message, decoded; its raw bytes are inside.
        message: SignedMessage,
    },
    /// A frame arrived that is no legal message.
    Malformed {
        /// Where from.
        link: LinkId,
        /// What was wrong.
        error: DecodeError,
    },
    /// The transport has taken frames off its hands: send credit comes back.
    Flushed {
        /// The link.
        link: LinkId,
        /// How many frames.
        frames: u32,
        /// Their total length in bytes.
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
    /// The application has looked at a block.
    Validated {
        /// The [`Command::Validate`](crate::Command::Validate) that this answers.
        ticket: Ticket,
        /// What is to become of the block.
        verdict: Verdict,
    },
    /// The application asks for something.
    Request {
        /// Names the request in the [`Command::Reply`](crate::Command::Reply).
        id: RequestId,
        /// What it wants.
        request: Request,
    },
}

/// What is to become of a block that the application was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is stored and passed on.
    Accept,
    /// It is neither stored nor passed on, and nobody is to blame: it may come again, and is asked for again
    /// after a pause.
    Ignore,
    /// It is as bad as one that does not verify: whoever was asked for it and sent it is not asked again for
    /// a while.
    Reject,
}

/// What ties an authentication to the connection that carries it.
///
/// Each side sends `ours` in its `ConnEstablish` and expects `theirs`. Over Noise both are the
/// handshake hash; over TLS they are the hashes of the two certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// What we send.
    pub ours: Bytes,
    /// What the remote must send.
    pub theirs: Bytes,
}

impl Binding {
    /// The binding of a connection on which both sides compute the same value.
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
    /// The remote closed its half in order, after its last frame, and reads on: what was handed to
    /// the link before is still delivered.
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
    /// Nobody answers at that address.
    #[error("nobody answers at that address")]
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
    /// The address has no meaning to the transport.
    #[error("the transport cannot read this address")]
    BadAddress,
}

/// The answer to a [`CryptoJob`](crate::CryptoJob).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CryptoOutcome {
    /// To `Authenticate` and `Validate`: what the identity says, if it is valid and, for the former, the
    /// signature verifies.
    Authenticated(Result<ValidIdentity, CryptoError>),
    /// To `Verify` and `VerifyBlock`.
    Verified(Result<(), CryptoError>),
    /// To `Sign`.
    Signed(Result<Signatures, CryptoError>),
}

/// What the crypto service says of a valid identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidIdentity {
    /// The PKI-ID derived from it.
    pub peer: PeerId,
    /// The organisation, if it is a known one. Unknown means foreign, and foreign means least
    /// disclosure.
    pub org: Option<OrgId>,
    /// How long it is still valid; absent if it does not expire.
    pub expires_in: Option<Duration>,
}

impl ValidIdentity {
    /// Checks that the identity was presented under its own PKI-ID.
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

/// Why the crypto service refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CryptoError {
    /// The identity cannot be read.
    #[error("the identity cannot be read")]
    MalformedIdentity,
    /// The identity has expired.
    #[error("the identity has expired: renew the certificate")]
    Expired,
    /// The identity has been revoked.
    #[error("the identity has been revoked")]
    Revoked,
    /// The identity's issuer is no authority that we trust.
    #[error("the identity was not issued by a trusted authority")]
    Untrusted,
    /// The identity was presented under a PKI-ID that is not its own.
    #[error("the pki-id does not belong to the identity presented")]
    StolenIdentity,
    /// The signature does not verify.
    #[error("the signature does not verify under the identity")]
    BadSignature,
    /// The channel's policy does not admit the signer.
    #[error("the channel's policy does not admit the signer")]
    NotAdmitted,
    /// The block is not what its header, number or channel say, or lacks orderer signatures.
    #[error("the block does not verify")]
    BadBlock,
    /// The signing key cannot be used.
    #[error("the signing key cannot be used")]
    SigningFailed,
    /// The service is overloaded and did not look.
    #[error("the crypto service is overloaded")]
    Overloaded,
}

/// The answer to a [`LedgerOp`](crate::LedgerOp).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerOutcome {
    /// To `Height`: the number of blocks stored, which is the next number to commit.
    Height(Result<u64, LedgerError>),
    /// To `Commit`.
    Committed(Result<(), LedgerError>),
    /// To `Read`: consecutive blocks from the first number asked, as many as fit.
    Blocks(Result<Vec<Bytes>, LedgerError>),
}

/// Why the ledger refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LedgerError {
    /// The ledger knows no such channel.
    #[error("the ledger has no channel {0}")]
    UnknownChannel(ChannelId),
    /// The block does not follow the last one.
    #[error("the block does not follow the last one: {0}")]
    NotNext(String),
    /// The storage failed.
    #[error("the storage failed: {0}")]
    Storage(String),
}
