//! What handles see of the node without asking it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event;
use gossip_core::{ChannelId, ChannelInfo, Member, Metrics, Node};

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

    /// A stop has been asked for.
    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// The driver is gone.
    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    pub(crate) fn ask_to_stop(&self) {
        self.lock().stopping = true;
        self.changed.notify(usize::MAX);
    }

    /// Waits until `check`, asked again after each change, yields something.
    pub(crate) async fn wait<T>(&self, mut check: impl FnMut() -> Option<T>) -> T {
        loop {
            let listener = self.changed.listen();
            if let Some(found) = check() {
                return found;
            }
            listener.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The driver's end: publishes, and tells the end when it is dropped.
#[derive(Debug)]
pub(crate) struct Publisher {
    views: Arc<Views>,
    members: u64,
    channels: u64,
    own: u64,
}

impl Publisher {
    pub(crate) fn new(views: Arc<Views>, node: &Node) -> Self {
        let publisher = Self {
            views,
            members: node.membership_version(),
            channels: node.channels_version(),
            own: node.self_version(),
        };
        publisher.replace(node, true, true);
        publisher
    }

    pub(crate) fn is_stop_asked(&self) -> bool {
        self.views.is_stopping()
    }

    /// Replaces what has changed since the last call.
    pub(crate) fn publish(&mut self, node: &Node) {
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
