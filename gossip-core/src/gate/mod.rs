//! The one door between received bytes and the state machines.
//!
//! On the way in: is it known already, may the sender say it, whose identity signed it, does the
//! signature verify; then it enters as [`Admitted`]. On the way out: what we say is signed here.
//! No other module sees a ticket of the crypto service or an unverified message.
//!
//! Copies of one message that arrive while the first is being checked wait for its verdict: equal
//! ones share it, different ones are checked if it is bad. So a forged copy cannot shadow the true
//! one, and the true one is verified once.
//!
//! Each link has its share of the crypto service, so that what one of them brings delays no other.

mod access;
mod alive;
mod block;
mod checks;
mod copies;
mod inbound;
mod jobs;
mod leadership;
mod macs;
mod news;
mod parked;
mod pull;
mod pulse;
mod refused;
mod relay;
mod state_info;
mod validation;

use std::collections::BTreeMap;

use bytes::Bytes;
use gossip_proto::{ConnEstablish, PeerTime, SignedMessage, UnsignedMessage};

use self::alive::AliveClaim;
pub(crate) use self::block::block_message;
use self::checks::Vouched;
use self::copies::{Claim, Copies};
use self::jobs::Jobs;
use self::macs::Macs;
pub(crate) use self::news::{
    Admitted, AliveNews, AliveSource, BlockFault, BlockNews, BlockSource, ChainNews, IdentityNews,
    LeadershipNews, MemberNews, News, PulseNews, RelayNews, Sender, Signing, StateInfoNews,
    StateNews, Verdict,
};
use self::parked::Parked;
use self::refused::Refused;
use self::validation::Validations;
use crate::channel::Channels;
use crate::cx::Cx;
use crate::identity::Identities;
use crate::link::Links;
use crate::membership::Membership;
use crate::relay::{Mac, Relay};
use crate::snapshot::Stores;
use crate::{
    ChannelId, Config, CryptoError, CryptoJob, CryptoOutcome, LinkId, PeerId, RequestId, Signed,
    Ticket, ValidIdentity,
};

/// What the gate asks of its siblings before it spends a signature check.
pub(crate) struct Known<'a> {
    pub(crate) identities: &'a Identities,
    pub(crate) membership: &'a Membership,
    pub(crate) channels: &'a Channels,
    pub(crate) links: &'a Links,
    pub(crate) relay: &'a Relay,
}

/// Checks of what arrives, signatures on what leaves.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    jobs: Jobs<Check>,
    /// Checks of messages that may come in several copies.
    in_flight: BTreeMap<Key, Ticket>,
    /// Links whose peers were found to be readers of a channel, at a configuration of it.
    access: BTreeMap<(LinkId, ChannelId), u64>,
    budgets: BTreeMap<(LinkId, Asks), Budget>,
    parked: Parked,
    macs: Macs,
    validations: Validations,
    refused: Refused,
}

/// One item, whatever the number of copies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Alive(PeerId, PeerTime),
    StateInfo(ChannelId, PeerId, PeerTime),
    Relay(PeerId, Mac, PeerTime),
    Block(ChannelId, u64),
    Access(LinkId, ChannelId),
    Leadership(LinkId, ChannelId, PeerId, PeerTime),
}

/// What a ticket stands for.
#[derive(Debug)]
enum Check {
    Alive {
        key: Key,
        copies: Copies<AliveClaim>,
    },
    StateInfo {
        key: Key,
        copies: Copies<Vouched<StateInfoNews>>,
    },
    Relay {
        key: Key,
        copies: Copies<Vouched<RelayNews>>,
    },
    Block {
        key: Key,
        copies: Copies<BlockNews>,
    },
    Access {
        key: Key,
        sender: Sender,
        revision: u64,
        waiting: Vec<News>,
    },
    Reader(Verdict),
    Validate(PeerId),
    Identity {
        from: PeerId,
        message: SignedMessage,
    },
    Leadership {
        key: Key,
        news: LeadershipNews,
    },
    Conn {
        link: LinkId,
        identity: Bytes,
    },
    Sign {
        what: Signing,
        unsigned: UnsignedMessage,
    },
}

/// What a link may ask for only so often.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asks {
    Members,
    StateInfos(ChannelId),
    /// Of identities, or of a channel's blocks.
    Pull(Option<ChannelId>),
    Hashes,
    /// That signatures be checked of what is passed on to others.
    Relay,
}

/// Messages answered for one link in the present second.
#[derive(Debug, Default)]
struct Budget {
    second: u64,
    spent: u32,
}

impl Gate {
    /// May this link feed one more message?
    pub(crate) fn admits(&self, config: &Config, link: LinkId) -> bool {
        self.jobs.admit(&config.gate, link)
    }

    /// Has our `ConnEstablish` signed.
    pub(crate) fn sign_conn(&mut self, cx: &mut Cx<'_>, link: LinkId, unsigned: UnsignedMessage) {
        let job = sign_job(&unsigned);
        let what = Signing::Conn(link);
        self.jobs
            .start_handshake(cx, link, job, Check::Sign { what, unsigned });
    }

    /// Has our heartbeat signed.
    pub(crate) fn sign_alive(&mut self, cx: &mut Cx<'_>, unsigned: UnsignedMessage) {
        self.sign_own(cx, Signing::Alive, unsigned);
    }

    /// Has our state info signed.
    pub(crate) fn sign_state_info(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        unsigned: UnsignedMessage,
    ) {
        self.sign_own(cx, Signing::StateInfo(channel), unsigned);
    }

    /// Has a link's authentication looked at.
    pub(crate) fn authenticate(
        &mut self,
        cx: &mut Cx<'_>,
        link: LinkId,
        conn: &ConnEstablish,
        message: &SignedMessage,
    ) {
        let identity = conn.identity.clone();
        let job = CryptoJob::Authenticate {
            identity: identity.clone(),
            pki_id: conn.pki_id.clone(),
            signed: signed(message),
        };
        self.jobs
            .start_handshake(cx, link, job, Check::Conn { link, identity });
    }

    /// The crypto service may judge otherwise of the identities that it has refused.
    pub(crate) fn forget_refused(&mut self) {
        self.refused.clear();
    }

    /// Has an identity validated again.
    pub(crate) fn validate(&mut self, cx: &mut Cx<'_>, identity: Bytes, peer: PeerId) {
        let pki_id = Bytes::copy_from_slice(peer.as_bytes());
        let job = CryptoJob::Validate { identity, pki_id };
        self.jobs.start(cx, None, job, 0, Check::Validate(peer));
    }

    /// The crypto service has answered.
    pub(crate) fn on_crypto_done(
        &mut self,
        cx: &mut Cx<'_>,
        ticket: Ticket,
        outcome: CryptoOutcome,
    ) {
        let Some(check) = self.jobs.finish(cx, ticket) else {
            return;
        };
        self.conclude(cx, check, outcome);
    }

    /// Checks that have not been answered in time count as failed.
    pub(crate) fn fire_checks(&mut self, cx: &mut Cx<'_>) {
        while let Some(check) = self.jobs.pop_overdue(cx) {
            cx.metrics().verifications_lost += 1;
            let outcome = CryptoOutcome::Verified(Err(CryptoError::Overloaded));
            self.conclude(cx, check, outcome);
        }
    }

    /// Ends everything. Returns the requests that wait for a verdict or a signature.
    pub(crate) fn stop(&mut self) -> Vec<RequestId> {
        let mut waiting = Vec::new();
        let Self {
            jobs, validations, ..
        } = std::mem::take(self);
        let mut blocks: Vec<_> = validations.into_all().collect();
        for check in jobs.into_all() {
            if let Check::Sign {
                what: Signing::Leadership(id, _),
                ..
            } = &check
            {
                waiting.push(*id);
            }
            if let Check::Block { copies, .. } = check {
                blocks.push(copies);
            }
        }
        for copies in blocks {
            let (first, others) = copies.into_parts();
            for block in std::iter::once(first).chain(others) {
                if let BlockSource::Local { id } = block.source {
                    waiting.push(id);
                }
            }
        }
        waiting
    }

    /// State infos have been parked for long enough.
    pub(crate) fn fire_parked(&mut self, cx: &mut Cx<'_>) {
        self.parked.fire(cx);
    }

    /// A channel has been joined.
    pub(crate) fn on_channel_joined(&mut self) {
        self.macs.clear();
    }

    /// A channel has been left.
    pub(crate) fn on_channel_gone(&mut self, channel: &ChannelId) {
        self.macs.clear();
        self.parked.forget_channel(channel);
        self.validations.switch(channel, false);
        self.access.retain(|(_, of), _| of != channel);
    }

    /// A link is gone: checks on its behalf that have not begun are given up unless others told the
    /// same, or wait for it.
    pub(crate) fn on_link_down(&mut self, cx: &mut Cx<'_>, link: LinkId) {
        self.budgets.retain(|(of, _), _| *of != link);
        self.access.retain(|(of, _), _| *of != link);
        self.in_flight
            .retain(|key, _| !matches!(key, Key::Access(of, _) if *of == link));
        for check in self.jobs.on_link_down(cx, link, Check::is_shared) {
            if let Some(key) = check.key() {
                self.in_flight.remove(key);
            }
        }
    }

    /// Everything that is bounded here.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        self.jobs.stores(config, stores);
        let links = config.link.max_links.get().saturating_mul(2);
        let pairs = links.saturating_mul(config.channel.max_channels.get());
        stores.add("readers of channels", self.access.len(), pairs);
        // Of members, hashes and identities once, of each channel twice.
        let most = pairs
            .saturating_mul(2)
            .saturating_add(links.saturating_mul(3));
        stores.add("budgets of links", self.budgets.len(), most);
        self.parked.stores(config, stores);
        self.macs.stores(stores);
        self.refused.stores(config, stores);
        self.validations.stores(config, stores);
    }

    fn sign_own(&mut self, cx: &mut Cx<'_>, what: Signing, unsigned: UnsignedMessage) {
        let job = sign_job(&unsigned);
        self.jobs.start_own(cx, job, Check::Sign { what, unsigned });
    }

    fn conclude(&mut self, cx: &mut Cx<'_>, check: Check, outcome: CryptoOutcome) {
        match check {
            Check::Conn { link, identity } => {
                self.conclude_conn(cx, link, identity, outcome);
            }
            Check::Sign { what, unsigned } => {
                let message = sign(unsigned, outcome);
                cx.raise(News::Signed { what, message });
            }
            Check::Identity { from, message } => {
                Self::conclude_identity(cx, from, message, outcome);
            }
            Check::Validate(peer) => conclude_validate(cx, peer, outcome),
            Check::Reader(verdict) => {
                let result = verified(outcome);
                count(cx, &result);
                cx.raise(News::State(StateNews::Reviewed { verdict, result }));
            }
            Check::Leadership {
                key,
                news: leadership,
            } => {
                self.in_flight.remove(&key);
                Self::conclude_leadership(cx, leadership, outcome);
            }
            Check::Alive { key, copies } => {
                self.in_flight.remove(&key);
                self.conclude_alive(cx, key, copies, outcome);
            }
            Check::StateInfo { key, copies } => {
                self.in_flight.remove(&key);
                self.conclude_state_info(cx, key, copies, verified(outcome));
            }
            Check::Relay { key, copies } => {
                self.in_flight.remove(&key);
                self.conclude_relay(cx, key, copies, verified(outcome));
            }
            Check::Block { key, copies } => {
                self.in_flight.remove(&key);
                self.conclude_block(cx, copies, outcome);
            }
            Check::Access {
                key,
                sender,
                revision,
                waiting,
            } => {
                let verdict = verified(outcome);
                let of = (key, sender);
                let access = self.conclude_access(cx, of, revision, verdict, waiting);
                if let Some(access) = access {
                    cx.raise(News::Access(access));
                }
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
            cx.raise(News::Identity(IdentityNews::Valid { valid, bytes }));
        }
        cx.raise(News::Authenticated { link, result });
    }
}

impl Check {
    /// What copies of the same item are recognised by.
    fn key(&self) -> Option<&Key> {
        match self {
            Self::Alive { key, .. }
            | Self::StateInfo { key, .. }
            | Self::Relay { key, .. }
            | Self::Block { key, .. }
            | Self::Access { key, .. }
            | Self::Leadership { key, .. } => Some(key),
            Self::Reader(_)
            | Self::Validate(_)
            | Self::Identity { .. }
            | Self::Conn { .. }
            | Self::Sign { .. } => None,
        }
    }

    /// Somebody else than the link that it runs for is interested. Of a block it has been told that
    /// it is being checked, so a verdict must follow.
    fn is_shared(&self) -> bool {
        match self {
            Self::Alive { copies, .. } => copies.is_shared(),
            Self::StateInfo { copies, .. } => copies.is_shared(),
            Self::Relay { copies, .. } => copies.is_shared(),
            Self::Block { .. } | Self::Reader(_) | Self::Validate(_) => true,
            Self::Access { .. }
            | Self::Identity { .. }
            | Self::Leadership { .. }
            | Self::Conn { .. }
            | Self::Sign { .. } => false,
        }
    }
}

fn conclude_validate(cx: &mut Cx<'_>, peer: PeerId, outcome: CryptoOutcome) {
    let result = valid_identity(outcome).and_then(|valid| {
        valid.check_pki_id(peer.as_bytes())?;
        Ok(valid)
    });
    count(cx, &result);
    cx.raise(News::Identity(IdentityNews::Validated { peer, result }));
}

fn sign_job(unsigned: &UnsignedMessage) -> CryptoJob {
    CryptoJob::Sign {
        payload: unsigned.payload().clone(),
        secret: unsigned.secret_payload().cloned(),
    }
}

fn sign(unsigned: UnsignedMessage, outcome: CryptoOutcome) -> Option<SignedMessage> {
    match outcome {
        CryptoOutcome::Signed(Ok(made)) => Some(unsigned.sign(made.payload, made.secret)),
        CryptoOutcome::Signed(Err(_))
        | CryptoOutcome::Authenticated(_)
        | CryptoOutcome::Verified(_) => None,
    }
}

fn signed(message: &SignedMessage) -> Signed {
    let envelope = message.envelope();
    Signed {
        payload: envelope.payload().clone(),
        signature: envelope.signature().clone(),
        secret: envelope
            .secret()
            .map(|secret| (secret.payload.clone(), secret.signature.clone())),
    }
}

/// Too long to be kept and passed on: whoever signs it may put in it what nobody can read.
fn is_oversized(cx: &Cx<'_>, message: &SignedMessage) -> bool {
    message.encoded().len() > cx.config.limits.max_signed
}

fn valid_identity(outcome: CryptoOutcome) -> Result<ValidIdentity, CryptoError> {
    match outcome {
        CryptoOutcome::Authenticated(result) => result,
        CryptoOutcome::Verified(Err(error)) | CryptoOutcome::Signed(Err(error)) => Err(error),
        CryptoOutcome::Verified(Ok(())) | CryptoOutcome::Signed(Ok(_)) => {
            Err(CryptoError::MalformedIdentity)
        }
    }
}

fn verified(outcome: CryptoOutcome) -> Result<(), CryptoError> {
    match outcome {
        CryptoOutcome::Verified(result) => result,
        CryptoOutcome::Authenticated(result) => result.map(|_| ()),
        CryptoOutcome::Signed(Err(error)) => Err(error),
        CryptoOutcome::Signed(Ok(_)) => Err(CryptoError::BadSignature),
    }
}

/// What was not looked at has not failed.
fn count<T>(cx: &mut Cx<'_>, verdict: &Result<T, CryptoError>) {
    if verdict
        .as_ref()
        .is_err_and(|error| *error != CryptoError::Overloaded)
    {
        cx.metrics().verifications_failed += 1;
    }
}

#[cfg(test)]
mod tests;
