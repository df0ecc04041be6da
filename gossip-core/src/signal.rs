//! What one module tells another that it does not call.

use crate::gate::News;
use crate::link::LinkEffect;
use crate::membership::MembershipEffect;

/// A signal, carried out by the node in the order in which signals were raised.
#[derive(Debug)]
pub(crate) enum Signal {
    Link(LinkEffect),
    Member(MembershipEffect),
    News(News),
}

impl From<LinkEffect> for Signal {
    fn from(effect: LinkEffect) -> Self {
        Self::Link(effect)
    }
}

impl From<MembershipEffect> for Signal {
    fn from(effect: MembershipEffect) -> Self {
        Self::Member(effect)
    }
}

impl From<News> for Signal {
    fn from(news: News) -> Self {
        Self::News(news)
    }
}
