//! Snapshots of the node, which handles read without a request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event;
use gossip_core::{ChannelId, ChannelInfo, Member, Metrics, Node};

use crate::error::Stopped;

/// Snapshots, replaced by the driver when they have changed.
#[derive(Debug)]
pub(crate) struct Views {
    state: Mutex<State>,
    changed: Event,
}

#[derive(Debug)]
struct State {
    members: Arc<[Member]>,
    own: Arc<Member>,
    channels: Arc<BTreeMap<ChannelId, Arc<ChannelInfo>>>,
    metrics: Metrics,
    stopping: bool,
    stopped: bool,
}

impl Views {
    pub(crate) fn new(node: &Node) -> Self {
        let state = State {
            members: Arc::new([]),
            own: Arc::new(node.self_info()),
            channels: Arc::default(),
            metrics: Metrics::default(),
            stopping: false,
            stopped: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Event::new(),
        }
    }

    pub(crate) fn members(&self) -> Arc<[Member]> {
        Arc::clone(&self.lock().members)
    }

    pub(crate) fn own(&self) -> Arc<Member> {
        Arc::clone(&self.lock().own)
    }

    pub(crate) fn channels(&self) -> Arc<BTreeMap<ChannelId, Arc<ChannelInfo>>> {
        Arc::clone(&self.lock().channels)
    }

    pub(crate) fn metrics(&self) -> Metrics {
        self.lock().metrics.clone()
    }

    /// Whether a stop was requested.
    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Whether the driver has ended.
    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    pub(crate) fn ask_to_stop(&self) {
        self.lock().stopping = true;
        self.changed.notify(usize::MAX);
    }

    /// Waits until `check`, called again after each change, yields a value.
    pub(crate) async fn wait<T>(&self, mut check: impl FnMut() -> Option<T>) -> T {
        loop {
            let listener = self.changed.listen();
            if let Some(found) = check() {
                return found;
            }
            listener.await;
        }
    }

    /// Waits until `check`, called again after each change, yields a value or the node stops.
    ///
    /// A call made after the request to stop always fails. A call that already waits then returns the value if the
    /// last snapshots yield one.
    pub(crate) async fn wait_running<T>(
        &self,
        mut check: impl FnMut() -> Option<T>,
    ) -> Result<T, Stopped> {
        if self.is_stopping() {
            return Err(Stopped);
        }
        self.wait(|| match check() {
            Some(value) => Some(Ok(value)),
            None => self.is_stopping().then_some(Err(Stopped)),
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The driver's end: replaces the snapshots. When it is dropped, the handles see that the node has stopped.
#[derive(Debug)]
pub(crate) struct Publisher {
    views: Arc<Views>,
    members: u64,
    channels: u64,
    own: u64,
    /// Whether the node stops: the snapshots no longer change.
    frozen: bool,
}

impl Publisher {
    pub(crate) fn new(views: Arc<Views>, node: &Node) -> Self {
        let publisher = Self {
            views,
            members: node.membership_version(),
            channels: node.channels_version(),
            own: node.self_version(),
            frozen: false,
        };
        publisher.replace(node, true, true);
        publisher
    }

    pub(crate) fn is_stop_asked(&self) -> bool {
        self.views.is_stopping()
    }

    /// Freezes the snapshots; only the counters are still replaced.
    pub(crate) fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Replaces the snapshots that have changed since the last call.
    pub(crate) fn publish(&mut self, node: &Node) {
        if self.frozen {
            self.replace(node, false, false);
            return;
        }
        let (members, channels) = (node.membership_version(), node.channels_version());
        let new_members = std::mem::replace(&mut self.members, members) != members;
        let new_channels = std::mem::replace(&mut self.channels, channels) != channels;
        let own = node.self_version();
        if std::mem::replace(&mut self.own, own) != own {
            self.replace_own(node);
        }
        self.replace(node, new_members, new_channels);
    }

    fn replace_own(&self, node: &Node) {
        let own = Arc::new(node.self_info());
        self.views.lock().own = own;
        self.views.changed.notify(usize::MAX);
    }

    fn replace(&self, node: &Node, members: bool, channels: bool) {
        let members = members.then(|| node.members().into());
        let channels = channels.then(|| {
            let before = self.views.channels();
            let infos = node.channels().into_iter().filter_map(|id| {
                let info = node.channel_since(&id, before.get(&id))?;
                Some((id, info))
            });
            Arc::new(infos.collect())
        });
        let changed = members.is_some() || channels.is_some();
        {
            let mut state = self.views.lock();
            state.metrics.clone_from(node.metrics());
            if let Some(members) = members {
                state.members = members;
            }
            if let Some(channels) = channels {
                state.channels = channels;
            }
        }
        if changed {
            self.views.changed.notify(usize::MAX);
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        {
            let mut state = self.views.lock();
            state.stopping = true;
            state.stopped = true;
        }
        self.views.changed.notify(usize::MAX);
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may")]
mod tests {
    use std::sync::Arc;

    use gossip_core::{
        Command, Config, Endpoint, Event, Instant, JoinChannel, LedgerOp, LedgerOutcome, OrgId,
        PeerId, Request, RequestId, SelfIdentity, Start,
    };

    use super::*;

    fn node() -> Node {
        let identity = SelfIdentity {
            peer: PeerId::new(b"me"),
            org: OrgId::new(b"org"),
            bytes: bytes::Bytes::from_static(b"identity"),
        };
        let start = Start {
            now: Instant::START,
            seed: [7; 32],
            incarnation: 1,
            identity_expires_in: None,
        };
        let config = Config::new(identity, Endpoint::new("here:1"));
        Node::new(Arc::new(config), start).expect("the configuration is valid")
    }

    #[test]
    fn only_the_snapshot_of_a_channel_that_has_changed_is_replaced() {
        let mut node = node();
        let views = Arc::new(Views::new(&node));
        let mut publisher = Publisher::new(Arc::clone(&views), &node);
        let names = ["changing", "resting"].map(ChannelId::new);
        for (number, channel) in (1..).zip(&names) {
            let request = Request::JoinChannel {
                channel: channel.clone(),
                config: JoinChannel {
                    sequence: 1,
                    members: [(OrgId::new(b"org"), Vec::new())].into(),
                },
            };
            let id = RequestId(number);
            node.handle(Instant::START, Event::Request { id, request });
        }
        publisher.publish(&node);
        let before = views.channels();
        publisher.publish(&node);
        assert!(Arc::ptr_eq(&before, &views.channels()), "no change");
        while let Some(command) = node.poll_command() {
            if let Command::Ledger { ticket, op } = command
                && let LedgerOp::Height { channel, .. } = op
                && channel == names[0]
            {
                let outcome = LedgerOutcome::Height(Ok(5));
                node.handle(Instant::START, Event::LedgerDone { ticket, outcome });
            }
        }
        publisher.publish(&node);
        let after = views.channels();
        let [changing, resting] = names;
        assert_eq!(after[&changing].height, 5);
        assert!(Arc::ptr_eq(
            &before[&changing].peers,
            &after[&changing].peers
        ));
        assert!(Arc::ptr_eq(&before[&resting], &after[&resting]));
    }
}
