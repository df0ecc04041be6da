use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use gossip_core::{ChannelId, Member, PeerId, SendCriteria};

type Eligible = Box<dyn Fn(&Member) -> bool + Send + Sync>;

/// The peers that a message is sent to, and how many must acknowledge it; for
/// [`Gossip::send_acknowledged`](crate::Gossip::send_acknowledged).
pub struct Criteria {
    timeout: Duration,
    min_acks: usize,
    max_peers: usize,
    channel: Option<ChannelId>,
    eligible: Option<Eligible>,
}

impl Criteria {
    /// Sends to one peer, drawn among all alive ones, which must acknowledge within `timeout`. The timeout includes
    /// dials.
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

    /// The number of acknowledgements wanted; default 1. With 0 the call does not wait. At least as many peers are sent
    /// the message, if [`max_peers`](Self::max_peers) is not set later.
    #[must_use]
    pub const fn min_acks(mut self, count: usize) -> Self {
        self.min_acks = count;
        if self.max_peers < count {
            self.max_peers = count;
        }
        self
    }

    /// The most peers to send to, drawn at random; default 1. With 0 the call succeeds without sending.
    #[must_use]
    pub const fn max_peers(mut self, count: usize) -> Self {
        self.max_peers = count;
        self
    }

    /// Sends only to participants of `channel`, which must be joined.
    #[must_use]
    pub fn channel(mut self, channel: impl Into<ChannelId>) -> Self {
        self.channel = Some(channel.into());
        self
    }

    /// Sends only to peers that `eligible` selects. It is called once for each alive member when the message is sent.
    #[must_use]
    pub fn eligible(mut self, eligible: impl Fn(&Member) -> bool + Send + Sync + 'static) -> Self {
        self.eligible = Some(Box::new(eligible));
        self
    }

    /// The core's criteria, given the present members.
    pub(crate) fn resolve(self, members: &[Member]) -> SendCriteria {
        let select = |eligible: Eligible| -> BTreeSet<PeerId> {
            let selected = members.iter().filter(|one| one.alive && eligible(one));
            selected.map(|member| member.peer.clone()).collect()
        };
        SendCriteria {
            timeout: self.timeout,
            min_acks: self.min_acks,
            max_peers: self.max_peers,
            channel: self.channel,
            eligible: self.eligible.filter(|_| self.max_peers > 0).map(select),
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
