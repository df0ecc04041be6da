//! The wire schema of the gossip protocol: validated messages, raw signed envelopes, limits.
//!
//! The schema is that of Hyperledger Fabric's gossip: this crate and a Fabric peer decode each
//! other's messages. All functions are pure functions of bytes: no clock, no randomness, no I/O.
//!
//! # From bytes to a message
//!
//! A frame carries one envelope: a serialized message and its originator's signature.
//! [`SignedMessage::decode`] checks it in four steps and refuses it with a [`DecodeError`] that
//! names the message and the field:
//!
//! 1. **Limits.** A walk along the schema, which allocates nothing, refuses whatever exceeds
//!    [`Limits`]: otherwise two bytes on the wire could make a list element of a hundred bytes in
//!    memory.
//! 2. **Decoding**, by prost. The most frequent messages in their common encoding take a fast path
//!    that checks the limits in the same pass. Byte fields are slices of the frame; only text is
//!    copied.
//! 3. **Validation.** A [`GossipMessage`] cannot lack a part that the protocol needs.
//! 4. **Tag.** Each kind of content has one legal [`Tag`].
//!
//! [`DecodeError::is_fatal`] distinguishes bytes that could not be decoded at all, after which the
//! connection must be closed, from a message that is only dropped. The caller verifies the
//! *signature*.
//!
//! # Bytes are kept
//!
//! A message is relayed and stored as the bytes that came in, never encoded again: that would drop
//! fields of later versions and break the signature. [`SignedMessage`] keeps its [`RawEnvelope`],
//! envelopes nested in a message stay raw until [`SignedMessage::decode_nested`], and clones share
//! the frame's memory. [`RawEnvelope::detach`] copies a small envelope that is kept for longer than
//! its large frame.
//!
//! ```
//! use bytes::Bytes;
//! use gossip_proto::{
//!     Alive, Content, GossipMessage, Limits, PeerTime, SignedMessage, Tag, UnsignedMessage,
//! };
//!
//! # fn sign(payload: &[u8]) -> Bytes { Bytes::copy_from_slice(payload) }
//! // The originator writes a heartbeat ..
//! let heartbeat = GossipMessage {
//!     nonce: 0,
//!     channel: Bytes::new(),
//!     tag: Tag::Empty,
//!     content: Content::Alive(Alive {
//!         pki_id: Bytes::from_static(&[7; 32]),
//!         endpoint: "peer0.org1.example:7051".into(),
//!         metadata: Bytes::new(),
//!         time: PeerTime { incarnation: 1, sequence: 1 },
//!         identity: None,
//!         pulse_anchor: None,
//!         leaving: false,
//!     }),
//! };
//! heartbeat.check_tag()?;
//! // .. and signs it, with an endpoint that only its own organisation may see.
//! let unsigned = UnsignedMessage::new(heartbeat, Some("10.0.0.7:7051"));
//! let signature = sign(unsigned.payload());
//! let secret_signature = unsigned.secret_payload().map(|payload| sign(payload));
//! let sent = unsigned.sign(signature, secret_signature);
//!
//! // A receiver decodes the frame; payload and signature are there to verify.
//! let received = SignedMessage::decode(sent.encoded().clone(), &Limits::default())?;
//! assert_eq!(received.message(), sent.message());
//! assert_eq!(received.envelope().signature(), &sign(received.envelope().payload()));
//! assert_eq!(received.internal_endpoint().as_deref(), Some("10.0.0.7:7051"));
//!
//! // It relays the same bytes, or the same message without the secret.
//! assert_eq!(received.encoded(), sent.encoded());
//! let foreign = received.without_secret();
//! assert_eq!(foreign.envelope().payload(), received.envelope().payload());
//! assert_eq!(foreign.internal_endpoint(), None);
//! # Ok::<(), gossip_proto::DecodeError>(())
//! ```
//!
//! # What messages carry
//!
//! Blocks, identities and private data are opaque to gossip. [`decode`] decodes them within the
//! same limits into the types of [`common`], [`msp`], [`protos`] and [`rwset`];
//! [`block_header_hash`], [`block_data_hash`] and [`channel_mac`] are the hashes that the protocol
//! defines over them.
//!
//! # Extensions
//!
//! Fields from number 1000 up are ours. A Fabric peer ignores and relays them; this project uses
//! them only if the remote announced the capability in its [`ConnEstablish`].
//!
//! # Regenerating
//!
//! The types in [`wire`] and its siblings are generated from `proto/` and checked in. After a
//! change there, run `cargo run -p xtask -- codegen`; no `protoc` is needed.

mod content;
mod convert;
mod decode;
mod digest;
mod envelope;
mod error;
mod fast_path;
mod format;
mod kind;
mod limits;
mod message;
mod scan;
mod signed;
mod tag;
mod wire_reader;

pub use bytes;
pub use decode::{Checked, decode};
pub use digest::{block_data_hash, block_header_der, block_header_hash, channel_mac};
pub use envelope::{RawEnvelope, RawSecret};
pub use error::DecodeError;
pub use kind::Kind;
pub use limits::Limits;
pub use message::{
    Alive, Application, Branch, Chaincode, ConnEstablish, Content, DataUpdate, GossipMessage,
    Hello, Leadership, MembershipRequest, MembershipResponse, Payload, PeerIdentity, PeerTime,
    PrivateData, PrivateDigest, PrivateElement, Properties, PullIds, PullKind, Pulse, StateInfo,
    StateInfoPull, StateRequest, Tree,
};
pub use signed::{SignedMessage, UnsignedMessage};
pub use tag::Tag;

macro_rules! generated {
    ($(#[$doc:meta])* $visibility:vis $module:ident, $file:literal) => {
        $(#[$doc])*
        #[allow(
            clippy::all, clippy::use_self, missing_docs, unreachable_pub, unused_qualifications, dead_code, unnameable_types,
            reason = "generated code"
        )]
        $visibility mod $module {
            include!(concat!("generated/", $file));
        }
    };
}

generated!(
    /// Package `common`: blocks, transactions, policies.
    pub common, "common.rs"
);
generated!(
    /// Package `msp`: identities.
    pub msp, "msp.rs"
);
generated!(
    /// Package `protos`: collection definitions.
    pub protos, "protos.rs"
);
generated!(
    /// Package `rwset`: private read-write sets.
    pub rwset, "rwset.rs"
);
generated!(
    /// Package `gossip`: the messages as they are on the wire, not validated.
    pub wire, "gossip.rs"
);
generated!(
    /// Package `gossip` with nested envelopes as received bytes.
    raw, "raw.rs"
);
generated!(
    /// What each message may hold.
    schema, "schema.rs"
);
