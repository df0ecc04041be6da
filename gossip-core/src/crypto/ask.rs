//! Requests to the crypto service.

use bytes::Bytes;
use gossip_proto::{ConnEstablish, Content, RawEnvelope, SignedMessage, UnsignedMessage};

use super::copies::{Claim, Copies};
use super::{Access, Check, signed};
use crate::cx::Cx;
use crate::gate::admitted::{BlockItem, BlockSource, Inbound, ItemKind, Key, Review, Sender};
use crate::signal::Signing;
use crate::{ChannelId, CryptoJob, LinkId, PeerId, Signed};

/// The most requests that wait for one check of a link's access to a channel. More are dropped.
const MAX_WAITING: usize = 4;

impl Cx<'_> {
    /// Starts a signature of a message of ours.
    pub(crate) fn sign(&mut self, what: Signing, unsigned: UnsignedMessage) {
        let job = CryptoJob::Sign {
            payload: unsigned.payload().clone(),
            secret: unsigned.secret_payload().cloned(),
        };
        match what {
            Signing::Conn(link) => {
                let check = Check::Sign(what, unsigned);
                self.crypto
                    .jobs
                    .start_handshake(&mut self.out, link, job, check);
                return;
            }
            Signing::Leadership(..) => self.crypto.leading += 1,
            Signing::Alive | Signing::StateInfo(_) | Signing::Identity => {}
        }
        self.crypto
            .jobs
            .start_own(&mut self.out, job, Check::Sign(what, unsigned));
    }

    /// Starts the verification of a link's authentication.
    pub(crate) fn authenticate(
        &mut self,
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
        self.crypto
            .jobs
            .start_handshake(&mut self.out, link, job, check);
    }

    /// Starts a new validation of a known identity.
    pub(crate) fn validate(&mut self, identity: Bytes, peer: PeerId) {
        let pki_id = Bytes::copy_from_slice(peer.as_bytes());
        let job = CryptoJob::Validate { identity, pki_id };
        self.crypto
            .jobs
            .start(&mut self.out, None, job, 0, Check::Validate(peer));
    }

    /// Starts the authentication of a pulled identity, with the announcement that its owner signed.
    pub(crate) fn check_identity(&mut self, sender: &Sender, message: SignedMessage) {
        let Content::PeerIdentity(told) = message.content() else {
            return;
        };
        let job = CryptoJob::Authenticate {
            identity: told.cert.clone(),
            pki_id: told.pki_id.clone(),
            signed: signed(message.envelope()),
        };
        let bytes = message.encoded().len() as u64;
        let from = sender.peer.clone();
        let check = Check::Identity { from, message };
        let link = Some(sender.link);
        self.crypto
            .jobs
            .start(&mut self.out, link, job, bytes, check);
    }

    /// Starts the check of a stored state info under the configuration in force.
    pub(crate) fn check_reader(
        &mut self,
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
        self.crypto.jobs.start(&mut self.out, None, job, 0, check);
    }

    /// Starts the verification of a block that was published, pushed, or sent on request.
    pub(crate) fn check_block(&mut self, link: Option<LinkId>, block: BlockItem) {
        self.crypto.publishing += usize::from(matches!(block.source, BlockSource::Local { .. }));
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
        let Some(claim) = self.join_check(link, &key, claim) else {
            return;
        };
        if let Some(claim) = self.crypto.validations.join(&mut self.out, claim) {
            self.start_check(link, key, Copies::new(claim));
        }
    }

    /// Starts the check of a claim. If a copy of it is being checked, the claim shares that check or waits for its
    /// turn.
    pub(crate) fn check<T: ItemKind>(&mut self, link: Option<LinkId>, key: Key, claim: Claim<T>) {
        if let Some(claim) = self.join_check(link, &key, claim) {
            self.start_check(link, key, Copies::new(claim));
        }
    }

    /// Adds a claim to the check of a copy under way, and counts it if it is equal to one there. Returns the claim if
    /// there is no such check.
    pub(crate) fn join_check<T: ItemKind>(
        &mut self,
        link: Option<LinkId>,
        key: &Key,
        claim: Claim<T>,
    ) -> Option<Claim<T>> {
        let Some(ticket) = self.crypto.in_flight.get(key).copied() else {
            return Some(claim);
        };
        if let Some(Check::Item(_, checked)) = self.crypto.jobs.get_mut(ticket)
            && let Some(copies) = T::unwrap(checked)
        {
            let bytes = copies.add(claim);
            if bytes == 0 {
                self.metrics().duplicates += 1;
            }
            self.crypto.jobs.hold(ticket, link, bytes);
            self.crypto.jobs.join(&mut self.out, ticket, link);
        }
        None
    }

    /// Starts the check of a claim; its copies wait.
    pub(crate) fn start_check<T: ItemKind>(
        &mut self,
        link: Option<LinkId>,
        key: Key,
        copies: Copies<T>,
    ) {
        let (job, bytes) = (copies.first.job.clone(), copies.bytes());
        let check = Check::Item(key.clone(), T::wrap(copies));
        let ticket = self
            .crypto
            .jobs
            .start(&mut self.out, link, job, bytes, check);
        self.crypto.in_flight.insert(key, ticket);
    }

    /// Starts the check of a link's access to a channel, unless it is under way. `asked` waits for the verdict.
    pub(crate) fn check_access(
        &mut self,
        (sender, channel): (&Sender, ChannelId),
        revision: u64,
        job: impl FnOnce() -> Option<CryptoJob>,
        (asked, bytes): (Inbound, u64),
    ) {
        let key = Key::Access(sender.link, channel.clone());
        if let Some(ticket) = self.crypto.in_flight.get(&key).copied() {
            if let Some(Check::Access(access)) = self.crypto.jobs.get_mut(ticket)
                && access.waiting.len() < MAX_WAITING
            {
                access.waiting.push(asked);
                self.crypto.jobs.hold(ticket, Some(sender.link), bytes);
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
        let ticket = self
            .crypto
            .jobs
            .start(&mut self.out, Some(sender.link), job, bytes, check);
        self.crypto.in_flight.insert(key, ticket);
    }
}
