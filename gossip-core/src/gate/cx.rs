//! The gate's context: outputs, the crypto service, and the state that it reads before it starts a check.

use std::ops::{Deref, DerefMut};

use crate::channel::Channels;
use crate::cx::Cx;
use crate::peers::Peers;
use crate::relay::Relay;

/// What the gate acts through, and what it reads. It writes to neither peers nor channels.
pub(crate) struct GateCx<'a> {
    pub(crate) cx: Cx<'a>,
    pub(crate) peers: &'a Peers,
    pub(crate) channels: &'a Channels,
    pub(crate) relay: &'a Relay,
}

impl<'a> Deref for GateCx<'a> {
    type Target = Cx<'a>;

    fn deref(&self) -> &Cx<'a> {
        &self.cx
    }
}

impl DerefMut for GateCx<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.cx
    }
}
