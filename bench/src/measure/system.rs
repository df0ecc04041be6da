use std::fs;

/// Traffic of the loopback interface.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Loopback {
    /// Received bytes with all headers; 0 if the system does not report them.
    pub(crate) bytes: u64,
    /// TCP segments sent by the machine; 0 if the system does not report them.
    pub(crate) segments: u64,
}

impl Loopback {
    pub(crate) fn now() -> Self {
        Self {
            bytes: received("/proc/net/dev").unwrap_or_default(),
            segments: sent_segments("/proc/net/snmp").unwrap_or_default(),
        }
    }

    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(earlier.bytes),
            segments: self.segments.saturating_sub(earlier.segments),
        }
    }
}

/// Resident memory of this process; 0 if the system does not report it.
pub(crate) fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

fn received(path: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("lo:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn sent_segments(path: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let names = lines.next()?.split_whitespace();
    let mut values = lines.next()?.split_whitespace();
    let place = names.clone().position(|name| name == "OutSegs")?;
    values.nth(place)?.parse().ok()
}
