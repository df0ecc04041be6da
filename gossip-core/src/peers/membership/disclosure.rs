//! Rules of disclosure: which members are disclosed to which peers.
//!
//! Peers without an external endpoint are disclosed to their own organisation only. Internal endpoints never leave it.
//! An organisation learns of members of another organisation only from that organisation. An unknown organisation
//! counts as foreign.

use crate::OrgId;

/// The properties of a peer that the rules depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Party<'a> {
    pub(crate) org: Option<&'a OrgId>,
    pub(crate) external: bool,
}

/// Returns whether a membership response of ours to `target` may list `subject`.
pub(crate) fn may_list(own: &OrgId, subject: Party<'_>, target: Party<'_>) -> bool {
    let (Some(subject_org), Some(target_org)) = (subject.org, target.org) else {
        return false;
    };
    subject_org == target_org || (subject_org == own && subject.external && target.external)
}

/// Returns whether `target` may see the internal endpoint in a heartbeat.
pub(crate) fn may_see_secret(own: &OrgId, target: Option<&OrgId>) -> bool {
    target == Some(own)
}

/// Returns whether `target` may be sent the identity of `subject`.
pub(crate) fn may_identify(own: &OrgId, subject: Party<'_>, target: Option<&OrgId>) -> bool {
    match target {
        None => false,
        Some(target) if target == own => true,
        Some(target) => {
            let concerned = subject.org.is_some_and(|org| org == own || org == target);
            concerned && subject.external
        }
    }
}

/// Returns whether a heartbeat of `subject` may be pushed to `target`.
pub(crate) fn may_push(own: &OrgId, subject: Party<'_>, target: Party<'_>) -> bool {
    let Some(subject_org) = subject.org else {
        return false;
    };
    if subject_org == own {
        return subject.external || target.org == Some(own);
    }
    target.external && (target.org == Some(own) || target.org == Some(subject_org))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(org: Option<&OrgId>, external: bool) -> Party<'_> {
        Party { org, external }
    }

    #[test]
    fn responses_list_the_requesters_org_and_our_own_external_peers() {
        let (own, other, third) = (OrgId::new(b"s"), OrgId::new(b"t"), OrgId::new(b"u"));
        let target = party(Some(&other), true);
        assert!(may_list(&own, party(Some(&other), false), target));
        assert!(may_list(&own, party(Some(&own), true), target));
        assert!(!may_list(&own, party(Some(&own), false), target));
        assert!(!may_list(
            &own,
            party(Some(&own), true),
            party(Some(&other), false)
        ));
        assert!(!may_list(&own, party(Some(&third), true), target));
        // Members of a third organisation are not listed within our own organisation either.
        assert!(!may_list(
            &own,
            party(Some(&third), true),
            party(Some(&own), true)
        ));
        assert!(may_list(
            &own,
            party(Some(&own), false),
            party(Some(&own), false)
        ));
    }

    #[test]
    fn nothing_is_disclosed_to_an_unknown_organisation() {
        let own = OrgId::new(b"s");
        assert!(!may_list(&own, party(Some(&own), true), party(None, true)));
        assert!(!may_list(&own, party(None, true), party(Some(&own), true)));
        assert!(!may_see_secret(&own, None));
        assert!(!may_push(&own, party(None, true), party(Some(&own), true)));
    }

    #[test]
    fn pushes_of_foreign_heartbeats_stay_between_two_organisations() {
        let (own, other, third) = (OrgId::new(b"s"), OrgId::new(b"t"), OrgId::new(b"u"));
        let subject = party(Some(&other), true);
        assert!(may_push(&own, subject, party(Some(&own), true)));
        assert!(may_push(&own, subject, party(Some(&other), true)));
        assert!(!may_push(&own, subject, party(Some(&own), false)));
        assert!(!may_push(&own, subject, party(Some(&third), true)));
    }

    #[test]
    fn identities_of_hidden_peers_and_of_third_organisations_stay_inside() {
        let (own, other, third) = (OrgId::new(b"s"), OrgId::new(b"t"), OrgId::new(b"u"));
        for subject in [Some(&own), Some(&other), Some(&third), None] {
            for external in [false, true] {
                let subject = party(subject, external);
                assert!(may_identify(&own, subject, Some(&own)));
                assert!(!may_identify(&own, subject, None));
            }
        }
        assert!(may_identify(&own, party(Some(&own), true), Some(&other)));
        assert!(may_identify(&own, party(Some(&other), true), Some(&other)));
        assert!(!may_identify(&own, party(Some(&own), false), Some(&other)));
        assert!(!may_identify(&own, party(Some(&third), true), Some(&other)));
    }

    #[test]
    fn our_own_peers_without_external_endpoint_stay_inside() {
        let (own, other) = (OrgId::new(b"s"), OrgId::new(b"t"));
        let hidden = party(Some(&own), false);
        assert!(may_push(&own, hidden, party(Some(&own), false)));
        assert!(!may_push(&own, hidden, party(Some(&other), true)));
        assert!(may_push(
            &own,
            party(Some(&own), true),
            party(Some(&other), false)
        ));
    }
}
