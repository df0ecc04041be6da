//! What is being verified and signed, and what waits for the verdicts.
//!
//! Copies of one item that arrive while the first is being checked wait for its verdict: equal ones share it,
//! different ones are checked if it is bad. So a forged copy cannot shadow the true one, and the true one is verified
//! once. Each link has its share of the crypto service, so that the checks of one do not delay those of another.

pub(crate) mod copies;
mod jobs;
mod validation;

use std::collections::BTreeMap;

use bytes::Bytes;
use gossip_proto::{ConnEstablish, RawEnvelope, SignedMessage, UnsignedMessage};

use self::copies::{Claim, Copies};
use self::jobs::Jobs;
pub(crate) use self::validation::Validations;
use crate::gate::admitted::{BlockItem, BlockSource, Checked, Inbound, Key, Kind, Review, Sender};
use crate::out::Out;
use crate::signal::Signing;
use crate::snapshot::Stores;
use crate::{ChannelId, Config, CryptoJob, LinkId, PeerId, RequestId, Signed, Ticket};

/// The work at the crypto service.
#[derive(Debug, Default)]
pub(crate) struct Crypto {
    jobs: Jobs<Check>,
    /// Checks that copies may join.
    in_flight: BTreeMap<Key, Ticket>,
    pub(crate) validations: Validations,
    /// Publications that are being checked. Bounded by `state_transfer.max_publications`, and one more of each
    /// channel.
    publishing: usize,
    /// Messages about leadership that are being signed. Bounded by `messaging.max_awaiting`.
    leading: usize,
}

/// What a ticket stands for.
#[derive(Debug)]
pub(crate) enum Check {
    Item(Key, Checked),
    Access(Access),
    /// A state info held is checked by a newer configuration.
    Reader(ChannelId, Review),
    /// An identity in doubt.
    Validate(PeerId),
    /// An identity that was pulled from a peer, with what its own peer has signed of it.
    Identity {
        from: PeerId,
        message: SignedMessage,
    },
    /// A link's authentication.
    Conn {
        link: LinkId,
        identity: Bytes,
    },
    Sign(Signing, UnsignedMessage),
}

/// Whether a link's peer may read a channel, and what it asks meanwhile.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) sender: Sender,
    pub(crate) channel: ChannelId,
    /// The configuration whose policy is applied.
    pub(crate) revision: u64,
    pub(crate) waiting: Vec<Inbound>,
}

/// Questions that wait for one check of a link's access to a channel; more are dropped.
const MAX_QUESTIONS: usize = 4;

impl Crypto {
    /// May this link feed one more message?
    pub(crate) fn admits(&self, config: &Config, link: LinkId) -> bool {
        self.jobs.admit(&config.gate, link)
    }

    /// Checks that copies may join.
    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Publications that are being checked.
    pub(crate) fn publishing(&self) -> usize {
        self.publishing
    }

    /// Messages about leadership that are being signed.
    pub(crate) fn leading(&self) -> usize {
        self.leading
    }

    /// Has a message of ours signed.
    pub(crate) fn sign(&mut self, out: &mut Out<'_>, what: Signing, unsigned: UnsignedMessage) {
        let job = CryptoJob::Sign {
            payload: unsigned.payload().clone(),
            secret: unsigned.secret_payload().cloned(),
        };
        match what {
            Signing::Conn(link) => {
                let check = Check::Sign(what, unsigned);
                self.jobs.start_handshake(out, link, job, check);
                return;
            }
            Signing::Leadership(..) => self.leading += 1,
            Signing::Alive | Signing::StateInfo(_) | Signing::Identity => {}
        }
        self.jobs.start_own(out, job, Check::Sign(what, unsigned));
    }

    /// Has a link's authentication verified.
    pub(crate) fn authenticate(
        &mut self,
        out: &mut Out<'_>,
        link: LinkId,
        conn: &ConnEstablish,
        message: &SignedMessage,
    ) {
        let identity = conn.identity.clone();
        let job = CryptoJob::Authenticate {
            identity: identity.clone(),
            pki_id: conn.pki_id.clone(),
            signed: signed(message.envelope()),
        };
        let check = Check::Conn { link, identity };
        self.jobs.start_handshake(out, link, job, check);
    }

    /// Has an identity validated again.
    pub(crate) fn validate(&mut self, out: &mut Out<'_>, identity: Bytes, peer: PeerId) {
        let pki_id = Bytes::copy_from_slice(peer.as_bytes());
        let job = CryptoJob::Validate { identity, pki_id };
        self.jobs.start(out, None, job, 0, Check::Validate(peer));
    }

    /// Has an identity authenticated that was pulled, with what its peer has signed of it.
    pub(crate) fn check_identity(
        &mut self,
        out: &mut Out<'_>,
        link: LinkId,
        from: PeerId,
        (identity, pki_id): (Bytes, Bytes),
        message: SignedMessage,
    ) {
        let job = CryptoJob::Authenticate {
            identity,
            pki_id,
            signed: signed(message.envelope()),
        };
        let bytes = message.encoded().len() as u64;
        let check = Check::Identity { from, message };
        self.jobs.start(out, Some(link), job, bytes, check);
    }

    /// Has a state info held checked by the configuration in force.
    pub(crate) fn check_reader(
        &mut self,
        out: &mut Out<'_>,
        channel: &ChannelId,
        identity: Bytes,
        envelope: &RawEnvelope,
        review: Review,
    ) {
        let job = CryptoJob::Verify {
            identity,
            signed: Signed {
                secret: None,
                ..signed(envelope)
            },
            channel: Some(channel.clone()),
        };
        let check = Check::Reader(channel.clone(), review);
        self.jobs.start(out, None, job, 0, check);
    }

    /// Has a block verified that was published, pushed, or sent on request.
    pub(crate) fn check_block(
        &mut self,
        out: &mut Out<'_>,
        link: Option<LinkId>,
        block: BlockItem,
    ) {
        self.publishing += usize::from(matches!(block.source, BlockSource::Local { .. }));
        let key = Key::Block(block.channel.clone(), block.seq);
        let claim = Claim {
            job: CryptoJob::VerifyBlock {
                channel: block.channel.clone(),
                seq: block.seq,
                block: block.data.clone(),
            },
            item: block,
            presented: None,
        };
        let Some(claim) = self.join(out, link, &key, claim) else {
            return;
        };
        if let Some(claim) = self.validations.join(out, claim) {
            self.start(out, link, key, Copies::new(claim));
        }
    }

    /// A block has its verdict: if it was a publication, there is room for one more.
    pub(crate) fn on_block_judged(&mut self, block: &BlockItem) {
        if matches!(block.source, BlockSource::Local { .. }) {
            self.publishing = self.publishing.saturating_sub(1);
        }
    }

    /// Has a claim checked, unless a copy of it is: then it shares that check, or waits for its turn.
    pub(crate) fn check<T: Kind>(
        &mut self,
        out: &mut Out<'_>,
        link: Option<LinkId>,
        key: Key,
        claim: Claim<T>,
    ) {
        if let Some(claim) = self.join(out, link, &key, claim) {
            self.start(out, link, key, Copies::new(claim));
        }
    }

    /// Lets a claim share the check of a copy under way, and counts it if that is an equal one. Hands it back if
    /// there is none.
    pub(crate) fn join<T: Kind>(
        &mut self,
        out: &mut Out<'_>,
        link: Option<LinkId>,
        key: &Key,
        claim: Claim<T>,
    ) -> Option<Claim<T>> {
        let Some(ticket) = self.in_flight.get(key).copied() else {
            return Some(claim);
        };
        if let Some(Check::Item(_, checked)) = self.jobs.get_mut(ticket)
            && let Some(copies) = T::unwrap(checked)
        {
            let bytes = copies.add(claim);
            if bytes == 0 {
                out.metrics().duplicates += 1;
            }
            self.jobs.hold(ticket, link, bytes);
            self.jobs.join(out, ticket, link);
        }
        None
    }

    /// Has a claim checked, with its copies waiting.
    pub(crate) fn start<T: Kind>(
        &mut self,
        out: &mut Out<'_>,
        link: Option<LinkId>,
        key: Key,
        copies: Copies<T>,
    ) {
        let (job, bytes) = (copies.first.job.clone(), copies.bytes());
        let check = Check::Item(key.clone(), T::wrap(copies));
        let ticket = self.jobs.start(out, link, job, bytes, check);
        self.in_flight.insert(key, ticket);
    }

    /// Has a link's access to a channel checked, unless that is under way; `asked` waits for the verdict.
    pub(crate) fn check_access(
        &mut self,
        out: &mut Out<'_>,
        (sender, channel): (&Sender, ChannelId),
        revision: u64,
        job: impl FnOnce() -> Option<CryptoJob>,
        (asked, bytes): (Inbound, u64),
    ) {
        let key = Key::Access(sender.link, channel.clone());
        if let Some(ticket) = self.in_flight.get(&key).copied() {
            if let Some(Check::Access(access)) = self.jobs.get_mut(ticket)
                && access.waiting.len() < MAX_QUESTIONS
            {
                access.waiting.push(asked);
                self.jobs.hold(ticket, Some(sender.link), bytes);
            }
            return;
        }
        let Some(job) = job() else {
            return;
        };
        let check = Check::Access(Access {
            sender: sender.clone(),
            channel,
            revision,
            waiting: vec![asked],
        });
        let ticket = self.jobs.start(out, Some(sender.link), job, bytes, check);
        self.in_flight.insert(key, ticket);
    }

    /// The crypto service has answered. `None` if unsolicited, or if a link's access was checked that is gone.
    pub(crate) fn finish(&mut self, out: &mut Out<'_>, ticket: Ticket) -> Option<Check> {
        let check = self.jobs.finish(out, ticket)?;
        self.settle(check)
    }

    /// Takes a check whose answer is overdue, and counts it.
    pub(crate) fn pop_overdue(&mut self, out: &mut Out<'_>) -> Option<Check> {
        while let Some(check) = self.jobs.pop_overdue(out) {
            out.metrics().verifications_lost += 1;
            let check = self.settle(check);
            if check.is_some() {
                return check;
            }
        }
        None
    }

    fn settle(&mut self, check: Check) -> Option<Check> {
        match &check {
            Check::Item(key, _) => {
                self.in_flight.remove(key);
            }
            Check::Access(access) => {
                let key = Key::Access(access.sender.link, access.channel.clone());
                // If the link is gone, what would be remembered of it would stay for ever.
                self.in_flight.remove(&key)?;
            }
            Check::Sign(Signing::Leadership(..), _) => {
                self.leading = self.leading.saturating_sub(1);
            }
            Check::Reader(..)
            | Check::Validate(_)
            | Check::Identity { .. }
            | Check::Conn { .. }
            | Check::Sign(..) => {}
        }
        Some(check)
    }

    /// A link is gone: checks on its behalf that have not begun are given up unless others told the same, or wait
    /// for it.
    pub(crate) fn on_link_down(&mut self, out: &mut Out<'_>, link: LinkId) {
        self.in_flight
            .retain(|key, _| !matches!(key, Key::Access(of, _) if *of == link));
        for check in self.jobs.on_link_down(out, link, Check::is_shared) {
            if let Check::Item(key, _) = check {
                self.in_flight.remove(&key);
            }
        }
    }

    /// Ends everything. Returns the requests that wait for a verdict or a signature.
    pub(crate) fn stop(&mut self) -> Vec<RequestId> {
        let Self {
            jobs, validations, ..
        } = std::mem::take(self);
        let mut waiting = Vec::new();
        let mut blocks: Vec<_> = validations.into_all().collect();
        for check in jobs.into_all() {
            match check {
                Check::Sign(Signing::Leadership(id, _), _) => waiting.push(id),
                Check::Item(_, Checked::Block(copies)) => blocks.push(copies),
                Check::Item(..)
                | Check::Access(_)
                | Check::Reader(..)
                | Check::Validate(_)
                | Check::Identity { .. }
                | Check::Conn { .. }
                | Check::Sign(..) => {}
            }
        }
        let blocks = blocks.iter().flat_map(Copies::iter);
        waiting.extend(blocks.filter_map(|block| match block.item.source {
            BlockSource::Local { id } => Some(id),
            _ => None,
        }));
        waiting
    }

    /// Everything that is bounded here.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        self.jobs.stores(config, stores);
        self.validations.stores(config, stores);
    }
}

impl Check {
    /// Does anything besides the link that it runs for want the verdict?
    fn is_shared(&self) -> bool {
        match self {
            Self::Item(_, checked) => checked.is_shared(),
            Self::Reader(..) | Self::Validate(_) => true,
            Self::Access(_) | Self::Identity { .. } | Self::Conn { .. } | Self::Sign(..) => false,
        }
    }
}

/// What an envelope claims to be signed.
pub(crate) fn signed(envelope: &RawEnvelope) -> Signed {
    let secret = envelope.secret();
    Signed {
        payload: envelope.payload().clone(),
        signature: envelope.signature().clone(),
        secret: secret.map(|secret| (secret.payload.clone(), secret.signature.clone())),
    }
}
