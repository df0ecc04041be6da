//! Identities, signatures and blocks through the public service, with real certificates.

mod common;

use std::time::{Duration, SystemTime};

use common::{DAY, Network, Organisations, hour_ago};
use gossip_driver::core::proto::msp::SerializedIdentity;
use gossip_driver::core::{ChannelId, CryptoError, OrgId};
use gossip_driver::{MessageCryptoService, SecurityAdvisor};
use gossip_msp::{
    CertificateAuthority, ChannelDefinition, ConfigError, Credentials, IdentityError, KeyKind,
    ManualClock, Organisation, Validity, X509Service,
};
use prost::Message;

#[test]
fn members_of_both_key_kinds_are_valid_and_their_signatures_verify() {
    let network = Network::new();
    for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
        let member = network.org1.issue("peer", kind, Validity::days(1)).unwrap();
        let service = network.service_of(&member);
        let identity = service.own().bytes().clone();
        let signature = service.sign(b"message").unwrap();
        assert_eq!(network.service.validate_identity(&identity), Ok(()));
        assert_eq!(
            network.service.verify(&identity, &signature, b"message"),
            Ok(())
        );
        assert_eq!(
            network.service.verify(&identity, &signature, b"massage"),
            Err(CryptoError::BadSignature)
        );
        for flipped in 0..signature.len() {
            let mut altered = signature.to_vec();
            altered[flipped] ^= 1;
            assert_eq!(
                network.service.verify(&identity, &altered, b"message"),
                Err(CryptoError::BadSignature)
            );
        }
        assert_eq!(
            network.service.verify(&identity, b"", b"message"),
            Err(CryptoError::BadSignature)
        );
    }
}

#[test]
fn a_stolen_identity_does_not_verify() {
    let network = Network::new();
    let victim = network.member("victim");
    let thief = network.service_of(&network.member("thief"));
    let signature = thief.sign(b"I am the victim").unwrap();
    let identity = victim.signing_identity().unwrap().bytes().clone();
    assert_eq!(
        network
            .service
            .verify(&identity, &signature, b"I am the victim"),
        Err(CryptoError::BadSignature)
    );
}

#[test]
fn garbage_is_a_malformed_identity() {
    let network = Network::new();
    let good = network
        .member("peer")
        .signing_identity()
        .unwrap()
        .bytes()
        .clone();
    let mut bent = good.to_vec();
    bent[200] ^= 1;
    for bad in [
        &b""[..],
        b"garbage",
        &good[..good.len() - 1],
        &good[1..],
        &bent[..],
    ] {
        let refused = network.service.validate_identity(bad);
        assert!(
            matches!(
                refused,
                Err(CryptoError::MalformedIdentity | CryptoError::Untrusted)
            ),
            "{refused:?}"
        );
    }
    let malformed = Err(CryptoError::MalformedIdentity);
    assert_eq!(network.service.validate_identity(b"garbage"), malformed);
    assert_eq!(network.service.verify(b"garbage", b"", b""), malformed);
    assert_eq!(
        network.service.pki_id(b"garbage"),
        Err(CryptoError::MalformedIdentity)
    );
    assert_eq!(
        network.service.expires_in(b"garbage"),
        Err(CryptoError::MalformedIdentity)
    );
    assert_eq!(network.service.org_of(b"garbage"), None);
}

#[test]
fn validity_ends_and_begins_by_the_clock() {
    let now = SystemTime::now();
    let clock = ManualClock::new(now);
    let network = Network::with_clock(clock.clone());
    let validity = Validity {
        not_before: now - DAY,
        not_after: now + DAY,
    };
    let member = network
        .org1
        .issue("peer", KeyKind::EcdsaP256, validity)
        .unwrap();
    let identity = member.signing_identity().unwrap().bytes().clone();
    let service = &network.service;
    assert_eq!(service.validate_identity(&identity), Ok(()));
    let left = service.expires_in(&identity).unwrap().unwrap();
    assert!(left > DAY - Duration::from_secs(2) && left < DAY + Duration::from_secs(2));

    clock.set(now + DAY + Duration::from_secs(2));
    assert_eq!(
        service.validate_identity(&identity),
        Err(CryptoError::Expired)
    );
    assert_eq!(service.expires_in(&identity), Err(CryptoError::Expired));
    assert_eq!(
        service.verify(&identity, b"", b""),
        Err(CryptoError::Expired)
    );

    clock.set(now - DAY - Duration::from_secs(2));
    assert_eq!(
        service.validate(&identity).unwrap_err(),
        IdentityError::NotYetValid
    );
    assert_eq!(
        service.validate_identity(&identity),
        Err(CryptoError::Expired)
    );
    clock.set(now);
    assert_eq!(service.validate_identity(&identity), Ok(()));
}

#[test]
fn a_certificate_that_had_expired_before_is_refused() {
    let network = Network::new();
    let past = Validity {
        not_before: hour_ago() - DAY,
        not_after: hour_ago(),
    };
    let expired = network.org1.issue("peer", KeyKind::Ed25519, past).unwrap();
    let identity = expired.signing_identity().unwrap().bytes().clone();
    assert_eq!(
        network.service.validate_identity(&identity),
        Err(CryptoError::Expired)
    );
    let error = X509Service::new(expired.signing_identity().unwrap(), network.organisations());
    assert!(matches!(
        error,
        Err(ConfigError::OwnIdentity(IdentityError::Expired))
    ));
}

#[test]
fn only_readers_of_the_channel_are_admitted() {
    let network = Network::new();
    let channel = ChannelId::new("mychannel");
    let definition = ChannelDefinition::new(channel.clone())
        .with_member("Org1MSP", [])
        .with_orderer_organisation("OrdererMSP");
    network.service.set_channel(&definition).unwrap();
    let (inside, outside) = (network.member("in"), network.member_of_org2("out"));
    let check = |member: &Credentials, channel: &ChannelId, message: &[u8]| {
        let service = network.service_of(member);
        let signature = service.sign(b"state info").unwrap();
        let identity = service.own().bytes();
        network
            .service
            .verify_by_channel(channel, identity, &signature, message)
    };
    assert_eq!(check(&inside, &channel, b"state info"), Ok(()));
    assert_eq!(
        check(&inside, &channel, b"other"),
        Err(CryptoError::BadSignature)
    );
    assert_eq!(
        check(&outside, &channel, b"state info"),
        Err(CryptoError::NotAdmitted)
    );
    let unknown = ChannelId::new("unknown");
    assert_eq!(
        check(&inside, &unknown, b"state info"),
        Err(CryptoError::NotAdmitted)
    );

    let both = definition.with_member("Org2MSP", []);
    network.service.set_channel(&both).unwrap();
    assert_eq!(check(&outside, &channel, b"state info"), Ok(()));
    network.service.remove_channel(&channel);
    assert_eq!(
        check(&inside, &channel, b"state info"),
        Err(CryptoError::NotAdmitted)
    );
}

#[test]
fn a_definition_without_orderers_or_with_unknown_organisations_is_refused() {
    let network = Network::new();
    let of = |msp_id: &str| ChannelDefinition::new("mychannel").with_member(msp_id, []);
    let signed = |definition: ChannelDefinition| definition.with_orderer_organisation("OrdererMSP");
    for definition in [
        of("Org1MSP"),
        signed(of("Org1MSP")).with_required_signatures(0),
    ] {
        let refused = network.service.set_channel(&definition);
        assert!(matches!(refused, Err(ConfigError::NoOrderers(_))));
    }
    let refused = network.service.set_channel(&signed(of("Org9MSP")));
    assert!(matches!(refused, Err(ConfigError::UnknownOrganisation(name)) if name == "Org9MSP"));
}

#[test]
fn a_folder_with_other_files_and_keys_is_read_if_one_key_fits() {
    let folder = tempfile::tempdir().unwrap();
    let authority = CertificateAuthority::new("Org1MSP", Validity::days(1)).unwrap();
    let issue = |name| {
        let issued = authority.issue(name, KeyKind::EcdsaP256, Validity::days(1));
        issued.unwrap()
    };
    let (peer, other) = (issue("peer0"), issue("peer1"));
    peer.save(folder.path()).unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    put("keystore/.gitkeep", b"");
    put("keystore/a_former_key.pem", other.key().as_bytes());
    put("signcerts/.DS_Store", b"\0\xff\xfe");
    let read = Credentials::load("Org1MSP", folder.path()).unwrap();
    assert_eq!(read.key(), peer.key());

    std::fs::remove_file(folder.path().join("keystore/key.pem")).unwrap();
    let error = Credentials::load("Org1MSP", folder.path()).unwrap_err();
    assert!(matches!(error, ConfigError::KeyMismatch), "{error}");
    put("keystore/another.pem", issue("peer2").key().as_bytes());
    let error = Credentials::load("Org1MSP", folder.path()).unwrap_err();
    assert!(error.to_string().contains("none of 2 PEM files"), "{error}");
    put("signcerts/second.pem", other.certificate().as_bytes());
    let error = Credentials::load("Org1MSP", folder.path()).unwrap_err();
    assert!(
        error.to_string().contains("expected one PEM file, found 2"),
        "{error}"
    );
}

#[test]
fn a_validity_that_x509_cannot_express_is_refused() {
    let refused = CertificateAuthority::new("Org1MSP", Validity::days(u32::MAX));
    let error = refused.err().unwrap().to_string();
    assert_eq!(
        error,
        "the validity ends after the year 9999: give fewer days"
    );
    CertificateAuthority::new("Org1MSP", Validity::days(365_000)).unwrap();
}

#[test]
fn an_older_definition_is_refused_and_changes_nothing() {
    let network = Network::new();
    let of = |sequence| {
        let channel = ChannelDefinition::new("mychannel").with_sequence(sequence);
        channel.with_orderer_organisation("OrdererMSP")
    };
    network
        .service
        .set_channel(&of(5).with_member("Org1MSP", []))
        .unwrap();
    let refused = network
        .service
        .set_channel(&of(4).with_member("Org2MSP", []));
    let expected = "the definition of channel \"mychannel\" has the sequence 4, lower than 5, the one in force";
    assert_eq!(refused.unwrap_err().to_string(), expected);
    network
        .service
        .set_channel(&of(5).with_member("Org1MSP", []))
        .unwrap();
    network
        .service
        .set_channel(&of(6).with_member("Org2MSP", []))
        .unwrap();
}

#[test]
fn one_definition_serves_the_service_and_the_node() {
    let channel = ChannelDefinition::new("mychannel")
        .with_sequence(7)
        .with_member("Org1MSP", ["peer0:7051".into()])
        .with_member("Org2MSP", [])
        .with_member("Org1MSP", ["peer1:7051".into()])
        .with_orderer_organisation("OrdererMSP");
    let membership = channel.membership();
    assert_eq!(membership.sequence, 7);
    let anchors = ["peer0:7051".into(), "peer1:7051".into()];
    let members = [
        (OrgId::new(b"Org1MSP"), anchors.to_vec()),
        (OrgId::new(b"Org2MSP"), Vec::new()),
    ];
    assert_eq!(membership.members, members.into());
    Network::new().service.set_channel(&channel).unwrap();
}

#[test]
fn the_cache_is_bounded() {
    let Organisations { org1, all, .. } = Organisations::new();
    let own = org1
        .issue("own", KeyKind::Ed25519, Validity::days(1))
        .unwrap();
    let service = X509Service::new(own.signing_identity().unwrap(), all)
        .unwrap()
        .with_cache_capacity(8);
    for number in 0..20 {
        let member = org1
            .issue(&format!("{number}"), KeyKind::Ed25519, Validity::days(1))
            .unwrap();
        let identity = member.signing_identity().unwrap().bytes().clone();
        assert_eq!(service.validate_identity(&identity), Ok(()));
    }
    let stats = service.cache_stats();
    assert_eq!((stats.validated, stats.evicted), (8, 12));
}

#[test]
fn an_identity_of_an_unknown_organisation_is_refused_unread() {
    let network = Network::new();
    let unread = SerializedIdentity {
        mspid: "StrangerMSP".into(),
        id_bytes: b"no certificate".as_slice().into(),
    };
    assert!(matches!(
        network.service.validate(&unread.encode_to_vec()),
        Err(IdentityError::UnknownOrganisation(name)) if name == "StrangerMSP"
    ));
}

#[test]
fn identities_that_anyone_can_make_up_are_not_remembered() {
    let network = Network::new();
    let before = network.service.cache_stats();
    for name in ["Org1MSP", "StrangerMSP"] {
        let forged = CertificateAuthority::new(name, Validity::days(10)).unwrap();
        for number in 0..3 {
            let member = forged.issue(&format!("{number}"), KeyKind::Ed25519, Validity::days(1));
            let identity = member.unwrap().signing_identity().unwrap().bytes().clone();
            let refused = Err(CryptoError::Untrusted);
            assert_eq!(network.service.validate_identity(&identity), refused);
            assert_eq!(
                network.service.expires_in(&identity),
                Err(CryptoError::Untrusted)
            );
        }
    }
    assert_eq!(network.service.cache_stats(), before);
}

#[test]
fn a_pki_id_is_the_hash_of_msp_id_and_certificate() {
    let network = Network::new();
    let member = network.member("peer");
    let identity = member.signing_identity().unwrap();
    let text = [b"Org1MSP", member.certificate().as_bytes()].concat();
    let expected = ring::digest::digest(&ring::digest::SHA256, &text);
    let found = network.service.pki_id(identity.bytes()).unwrap();
    assert_eq!(found.as_bytes(), expected.as_ref());
    assert_eq!(identity.identity().peer_id(), &found);
}

#[test]
fn keys_and_organisations_survive_the_disk() {
    let network = Network::new();
    let directory = tempfile::tempdir().unwrap();
    let msp = directory.path().join("msp");
    let member = network.member("peer");
    member.save(&msp).unwrap();
    network.org1.organisation().unwrap().save(&msp).unwrap();
    std::fs::create_dir(msp.join("crls")).unwrap();
    let list = network.org1.revocation_list([&member]).unwrap();
    std::fs::write(msp.join("crls").join("list.pem"), list).unwrap();

    let read = Credentials::load("Org1MSP", &msp).unwrap();
    assert_eq!(
        (read.certificate(), read.key()),
        (member.certificate(), member.key())
    );
    let organisation = Organisation::load("Org1MSP", &msp).unwrap();
    let error = X509Service::new(read.signing_identity().unwrap(), [organisation]);
    assert!(matches!(
        error,
        Err(ConfigError::OwnIdentity(IdentityError::Revoked))
    ));

    let authority = directory.path().join("ca");
    network.org1.save(&authority).unwrap();
    let again = CertificateAuthority::load("Org1MSP", &authority).unwrap();
    let member = again
        .issue("late", KeyKind::EcdsaP256, Validity::days(1))
        .unwrap();
    let identity = member.signing_identity().unwrap().bytes().clone();
    assert_eq!(network.service.validate_identity(&identity), Ok(()));

    network.org2.save(&directory.path().join("other")).unwrap();
    let other = directory.path().join("other").join("ca-key.pem");
    std::fs::copy(other, authority.join("ca-key.pem")).unwrap();
    let mismatch = CertificateAuthority::load("Org1MSP", &authority);
    assert!(matches!(mismatch, Err(ConfigError::KeyMismatch)));
    let absent = Credentials::load("Org1MSP", &directory.path().join("absent"));
    assert!(matches!(absent, Err(ConfigError::File { .. })));
}

#[cfg(unix)]
#[test]
fn private_keys_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let network = Network::new();
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(directory.path().join("keystore")).unwrap();
    let key = directory.path().join("keystore").join("key.pem");
    std::fs::write(&key, "readable by all").unwrap();
    network.member("peer").save(directory.path()).unwrap();
    assert_eq!(
        std::fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn mismatched_and_unreadable_keys_are_refused() {
    let network = Network::new();
    let (one, other) = (network.member("one"), network.member("other"));
    let error = Credentials::from_pem("Org1MSP", one.certificate(), other.key());
    assert!(matches!(error, Err(ConfigError::KeyMismatch)));
    let error = Credentials::from_pem("Org1MSP", one.certificate(), "nonsense");
    assert!(matches!(error, Err(ConfigError::Key(_))));
    let error = Credentials::from_pem("Org1MSP", "nonsense", one.key());
    assert!(matches!(error, Err(ConfigError::Certificate(_))));
    let error = Credentials::from_pem("", one.certificate(), one.key());
    assert!(matches!(error, Err(ConfigError::BadMspId)));
    let error = Organisation::new("Org1MSP", one.certificate());
    assert!(matches!(error, Err(ConfigError::NotAnAuthority(_))));
    assert!(matches!(
        Organisation::new("Org1MSP", ""),
        Err(ConfigError::NoRoot(_))
    ));
}
