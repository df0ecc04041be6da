//! A certificate that is revoked while its peer runs, and valid again later.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use gossip_core::Refusal;
use tests::network::{Authorities, Cluster, Mem, eventually, on_smol, quick, within};

#[test]
fn a_peer_with_a_revoked_certificate_is_purged_and_admitted_when_it_is_valid_again() {
    on_smol(|runtime| async {
        let mut cluster = Cluster::start(Mem::new(runtime), 1, 3, quick).await;
        cluster.see_each_other().await;
        let revoked = cluster.peers[2].id.clone();
        let authority = cluster.authorities.authority(0);
        let list = authority.revocation_list([&cluster.peers[2].place.credentials]);
        let (list, none) = (list.unwrap(), authority.revocation_list([]).unwrap());
        let msp_id = Authorities::msp_id(0);

        let others = &cluster.peers[..2];
        for peer in others {
            peer.service.set_revocation_lists(&msp_id, &list).unwrap();
        }
        for peer in others {
            let suspects = peer.gossip.revalidate_identities(|_| true);
            let purged = within("all identities are validated", suspects)
                .await
                .unwrap();
            assert_eq!(purged, std::slice::from_ref(&revoked));
            let known = peer.gossip.identities().await.unwrap();
            assert!(known.iter().all(|one| one.peer != revoked) && known.len() == 2);
        }
        eventually("the peer is refused", || {
            let refused = |peer: &tests::network::Peer<_>| {
                let refused = peer.gossip.metrics().core.refused;
                refused.contains_key(&Refusal::Revoked)
            };
            others.iter().any(refused)
        })
        .await;
        assert!(others.iter().all(|peer| peer.sees(&revoked).is_none()));

        for peer in others {
            peer.service.set_revocation_lists(&msp_id, &none).unwrap();
            let purged = peer.gossip.revalidate_identities(|_| false).await.unwrap();
            assert_eq!(purged, []);
        }
        eventually("the peer is connected again", || {
            let alive = |peer: &tests::network::Peer<_>| {
                peer.sees(&revoked).is_some_and(|member| member.alive)
            };
            others.iter().all(alive)
        })
        .await;
        cluster.stop_all().await;
    });
}
