//! Outputs of a node.

use bytes::Bytes;
use gossip_proto::SignedMessage;

use crate::{
    ChannelId, Class, Delivery, Endpoint, LinkId, Notification, PeerId, RequestError, RequestId,
    Response, Ticket,
};

/// An output of [`Node::poll_command`](crate::Node::poll_command). Execute commands in order.
///
/// Exhaustive on purpose: a new variant is a compile error in every driver.
#[derive(Clone, Debug)]
pub enum Command {
    /// Connect to `endpoint`. Answered by `LinkUp` with this ticket, or by `DialFailed`.
    Dial {
        /// Identifies the dial.
        ticket: Ticket,
        /// The address to dial.
        endpoint: Endpoint,
    },
    /// Send a message. Its length is returned by `Flushed`. Stays within the link's window.
    Send {
        /// The link.
        link: LinkId,
        /// Its priority among the link's frames.
        class: Class,
        /// The message; the frame is [`SignedMessage::encoded`].
        message: SignedMessage,
    },
    /// Send the frames handed over before, then close our half. Keep reading until the remote closes its half, and then
    /// report `LinkDown`. If the remote closes its half first, frames handed over before `LinkDown` is handled must
    /// still be sent: the remote keeps reading.
    FinishLink {
        /// The link.
        link: LinkId,
    },
    /// Close at once, without sending or receiving anything more. `LinkDown` follows.
    CloseLink {
        /// The link.
        link: LinkId,
        /// The reason, for traces.
        reason: CloseReason,
    },
    /// Run a cryptographic job. Answered by `CryptoDone`.
    Crypto {
        /// Identifies the job.
        ticket: Ticket,
        /// The job.
        job: CryptoJob,
    },
    /// Run an operation on the ledger. Answered by `LedgerDone`.
    Ledger {
        /// Identifies the operation.
        ticket: Ticket,
        /// The operation.
        op: LedgerOp,
    },
    /// Ask the application to validate a block whose orderers' signatures verify. Only after
    /// [`Request::ValidateBlocks`](crate::Request). Answered by [`Event::Validated`](crate::Event::Validated); without
    /// an answer the block is ignored after [`check_timeout`](crate::GateConfig::check_timeout).
    Validate {
        /// Identifies the validation.
        ticket: Ticket,
        /// The channel.
        channel: ChannelId,
        /// The block's number.
        seq: u64,
        /// The serialized block.
        block: Bytes,
        /// The sender; absent if the application published the block.
        from: Option<PeerId>,
    },
    /// Deliver a message selected by [`Request::Listen`](crate::Request::Listen) to the application. A driver with slow
    /// listeners may drop it.
    Deliver(Delivery),
    /// Answer a request.
    Reply {
        /// The request.
        id: RequestId,
        /// The result.
        result: Result<Response, RequestError>,
    },
    /// Notify the application. A driver with slow listeners may drop it.
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
    /// The remote is this node.
    SelfDial,
    /// The remote broke the protocol.
    Violation,
    /// The peer is dead, or its identity is not valid.
    PeerGone,
    /// The limit on links is reached and this one was idle the longest.
    Evicted,
    /// The remote did not close its half in time.
    LingerExpired,
    /// Our own key could not sign our authentication.
    SigningFailed,
    /// The dial was abandoned before the connection came up.
    DialAbandoned,
    /// The node is stopping.
    Stopping,
}

/// A cryptographic job. Jobs may run in any order, on any thread.
#[derive(Clone, Debug)]
pub enum CryptoJob {
    /// Validate an identity not seen before, check that it yields `pki_id`, then verify its signature over `signed`.
    Authenticate {
        /// The identity.
        identity: Bytes,
        /// The PKI-ID under which it was presented.
        pki_id: Bytes,
        /// The signed bytes.
        signed: Signed,
    },
    /// Validate a known identity again, and check that it yields `pki_id`.
    Validate {
        /// The identity.
        identity: Bytes,
        /// The PKI-ID of the known identity.
        pki_id: Bytes,
    },
    /// Verify a signature under an identity that was validated before.
    Verify {
        /// The identity.
        identity: Bytes,
        /// The signed bytes.
        signed: Signed,
        /// The channel whose reader policy must admit the signer, if any.
        channel: Option<ChannelId>,
    },
    /// Verify a block: number, channel, hashes and the orderers' signatures.
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
        /// The payload.
        payload: Bytes,
        /// The secret payload, signed separately.
        secret: Option<Bytes>,
    },
}

/// Bytes and the signatures over them.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The signed bytes.
    pub payload: Bytes,
    /// The signature over `payload`.
    pub signature: Bytes,
    /// Secret bytes and their own signature by the same key; both signatures must verify.
    pub secret: Option<(Bytes, Bytes)>,
}

/// An operation on the ledger.
#[derive(Clone, Debug)]
pub enum LedgerOp {
    /// Read the number of blocks stored.
    Height {
        /// The channel.
        channel: ChannelId,
        /// The channel is being joined. An error fails the join; at any other time it may halt the channel.
        joining: bool,
    },
    /// Store the next block. One commit at a time per channel, strictly in order.
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
        /// Limit on the total length of the blocks, in bytes. At least one block is returned.
        max_bytes: u64,
    },
}
