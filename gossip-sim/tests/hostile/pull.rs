//! Unsolicited updates, and digests of missing items.

use std::time::Duration;

use bytes::Bytes;
use gossip_core::proto::{Content, DataUpdate, MembershipResponse, PeerIdentity, PullKind, Tag};
use gossip_sim::Fault;

use super::messages::{
    alive, badly_signed, false_block, ids, invented, payload, plain, state_info,
};
use super::stage::{Stage, common};

#[test]
fn unsolicited_updates_and_responses_change_nothing() {
    let mut stage = Stage::new(5, 6);
    let refused = stage.sum(|metrics| metrics.violations + metrics.pull_refused);
    stage.attack(80, |stage, _| {
        let channel = common();
        let name = channel.as_str().as_bytes();
        let height = stage.world.ledger(stage.honest[0]).height(&channel);
        for victim in stage.victims() {
            let (nonce, unknown) = (stage.draw(u64::MAX), invented(stage));
            let block = false_block(stage, &channel, height);
            let element = badly_signed(Tag::Empty, alive(&unknown, Some(unknown.clone())));
            let info = badly_signed(Tag::ChanOrOrg, state_info(&unknown, name, 1 << 40));
            let update = |kind| {
                Content::DataUpdate(DataUpdate {
                    nonce,
                    data: vec![element.envelope().clone(); 10],
                    kind,
                })
            };
            let identity = PeerIdentity {
                pki_id: unknown.clone(),
                cert: unknown.clone(),
                metadata: Bytes::new(),
            };
            let view = MembershipResponse {
                alive: vec![element.envelope().clone(); 4],
                dead: vec![element.envelope().clone(); 4],
                identities: vec![identity; 4],
                pulses: Vec::new(),
            };
            let blocks = (height..height + 10).map(|number| payload(number, block.clone()));
            let infos = vec![info.envelope().clone(); 20];
            let contents = [
                (&b""[..], Tag::Empty, update(PullKind::Identity)),
                (name, Tag::ChanAndOrg, update(PullKind::Block)),
                (b"", Tag::Empty, Content::MembershipResponse(view)),
                (
                    name,
                    Tag::ChanOrOrg,
                    Content::StateResponse(blocks.collect()),
                ),
                (name, Tag::ChanOrOrg, Content::StateSnapshot(infos)),
            ];
            for (channel, tag, content) in contents {
                let message = plain(nonce, channel, tag, content);
                stage.send(victim, message.encoded().clone());
            }
        }
    });
    let refused = stage.sum(|metrics| metrics.violations + metrics.pull_refused) - refused;
    assert!(refused > 1_000, "{refused}");
    stage.assert_unharmed();
}

/// Push is off, so all peers pull. Mallory's process is frozen, so only the test answers for it.
#[test]
fn digests_of_missing_items_delay_no_block_and_leak_no_memory() {
    let mut stage = Stage::with(6, 6, |config| config.push.fanout = 0);
    let (node, lasting) = (stage.mallory, Duration::from_secs(15));
    stage.world.overhear(node);
    stage.world.inject(&Fault::Freeze { node, lasting });
    let mut answered = 0;
    stage.attack(150, |stage, _| {
        for heard in stage.world.take_heard(node) {
            let message = heard.message.message();
            let (kind, nonce) = if let Content::Hello(hello) = &message.content {
                (hello.kind, hello.nonce)
            } else if let Content::DataRequest(request) = &message.content {
                (request.kind, request.nonce)
            } else {
                continue;
            };
            let false_ids = |stage: &mut Stage| match kind {
                PullKind::Block => (0..100)
                    .map(|n| Bytes::from(format!("{}", n * 7)))
                    .collect(),
                PullKind::Identity => (0..100).map(|_| invented(stage)).collect::<Vec<_>>(),
            };
            let content = if matches!(message.content, Content::Hello(_)) {
                Content::Digest(ids(nonce, false_ids(stage), kind))
            } else {
                let unknown = invented(stage);
                let item = badly_signed(Tag::Empty, alive(&unknown, Some(unknown.clone())));
                let data = vec![item.envelope().clone(); 50];
                Content::DataUpdate(DataUpdate { nonce, data, kind })
            };
            let answer = plain(message.nonce, &message.channel, message.tag, content);
            answered += u64::from(stage.send(heard.from, answer.encoded().clone()));
        }
    });
    assert!(answered > 20, "{answered}");
    assert!(stage.sum(|metrics| metrics.pull_items_requested) > 20);
    stage.assert_unharmed();
}
