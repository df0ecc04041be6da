//! The ready-made identity service: X.509 certificates per organisation, signatures, and blocks.
//!
//! Members of an organisation have certificates that the organisation's authority issued.
//! [`X509Service`] validates members' identities, checks their signatures and the orderers'
//! signatures on blocks, and signs for one member. It implements the driver's
//! [`MessageCryptoService`](gossip_driver::MessageCryptoService) and
//! [`SecurityAdvisor`](gossip_driver::SecurityAdvisor).
//!
//! # Identities
//! Identities are Fabric's `msp.SerializedIdentity`: an MSP-ID and a certificate in PEM. The PKI-ID
//! is SHA-256(MSP-ID ‖ PEM text); the organisation is the MSP-ID. Keys are ECDSA P-256 or Ed25519.
//!
//! An identity is valid if
//! - it is encoded canonically, with its certificate in the PEM form that Fabric's peers write (the
//!   PKI-ID is a hash of the text, so each other spelling of a certificate would be another
//!   PKI-ID), signed by an authority that uses RSA, Ed25519, or ECDSA with the lower S as below;
//! - the certificate chains to a root of its organisation, over intermediate authorities that are
//!   configured (never over certificates that a peer sends), each allowed to issue;
//! - neither it nor an issuer has expired or is revoked. A cached validation ends when either
//!   happens. For the core, a certificate that is not valid yet counts as
//!   [`Expired`](gossip_driver::core::CryptoError::Expired); [`X509Service::validate`] tells the
//!   two apart.
//!
//! ECDSA signatures are over SHA-256, in DER, with the lower of the two possible S. As in Fabric,
//! signatures with the higher S are neither made nor accepted: without that rule, a third party
//! could turn a signed message into a second valid one.
//!
//! # Blocks
//! [`ChannelDefinition`] names a channel's member organisations, its orderers, and the number of
//! orderers that must have signed a block; the service and the node take the same one. A block verifies ([`X509Service::check_block`]) if it is
//! canonically encoded, has the number and the channel asked for, its transactions are well-formed
//! and have the hash in the header, and enough different orderers signed the header. This holds for
//! block 0 too: give a genesis block without signatures to the ledger, not to gossip. An orderer's
//! certificate must be valid now or have been valid when it was issued, since blocks outlive
//! certificates; blocks signed with a revoked certificate no longer verify.
//!
//! The ledger checks that a block links to its predecessor.
//!
//! [`Orderer`] makes such blocks of opaque payloads; [`BlockContent`] reads the payloads back.
//!
//! # Keys and certificates
//! [`CertificateAuthority`] issues certificates; [`Credentials`] and [`Organisation`] read and
//! write the layout of Fabric's MSP directories.
//!
//! ```
//! use std::sync::Arc;
//!
//! use gossip_driver::MessageCryptoService;
//! use gossip_msp::{
//!     BlockContent, CertificateAuthority, ChannelDefinition, KeyKind, Orderer, Validity, X509Service,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Each organisation has an authority; members know each other's certificates only through it.
//! let org1 = CertificateAuthority::new("Org1MSP", Validity::days(3650))?;
//! let orderers = CertificateAuthority::new("OrdererMSP", Validity::days(3650))?;
//! let peer = org1.issue("peer0.org1.example", KeyKind::EcdsaP256, Validity::days(365))?;
//! let orderer = orderers.issue_orderer("orderer0", KeyKind::Ed25519, Validity::days(365))?;
//!
//! let service = X509Service::new(
//!     peer.signing_identity()?,
//!     [org1.organisation()?, orderers.organisation()?],
//! )?;
//! let signature = service.sign(b"hello")?;
//! service.verify(service.own().bytes(), &signature, b"hello")?;
//!
//! // A channel of Org1, whose blocks need one orderer's signature. A node joins it by
//! // `gossip.join_channel(channel.id().clone(), channel.membership())`.
//! let channel = ChannelDefinition::new("mychannel")
//!     .with_member("Org1MSP", ["peer0.org1.example:7051".into()])
//!     .with_orderer_organisation("OrdererMSP");
//! service.set_channel(&channel)?;
//!
//! let mut orderer = Orderer::new(channel.id().clone(), Arc::new(orderer.signing_identity()?));
//! let transaction = orderer.transaction(b"any bytes")?;
//! let block = orderer.cut(&[transaction])?;
//! service.verify_block(channel.id(), 0, &block.bytes)?;
//!
//! let content = BlockContent::read(block.bytes)?;
//! let payloads: Vec<_> = content.payloads().collect::<Result<_, _>>()?;
//! assert_eq!(payloads, ["any bytes"]);
//! # Ok(())
//! # }
//! ```
//!
//! # Bounds
//! Identities up to [`MAX_IDENTITY_BYTES`]; [`MAX_CHANNELS`] channels; [`DEFAULT_CACHE_CAPACITY`]
//! cached identities, the least recently used evicted first and counted in [`CacheStats`]; blocks
//! up to [`MAX_BLOCK_BYTES`], with at most 128 signatures. A block's metadata is not covered by the
//! signatures and has bounds of its own, so that a relay cannot pad a block. Organisations,
//! revocation lists and policies are as large as configured.

mod authority;
mod block;
mod certificate;
mod clock;
mod credentials;
mod definition;
mod ecdsa;
mod error;
mod files;
mod identity;
mod lru;
mod organisation;
mod pem_text;
mod service;
mod signature;
mod signer;
mod validity;
mod wire;

pub use self::authority::CertificateAuthority;
pub use self::block::{BlockContent, CutBlock, MAX_BLOCK_BYTES, Orderer};
pub use self::clock::{Clock, ManualClock, SystemClock};
pub use self::credentials::Credentials;
pub use self::definition::ChannelDefinition;
pub use self::error::{BlockError, ConfigError, IdentityError, MakeError};
pub use self::identity::{Identity, MAX_IDENTITY_BYTES};
pub use self::organisation::Organisation;
pub use self::service::{CacheStats, DEFAULT_CACHE_CAPACITY, MAX_CHANNELS, X509Service};
pub use self::signature::KeyKind;
pub use self::signer::SigningIdentity;
pub use self::validity::Validity;
