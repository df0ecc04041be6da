//! Maps a [`CryptoJob`] to calls of the crypto service.

use bytes::Bytes;
use gossip_core::{
    ChannelId, CryptoError, CryptoJob, CryptoOutcome, Signatures, Signed, ValidIdentity,
};

use crate::{MessageCryptoService, SecurityAdvisor};

/// Performs a job.
///
/// An identity is parsed, then validated (issuer, expiry, revocation), then compared with the PKI-ID
/// under which it was received. Only then is a signature checked under it. The first check that fails
/// determines the error.
pub(crate) fn perform<C>(service: &C, job: CryptoJob) -> CryptoOutcome
where
    C: MessageCryptoService + SecurityAdvisor,
{
    match job {
        CryptoJob::Authenticate {
            identity,
            pki_id,
            signed,
        } => CryptoOutcome::Authenticated(valid(service, &identity).and_then(|valid| {
            valid.check_pki_id(&pki_id)?;
            verify(service, None, &identity, &signed)?;
            Ok(valid)
        })),
        CryptoJob::Validate { identity, pki_id } => {
            CryptoOutcome::Authenticated(valid(service, &identity).and_then(|valid| {
                valid.check_pki_id(&pki_id)?;
                Ok(valid)
            }))
        }
        CryptoJob::Verify {
            identity,
            signed,
            channel,
        } => CryptoOutcome::Verified(verify(service, channel.as_ref(), &identity, &signed)),
        CryptoJob::VerifyBlock {
            channel,
            seq,
            block,
        } => CryptoOutcome::Verified(service.verify_block(&channel, seq, &block)),
        CryptoJob::Sign { payload, secret } => {
            CryptoOutcome::Signed(sign(service, &payload, secret.as_ref()))
        }
    }
}

/// The outcome of a job that was not performed, or not to its end.
pub(crate) fn refuse(job: &CryptoJob, reason: CryptoError) -> CryptoOutcome {
    match job {
        CryptoJob::Authenticate { .. } => CryptoOutcome::Authenticated(Err(reason)),
        // Not a failed check: the identity stays valid.
        CryptoJob::Validate { .. } => CryptoOutcome::Authenticated(Err(CryptoError::Overloaded)),
        CryptoJob::Verify { .. } | CryptoJob::VerifyBlock { .. } => {
            CryptoOutcome::Verified(Err(reason))
        }
        CryptoJob::Sign { .. } => CryptoOutcome::Signed(Err(reason)),
    }
}

fn valid<C>(service: &C, identity: &[u8]) -> Result<ValidIdentity, CryptoError>
where
    C: MessageCryptoService + SecurityAdvisor,
{
    let peer = service.pki_id(identity)?;
    service.validate_identity(identity)?;
    let expires_in = service.expires_in(identity)?;
    Ok(ValidIdentity {
        peer,
        org: service.org_of(identity),
        expires_in,
    })
}

fn verify(
    service: &impl MessageCryptoService,
    channel: Option<&ChannelId>,
    identity: &[u8],
    signed: &Signed,
) -> Result<(), CryptoError> {
    let Signed {
        payload,
        signature,
        secret,
    } = signed;
    match channel {
        Some(channel) => service.verify_by_channel(channel, identity, signature, payload)?,
        None => service.verify(identity, signature, payload)?,
    }
    match secret {
        Some((payload, signature)) => service.verify(identity, signature, payload),
        None => Ok(()),
    }
}

fn sign(
    service: &impl MessageCryptoService,
    payload: &[u8],
    secret: Option<&Bytes>,
) -> Result<Signatures, CryptoError> {
    let payload = service.sign(payload)?;
    let secret = secret.map(|secret| service.sign(secret)).transpose()?;
    Ok(Signatures { payload, secret })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestCrypto;

    fn authenticate(service: &TestCrypto, by: &TestCrypto, claims: &TestCrypto) -> CryptoOutcome {
        authenticate_as(service, by, claims, claims)
    }

    fn authenticate_as(
        service: &TestCrypto,
        by: &TestCrypto,
        claims: &TestCrypto,
        named: &TestCrypto,
    ) -> CryptoOutcome {
        let payload = Bytes::from_static(b"hello");
        let signature = by.sign(&payload).unwrap();
        let signed = Signed {
            payload,
            signature,
            secret: None,
        };
        perform(
            service,
            CryptoJob::Authenticate {
                identity: claims.identity().bytes,
                pki_id: Bytes::copy_from_slice(named.identity().peer.as_bytes()),
                signed,
            },
        )
    }

    #[test]
    fn the_first_check_that_fails_names_the_error() {
        let service = TestCrypto::new("org1", "me").knowing(&["org1", "org2"]);
        let (alice, mallory) = (
            TestCrypto::new("org2", "alice"),
            TestCrypto::new("org9", "mallory"),
        );
        let expected = ValidIdentity {
            peer: alice.identity().peer,
            org: Some(alice.identity().org),
            expires_in: None,
        };
        let authenticated = |result| CryptoOutcome::Authenticated(result);
        assert_eq!(
            authenticate(&service, &alice, &alice),
            authenticated(Ok(expected))
        );
        let forged = authenticate(&service, &mallory, &alice);
        assert_eq!(forged, authenticated(Err(CryptoError::BadSignature)));
        let stolen = authenticate_as(&service, &mallory, &alice, &mallory);
        assert_eq!(stolen, authenticated(Err(CryptoError::StolenIdentity)));
        let untrusted = authenticate(&service, &alice, &mallory);
        assert_eq!(untrusted, authenticated(Err(CryptoError::Untrusted)));
        service.revoke("org2", "alice");
        let revoked = authenticate(&service, &mallory, &alice);
        assert_eq!(revoked, authenticated(Err(CryptoError::Revoked)));
    }

    #[test]
    fn a_secret_must_verify_too() {
        let alice = TestCrypto::new("org1", "alice");
        let (payload, secret) = (Bytes::from_static(b"open"), Bytes::from_static(b"secret"));
        let sign = CryptoJob::Sign {
            payload: payload.clone(),
            secret: Some(secret.clone()),
        };
        let CryptoOutcome::Signed(Ok(signatures)) = perform(&alice, sign) else {
            panic!("no signature")
        };
        let verify = |secret: (Bytes, Bytes)| {
            let signature = signatures.payload.clone();
            let signed = Signed {
                payload: payload.clone(),
                signature,
                secret: Some(secret),
            };
            let identity = alice.identity().bytes;
            perform(
                &alice,
                CryptoJob::Verify {
                    identity,
                    signed,
                    channel: None,
                },
            )
        };
        let genuine = signatures.secret.clone().unwrap();
        assert_eq!(
            verify((secret, genuine.clone())),
            CryptoOutcome::Verified(Ok(()))
        );
        let forged = verify((Bytes::from_static(b"other"), genuine));
        assert_eq!(
            forged,
            CryptoOutcome::Verified(Err(CryptoError::BadSignature))
        );
    }
}
