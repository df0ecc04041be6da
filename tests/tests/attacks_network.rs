//! Peers of different networks refuse each other in the transport or in the core; remotes that do not
//! authenticate first are refused.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use gossip_core::proto::ConnEstablish;
use gossip_core::{Class, Config, Endpoint, Refusal};
use gossip_driver::transport::{Transport as _, TransportError};
use runtime_tokio::TokioRuntime;
use tests::network::{
    Cluster, Intruder, Mem, Peer, Stage, Tcp, alive, claim, conn, eventually, on_tokio, quick, sign,
};

fn refused<S: Stage>(peer: &Peer<S>, reason: Refusal) -> u64 {
    let refused = peer.gossip.metrics().core.refused;
    refused.get(&reason).copied().unwrap_or(0)
}

/// Starts a peer of the same organisation whose bootstrap peer is the first of `cluster`.
async fn neighbour<S: Stage>(
    cluster: &mut Cluster<S>,
    stage: &S,
    change: impl FnOnce(&mut Config),
) {
    let first = cluster.peers[0].place.endpoint.clone();
    let (transport, endpoint) = stage.listen(None).await;
    let place = cluster.place(0, endpoint);
    let change = |config: &mut Config| {
        config.bootstrap = vec![first];
        change(config);
    };
    cluster.run(transport, place, change).await;
}

#[test]
fn the_transport_refuses_another_network_on_both_sides() {
    on_tokio(|runtime| async move {
        let stage = Tcp::new(runtime);
        let elsewhere = Tcp {
            network_id: Bytes::from_static(b"elsewhere"),
            ..stage.clone()
        };
        let mut cluster = Cluster::start(stage, 1, 1, quick).await;
        neighbour(&mut cluster, &elsewhere, |_| {}).await;
        let [here, there] = &cluster.peers[..] else {
            panic!("two peers")
        };
        eventually("both transports count the other network", || {
            let counted = |peer: &Peer<Tcp<TokioRuntime>>| peer.transport.stats().wrong_network > 0;
            counted(here) && counted(there) && there.count("dials_failed") > 0
        })
        .await;
        let direct = there.transport.dial(&here.place.endpoint).await;
        assert!(
            matches!(direct, Err(TransportError::WrongNetwork)),
            "{direct:?}"
        );
        for peer in [here, there] {
            assert_eq!(peer.count("links_established"), 0);
            assert!(peer.gossip.members().is_empty());
        }
    });
}

#[test]
fn the_core_refuses_another_network_where_the_transport_cannot() {
    on_tokio(|runtime| async move {
        let stage = Mem::new(runtime);
        let mut cluster = Cluster::start(stage.clone(), 1, 1, quick).await;
        let other = |config: &mut Config| config.network_id = Bytes::from_static(b"elsewhere");
        neighbour(&mut cluster, &stage, other).await;
        let [here, there] = &cluster.peers[..] else {
            panic!("two peers")
        };
        eventually("both nodes refuse the other network", || {
            refused(here, Refusal::WrongNetwork) > 0 && refused(there, Refusal::WrongNetwork) > 0
        })
        .await;
        for peer in [here, there] {
            assert_eq!(peer.count("links_established"), 0);
            assert!(peer.gossip.members().is_empty());
            let reasons = peer.gossip.metrics().core.refused.into_keys();
            assert_eq!(reasons.collect::<Vec<_>>(), [Refusal::WrongNetwork]);
        }
    });
}

#[test]
fn the_core_refuses_another_network_on_an_encrypted_connection_too() {
    first_frame_is_refused(Refusal::WrongNetwork, |signer, line| {
        let claim = ConnEstablish {
            network_id: Bytes::from_static(b"elsewhere"),
            ..claim(signer, &line.binding)
        };
        sign(signer, conn(claim)).encoded().clone()
    });
}

#[test]
fn a_remote_that_does_not_authenticate_first_is_refused() {
    first_frame_is_refused(Refusal::NotConn, |signer, _| {
        let heartbeat = alive(signer, &Endpoint::new("127.0.0.1:1"), 1);
        sign(signer, heartbeat).encoded().clone()
    });
}

#[test]
fn a_remote_whose_first_frame_is_undecodable_is_refused() {
    first_frame_is_refused(Refusal::Malformed, |_, _| Bytes::from_static(&[0xff; 64]));
}

#[test]
fn a_remote_that_sends_nothing_is_refused_at_the_timeout() {
    on_tokio(|runtime| async move {
        let stage = Tcp::new(runtime);
        let short_timeout = |config: &mut Config| {
            quick(config);
            config.link.handshake_timeout = std::time::Duration::from_millis(200);
        };
        let cluster = Cluster::start(stage.clone(), 1, 1, short_timeout).await;
        let intruder = Intruder::new(&stage).await;
        let mut line = intruder.dial(&cluster.peers[0].place.endpoint).await;
        line.closed().await;
        eventually("the refusal is counted", || {
            refused(&cluster.peers[0], Refusal::TimedOut) == 1
        })
        .await;
    });
}

fn first_frame_is_refused(
    reason: Refusal,
    first: impl FnOnce(&gossip_msp::SigningIdentity, &tests::network::Line<TokioRuntime>) -> Bytes,
) {
    on_tokio(|runtime| async move {
        let stage = Tcp::new(runtime);
        let cluster = Cluster::start(stage.clone(), 1, 1, quick).await;
        let insider = cluster.authorities.member(0, "insider");
        let insider = insider.signing_identity().unwrap();
        let intruder = Intruder::new(&stage).await;
        let mut line = intruder.dial(&cluster.peers[0].place.endpoint).await;
        let first = first(&insider, &line);
        line.send(Class::Control, &first);
        line.closed().await;
        let victim = &cluster.peers[0];
        eventually("the refusal is counted", || refused(victim, reason) == 1).await;
        assert_eq!(victim.gossip.metrics().core.refused.len(), 1);
        assert_eq!(victim.count("links_established"), 0);
        assert!(victim.gossip.members().is_empty());
    });
}
