//! The values that a builder takes from its parts, and the errors that it returns.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use gossip_driver::builder::Builder;
use gossip_driver::core::{CryptoError, Endpoint};
use gossip_driver::error::{JoinError, SpawnError};
use gossip_driver::testing::{MemLedger, TestCrypto};
use gossip_driver::transport::{Transport, TransportError};

use support::{Net, Pipe, Port, Threads, node, org1, run};

/// A transport with the network id and the endpoint of the test.
struct Labelled {
    port: Port,
    network_id: Option<&'static str>,
    endpoint: Option<&'static str>,
}

impl Transport for Labelled {
    type Link = Pipe;

    async fn accept(&self) -> Result<Pipe, TransportError> {
        self.port.accept().await
    }

    async fn dial(&self, to: &Endpoint) -> Result<Pipe, TransportError> {
        self.port.dial(to).await
    }

    fn network_id(&self) -> Option<Bytes> {
        self.network_id.map(Bytes::from)
    }

    fn local_endpoint(&self) -> Option<Endpoint> {
        self.endpoint.map(Endpoint::new)
    }
}

fn alice(
    network_id: Option<&'static str>,
    endpoint: Option<&'static str>,
) -> Builder<Threads, TestCrypto, Labelled, MemLedger> {
    let telling = Labelled {
        port: Net::default().join("alice"),
        network_id,
        endpoint,
    };
    let builder = node(TestCrypto::new("org1", "alice"), &[]);
    builder.transport(telling).ledger(MemLedger::new())
}

#[test]
fn identity_and_endpoint_are_those_of_the_services() {
    run(async {
        let alice = alice(Some("net"), Some("alice:7051")).spawn().unwrap();
        let own = alice.local_member();
        assert_eq!(own.peer.as_bytes(), b"org1/alice");
        assert_eq!(own.org.as_ref().unwrap().as_bytes(), b"org1");
        assert_eq!(own.internal_endpoint, Some("alice:7051".into()));
        assert_eq!(own.endpoint, None, "invisible outside its organisation");
    });
}

#[test]
fn an_endpoint_of_the_builder_overrides_the_transports() {
    run(async {
        let alice = alice(None, Some("0.0.0.0:7051"))
            .endpoint("alice.org1:7051")
            .external_endpoint("alice.example.com:7051")
            .spawn()
            .unwrap();
        let own = alice.local_member();
        assert_eq!(own.internal_endpoint, Some("alice.org1:7051".into()));
        assert_eq!(own.endpoint, Some("alice.example.com:7051".into()));
    });
}

#[test]
fn bootstrap_peers_and_anchors_that_cannot_be_dialled_are_refused() {
    run(async {
        for endpoint in [
            "bob:7051\n",
            " bob:7051",
            "боб:7051",
            "grpc://bob:1",
            "",
            "0.0.0.0:7051",
        ] {
            let builder = alice(None, Some("alice:7051")).bootstrap([endpoint]);
            let error = builder.spawn().unwrap_err();
            assert!(
                matches!(&error, SpawnError::Bootstrap(bad) if bad.endpoint.as_str() == endpoint),
                "{endpoint}: {error}"
            );
            let alice = alice(None, Some("alice:7051")).spawn().unwrap();
            let mut config = org1();
            let anchors = config.members.values_mut().next().unwrap();
            anchors.push(endpoint.into());
            let error = alice.join_channel("trade", config).await.unwrap_err();
            assert!(
                matches!(&error, JoinError::Anchor(bad) if bad.endpoint.as_str() == endpoint),
                "{endpoint}: {error}"
            );
        }
    });
}

#[test]
fn endpoints_that_other_peers_cannot_dial_are_refused() {
    let error = alice(None, None).spawn().unwrap_err();
    assert!(matches!(error, SpawnError::NoEndpoint), "{error}");
    for endpoint in ["0.0.0.0:7051", "[::]:7051", "alice:0", ""] {
        let error = alice(None, Some(endpoint)).spawn().unwrap_err();
        assert!(
            matches!(error, SpawnError::Endpoint(_)),
            "{endpoint}: {error}"
        );
        let external = alice(None, Some("alice:7051")).external_endpoint(endpoint);
        let error = external.spawn().unwrap_err();
        assert!(
            matches!(error, SpawnError::ExternalEndpoint(_)),
            "{endpoint}: {error}"
        );
    }
    let error = alice(None, Some("0.0.0.0:7051"))
        .spawn()
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "the endpoint: no peer can dial \"0.0.0.0:7051\": it names all addresses of a host: give one that other peers \
         reach; call `endpoint` on the builder"
    );
}

#[test]
fn a_network_id_other_than_the_transports_is_refused_with_both() {
    let with = |network_id| alice(Some("net"), Some("alice")).network_id(network_id);
    with("net").spawn().unwrap();
    let error = with("other").spawn().unwrap_err();
    assert!(matches!(error, SpawnError::TwoNetworks { .. }));
    assert_eq!(
        error.to_string(),
        "the builder was given the network id \"other\", but the transport's is \"net\": give it to the transport only"
    );
    alice(None, Some("alice"))
        .network_id("other")
        .spawn()
        .unwrap();
    let configured = alice(Some("net"), Some("alice"));
    let configured = configured.configure(|config| config.network_id = "other".into());
    let error = configured.spawn().unwrap_err();
    assert!(matches!(error, SpawnError::TwoNetworks { .. }));
}

#[test]
fn peers_of_two_networks_refuse_each_other() {
    run(async {
        let net = Net::default();
        let start = |name: &str, network: &'static str| {
            let builder = node(TestCrypto::new("org1", name), &["alice"]);
            let builder = builder.transport(net.join(name)).network_id(network);
            builder.ledger(MemLedger::new()).spawn().unwrap()
        };
        let (alice, bob) = (start("alice", "one"), start("bob", "two"));
        let carol = start("carol", "one");
        carol.wait_members(1).await.unwrap();
        alice.wait_members(1).await.unwrap();
        while alice.metrics().core.refused.values().sum::<u64>() == 0 {
            async_io::Timer::after(Duration::from_millis(1)).await;
        }
        assert_eq!(alice.members().len(), 1);
        assert!(bob.members().is_empty());
    });
}

#[test]
fn an_identity_other_than_the_services_is_refused_with_both() {
    let other = TestCrypto::new("org1", "bob").identity();
    let configured = alice(None, Some("alice")).configure(|config| config.identity = other);
    let error = configured.spawn().unwrap_err();
    assert!(matches!(error, SpawnError::TwoIdentities { .. }), "{error}");
    let own = TestCrypto::new("org1", "alice").identity();
    let configured = alice(None, Some("alice")).configure(|config| config.identity = own);
    configured.spawn().unwrap();
}

#[test]
fn an_unreadable_identity_and_one_of_an_unknown_organisation_are_refused() {
    let spawn = |crypto| {
        let builder = node(crypto, &[]).transport(Net::default().join("alice"));
        builder.ledger(MemLedger::new()).spawn().unwrap_err()
    };
    let error = spawn(TestCrypto::new("org9", "alice").knowing(&["org1"]));
    assert!(matches!(error, SpawnError::NoOrganisation), "{error}");
    let error = spawn(TestCrypto::new("", "alice"));
    let malformed = CryptoError::MalformedIdentity;
    assert!(matches!(error, SpawnError::Identity(e) if e == malformed));
}

#[test]
fn changes_of_the_configuration_accumulate() {
    run(async {
        let alice = alice(None, Some("alice"))
            .bootstrap(["bob"])
            .bootstrap(["carol"])
            .configure(|config| config.metadata = "rack 7".into())
            .configure(|config| assert_eq!(config.bootstrap.len(), 2))
            .configure_driver(|driver| driver.incarnation = Some(42))
            .spawn()
            .unwrap();
        let own = alice.local_member();
        assert_eq!(
            (own.incarnation, &own.metadata[..]),
            (42, b"rack 7".as_slice())
        );
    });
}
