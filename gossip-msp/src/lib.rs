//! gossip-msp

mod authority;
mod block;
mod clock;
mod credentials;
mod error;
mod files;
mod identity;
mod lru;
mod organisation;
mod pem_text;
mod policy;
mod service;
mod signature;
mod signer;
mod validity;
mod wire;

pub use self::authority::CertificateAuthority;
pub use self::block::{BlockContent, CutBlock, MAX_BLOCK_BYTES, Orderer};
pub use self::clock::{Clock, ManualClock, SystemClock};
pub use self::credentials::Credentials;
pub use self::error::{BlockError, ConfigError, IdentityError, MakeError};
pub use self::identity::{Identity, MAX_IDENTITY_BYTES};
pub use self::organisation::Organisation;
pub use self::policy::ChannelPolicy;
pub use self::service::{CacheStats, DEFAULT_CACHE_CAPACITY, MAX_CHANNELS, X509Service};
pub use self::signature::KeyKind;
pub use self::signer::SigningIdentity;
pub use self::validity::Validity;
