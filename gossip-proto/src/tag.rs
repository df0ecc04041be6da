/// The audience of a message (`gossip.GossipMessage.Tag`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tag {
    /// Not set. Legal for acknowledgements only.
    Undefined,
    /// No restriction.
    Empty,
    /// The sender's organisation.
    OrgOnly,
    /// Members of the channel.
    ChanOnly,
    /// Members of the channel within the organisation.
    ChanAndOrg,
    /// Members of the channel, or of the organisation.
    ChanOrOrg,
}

impl Tag {
    /// Only members of the message's channel may receive it.
    #[must_use]
    pub const fn is_channel_restricted(self) -> bool {
        matches!(self, Self::ChanAndOrg | Self::ChanOnly | Self::ChanOrOrg)
    }

    /// Only peers of the sender's organisation may receive it.
    #[must_use]
    pub const fn is_org_restricted(self) -> bool {
        matches!(self, Self::ChanAndOrg | Self::OrgOnly)
    }
}
