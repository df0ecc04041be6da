//! The context of the membership: outputs and identities.

use std::ops::{Deref, DerefMut};

use crate::out::Out;
use crate::peers::identity::Identities;

/// Outputs and read access to the identities.
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
