//! Application messages.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::proto::{Content, GossipMessage, Kind, PrivateData, Tag};
use gossip_core::{Delivery, Interest, Received, Request, RequestError, Response, SendCriteria};
use gossip_sim::{Fault, NodeId};

use crate::Outcome;
use crate::net::{Net, channel};

const TRADE: &str = "trade";

/// Messages sent to some and to all peers, acknowledged, refused and unanswered, also to a peer that is down; with
/// listeners before and after validation.
pub(super) fn messages() -> Outcome {
    let mut net = Net::new(27);
    let trade = channel(TRADE);
    let one = net.start("org1", 5)?;
    let two = net.start("org2", 3)?;
    let all: Vec<NodeId> = one.iter().chain(&two).copied().collect();
    for (place, node) in all.iter().enumerate() {
        net.join(*node, &trade, &["org1", "org2"], 1);
        let interest = Interest {
            accepted: place % 2 == 0,
            raw: place > 0,
            ..Interest::default()
        };
        net.world.request(*node, Request::Listen(interest));
    }
    net.until_all_see_all()?;
    net.run_for(5_000);
    net.publish(one[0], &trade, 0..10, 500);
    let mut acknowledged = 0;
    for round in 0..8 {
        let request = by_criteria(&net, &two, round);
        let request = net.world.request(one[0], request);
        if round == 5 {
            let lost = Fault::Cut {
                a: one[0],
                b: two[1],
            };
            net.world.inject(&lost);
        }
        for _ in 0..20 {
            net.run_for(20);
            answer(&mut net, &all);
        }
        net.run_for(2_000);
        match net.world.take_reply(request) {
            Some(Ok(Response::Acknowledged { .. })) => acknowledged += 1,
            Some(Err(RequestError::NotAcknowledged { .. })) if round % 4 == 2 => {}
            other => return Err(format!("round {round}: {other:?}")),
        }
    }
    net.seen("messages acknowledged", acknowledged)?;
    to_a_peer_that_is_down(&mut net, one[0], one[2])?;
    net.run_for(20_000);
    net.finish()
}

/// A message to peers by criteria that needs two acknowledgements; the peers differ from round to round.
fn by_criteria(net: &Net, others: &[NodeId], round: usize) -> Request {
    let eligible: BTreeSet<_> = others.iter().map(|node| net.peer(*node)).collect();
    let criteria = SendCriteria {
        timeout: Duration::from_secs(2),
        min_acks: [2, 1, 3, 1][round % 4],
        max_peers: [3, 8, 3, 2][round % 4],
        channel: (!round.is_multiple_of(3)).then(|| channel(TRADE)),
        eligible: round.is_multiple_of(2).then_some(eligible),
    };
    Request::SendByCriteria {
        message: Box::new(private_data()),
        criteria: Box::new(criteria),
    }
}

/// Each node acknowledges its deliveries, except the last one, which refuses them.
fn answer(net: &mut Net, nodes: &[NodeId]) {
    for (place, node) in nodes.iter().enumerate() {
        for delivery in net.world.take_deliveries(*node) {
            let Delivery::Raw(Received { link, message, .. }) = delivery else {
                continue;
            };
            if message.content().kind() != Kind::PrivateData {
                continue;
            }
            let refusal = if place + 1 == nodes.len() { "full" } else { "" };
            let ack = GossipMessage {
                nonce: message.message().nonce,
                channel: message.message().channel.clone(),
                tag: Tag::Undefined,
                content: Content::Ack(refusal.to_owned()),
            };
            let message = Box::new(ack);
            net.world.request(*node, Request::Respond { link, message });
        }
    }
}

/// A message to a peer that is down waits for it.
fn to_a_peer_that_is_down(net: &mut Net, from: NodeId, to: NodeId) -> Result<(), String> {
    net.world.inject(&Fault::Crash { node: to });
    net.run_for(1_000);
    let send = Request::Send {
        message: Box::new(private_data()),
        peers: vec![net.peer(to), net.peer(from)],
    };
    let send = net.world.request(from, send);
    let sent = match net.answer(send)? {
        Ok(Response::Sent(outcome)) => outcome.dialling.len() + outcome.dropped.len(),
        other => return Err(format!("sent to a peer that is down: {other:?}")),
    };
    net.seen(
        "a message that waits, and one to oneself",
        (sent == 2).into(),
    )?;
    net.run_for(3_000);
    net.world.start(to);
    net.run_for(15_000);
    Ok(())
}

fn private_data() -> GossipMessage {
    GossipMessage {
        nonce: 0,
        channel: Bytes::from_static(TRADE.as_bytes()),
        tag: Tag::ChanOnly,
        content: Content::PrivateData(PrivateData {
            collection: "prices".into(),
            namespace: "cars".into(),
            tx_id: "42".into(),
            rwset: Bytes::from_static(b"write set"),
            sim_height: 7,
            collection_configs: Bytes::new(),
        }),
    }
}
