//! Refused authentications, on Noise over TCP with real certificates: each has its own reason,
//! which is counted and reported to the application.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::StreamExt as _;
use gossip_core::proto::{ConnEstablish, SignedMessage};
use gossip_core::{Class, Notification, PeerId, Refusal};
use gossip_driver::Notice;
use gossip_msp::{CertificateAuthority, KeyKind, SigningIdentity, Validity};
use runtime_tokio::TokioRuntime;
use tests::network::{
    Authorities, Cluster, Intruder, Line, Peer, Tcp, claim, conn, on_tokio, quick, sign, within,
};

type Stage = Tcp<TokioRuntime>;

/// A peer that is attacked, an honest peer of its organisation, and the attacker.
struct Scene {
    cluster: Cluster<Stage>,
    intruder: Intruder<TokioRuntime>,
    /// The peers that may be connected.
    honest: Vec<PeerId>,
}

impl Scene {
    async fn new(runtime: TokioRuntime) -> Self {
        let stage = Tcp::new(runtime);
        let intruder = Intruder::new(&stage).await;
        let cluster = Cluster::start(stage, 2, 1, quick).await;
        cluster.see_each_other().await;
        let honest = cluster.peers.iter().map(|peer| peer.id.clone()).collect();
        Self {
            cluster,
            intruder,
            honest,
        }
    }

    fn victim(&self) -> &Peer<Stage> {
        &self.cluster.peers[0]
    }

    /// An attacker with a valid certificate.
    fn insider(&self) -> SigningIdentity {
        let member = self.cluster.authorities.member(0, "insider");
        member.signing_identity().unwrap()
    }

    async fn dial(&self) -> Line<TokioRuntime> {
        self.intruder.dial(&self.victim().place.endpoint).await
    }

    /// Sends `first` on a new connection. The victim must refuse it for this reason only,
    /// close the connection, and continue without harm.
    async fn refuses(self, reason: Refusal, first: impl FnOnce(&Line<TokioRuntime>) -> Bytes) {
        let line = self.dial().await;
        let first = first(&line);
        self.refuses_on(line, reason, &first).await;
    }

    async fn refuses_on(mut self, mut line: Line<TokioRuntime>, reason: Refusal, first: &Bytes) {
        let mut news = self.victim().gossip.notifications();
        line.send(Class::Control, first);
        let refusal = within("the victim reports a refusal", async {
            loop {
                match news.next().await {
                    Some(Notice::Event(Notification::Refused { refusal, .. })) => break refusal,
                    Some(Notice::Event(Notification::Connected(peer))) => {
                        assert!(self.honest.contains(&peer), "the attacker is connected");
                    }
                    Some(_) => {}
                    None => panic!("the victim has stopped"),
                }
            }
        });
        assert_eq!(refusal.await, reason);
        line.closed().await;

        let victim = self.victim();
        let refused = victim.gossip.metrics().core.refused;
        assert_eq!(refused, BTreeMap::from([(reason, 1)]));
        for member in victim.gossip.members().iter() {
            assert!(self.honest.contains(&member.peer), "{member:?}");
        }
        self.cluster.publish(&[0], 1, 100).await;
        self.cluster.equal().await;
    }
}

/// Attacks with an authentication that is changed by `changed` and signed by the insider.
fn with_claim(reason: Refusal, changed: impl FnOnce(&Scene, ConnEstablish) -> ConnEstablish) {
    on_tokio(|runtime| async move {
        let scene = Scene::new(runtime).await;
        let insider = scene.insider();
        let line = scene.dial().await;
        let claim = changed(&scene, claim(&insider, &line.binding));
        let first = sign(&insider, conn(claim)).encoded().clone();
        scene.refuses_on(line, reason, &first).await;
    });
}

/// Attacks with a well-formed authentication by an identity that must be refused.
fn with_identity(reason: Refusal, signer: impl FnOnce(&Scene) -> SigningIdentity) {
    on_tokio(|runtime| async move {
        let scene = Scene::new(runtime).await;
        let signer = signer(&scene);
        scene.refuses(reason, |line| honest(&signer, line)).await;
    });
}

fn honest(signer: &SigningIdentity, line: &Line<TokioRuntime>) -> Bytes {
    sign(signer, conn(claim(signer, &line.binding)))
        .encoded()
        .clone()
}

/// The identity of the honest peer.
fn honest_peer(scene: &Scene) -> SigningIdentity {
    let credentials = &scene.cluster.peers[1].place.credentials;
    credentials.signing_identity().unwrap()
}

#[test]
fn an_insider_with_a_valid_authentication_is_connected() {
    on_tokio(|runtime| async move {
        let scene = Scene::new(runtime).await;
        let mut news = scene.victim().gossip.notifications();
        let insider = scene.insider();
        let mut line = scene.dial().await;
        line.authenticate(&insider).await;
        let connected = Notice::Event(Notification::Connected(
            insider.identity().peer_id().clone(),
        ));
        within("the insider is connected", async {
            while news.next().await.unwrap() != connected {}
        })
        .await;
        assert!(scene.victim().gossip.metrics().core.refused.is_empty());
    });
}

#[test]
fn another_peers_certificate_with_our_own_key_is_a_bad_signature() {
    with_claim(Refusal::BadSignature, |scene, claim| {
        let owner = honest_peer(scene);
        ConnEstablish {
            pki_id: Bytes::copy_from_slice(owner.identity().peer_id().as_bytes()),
            identity: owner.bytes().clone(),
            ..claim
        }
    });
}

#[test]
fn another_peers_certificate_with_our_own_pki_id_is_a_stolen_identity() {
    with_claim(Refusal::StolenIdentity, |scene, claim| ConnEstablish {
        identity: honest_peer(scene).bytes().clone(),
        ..claim
    });
}

#[test]
fn an_altered_signature_is_refused() {
    on_tokio(|runtime| async move {
        let scene = Scene::new(runtime).await;
        let insider = scene.insider();
        scene
            .refuses(Refusal::BadSignature, |line| {
                let mut frame = honest(&insider, line).to_vec();
                *frame.last_mut().unwrap() ^= 1;
                frame.into()
            })
            .await;
    });
}

#[test]
fn an_altered_message_under_a_true_signature_is_refused() {
    on_tokio(|runtime| async move {
        let scene = Scene::new(runtime).await;
        let insider = scene.insider();
        scene
            .refuses(Refusal::BadSignature, |line| {
                let claimed = claim(&insider, &line.binding);
                let signed = sign(&insider, conn(claimed.clone()));
                let later = ConnEstablish {
                    incarnation: claimed.incarnation + 1,
                    ..claimed
                };
                let altered = gossip_core::proto::UnsignedMessage::new(conn(later), None);
                let altered = altered.sign(signed.envelope().signature().clone(), None);
                altered.encoded().clone()
            })
            .await;
    });
}

#[test]
fn an_unsigned_authentication_is_refused() {
    on_tokio(|runtime| async move {
        let scene = Scene::new(runtime).await;
        let insider = scene.insider();
        scene
            .refuses(Refusal::BadSignature, |line| {
                let message = conn(claim(&insider, &line.binding));
                SignedMessage::unsigned(message).encoded().clone()
            })
            .await;
    });
}

#[test]
fn an_authentication_bound_to_another_connection_is_refused() {
    with_claim(Refusal::WrongBinding, |_, claim| ConnEstablish {
        binding: Bytes::from_static(&[7; 32]),
        ..claim
    });
}

#[test]
fn an_authentication_bound_to_nothing_is_refused() {
    with_claim(Refusal::WrongBinding, |_, claim| ConnEstablish {
        binding: Bytes::new(),
        ..claim
    });
}

#[test]
fn an_authentication_accepted_before_is_a_replay_on_another_connection() {
    on_tokio(|runtime| async move {
        let scene = Scene::new(runtime).await;
        let insider = scene.insider();
        let mut first = scene.dial().await;
        let mut news = scene.victim().gossip.notifications();
        let recorded = first.authenticate(&insider).await;
        within("the insider is connected", async {
            let who = insider.identity().peer_id();
            let connected = Notice::Event(Notification::Connected(who.clone()));
            while news.next().await.unwrap() != connected {}
        })
        .await;
        let replayed = recorded.encoded().clone();
        scene.refuses(Refusal::Replayed, |_| replayed).await;
        drop(first);
    });
}

#[test]
fn an_authentication_to_a_man_in_the_middle_is_refused_by_another_peer() {
    on_tokio(|runtime| async move {
        let scene = Scene::new(runtime.clone()).await;
        // A third peer has the intruder as its bootstrap peer.
        let (transport, endpoint) = {
            use tests::network::Stage as _;
            Tcp::new(runtime).listen(None).await
        };
        let mut scene = scene;
        let place = scene.cluster.place(0, endpoint);
        let elsewhere = scene.intruder.endpoint().clone();
        let redirected = |config: &mut gossip_core::Config| {
            config.bootstrap = vec![elsewhere];
            config.external_endpoint = None;
        };
        scene.cluster.run(transport, place, redirected).await;
        let mut middle = scene.intruder.accept().await;
        let recorded = middle.receive().await.unwrap().unwrap();
        let redirected = scene.cluster.peers.pop().unwrap();
        scene.honest.push(redirected.id);
        let line = scene.dial().await;
        scene
            .refuses_on(line, Refusal::WrongBinding, recorded.encoded())
            .await;
    });
}

#[test]
fn an_expired_certificate_is_refused() {
    with_identity(Refusal::Expired, |scene| {
        let now = SystemTime::now();
        let past = Validity {
            not_before: now - Duration::from_secs(200),
            not_after: now - Duration::from_secs(100),
        };
        let authority = scene.cluster.authorities.authority(0);
        let late = authority.issue("late", KeyKind::EcdsaP256, past).unwrap();
        late.signing_identity().unwrap()
    });
}

#[test]
fn a_certificate_not_yet_valid_is_refused() {
    with_identity(Refusal::Expired, |scene| {
        let now = SystemTime::now();
        let future = Validity {
            not_before: now + Duration::from_secs(3600),
            not_after: now + Duration::from_secs(7200),
        };
        let authority = scene.cluster.authorities.authority(0);
        let early = authority
            .issue("early", KeyKind::EcdsaP256, future)
            .unwrap();
        early.signing_identity().unwrap()
    });
}

#[test]
fn a_revoked_certificate_is_refused() {
    on_tokio(|runtime| async move {
        let scene = Scene::new(runtime).await;
        let authorities = &scene.cluster.authorities;
        let revoked = authorities.member(0, "revoked");
        let list = authorities.authority(0).revocation_list([&revoked]);
        let service = &scene.victim().service;
        service
            .set_revocation_lists(&Authorities::msp_id(0), &list.unwrap())
            .unwrap();
        let revoked = revoked.signing_identity().unwrap();
        scene
            .refuses(Refusal::Revoked, |line| honest(&revoked, line))
            .await;
    });
}

#[test]
fn an_organisations_certificate_by_a_foreign_authority_is_refused() {
    with_identity(Refusal::Untrusted, |_| {
        let forged = CertificateAuthority::new(&Authorities::msp_id(0), Validity::days(1)).unwrap();
        let member = forged.issue("peer0", KeyKind::EcdsaP256, Validity::days(1));
        member.unwrap().signing_identity().unwrap()
    });
}

#[test]
fn a_member_of_an_unknown_organisation_is_refused() {
    with_identity(Refusal::Untrusted, |_| {
        let unknown = CertificateAuthority::new("UnknownMSP", Validity::days(1)).unwrap();
        let member = unknown.issue("peer0", KeyKind::EcdsaP256, Validity::days(1));
        member.unwrap().signing_identity().unwrap()
    });
}
