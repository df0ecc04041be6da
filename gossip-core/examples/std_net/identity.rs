use bytes::Bytes;
use gossip_core::{
    CryptoError, CryptoJob, CryptoOutcome, OrgId, PeerId, Signatures, Signed, ValidIdentity,
};

/// The identity service. An identity is a name, and its own PKI-ID.
pub(crate) fn check(me: &str, job: CryptoJob) -> CryptoOutcome {
    match job {
        CryptoJob::Authenticate {
            identity,
            pki_id,
            signed,
        } => {
            let valid = valid(&identity);
            let genuine = valid
                .check_pki_id(&pki_id)
                .and_then(|()| verify(&identity, &signed));
            CryptoOutcome::Authenticated(genuine.map(|()| valid))
        }
        CryptoJob::Validate { identity, pki_id } => {
            let valid = valid(&identity);
            CryptoOutcome::Authenticated(valid.check_pki_id(&pki_id).map(|()| valid))
        }
        CryptoJob::Verify {
            identity, signed, ..
        } => CryptoOutcome::Verified(verify(&identity, &signed)),
        CryptoJob::VerifyBlock { .. } => CryptoOutcome::Verified(Err(CryptoError::BadBlock)),
        CryptoJob::Sign { payload, secret } => CryptoOutcome::Signed(Ok(Signatures {
            payload: seal(me.as_bytes(), &payload),
            secret: secret.map(|secret| seal(me.as_bytes(), &secret)),
        })),
    }
}

fn valid(identity: &[u8]) -> ValidIdentity {
    let (peer, org) = (PeerId::new(identity), Some(OrgId::new(b"org1")));
    ValidIdentity {
        peer,
        org,
        expires_in: None,
    }
}

fn verify(identity: &[u8], signed: &Signed) -> Result<(), CryptoError> {
    let secret = signed
        .secret
        .iter()
        .map(|(payload, signature)| (payload, signature));
    let mut texts = std::iter::once((&signed.payload, &signed.signature)).chain(secret);
    let genuine = texts.all(|(payload, signature)| seal(identity, payload) == *signature);
    genuine.then_some(()).ok_or(CryptoError::BadSignature)
}

fn seal(identity: &[u8], text: &[u8]) -> Bytes {
    let key = blake3::derive_key("gossip std_net example signature", identity);
    Bytes::copy_from_slice(blake3::keyed_hash(&key, text).as_bytes())
}
