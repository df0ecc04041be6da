//! Errors of identities, blocks and configuration, in more detail than the core needs.

use gossip_driver::core::CryptoError;
use thiserror::Error;

/// Why an identity or a signature under it was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityError {
    /// The bytes are no `SerializedIdentity` around one canonical PEM certificate.
    #[error("the identity cannot be read: {0}")]
    Malformed(&'static str),
    /// The authority's ECDSA signature on the certificate is not DER with a low S, on P-256 or
    /// P-384. A third party can compute the other form, so one certificate would have two
    /// identities.
    #[error(
        "the authority's ECDSA signature on the certificate is not DER with a low S (P-256, P-384): load the \
         certificate with SigningIdentity::from_pem and send what that makes of it"
    )]
    MalleableCertificate,
    /// The identity names an organisation that is not configured.
    #[error(
        "organisation {0:?} is not configured: give it to X509Service::new or set_organisation"
    )]
    UnknownOrganisation(String),
    /// No chain of authorities of the organisation leads to the certificate.
    #[error("the certificate does not chain to an authority of {organisation:?}: {reason}")]
    Untrusted {
        /// The MSP-ID that the identity names.
        organisation: String,
        /// What failed.
        reason: String,
    },
    /// The certificate, or one of its issuers, has expired.
    #[error("the certificate or one of its issuers has expired: renew it")]
    Expired,
    /// The certificate is valid only in the future.
    #[error("the certificate is not valid yet: check the clock")]
    NotYetValid,
    /// The certificate, or one of its issuers, is on its authority's revocation list.
    #[error("the certificate or one of its issuers has been revoked")]
    Revoked,
    /// The signature over the message is not the identity's, or an ECDSA signature is not canonical
    /// DER with a low S.
    #[error("the signature does not verify under the identity")]
    BadSignature,
    /// The identity's organisation is not among the channel's readers.
    #[error("organisation {0:?} is no member of the channel")]
    NotAdmitted(String),
    /// The channel has no configuration.
    #[error("channel {0:?} is not configured: call set_channel first")]
    UnknownChannel(String),
}

impl From<IdentityError> for CryptoError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Malformed(_) | IdentityError::MalleableCertificate => {
                Self::MalformedIdentity
            }
            IdentityError::UnknownOrganisation(_) | IdentityError::Untrusted { .. } => {
                Self::Untrusted
            }
            IdentityError::Expired | IdentityError::NotYetValid => Self::Expired,
            IdentityError::Revoked => Self::Revoked,
            IdentityError::BadSignature => Self::BadSignature,
            IdentityError::NotAdmitted(_) | IdentityError::UnknownChannel(_) => Self::NotAdmitted,
        }
    }
}

/// Why a block was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockError {
    /// The bytes are no canonically encoded `common.Block`.
    #[error("not a canonically encoded block: {0}")]
    Undecodable(&'static str),
    /// The header is missing.
    #[error("the block has no header")]
    NoHeader,
    /// The number in the header is not the number of the message that carried the block.
    #[error("the block's number is {found}, not {expected}")]
    WrongNumber {
        /// The number asked for.
        expected: u64,
        /// The number in the header.
        found: u64,
    },
    /// The block has no transactions.
    #[error("the block has no transactions")]
    Empty,
    /// The first transaction belongs to another channel.
    #[error("the block's first transaction is not of channel {0:?}")]
    WrongChannel(String),
    /// The block has no metadata.
    #[error("the block has no metadata")]
    NoMetadata,
    /// The metadata has more entries than orderers and peers write.
    #[error("the block's metadata has more than {max} entries")]
    TooManyMetadataEntries {
        /// The most entries that are accepted.
        max: usize,
    },
    /// An entry of the metadata is longer than any that orderers and peers write: a relay has
    /// padded the block.
    #[error("entry {index} of the block's metadata is longer than {max} bytes: ask another peer")]
    MetadataTooLong {
        /// The index of the entry; 2 is the transactions filter.
        index: usize,
        /// The most bytes that it may have.
        max: usize,
    },
    /// The block has more than 128 signatures, or a signature has more than 8 KiB together with its
    /// creator's identity.
    #[error("the block has more than 128 signatures, or one longer than 8 KiB")]
    SignaturesTooLong,
    /// The block has more than [`MAX_BLOCK_BYTES`](crate::MAX_BLOCK_BYTES) and does not fit into a
    /// message.
    #[error("the block has {size} bytes, more than {max}", max = crate::MAX_BLOCK_BYTES)]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// A transaction is no envelope, or its encoding does not fix its boundaries.
    #[error("transaction {0} of the block is not a well-formed envelope")]
    IllFormedTransaction(usize),
    /// The transactions do not have the hash in the header.
    #[error("the block's transactions do not have the hash in its header")]
    WrongDataHash,
    /// Fewer different orderers than required signed the header.
    #[error("{found} of {required} required orderer signatures verify")]
    TooFewSignatures {
        /// Required number of orderers.
        required: usize,
        /// Number of different orderers whose signatures verified.
        found: usize,
    },
    /// The channel has no configuration.
    #[error("channel {0:?} is not configured: call set_channel first")]
    UnknownChannel(String),
}

impl From<BlockError> for CryptoError {
    fn from(_: BlockError) -> Self {
        Self::BadBlock
    }
}

/// Why a certificate, key, revocation list or channel definition cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A certificate cannot be read.
    #[error("cannot read a certificate: {0}")]
    Certificate(String),
    /// A certificate given as an authority may not issue certificates.
    #[error("{0} is not a certificate authority's certificate")]
    NotAnAuthority(String),
    /// An organisation has no root authority.
    #[error("organisation {0:?} has no root certificate")]
    NoRoot(String),
    /// Two organisations have the same MSP-ID.
    #[error("organisation {0:?} is configured twice")]
    DuplicateOrganisation(String),
    /// The MSP-ID is empty or longer than 249 bytes.
    #[error("an MSP-ID has between 1 and 249 bytes")]
    BadMspId,
    /// The organisation is not configured.
    #[error(
        "organisation {0:?} is not configured: give it to X509Service::new or set_organisation"
    )]
    UnknownOrganisation(String),
    /// A private key cannot be read.
    #[error("cannot read the private key (PKCS#8, ECDSA P-256 or Ed25519): {0}")]
    Key(String),
    /// The private key is not that of the certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// A revocation list cannot be read, or none of the organisation's authorities signed it.
    #[error("cannot use a revocation list: {0}")]
    RevocationList(String),
    /// The own identity is not valid under the configured organisations.
    #[error("the own identity is not valid: {0}")]
    OwnIdentity(#[source] IdentityError),
    /// The definition names no orderer, or requires no signature.
    #[error(
        "channel {0:?} needs an orderer and a required signature: call with_orderer_organisation"
    )]
    NoOrderers(String),
    /// The definition is older than the one in force.
    #[error(
        "the definition of channel {channel:?} has the sequence {given}, lower than {current}, the one in force"
    )]
    OldDefinition {
        /// The channel.
        channel: String,
        /// The sequence given.
        given: u64,
        /// The sequence in force.
        current: u64,
    },
    /// More channels than [`MAX_CHANNELS`](crate::MAX_CHANNELS).
    #[error("no more than {max} channels can be configured", max = crate::MAX_CHANNELS)]
    TooManyChannels,
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

/// Why a certificate, key or block could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MakeError {
    /// The signing key failed.
    #[error("the signing key cannot be used")]
    Signing,
    /// The validity ends after the year 9999, which X.509 cannot express.
    #[error("the validity ends after the year 9999: give fewer days")]
    Validity,
    /// A key or certificate could not be generated.
    #[error("cannot make the certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The result cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The block would have more or longer signatures than verifiers accept.
    #[error("a block carries at most 128 signatures of at most 8 KiB with their identities")]
    SignaturesTooLong,
    /// A block needs at least one transaction.
    #[error("a block needs at least one transaction")]
    EmptyBlock,
    /// The block would be larger than a message can be.
    #[error("the block would have {size} bytes, more than {max}", max = crate::MAX_BLOCK_BYTES)]
    BlockTooLarge {
        /// Its size in bytes.
        size: usize,
    },
}
