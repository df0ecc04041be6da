/// What a decoder accepts. Sizes are in bytes.
///
/// A frame is checked against these limits before memory is allocated for it, so they bound the
/// memory that a hostile frame can take. The defaults suit a Fabric network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// A whole envelope, and so each field without a limit of its own. Default 100 MiB, the limit
    /// of Fabric's connections, and 64 KiB, so that a block of 100 MiB fits together with its
    /// message.
    pub max_envelope: usize,
    /// An envelope that is kept and relayed for its originator: a heartbeat or a state info.
    /// Checked by the receiver, not by decoding. Default 192 KiB, which fits an identity, metadata
    /// and two signatures at their limits.
    pub max_signed: usize,
    /// The elements of one list. Default 65,536.
    pub max_list: usize,
    /// The elements of all lists of one frame, at any depth. Default 262,144.
    pub max_elements: usize,
    /// Nesting of sub-messages. Default 64; more than 80 counts as 80.
    pub max_depth: usize,
    /// A PKI-ID, or an item id in a pull. Default 64.
    pub max_pki_id: usize,
    /// An endpoint. Default 256.
    pub max_endpoint: usize,
    /// A channel's name. Default 249, Fabric's own limit.
    pub max_channel: usize,
    /// A serialized identity. Default 64 KiB.
    pub max_identity: usize,
    /// Metadata of a member, chaincode, hello or identity, and a secret. Default 64 KiB.
    pub max_metadata: usize,
    /// A hash, a MAC, a connection's binding, or a network id. Default 64.
    pub max_hash: usize,
    /// A signature of an envelope. Default 16 KiB, which fits the common post-quantum schemes.
    pub max_signature: usize,
    /// A transaction id, or the name of a chaincode, namespace, collection or organisation.
    /// Default 1 KiB.
    pub max_name: usize,
    /// The text of an acknowledgement. Default 4 KiB.
    pub max_text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_envelope: (100 << 20) + (64 << 10),
            max_signed: 192 << 10,
            max_list: 65_536,
            max_elements: 262_144,
            max_depth: 64,
            max_pki_id: 64,
            max_endpoint: 256,
            max_channel: 249,
            max_identity: 64 << 10,
            max_metadata: 64 << 10,
            max_hash: 64,
            max_signature: 16 << 10,
            max_name: 1 << 10,
            max_text: 4 << 10,
        }
    }
}
