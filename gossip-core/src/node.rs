//! The node: one event in, ordered commands out.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::{
    ChannelId, ChannelInfo, Command, Config, ConfigError, Event, Instant, LinkId, Member, Metrics,
};

/// What a node needs at its start besides its configuration.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The present; later events must not lie before it.
    pub now: Instant,
    /// Decides every random choice.
    pub seed: [u8; 32],
    /// Greater at each start of the same peer, for example nanoseconds since 1970.
    pub incarnation: u64,
}

/// A gossip peer, without any input or output of its own.
#[derive(Debug)]
pub struct Node {
    out: VecDeque<Command>,
    metrics: Metrics,
}

impl Node {
    /// Makes a node.
    ///
    /// # Errors
    /// The configuration contradicts itself.
    pub fn new(config: Arc<Config>, start: Start) -> Result<Self, ConfigError> {
        config.validate()?;
        let _ = start;
        Ok(Self {
            out: VecDeque::new(),
            metrics: Metrics::default(),
        })
    }

    /// Takes one input. Never fails and never panics; `now` is clamped to be monotone.
    pub fn handle(&mut self, now: Instant, event: Event) {
        let _ = (now, event);
    }

    /// The next output, in order. Drain it after each `handle`; draining late is slow, never wrong.
    #[must_use]
    pub fn poll_command(&mut self) -> Option<Command> {
        self.out.pop_front()
    }

    /// When to call `handle` with [`Event::Tick`] at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// May this link feed one more message now? While not, leave it unread.
    #[must_use]
    pub fn admits(&self, link: LinkId) -> bool {
        let _ = link;
        true
    }

    /// What has been counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Changes whenever [`Node::members`] would.
    #[must_use]
    pub fn membership_version(&self) -> u64 {
        0
    }

    /// All known members, alive and dead, without ourselves.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        Vec::new()
    }

    /// Changes whenever [`Node::channel`] would for some channel.
    #[must_use]
    pub fn channels_version(&self) -> u64 {
        0
    }

    /// One channel, if joined.
    #[must_use]
    pub fn channel(&self, channel: &ChannelId) -> Option<ChannelInfo> {
        let _ = channel;
        None
    }

    /// The channels joined, in order.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelId> {
        Vec::new()
    }
}
