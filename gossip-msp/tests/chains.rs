//! Chains of authorities: validity periods and revocation.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::time::{Duration, SystemTime};

use common::{DAY, Network, hour_ago};
use gossip_driver::core::CryptoError;
use gossip_driver::{MessageCryptoService, SecurityAdvisor};
use gossip_msp::{
    CertificateAuthority, ConfigError, Credentials, IdentityError, KeyKind, ManualClock,
    Organisation, Validity,
};

#[test]
fn intermediate_authorities_are_links_only_where_configured() {
    let network = Network::new();
    let root = CertificateAuthority::new("DeepMSP", Validity::days(10)).unwrap();
    let between = root.intermediate("between", Validity::days(5)).unwrap();
    let member = between
        .issue("peer", KeyKind::EcdsaP256, Validity::days(1))
        .unwrap();
    let identity = member.signing_identity().unwrap().bytes().clone();
    let service = &network.service;

    service.set_organisation(root.organisation().unwrap());
    assert_eq!(
        service.validate_identity(&identity),
        Err(CryptoError::Untrusted)
    );
    service.set_organisation(between.organisation().unwrap());
    assert_eq!(service.validate_identity(&identity), Ok(()));

    // The intermediate may issue certificates, but no authorities.
    let below = between.intermediate("below", Validity::days(5)).unwrap();
    let deep = below
        .issue("peer", KeyKind::EcdsaP256, Validity::days(1))
        .unwrap();
    let deep = deep.signing_identity().unwrap().bytes().clone();
    service.set_organisation(below.organisation().unwrap());
    assert_eq!(
        service.validate_identity(&deep),
        Err(CryptoError::Untrusted)
    );
}

#[test]
fn an_identity_lives_no_longer_than_its_issuers() {
    let now = SystemTime::now();
    let clock = ManualClock::new(now);
    let network = Network::with_clock(clock.clone());
    let root = CertificateAuthority::new("DeepMSP", Validity::days(10)).unwrap();
    let between = root.intermediate("between", Validity::days(2)).unwrap();
    let member = between
        .issue("peer", KeyKind::EcdsaP256, Validity::days(9))
        .unwrap();
    let identity = member.signing_identity().unwrap().bytes().clone();
    let service = &network.service;
    service.set_organisation(between.organisation().unwrap());
    assert_eq!(service.validate_identity(&identity), Ok(()));
    let left = service.expires_in(&identity).unwrap().unwrap();
    assert!(left <= DAY * 2 + Duration::from_secs(2), "{left:?}");
    clock.set(now + DAY * 3);
    assert_eq!(
        service.validate_identity(&identity),
        Err(CryptoError::Expired)
    );
    clock.set(now + DAY * 11);
    assert_eq!(
        service.validate_identity(&identity),
        Err(CryptoError::Expired)
    );
}

#[test]
fn members_outlive_a_root_that_was_renewed_with_its_key() {
    let now = SystemTime::now();
    let until = |days: u32| Validity {
        not_before: now - DAY,
        not_after: now + DAY * days,
    };
    let old = CertificateAuthority::new("OldMSP", until(2)).unwrap();
    let renewed = renewed(&old, until(100));
    let member = old.issue("peer", KeyKind::EcdsaP256, until(50)).unwrap();
    let identity = member.signing_identity().unwrap().bytes().clone();
    for roots in [
        [old.certificate(), &renewed].concat(),
        [&renewed, old.certificate()].concat(),
    ] {
        let clock = ManualClock::new(now);
        let network = Network::with_clock(clock.clone());
        let service = &network.service;
        service.set_organisation(Organisation::new("OldMSP", &roots).unwrap());
        assert_eq!(service.validate_identity(&identity), Ok(()));
        let left = service.expires_in(&identity).unwrap().unwrap();
        assert!(left > DAY * 49, "{left:?}");
        clock.set(now + DAY * 3);
        assert_eq!(service.validate_identity(&identity), Ok(()));
        let only_old = old.organisation().unwrap();
        service.set_organisation(only_old);
        assert_eq!(
            service.validate_identity(&identity),
            Err(CryptoError::Expired)
        );
        service.set_organisation(Organisation::new("OldMSP", &roots).unwrap());
        assert_eq!(service.validate_identity(&identity), Ok(()));
    }
}

/// Another certificate in PEM for the same root authority and key.
fn renewed(authority: &CertificateAuthority, validity: Validity) -> String {
    let directory = tempfile::tempdir().unwrap();
    authority.save(directory.path()).unwrap();
    let key = std::fs::read_to_string(directory.path().join("ca-key.pem")).unwrap();
    let key = rcgen::KeyPair::from_pem(&key).unwrap();
    let mut params = rcgen::CertificateParams::default();
    let mut subject = rcgen::DistinguishedName::new();
    subject.push(rcgen::DnType::OrganizationName, authority.msp_id());
    let name = format!("ca.{}", authority.msp_id());
    subject.push(rcgen::DnType::CommonName, name);
    params.distinguished_name = subject;
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.not_before = validity.not_before.into();
    params.not_after = validity.not_after.into();
    params.self_signed(&key).unwrap().pem()
}

#[test]
fn a_foreign_authority_is_not_trusted() {
    let network = Network::new();
    let stranger = CertificateAuthority::new("StrangerMSP", Validity::days(10)).unwrap();
    let credentials = stranger
        .issue("peer", KeyKind::EcdsaP256, Validity::days(1))
        .unwrap();
    let identity = credentials.signing_identity().unwrap().bytes().clone();
    assert_eq!(
        network.service.validate_identity(&identity),
        Err(CryptoError::Untrusted)
    );
    assert_eq!(network.service.org_of(&identity), None);
    assert!(matches!(
        network.service.validate(&identity),
        Err(IdentityError::UnknownOrganisation(name)) if name == "StrangerMSP"
    ));
}

#[test]
fn an_authority_forged_under_the_same_name_is_not_trusted() {
    let network = Network::new();
    let forged = CertificateAuthority::new("Org1MSP", Validity::days(10)).unwrap();
    let credentials = forged
        .issue("peer", KeyKind::EcdsaP256, Validity::days(1))
        .unwrap();
    let identity = credentials.signing_identity().unwrap().bytes().clone();
    assert_eq!(
        network.service.validate_identity(&identity),
        Err(CryptoError::Untrusted)
    );
    assert_eq!(
        network.service.org_of(&identity).unwrap().as_bytes(),
        b"Org1MSP"
    );
}

#[test]
fn a_member_cannot_pass_for_one_of_another_organisation() {
    let network = Network::new();
    let own = network.member("peer");
    let posing = Credentials::from_pem("Org2MSP", own.certificate(), own.key()).unwrap();
    let identity = posing.signing_identity().unwrap().bytes().clone();
    assert_eq!(
        network.service.validate_identity(&identity),
        Err(CryptoError::Untrusted)
    );
}

#[test]
fn the_authority_itself_is_no_member() {
    let network = Network::new();
    let directory = tempfile::tempdir().unwrap();
    network.org1.save(directory.path()).unwrap();
    let key = std::fs::read_to_string(directory.path().join("ca-key.pem")).unwrap();
    let posing = Credentials::from_pem("Org1MSP", network.org1.certificate(), &key).unwrap();
    let identity = posing.signing_identity().unwrap().bytes().clone();
    assert_eq!(
        network.service.validate_identity(&identity),
        Err(CryptoError::Untrusted)
    );
}

#[test]
fn an_expired_certificate_of_an_untrusted_authority_is_untrusted() {
    let network = Network::new();
    let forged = CertificateAuthority::new("Org1MSP", Validity::days(10)).unwrap();
    let past = Validity {
        not_before: hour_ago() - DAY,
        not_after: hour_ago(),
    };
    let expired = forged.issue("peer", KeyKind::Ed25519, past).unwrap();
    let identity = expired.signing_identity().unwrap().bytes().clone();
    assert_eq!(
        network.service.validate_identity(&identity),
        Err(CryptoError::Untrusted)
    );
}

#[test]
fn a_revocation_list_takes_effect_on_identities_already_known() {
    let network = Network::new();
    let (good, bad) = (network.member("good"), network.member("bad"));
    let bad_service = network.service_of(&bad);
    let identity = bad_service.own().bytes().clone();
    let signature = bad_service.sign(b"message").unwrap();
    let service = &network.service;
    assert_eq!(service.verify(&identity, &signature, b"message"), Ok(()));

    let list = network.org1.revocation_list([&bad]).unwrap();
    service.set_revocation_lists("Org1MSP", &list).unwrap();
    assert_eq!(
        service.validate_identity(&identity),
        Err(CryptoError::Revoked)
    );
    assert_eq!(
        service.verify(&identity, &signature, b"message"),
        Err(CryptoError::Revoked)
    );
    let good = good.signing_identity().unwrap().bytes().clone();
    assert_eq!(service.validate_identity(&good), Ok(()));

    service.set_revocation_lists("Org1MSP", "").unwrap();
    assert_eq!(service.validate_identity(&identity), Ok(()));
}

#[test]
fn a_foreign_revocation_list_is_refused_and_changes_nothing() {
    let network = Network::new();
    let bad = network.member("bad");
    let identity = bad.signing_identity().unwrap().bytes().clone();
    let service = &network.service;
    let list = network.org1.revocation_list([&bad]).unwrap();
    service.set_revocation_lists("Org1MSP", &list).unwrap();
    let forged = CertificateAuthority::new("Org1MSP", Validity::days(10)).unwrap();
    for list in [
        forged.revocation_list([]).unwrap(),
        network.org2.revocation_list([]).unwrap(),
        "nonsense".to_owned(),
    ] {
        let refused = service.set_revocation_lists("Org1MSP", &list);
        assert!(
            matches!(refused, Err(ConfigError::RevocationList(_))),
            "{refused:?}"
        );
    }
    assert!(matches!(
        service.set_revocation_lists("NoMSP", ""),
        Err(ConfigError::UnknownOrganisation(_))
    ));
    assert_eq!(
        service.validate_identity(&identity),
        Err(CryptoError::Revoked)
    );
}
