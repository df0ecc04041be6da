//! Leadership: proposals and declarations.

use bytes::Bytes;
use gossip_core::proto::{Content, GossipMessage, Leadership, PeerTime, Tag};
use gossip_core::{ChannelId, Delivery, Interest, Request, RequestError};
use gossip_sim::NodeId;

use crate::Outcome;
use crate::net::{Net, channel};

/// Several candidates in two channels, newer and older messages, each sent by its own candidate only.
pub(super) fn leadership() -> Outcome {
    let mut net = Net::new(24);
    let channels = [channel("blue"), channel("green")];
    let one = net.start("org1", 6)?;
    let two = net.start("org2", 4)?;
    for channel in &channels {
        for node in one.iter().chain(&two) {
            net.join(*node, channel, &["org1", "org2"], 1);
        }
    }
    let interest = Interest {
        accepted: true,
        ..Interest::default()
    };
    for node in one.iter().chain(&two) {
        net.world.request(*node, Request::Listen(interest));
    }
    net.until_all_see_all()?;
    net.run_for(10_000);
    for round in 1..6 {
        for (place, node) in one[..3].iter().chain(&two[..2]).enumerate() {
            let green = (place + round as usize) % 2;
            // A newer and an older message at once, either of which may be verified first; in the fourth round only
            // messages older than the known ones.
            let newest = if round == 4 { 3 } else { 2 * round + 1 };
            for sequence in [newest, newest - 1] {
                let message = message(&net, *node, &channels[green], sequence);
                net.world.request(*node, Request::Gossip { message });
            }
        }
        net.run_for(700);
    }
    // A peer that joins late receives later messages.
    let late = net.start("org3", 1)?;
    let others = message(&net, one[0], &channels[0], 19);
    let refused = net
        .world
        .request(one[1], Request::Gossip { message: others });
    let refused = matches!(net.answer(refused)?, Err(RequestError::NotOurs));
    net.seen("a message in the name of another", u64::from(refused))?;
    net.run_for(20_000);
    let mut heard = 0;
    for node in one.iter().chain(&two).chain(&late) {
        let deliveries = net.world.take_deliveries(*node);
        heard += deliveries.iter().filter(|one| is_leadership(one)).count() as u64;
    }
    net.seen("leadership messages", heard)?;
    net.finish()
}

fn is_leadership(delivery: &Delivery) -> bool {
    let Delivery::Accepted { message, .. } = delivery else {
        return false;
    };
    matches!(message.content(), Content::Leadership(_))
}

fn message(net: &Net, node: NodeId, channel: &ChannelId, sequence: u64) -> Box<GossipMessage> {
    let leadership = Leadership {
        pki_id: Bytes::copy_from_slice(net.peer(node).as_bytes()),
        time: PeerTime {
            incarnation: 1,
            sequence,
        },
        is_declaration: sequence.is_multiple_of(2),
    };
    Box::new(GossipMessage {
        nonce: 0,
        channel: Bytes::copy_from_slice(channel.as_str().as_bytes()),
        tag: Tag::ChanAndOrg,
        content: Content::Leadership(leadership),
    })
}
