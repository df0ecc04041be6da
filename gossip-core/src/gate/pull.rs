//! The four steps of a pull, and the identities that come by it.

use gossip_proto::{Content, PullKind, SignedMessage, UnsignedMessage};

use super::news::{IdentityNews, News, Sender, Signing};
use super::{Asks, Check, Gate, Known, count, signed, valid_identity};
use crate::cx::Cx;
use crate::{ChannelId, CryptoError, CryptoJob, CryptoOutcome, LinkId, PeerId};

impl Gate {
    /// A step of a pull has come. It carries no signature: the link has proven whose it is, and what items
    /// it brings are checked one by one when they are found to have been asked for.
    pub(super) fn pull(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: Sender,
        message: SignedMessage,
    ) {
        let content = message.content();
        let kind = if let Content::Hello(hello) = content {
            hello.kind
        } else if let Content::Digest(ids) | Content::DataRequest(ids) = content {
            ids.kind
        } else if let Content::DataUpdate(update) = content {
            update.kind
        } else {
            return;
        };
        let is_hello = matches!(content, Content::Hello(_));
        let channel = match kind {
            // An organisation that is not known is told nothing.
            PullKind::Identity if sender.org.is_none() => {
                cx.metrics().pull_refused += 1;
                return;
            }
            PullKind::Identity => None,
            PullKind::Block => match self.pulled_channel(cx, known, &sender, &message) {
                Some(channel) => Some(channel),
                None => return,
            },
        };
        let asks = Asks::Pull(channel.clone());
        if is_hello && !self.within_budget(cx, sender.link, asks) {
            return;
        }
        cx.raise(News::Pull {
            sender,
            channel,
            message,
        });
    }

    /// Has an identity authenticated that was asked for, with what its peer has signed of it.
    pub(crate) fn check_identity(
        &mut self,
        cx: &mut Cx<'_>,
        link: LinkId,
        from: PeerId,
        message: SignedMessage,
    ) {
        let Content::PeerIdentity(identity) = message.content() else {
            return;
        };
        let job = CryptoJob::Authenticate {
            identity: identity.cert.clone(),
            pki_id: identity.pki_id.clone(),
            signed: signed(&message),
        };
        let bytes = message.encoded().len() as u64;
        let check = Check::Identity { from, message };
        self.jobs.start(cx, Some(link), job, bytes, check);
    }

    pub(super) fn conclude_identity(
        cx: &mut Cx<'_>,
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
        match verdict {
            Ok(valid) => cx.raise(News::Identity(IdentityNews::Announced { valid, message })),
            Err(CryptoError::Overloaded) => {}
            Err(error) => {
                let subject = PeerId::new(&identity.pki_id);
                tracing::debug!(%from, %subject, %error, "identity refused");
                cx.raise(News::Identity(IdentityNews::Bad { from, subject }));
            }
        }
    }

    /// Has the announcement of our identity signed.
    pub(crate) fn sign_identity(&mut self, cx: &mut Cx<'_>, unsigned: UnsignedMessage) {
        self.sign_own(cx, Signing::Identity, unsigned);
    }

    /// Blocks are pulled between members of one organisation that both take part in the channel.
    fn pulled_channel(
        &self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        message: &SignedMessage,
    ) -> Option<ChannelId> {
        let id = self.channel_of(cx, known, sender, message.message())?;
        let own = known.channels.get(&id)?;
        let inside = sender
            .org
            .as_ref()
            .is_some_and(|org| known.identities.is_own_org(org));
        if !inside || own.own.has_left() || !own.is_eligible(&sender.peer) {
            cx.metrics().pull_refused += 1;
            return None;
        }
        Some(id)
    }
}
