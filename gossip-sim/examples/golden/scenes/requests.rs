//! Other requests of applications.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{ChannelId, Coverage, Endpoint, Request, RequestError, RequestId, Response};
use gossip_sim::{Fault, Incarnation, LedgerFate, NodeId};

use crate::Outcome;
use crate::net::{Net, channel};

/// Waits for a block to reach one, some and all peers, including a legacy peer, and while a peer is down.
pub(super) fn coverage() -> Outcome {
    let mut net = Net::new(28);
    let main = channel("main");
    let mut nodes = net.start("org1", 6)?;
    nodes.push(net.start_legacy("org1", 6)?);
    for node in &nodes {
        net.join(*node, &main, &["org1"], 1);
    }
    net.until_all_see_all()?;
    net.run_for(5_000);
    let some = NonZeroUsize::MIN.saturating_add(2);
    let kinds = [
        Coverage::One,
        Coverage::Count(some),
        Coverage::AllOfOrg,
        Coverage::Count(NonZeroUsize::MIN.saturating_add(20)),
    ];
    for round in 0..4 {
        let first = round * 5;
        net.publish(nodes[0], &main, first..first + 5, 2_000 << (2 * round));
        let waits = kinds.map(|coverage| wait(&mut net, nodes[0], (&main, first + 4), coverage));
        if round == 2 {
            net.world.inject(&Fault::Crash { node: nodes[3] });
        }
        for (place, wait) in waits.into_iter().enumerate() {
            let reply = net.answer(wait)?;
            let covered = matches!(reply, Ok(Response::Covered { .. }));
            net.seen(
                "coverage, or its timeout",
                u64::from(covered == (place < 3)),
            )?;
        }
        net.world.start(nodes[3]);
    }
    net.until_all_hold(&main, 20)?;
    net.run_for(5_000);
    net.finish()
}

fn wait(
    net: &mut Net,
    node: NodeId,
    (channel, seq): (&ChannelId, u64),
    coverage: Coverage,
) -> RequestId {
    let request = Request::AwaitCoverage {
        channel: channel.clone(),
        seq,
        coverage,
        timeout: Duration::from_secs(60),
    };
    net.world.request(node, request)
}

/// Identities that are validated again, including revoked and expired ones; changes of metadata; peers that
/// leave, one that crashes and one that restarts.
pub(super) fn identities_and_leaving() -> Outcome {
    let mut net = Net::new(29);
    let main = channel("main");
    let one = net.start("org1", 6)?;
    let two = net.start("org2", 4)?;
    for node in one.iter().chain(&two) {
        net.join(*node, &main, &["org1", "org2"], 1);
    }
    net.until_all_see_all()?;
    net.publish(one[0], &main, 0..20, 1_000);
    net.until_all_hold(&main, 20)?;
    tell(&mut net, one[2], &main)?;
    // A valid identity of another organisation is suspected, one of ours is revoked, one expires.
    let soon = net.world.now() + Duration::from_secs(8);
    net.world.expire_identity(two[3], soon);
    net.world.revoke_identity(one[5]);
    let suspected = vec![net.peer(two[1]), net.peer(one[5])];
    for node in &one[..3] {
        let peers = (*node != one[1]).then(|| suspected.clone());
        let request = net.world.request(*node, Request::SuspectPeers { peers });
        match net.answer(request)? {
            Ok(Response::Suspected { purged }) if purged == suspected[1..] => {}
            other => return Err(format!("peers suspected: {other:?}")),
        }
    }
    net.run_for(15_000);
    stop(&mut net, one[3])?;
    stop(&mut net, two[2])?;
    net.run_for(5_000);
    let left = net.world.take_notifications(one[1]).into_iter();
    let left = left.filter(|one| matches!(one, gossip_core::Notification::MemberLeft(_)));
    net.seen("peers that left", left.count() as u64)?;
    net.world.inject(&Fault::Crash { node: two[1] });
    net.run_for(40_000);
    net.world.inject(&Fault::Restart {
        node: two[1],
        ledger: LedgerFate::Lost,
        incarnation: Incarnation::Next,
    });
    net.run_for(20_000);
    let height = net.world.ledger(two[1]).height(&main);
    net.seen("blocks of a restarted peer", height)?;
    net.finish()
}

/// Updates of a peer's own information, and queries.
fn tell(net: &mut Net, node: NodeId, main: &ChannelId) -> Result<(), String> {
    let peer = net.peer(node);
    let requests = [
        Request::UpdateMetadata {
            metadata: Bytes::from_static(b"spare"),
        },
        Request::UpdateEndpoint { external: None },
        Request::UpdateEndpoint {
            external: Some(Endpoint::new("elsewhere.example:7051")),
        },
        Request::UpdateLedgerHeight {
            channel: main.clone(),
            height: 20,
        },
        Request::Identities,
        Request::IsInMyOrg { peer },
        Request::Snapshot,
    ];
    for request in requests {
        let text = format!("{request:?}");
        let request = net.world.request(node, request);
        let reply = net.answer(request)?;
        reply.map_err(|error| format!("{text}: {error}"))?;
        net.run_for(1_500);
    }
    Ok(())
}

fn stop(net: &mut Net, node: NodeId) -> Result<(), String> {
    let request = net.world.request(node, Request::Stop);
    net.answer(request)?.map_err(|error| error.to_string())?;
    let late = net.world.request(node, Request::Identities);
    let refused = matches!(net.answer(late)?, Err(RequestError::Stopped));
    net.seen("a request after the end", u64::from(refused))
}
