use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use gossip_core::{ChannelId, Member, PeerId, SendCriteria};

type Eligible = Box<dyn Fn(&Member) -> bool + Send + Sync>;

/// To whom a message is sent, and how many must acknowledge it; for
/// [`Gossip::send_by_criteria`](crate::Gossip::send_by_criteria).
pub struct Criteria {
    timeout: Duration,
    min_acks: usize,
    max_peers: usize,
    channel: Option<ChannelId>,
    eligible: Option<Eligible>,
}

impl Criteria {
    /// One peer, drawn among all that are alive, must acknowledge within `timeout`, which begins at once and
    /// includes dials.
    #[must_use]
    pub const fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            min_acks: 1,
            max_peers: 1,
            channel: None,
            eligible: None,
        }
    }

    /// So many must acknowledge. With 0 nobody is waited for.
    #[must_use]
    pub const fn min_acks(mut self, count: usize) -> Self {
        self.min_acks = count;
        self
    }

    /// Send to so many at most, drawn at random. With 0 nothing is done, and that is a success.
    #[must_use]
    pub const fn max_peers(mut self, count: usize) -> Self {
        self.max_peers = count;
        self
    }

    /// Only to peers that take part in `channel`, which must be joined.
    #[must_use]
    pub fn channel(mut self, channel: impl Into<ChannelId>) -> Self {
        self.channel = Some(channel.into());
        self
    }

    /// Only to those of which `eligible` says so. Asked once for each member that is alive, when the message
    /// is sent.
    #[must_use]
    pub fn eligible(mut self, eligible: impl Fn(&Member) -> bool + Send + Sync + 'static) -> Self {
        self.eligible = Some(Box::new(eligible));
        self
    }

    /// What the core is asked, given the present members.
    pub(crate) fn resolve(self, members: &[Member]) -> SendCriteria {
        let chosen = |eligible: Eligible| -> BTreeSet<PeerId> {
            let chosen = members.iter().filter(|one| one.alive && eligible(one));
            chosen.map(|member| member.peer.clone()).collect()
        };
        SendCriteria {
            timeout: self.timeout,
            min_acks: self.min_acks,
            max_peers: self.max_peers,
            channel: self.channel,
            eligible: self.eligible.filter(|_| self.max_peers > 0).map(chosen),
        }
    }
}

impl fmt::Debug for Criteria {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Criteria")
            .field("timeout", &self.timeout)
            .field("min_acks", &self.min_acks)
            .field("max_peers", &self.max_peers)
            .field("channel", &self.channel)
            .field("all", &self.eligible.is_none())
            .finish()
    }
}
