//! The crypto service and the ledger of the bench.

use super::{Bench, good_block, identity_of, large_block, org_of, peer, secs, signature};
use crate::{
    CryptoError, CryptoJob, CryptoOutcome, LedgerError, LedgerOp, LedgerOutcome, Signatures,
    Signed, ValidIdentity,
};

impl Bench {
    pub(super) fn crypto_outcome(&self, job: &CryptoJob) -> CryptoOutcome {
        match job {
            CryptoJob::Sign { .. } if self.cannot_sign => {
                CryptoOutcome::Signed(Err(CryptoError::SigningFailed))
            }
            CryptoJob::Sign { payload, secret } => {
                let own = identity_of("m1");
                CryptoOutcome::Signed(Ok(Signatures {
                    payload: signature(&own, payload),
                    secret: secret.as_ref().map(|secret| signature(&own, secret)),
                }))
            }
            CryptoJob::Authenticate {
                identity,
                pki_id,
                signed,
            } => CryptoOutcome::Authenticated(self.valid(identity).and_then(|valid| {
                valid.check_pki_id(pki_id)?;
                verify(identity, signed).map(|()| valid)
            })),
            CryptoJob::Validate { identity, pki_id } => {
                CryptoOutcome::Authenticated(self.valid(identity).and_then(|valid| {
                    valid.check_pki_id(pki_id)?;
                    Ok(valid)
                }))
            }
            CryptoJob::Verify {
                identity,
                signed,
                channel,
            } => {
                let name = name_in(identity).unwrap_or_default();
                let admitted = channel.is_none() || !self.not_readers.contains(name);
                let policy = admitted.then_some(()).ok_or(CryptoError::NotAdmitted);
                CryptoOutcome::Verified(verify(identity, signed).and(policy))
            }
            CryptoJob::VerifyBlock { seq, block, .. } => {
                let good = *block == good_block(*seq) || *block == large_block(*seq);
                CryptoOutcome::Verified(good.then_some(()).ok_or(CryptoError::BadBlock))
            }
        }
    }

    fn valid(&self, identity: &[u8]) -> Result<ValidIdentity, CryptoError> {
        let revoked = name_in(identity).is_some_and(|name| self.revoked.contains(name));
        if revoked {
            return Err(CryptoError::Revoked);
        }
        valid(identity)
    }

    pub(super) fn ledger(&mut self, op: LedgerOp) -> LedgerOutcome {
        match op {
            LedgerOp::Height { channel, .. } => {
                let height = self.ledgers.entry(channel).or_default().len();
                LedgerOutcome::Height(Ok(height as u64))
            }
            LedgerOp::Commit {
                channel,
                seq,
                block,
            } => {
                let ledger = self.ledgers.entry(channel.clone()).or_default();
                if ledger.len() as u64 != seq {
                    let error = LedgerError::NotNext(format!("block {seq}"));
                    return LedgerOutcome::Committed(Err(error));
                }
                ledger.push(block);
                self.commits.push((channel, seq));
                LedgerOutcome::Committed(Ok(()))
            }
            LedgerOp::Read {
                channel,
                start,
                end,
                ..
            } => {
                let ledger = self.ledgers.entry(channel).or_default().iter();
                let skip = usize::try_from(start).unwrap();
                let take = usize::try_from(end - start + 1).unwrap();
                LedgerOutcome::Blocks(Ok(ledger.skip(skip).take(take).cloned().collect()))
            }
        }
    }
}

fn name_in(identity: &[u8]) -> Option<&str> {
    std::str::from_utf8(identity)
        .ok()?
        .strip_prefix("identity of ")
}

fn valid(identity: &[u8]) -> Result<ValidIdentity, CryptoError> {
    let name = name_in(identity).ok_or(CryptoError::MalformedIdentity)?;
    Ok(ValidIdentity {
        peer: peer(name),
        org: (!name.starts_with('?')).then(|| org_of(name)),
        expires_in: name.starts_with('e').then(|| secs(60)),
    })
}

fn verify(identity: &[u8], signed: &Signed) -> Result<(), CryptoError> {
    let secret = signed.secret.as_ref().map(|(text, made)| (text, made));
    let texts = std::iter::once((&signed.payload, &signed.signature)).chain(secret);
    for (text, made) in texts {
        if signature(identity, text) != *made {
            return Err(CryptoError::BadSignature);
        }
    }
    Ok(())
}
