//! Routes the verdicts of the crypto service to the checks that await them.

use bytes::Bytes;
use gossip_proto::{Content, SignedMessage, UnsignedMessage};

use super::admitted::{ChannelInput, IdentityInput, Inbound};
use super::verdict::{count, valid_identity, verified};
use super::{Gate, GateCx};
use crate::crypto::Check;
use crate::cx::Cx;
use crate::out::Out;
use crate::signal::{Signal, Signing};
use crate::{CryptoError, CryptoOutcome, LinkId, PeerId, Ticket};

impl Gate {
    /// The crypto service has answered.
    pub(crate) fn on_crypto_done(
        &mut self,
        cx: &mut GateCx<'_>,
        ticket: Ticket,
        outcome: CryptoOutcome,
    ) {
        let Cx { out, crypto } = &mut cx.cx;
        if let Some(check) = crypto.finish(out, ticket) {
            self.conclude(cx, check, outcome);
        }
    }

    /// Ends the checks whose answer is overdue. They count as overloaded.
    pub(crate) fn fire_checks(&mut self, cx: &mut GateCx<'_>) {
        let overdue = |cx: &mut Cx<'_>| cx.crypto.pop_overdue(&mut cx.out);
        while let Some(check) = overdue(cx) {
            let outcome = CryptoOutcome::Verified(Err(CryptoError::Overloaded));
            self.conclude(cx, check, outcome);
        }
    }

    fn conclude(&mut self, cx: &mut GateCx<'_>, check: Check, outcome: CryptoOutcome) {
        match check {
            Check::Item(key, checked) => self.conclude_item(cx, key, checked, outcome),
            Check::Access(access) => self.conclude_access(cx, access, verified(outcome)),
            Check::Conn { link, identity } => self.conclude_conn(cx, link, identity, outcome),
            Check::Identity { from, message } => conclude_identity(cx, from, message, outcome),
            Check::Validate(peer) => conclude_validate(cx, peer, outcome),
            Check::Sign(what, unsigned) => conclude_sign(cx, what, unsigned, outcome),
            Check::Reader(channel, review) => {
                let result = verified(outcome);
                count(cx, &result);
                let input = ChannelInput::Reviewed { review, result };
                cx.raise(Inbound::Channel(channel, input));
            }
        }
    }

    fn conclude_conn(
        &mut self,
        cx: &mut Cx<'_>,
        link: LinkId,
        bytes: Bytes,
        outcome: CryptoOutcome,
    ) {
        let result = valid_identity(outcome);
        self.refused.note(cx, &bytes, &result);
        count(cx, &result);
        if let Ok(valid) = &result {
            let valid = valid.clone();
            cx.raise(Inbound::Identity(IdentityInput::Valid { valid, bytes }));
        }
        cx.raise(Inbound::Authenticated { link, result });
    }
}

fn conclude_sign(
    cx: &mut Out<'_>,
    what: Signing,
    unsigned: UnsignedMessage,
    outcome: CryptoOutcome,
) {
    let message = match outcome {
        CryptoOutcome::Signed(Ok(made)) => Some(unsigned.sign(made.payload, made.secret)),
        CryptoOutcome::Signed(Err(_))
        | CryptoOutcome::Authenticated(_)
        | CryptoOutcome::Verified(_) => None,
    };
    cx.raise(Signal::Signed { what, message });
}

fn conclude_validate(cx: &mut Out<'_>, peer: PeerId, outcome: CryptoOutcome) {
    let result = valid_identity(outcome).and_then(|valid| {
        valid.check_pki_id(peer.as_bytes())?;
        Ok(valid)
    });
    count(cx, &result);
    cx.raise(Inbound::Identity(IdentityInput::Validated { peer, result }));
}

fn conclude_identity(
    cx: &mut Out<'_>,
    from: PeerId,
    message: SignedMessage,
    outcome: CryptoOutcome,
) {
    let Content::PeerIdentity(identity) = message.content() else {
        return;
    };
    let verdict = valid_identity(outcome).and_then(|valid| {
        valid.check_pki_id(&identity.pki_id)?;
        Ok(valid)
    });
    count(cx, &verdict);
    let input = match verdict {
        Ok(valid) => IdentityInput::Announced { valid, message },
        Err(CryptoError::Overloaded) => return,
        Err(error) => {
            let subject = PeerId::new(&identity.pki_id);
            tracing::debug!(%from, %subject, %error, "identity refused");
            IdentityInput::Bad { from, subject }
        }
    };
    cx.raise(Inbound::Identity(input));
}
