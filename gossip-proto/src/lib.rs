//! The wire schema of the gossip protocol: messages, envelopes, limits.

mod convert;
mod decode;
mod digest;
mod envelope;
mod error;
mod format;
mod kind;
mod limits;
mod message;
mod scan;
mod signed;
mod wire_reader;

pub use decode::{Checked, decode};
pub use digest::{block_data_hash, block_header_der, block_header_hash, channel_mac};
pub use envelope::{RawEnvelope, RawSecret};
pub use error::DecodeError;
pub use kind::Kind;
pub use limits::Limits;
pub use message::{
    Alive, Chaincode, ConnEstablish, Content, DataUpdate, GossipMessage, Hello, Leadership,
    MembershipRequest, MembershipResponse, Payload, PeerIdentity, PeerTime, PrivateData,
    PrivateDigest, PrivateElement, Properties, PullIds, PullKind, StateInfo, StateRequest, Tag,
};
pub use signed::{SignedMessage, UnsignedMessage};

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
