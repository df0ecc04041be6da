//! Which endpoints other peers can dial.

use std::net::IpAddr;

use gossip_core::Endpoint;

/// Whether other peers may be able to dial the endpoint: it is not empty, names a host and not all addresses
/// (`0.0.0.0`, `::`), and its port is not 0. An endpoint without a port is a name that only the transport resolves.
pub(crate) fn is_dialable(endpoint: &Endpoint) -> bool {
    let text = endpoint.as_str();
    if text
        .parse::<IpAddr>()
        .is_ok_and(|host| host.is_unspecified())
    {
        return false;
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return !text.is_empty();
    };
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let is_some_host = host
        .parse()
        .map_or(!host.is_empty(), |host: IpAddr| !host.is_unspecified());
    is_some_host && port.parse() != Ok(0_u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_no_peer_can_dial_is_recognised() {
        let dialable = |endpoint: &str| is_dialable(&Endpoint::new(endpoint));
        for endpoint in [
            "",
            ":7051",
            "0.0.0.0:7051",
            "[::]:7051",
            "::",
            "0.0.0.0",
            "peer0:0",
            "[::1]:0",
        ] {
            assert!(!dialable(endpoint), "{endpoint}");
        }
        for endpoint in [
            "peer0.org1:7051",
            "10.0.0.1:7051",
            "[::1]:7051",
            "127.0.0.1:7051",
            "alice",
            "::1",
        ] {
            assert!(dialable(endpoint), "{endpoint}");
        }
    }
}
