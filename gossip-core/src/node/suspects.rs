//! Identities looked at again, and what becomes of those that are not valid any more.

use std::collections::BTreeSet;

use super::{Node, cx};
use crate::identity::Step;
use crate::{
    Command, CryptoError, IdentityInfo, Notification, PeerId, RequestError, RequestId, Response,
    ValidIdentity,
};

impl Node {
    /// The application doubts identities: of these peers, or of all.
    pub(super) fn suspect(&mut self, id: RequestId, peers: Option<Vec<PeerId>>) {
        if !self.suspicion.has_room() {
            let result = Err(RequestError::Busy);
            cx!(self).emit(Command::Reply { id, result });
            return;
        }
        let known = |peer: &PeerId| self.identities.get(peer.as_bytes()).is_some();
        let peers: BTreeSet<PeerId> = match peers {
            Some(peers) => peers.into_iter().filter(known).collect(),
            None => {
                let all = self.identities.iter_from_after(None);
                all.map(|(peer, _)| peer.clone()).collect()
            }
        };
        self.suspicion.begin(id, peers);
        self.look_at_suspects();
    }

    fn look_at_suspects(&mut self) {
        while let Some(step) = self.suspicion.next() {
            match step {
                Step::Look(peer) => match self.identities.get(peer.as_bytes()) {
                    Some(identity) => {
                        let bytes = identity.bytes.clone();
                        self.gate.validate(cx!(self), bytes, peer);
                    }
                    // It has gone while it waited.
                    None => self.suspicion.on_looked_at(&peer, false),
                },
                Step::Done { id, purged } => {
                    let result = Ok(Response::Suspected { purged });
                    cx!(self).emit(Command::Reply { id, result });
                }
            }
        }
    }

    /// An identity in doubt has been looked at.
    pub(super) fn on_validated(
        &mut self,
        peer: &PeerId,
        result: Result<ValidIdentity, CryptoError>,
    ) {
        let purged = match result {
            Ok(valid) if *peer == self.config.identity.peer => {
                self.own_expiry.set(cx!(self), valid.expires_in);
                false
            }
            Ok(valid) => {
                self.identities.refresh(cx!(self), &valid);
                false
            }
            // Nobody looked, so nobody is to blame.
            Err(CryptoError::Overloaded) => false,
            Err(reason) => self.purge(peer, reason),
        };
        self.suspicion.on_looked_at(peer, purged);
        self.look_at_suspects();
    }

    /// Ends whatever rests on an identity that is not valid, except for our own.
    fn purge(&mut self, peer: &PeerId, reason: CryptoError) -> bool {
        if *peer == self.config.identity.peer {
            tracing::warn!(%reason, "our own identity is not valid");
            cx!(self).notify(Notification::OwnIdentityInvalid { reason });
            return false;
        }
        if !self.identities.remove(cx!(self), peer) {
            return false;
        }
        tracing::info!(%peer, %reason, "identity purged");
        self.io.metrics.identities_purged += 1;
        self.forget_peer(peer);
        let peer = peer.clone();
        cx!(self).notify(Notification::IdentityPurged { peer, reason });
        true
    }

    /// All identities known, ours included.
    pub(super) fn identity_infos(&self) -> Vec<IdentityInfo> {
        let own = &self.config.identity.peer;
        let all = self.identities.iter_from_after(None);
        all.map(|(peer, identity)| IdentityInfo {
            peer: peer.clone(),
            org: identity.org.clone(),
            identity: identity.bytes.clone(),
            expires_in: if peer == own {
                self.own_expiry.left(self.now)
            } else {
                identity.until.map(|until| until.since(self.now))
            },
        })
        .collect()
    }
}
