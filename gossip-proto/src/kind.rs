use std::fmt;

/// The kinds of content, for counters, logs and errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A heartbeat.
    Alive,
    /// A request for the receiver's membership view.
    MembershipRequest,
    /// A membership view.
    MembershipResponse,
    /// A block.
    Data,
    /// The first step of a pull.
    Hello,
    /// The second step of a pull.
    Digest,
    /// The third step of a pull.
    DataRequest,
    /// The last step of a pull.
    DataUpdate,
    /// A keep-alive.
    Empty,
    /// The authentication of a connection.
    Conn,
    /// A peer's state in a channel.
    StateInfo,
    /// State infos of a channel that a peer holds.
    StateSnapshot,
    /// A request for a snapshot.
    StateInfoPull,
    /// A request for consecutive blocks.
    StateRequest,
    /// The requested blocks.
    StateResponse,
    /// A proposal or declaration of leadership.
    Leadership,
    /// A certificate.
    PeerIdentity,
    /// The receipt of a message.
    Ack,
    /// A request for private data.
    PrivateRequest,
    /// The requested private data.
    PrivateResponse,
    /// Private data pushed at endorsement time.
    PrivateData,
    /// Pulses: compact heartbeats.
    Pulses,
    /// Control of block dissemination between two neighbours.
    Tree,
    /// A message of the application.
    Application,
}

impl Kind {
    /// All kinds, in the order of their field numbers.
    pub const ALL: [Self; 24] = [
        Self::Alive,
        Self::MembershipRequest,
        Self::MembershipResponse,
        Self::Data,
        Self::Hello,
        Self::Digest,
        Self::DataRequest,
        Self::DataUpdate,
        Self::Empty,
        Self::Conn,
        Self::StateInfo,
        Self::StateSnapshot,
        Self::StateInfoPull,
        Self::StateRequest,
        Self::StateResponse,
        Self::Leadership,
        Self::PeerIdentity,
        Self::Ack,
        Self::PrivateRequest,
        Self::PrivateResponse,
        Self::PrivateData,
        Self::Pulses,
        Self::Tree,
        Self::Application,
    ];

    /// The name of the kind's field in the schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive_msg",
            Self::MembershipRequest => "mem_req",
            Self::MembershipResponse => "mem_res",
            Self::Data => "data_msg",
            Self::Hello => "hello",
            Self::Digest => "data_dig",
            Self::DataRequest => "data_req",
            Self::DataUpdate => "data_update",
            Self::Empty => "empty",
            Self::Conn => "conn",
            Self::StateInfo => "state_info",
            Self::StateSnapshot => "state_snapshot",
            Self::StateInfoPull => "state_info_pull_req",
            Self::StateRequest => "state_request",
            Self::StateResponse => "state_response",
            Self::Leadership => "leadership_msg",
            Self::PeerIdentity => "peer_identity",
            Self::Ack => "ack",
            Self::PrivateRequest => "privateReq",
            Self::PrivateResponse => "privateRes",
            Self::PrivateData => "private_data",
            Self::Pulses => "pulses",
            Self::Tree => "tree",
            Self::Application => "application",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
