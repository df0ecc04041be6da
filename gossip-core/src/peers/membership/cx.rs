//! The context of the membership: the tools, and the identities.

use std::ops::{Deref, DerefMut};

use crate::out::Out;
use crate::peers::identity::Identities;

/// What the membership acts through; it writes to no identity.
pub(crate) struct MemberCx<'a> {
    pub(crate) out: Out<'a>,
    pub(crate) identities: &'a Identities,
}

impl<'a> Deref for MemberCx<'a> {
    type Target = Out<'a>;

    fn deref(&self) -> &Out<'a> {
        &self.out
    }
}

impl DerefMut for MemberCx<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.out
    }
}
