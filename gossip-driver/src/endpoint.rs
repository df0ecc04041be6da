//! The rule for endpoints that other peers have to dial.

use std::net::IpAddr;

use gossip_core::Endpoint;
use thiserror::Error;

use crate::transport::Transport;

/// An endpoint that no peer can dial, and why.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("no peer can dial {:?}: {fault}", endpoint.as_str())]
pub struct BadEndpoint {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// What is wrong with it.
    pub fault: EndpointFault,
}

/// What is wrong with an endpoint.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointFault {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It contains a space, a control character, or a character outside ASCII.
    #[error(
        "it contains {0:?}: give host names in ASCII (internationalised ones as `xn--..`) without spaces"
    )]
    Character(char),
    /// It is a URL, or has a path.
    #[error("it contains a slash: give `host:port`, without a scheme and a path")]
    Url,
    /// It names no host.
    #[error("it names no host: give `host:port`")]
    NoHost,
    /// It names all addresses of a host, as `0.0.0.0` and `::` do.
    #[error("it names all addresses of a host: give one that other peers reach")]
    Unspecified,
    /// It has no port, which the transport needs.
    #[error("it has no port: give `host:port`, an IPv6 address in brackets")]
    NoPort,
    /// Its port is no number from 1 to 65535.
    #[error("its port is no number from 1 to 65535")]
    Port,
}

/// The rule for the endpoints of a transport.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndpointRule {
    /// An endpoint without a port is no name that the transport can resolve.
    needs_port: bool,
}

impl EndpointRule {
    pub(crate) fn of(transport: &impl Transport) -> Self {
        Self {
            needs_port: transport.needs_port(),
        }
    }

    /// Checks that other peers may be able to dial the endpoint.
    pub(crate) fn check(self, endpoint: &Endpoint) -> Result<(), BadEndpoint> {
        self.fault(endpoint.as_str()).map_err(|fault| BadEndpoint {
            endpoint: endpoint.clone(),
            fault,
        })
    }

    fn fault(self, text: &str) -> Result<(), EndpointFault> {
        if text.is_empty() {
            return Err(EndpointFault::Empty);
        }
        if let Some(bad) = text.chars().find(|one| !one.is_ascii_graphic()) {
            return Err(EndpointFault::Character(bad));
        }
        if text.contains('/') {
            return Err(EndpointFault::Url);
        }
        let (host, port) = match text.rsplit_once(':') {
            // An IPv6 address without brackets has no port.
            Some((host, port)) if text.parse::<IpAddr>().is_err() => (host, Some(port)),
            _ => (text, None),
        };
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        if host.is_empty() {
            return Err(EndpointFault::NoHost);
        }
        if host.parse().is_ok_and(|host: IpAddr| host.is_unspecified()) {
            return Err(EndpointFault::Unspecified);
        }
        match port.map(str::parse::<u16>) {
            Some(Ok(1..)) => Ok(()),
            Some(_) => Err(EndpointFault::Port),
            None if self.needs_port => Err(EndpointFault::NoPort),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_endpoint_that_no_peer_can_dial_has_a_fault() {
        let with_port = EndpointRule { needs_port: true };
        let names = EndpointRule { needs_port: false };
        for (endpoint, fault) in [
            ("", EndpointFault::Empty),
            ("peer0:7051\n", EndpointFault::Character('\n')),
            (" peer0:7051", EndpointFault::Character(' ')),
            ("пир:7051", EndpointFault::Character('п')),
            ("grpc://host:1", EndpointFault::Url),
            (":7051", EndpointFault::NoHost),
            ("[]:7051", EndpointFault::NoHost),
            ("0.0.0.0:7051", EndpointFault::Unspecified),
            ("[::]:7051", EndpointFault::Unspecified),
            ("::", EndpointFault::Unspecified),
            ("0.0.0.0", EndpointFault::Unspecified),
            ("peer0:0", EndpointFault::Port),
            ("[::1]:0", EndpointFault::Port),
            ("peer0:70510", EndpointFault::Port),
            ("peer0:", EndpointFault::Port),
            ("peer0:grpc", EndpointFault::Port),
        ] {
            assert_eq!(with_port.fault(endpoint), Err(fault), "{endpoint:?}");
            assert_eq!(names.fault(endpoint), Err(fault), "{endpoint:?}");
        }
        for endpoint in ["host", "::1", "10.0.0.1"] {
            assert_eq!(with_port.fault(endpoint), Err(EndpointFault::NoPort));
            assert_eq!(names.fault(endpoint), Ok(()), "{endpoint:?}");
        }
        for endpoint in [
            "peer0.org1:7051",
            "peer_0:7051",
            "10.0.0.1:7051",
            "[::1]:7051",
            "[fe80::1%eth0]:7051",
        ] {
            assert_eq!(with_port.fault(endpoint), Ok(()), "{endpoint:?}");
        }
    }
}
