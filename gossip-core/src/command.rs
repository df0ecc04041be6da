//! Everything a node wants done.

use bytes::Bytes;
use gossip_proto::SignedMessage;

use crate::{
    ChannelId, Class, Delivery, Endpoint, LinkId, Notification, PeerId, RequestError, RequestId,
    Response, Ticket,
};

/// An output of [`Node::poll_command`](crate::Node::poll_command), to be carried out in order.
///
/// Exhaustive on purpose: a new variant breaks every driver at compile time instead of being
/// dropped silently.
#[derive(Clone, Debug)]
pub enum Command {
    /// Connect to `endpoint`; answered by `LinkUp` with this ticket, or `DialFailed`.
    Dial {
        /// Names the dial.
        ticket: Ticket,
        /// Where to.
        endpoint: Endpoint,
    },
    /// Send a message; its length comes back with `Flushed`. Never more than the link's window.
    Send {
        /// Where to.
        link: LinkId,
        /// How urgent it is relative to the link's other frames.
        class: Class,
        /// The message; the frame is [`SignedMessage::encoded`].
        message: SignedMessage,
    },
    /// Send what was handed over, then close our half. Reading goes on until the remote has
    /// closed its own, which `LinkDown` tells. In turn, when the remote closes its half first, what
    /// was handed over until `LinkDown` is handled is still sent: it goes on reading.
    FinishLink {
        /// The link.
        link: LinkId,
    },
    /// Close at once; nothing more is sent or received. `LinkDown` follows.
    CloseLink {
        /// The link.
        link: LinkId,
        /// Why, for traces.
        reason: CloseReason,
    },
    /// Do cryptographic work; answered by `CryptoDone`.
    Crypto {
        /// Names the job.
        ticket: Ticket,
        /// The work.
        job: CryptoJob,
    },
    /// Use the ledger; answered by `LedgerDone`.
    Ledger {
        /// Names the operation.
        ticket: Ticket,
        /// The operation.
        op: LedgerOp,
    },
    /// Have the application look at a block that the orderers' check has passed; only after
    /// [`Request::ValidateBlocks`](crate::Request). Answered by
    /// [`Event::Validated`](crate::Event::Validated), or not at all: then the block is ignored after a while.
    Validate {
        /// Names the question.
        ticket: Ticket,
        /// The channel.
        channel: ChannelId,
        /// The block's number.
        seq: u64,
        /// The serialized block.
        block: Bytes,
        /// Who sent it; absent if the application published it.
        from: Option<PeerId>,
    },
    /// Hand a message to the application, which has asked for such by
    /// [`Request::Listen`](crate::Request::Listen). A driver whose listeners are slow may drop it.
    Deliver(Delivery),
    /// The answer to a request.
    Reply {
        /// The request.
        id: RequestId,
        /// Its result.
        result: Result<Response, RequestError>,
    },
    /// Tell the application; may be dropped by a driver whose listeners are slow.
    Notify(Notification),
}

/// Why the core closes a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CloseReason {
    /// The remote failed to authenticate.
    Refused(crate::Refusal),
    /// A newer or preferred link to the same peer took over.
    Superseded,
    /// The remote turned out to be ourselves.
    SelfDial,
    /// The remote broke the protocol.
    Violation,
    /// The peer is held dead, or its identity is no longer valid.
    PeerGone,
    /// The cap on links is reached and this one was idle the longest.
    Evicted,
    /// The remote did not close its half in time.
    LingerExpired,
    /// Our own key could not sign our authentication.
    SigningFailed,
    /// The dial that it answers had been given up.
    DialAbandoned,
    /// The node stops.
    Stopping,
}

/// Cryptographic work. Any order, any thread.
#[derive(Clone, Debug)]
pub enum CryptoJob {
    /// Validate an identity not seen before, check that it yields `pki_id` and then that it signed
    /// `signed`.
    Authenticate {
        /// The identity.
        identity: Bytes,
        /// The PKI-ID under which it was presented.
        pki_id: Bytes,
        /// What it claims to have signed.
        signed: Signed,
    },
    /// Validate an identity again that was valid before, and check that it yields `pki_id`.
    Validate {
        /// The identity.
        identity: Bytes,
        /// The PKI-ID under which it is known.
        pki_id: Bytes,
    },
    /// Check a signature under an identity that was validated before.
    Verify {
        /// The identity.
        identity: Bytes,
        /// What it claims to have signed.
        signed: Signed,
        /// The channel whose reader policy must admit the signer, if any.
        channel: Option<ChannelId>,
    },
    /// Check a block: number, channel, hashes and the orderers' signatures.
    VerifyBlock {
        /// The channel it was received for.
        channel: ChannelId,
        /// The number it was received under.
        seq: u64,
        /// The serialized block.
        block: Bytes,
    },
    /// Sign with our own key.
    Sign {
        /// The first text.
        payload: Bytes,
        /// The second, signed on its own.
        secret: Option<Bytes>,
    },
}

/// Bytes and the signatures over them.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The text.
    pub payload: Bytes,
    /// The signature over it.
    pub signature: Bytes,
    /// A second text with its own signature by the same key; both must verify.
    pub secret: Option<(Bytes, Bytes)>,
}

/// An operation on the ledger.
#[derive(Clone, Debug)]
pub enum LedgerOp {
    /// How many blocks are stored?
    Height {
        /// The channel.
        channel: ChannelId,
    },
    /// Store the next block. One at a time per channel, strictly in order.
    Commit {
        /// The channel.
        channel: ChannelId,
        /// The block's number, equal to the height.
        seq: u64,
        /// The serialized block.
        block: Bytes,
    },
    /// Read consecutive blocks.
    Read {
        /// The channel.
        channel: ChannelId,
        /// The first number.
        start: u64,
        /// The last number.
        end: u64,
        /// Stop before the total exceeds this, but return at least one block.
        max_bytes: u64,
    },
}
