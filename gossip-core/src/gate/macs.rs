//! Finds the channel that a MAC stands for.

use crate::channel::Channels;
use crate::id::Mac;
use crate::recent::Recent;
use crate::snapshot::Stores;
use crate::{ChannelId, PeerId};

/// Cached results for peers that have published nothing in the channel; each cost a hash per channel. At most `MAX`.
#[derive(Debug, Default)]
pub(super) struct Macs {
    found: Recent<(PeerId, Mac), Option<ChannelId>>,
}

const MAX: usize = 4096;

impl Macs {
    /// The joined channel whose name `peer` proves to know.
    pub(super) fn channel(
        &mut self,
        channels: &Channels,
        peer: &[u8],
        mac: &[u8],
    ) -> Option<ChannelId> {
        if let Some(known) = channels.by_known_mac(peer, mac) {
            return Some(known.id().clone());
        }
        let key = (PeerId::new(peer), Mac::try_from(mac).ok()?);
        if let Some(found) = self.found.get(&key) {
            return found.clone();
        }
        let found = channels.by_mac(peer, mac);
        let found = found.map(|channel| channel.id().clone());
        self.found.insert(key, found.clone(), MAX);
        found
    }

    /// A channel was joined or left.
    pub(super) fn clear(&mut self) {
        self.found.clear();
    }

    pub(super) fn stores(&self, stores: &mut Stores) {
        stores.add("channels by mac", self.found.len(), MAX);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }
}

#[cfg(test)]
mod tests {
    use gossip_proto::{Properties, channel_mac};

    use super::*;
    use crate::node::bench::*;

    #[test]
    fn the_channel_of_a_mac_is_looked_up_again_after_a_channel_is_joined_or_left() {
        let mut bench = Bench::new();
        let link = bench.member("m2");
        bench.receive(link, &state_info("m9", 1, 0));
        assert_eq!(bench.gate().macs.len(), 1);
        bench.join(1, &["m"]).unwrap();
        assert_eq!(bench.gate().macs.len(), 0);
        bench.receive(link, &state_info("m9", 1, 0));
        assert_eq!(
            bench.gate().awaiting_identity.len(),
            1,
            "it belongs to the channel"
        );
        let channel = main_channel();
        bench.ask(crate::Request::LeaveChannel { channel }).unwrap();
        bench.advance(secs(1));
        assert_eq!(bench.gate().macs.len(), 0);
    }

    #[test]
    fn cached_results_are_bounded_and_correct() {
        let mut bench = Bench::joined(&["m"], |_| {});
        let mut macs = Macs::default();
        for number in 0..2 * MAX as u32 {
            let name = number.to_be_bytes();
            let mac = channel_mac(&name, if number % 2 == 0 { b"main" } else { b"else" });
            for _ in 0..2 {
                let found = macs.channel(bench.channels(), &name, &mac);
                assert_eq!(found, (number % 2 == 0).then(main_channel));
            }
            assert!(macs.len() <= MAX);
        }
        let link = bench.participant("m2");
        let properties = Properties::default();
        bench.receive(link, &state_info_with("m2", "m2", 2, "main", properties));
        assert_eq!(
            bench.gate().macs.len(),
            1,
            "participants need no cached result"
        );
    }
}
