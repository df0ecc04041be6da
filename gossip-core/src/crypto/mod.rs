//! Outstanding verifications and signatures, and the items that await their results.
//!
//! Copies of one item that arrive while the first is being checked wait for its verdict: equal ones share it,
//! different ones are checked if it is bad. So a forged copy cannot shadow the genuine one, and the genuine one is
//! verified once. Each link has its share of the crypto service, so that the checks of one do not delay those of
//! another.

mod ask;
pub(crate) mod copies;
mod jobs;
mod validation;

use std::collections::BTreeMap;

use bytes::Bytes;
use gossip_proto::{RawEnvelope, SignedMessage, UnsignedMessage};

use self::copies::Copies;
use self::jobs::Jobs;
pub(crate) use self::validation::Validations;
use crate::gate::admitted::{BlockItem, BlockSource, Checked, Inbound, Key, Review, Sender};
use crate::out::Out;
use crate::signal::Signing;
use crate::snapshot::Stores;
use crate::{ChannelId, Config, LinkId, PeerId, RequestId, Signed, Ticket};

/// Outstanding work at the crypto service.
#[derive(Debug, Default)]
pub(crate) struct Crypto {
    jobs: Jobs<Check>,
    /// Checks that copies may join.
    in_flight: BTreeMap<Key, Ticket>,
    pub(crate) validations: Validations,
    /// Publications that are being checked. At most `state_transfer.max_publications`, plus one per channel.
    publishing: usize,
    /// Messages about leadership that are being signed. At most `messaging.max_awaiting`.
    leading: usize,
}

/// The purpose of a ticket.
#[derive(Debug)]
pub(crate) enum Check {
    Item(Key, Checked),
    Access(Access),
    /// A stored state info is checked under a newer configuration.
    Reader(ChannelId, Review),
    /// A suspected identity.
    Validate(PeerId),
    /// An identity pulled from a peer, with the announcement that its owner signed.
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

/// A check whether a link's peer may read a channel, and the requests that await the verdict.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) sender: Sender,
    pub(crate) channel: ChannelId,
    /// The configuration whose policy is applied.
    pub(crate) revision: u64,
    pub(crate) waiting: Vec<Inbound>,
}

impl Crypto {
    /// Returns whether one more message of this link may be read.
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

    /// A block has its verdict. A publication frees its place.
    pub(crate) fn on_block_verdict(&mut self, block: &BlockItem) {
        if matches!(block.source, BlockSource::Local { .. }) {
            self.publishing = self.publishing.saturating_sub(1);
        }
    }

    /// The crypto service has answered. `None` if unsolicited, or if the check was of the access of a link that has
    /// ended.
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
                // After the end of the link, a remembered verdict would never be removed.
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

    /// A link has ended. Cancels its checks that have not started, except those whose verdict is needed elsewhere.
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
        for block in blocks {
            if let BlockSource::Local { id } = block.item.source {
                waiting.push(id);
            }
        }
        waiting
    }

    /// Reports the size and the bound of each store.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        self.jobs.stores(config, stores);
        self.validations.stores(config, stores);
    }
}

impl Check {
    /// Returns whether the verdict is needed even if the link that the check runs for ends.
    fn is_shared(&self) -> bool {
        match self {
            Self::Item(_, checked) => checked.is_shared(),
            Self::Reader(..) | Self::Validate(_) => true,
            Self::Access(_) | Self::Identity { .. } | Self::Conn { .. } | Self::Sign(..) => false,
        }
    }
}

/// The parts of an envelope whose signatures are to be verified.
pub(crate) fn signed(envelope: &RawEnvelope) -> Signed {
    let secret = envelope.secret();
    Signed {
        payload: envelope.payload().clone(),
        signature: envelope.signature().clone(),
        secret: secret.map(|secret| (secret.payload.clone(), secret.signature.clone())),
    }
}
