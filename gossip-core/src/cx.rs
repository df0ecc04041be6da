//! The context of peers and gate: `Out` and the crypto service.

use std::ops::{Deref, DerefMut};

use crate::crypto::Crypto;
use crate::out::Out;

/// The context for verifying and signing.
pub(crate) struct Cx<'a> {
    pub(crate) out: Out<'a>,
    pub(crate) crypto: &'a mut Crypto,
}

impl<'a> Deref for Cx<'a> {
    type Target = Out<'a>;

    fn deref(&self) -> &Out<'a> {
        &self.out
    }
}

impl DerefMut for Cx<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.out
    }
}
