use thiserror::Error;

use crate::CryptoError;

/// Why an authentication was refused. Each reason has its own counter in
/// [`Metrics::refused`](crate::Metrics).
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Refusal {
    /// The first message was not a `ConnEstablish`.
    #[error("the first message was no authentication")]
    NotConn,
    /// The frame could not be decoded.
    #[error("the first frame could not be decoded")]
    Malformed,
    /// The remote belongs to another network.
    #[error("the remote belongs to another network")]
    WrongNetwork,
    /// The same bytes were used on another connection before.
    #[error("the authentication was recorded on another connection")]
    Replayed,
    /// The message is bound to another connection.
    #[error("the authentication is bound to another connection")]
    WrongBinding,
    /// The identity does not yield the PKI-ID it was presented under.
    #[error("the pki-id does not belong to the identity presented")]
    StolenIdentity,
    /// The identity cannot be decoded.
    #[error("the identity cannot be read")]
    MalformedIdentity,
    /// The identity was not issued by a trusted authority.
    #[error("the identity was not issued by a trusted authority")]
    Untrusted,
    /// The identity has expired.
    #[error("the identity has expired")]
    Expired,
    /// The identity has been revoked.
    #[error("the identity has been revoked")]
    Revoked,
    /// The signature does not verify under the identity.
    #[error("the signature does not verify under the identity presented")]
    BadSignature,
    /// No authentication in time.
    #[error("no authentication in time")]
    TimedOut,
    /// The dial expected a peer of another organisation.
    #[error("the peer reached is not the one dialled, nor of its organisation")]
    Unexpected,
    /// A bootstrap peer must be of our own organisation.
    #[error("the bootstrap peer is not of our organisation")]
    ForeignBootstrap,
    /// The remote presents our own identity, but the other end of the connection is not ours.
    #[error("the remote presents our own identity: another node runs with it, or reflects it")]
    OwnIdentity,
    /// Too many connections were authenticating, or no link could be evicted for this one.
    #[error("too many connections")]
    Overloaded,
    /// The crypto service of this node panicked on the identity or its signature.
    #[error("the crypto service of this node panicked on it")]
    CryptoPanicked,
}

impl From<CryptoError> for Refusal {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::MalformedIdentity => Self::MalformedIdentity,
            CryptoError::Expired => Self::Expired,
            CryptoError::Revoked => Self::Revoked,
            CryptoError::Untrusted | CryptoError::NotAdmitted => Self::Untrusted,
            CryptoError::StolenIdentity => Self::StolenIdentity,
            CryptoError::BadSignature | CryptoError::BadBlock => Self::BadSignature,
            CryptoError::SigningFailed | CryptoError::Overloaded => Self::Overloaded,
            CryptoError::Panicked => Self::CryptoPanicked,
        }
    }
}
