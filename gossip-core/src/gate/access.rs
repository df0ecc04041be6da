//! Requests that only the readers of a channel may make.

use super::admitted::{Inbound, Sender};
use super::verdict::count;
use super::{Gate, GateCx};
use crate::crypto::{Access, signed};
use crate::{ChannelId, CryptoError, CryptoJob};

impl Gate {
    /// Admits `asked` if the sender may read the channel. The sender's handshake is checked against the channel's
    /// policy; a positive verdict is remembered until the link or the configuration ends.
    pub(super) fn with_access(
        &mut self,
        cx: &mut GateCx<'_>,
        sender: &Sender,
        channel: ChannelId,
        asked: Inbound,
    ) {
        let Some(own) = cx.channels.get(&channel) else {
            return;
        };
        if !sender.org.as_ref().is_some_and(|org| own.has_org(org)) {
            cx.metrics().violations += 1;
            return;
        }
        let revision = own.revision();
        if self.access.get(&(sender.link, channel.clone())) == Some(&revision) {
            cx.raise(asked);
            return;
        }
        let readers = channel.clone();
        let job = || {
            let conn = cx.peers.links.conn_of(sender.link)?;
            let identity = cx.peers.identities.get(sender.peer.as_bytes())?;
            Some(CryptoJob::Verify {
                identity: identity.bytes.clone(),
                signed: signed(conn.envelope()),
                channel: Some(readers),
            })
        };
        let bytes = asked.bytes();
        let place = (sender, channel);
        cx.cx.check_access(place, revision, job, (asked, bytes));
    }

    /// Admits the requests that awaited the verdict, or checks again if a newer configuration is in force.
    pub(super) fn conclude_access(
        &mut self,
        cx: &mut GateCx<'_>,
        access: Access,
        verdict: Result<(), CryptoError>,
    ) {
        count(cx, &verdict);
        let Access {
            sender,
            channel,
            revision,
            waiting,
        } = access;
        let Some(own) = cx.channels.get(&channel) else {
            return;
        };
        if !own.is_current(revision) {
            for asked in waiting {
                self.with_access(cx, &sender, channel.clone(), asked);
            }
        } else if verdict.is_ok() {
            self.access.insert((sender.link, channel), revision);
            for asked in waiting {
                cx.raise(asked);
            }
        } else {
            cx.metrics().state_requests_refused += 1;
        }
    }
}
