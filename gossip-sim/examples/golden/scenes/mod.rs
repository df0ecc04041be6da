//! Scenes: behaviour that neither `gossip sim` nor `gossip chaos` covers.

mod channels;
mod hostile;
mod leadership;
mod legacy;
mod messages;
mod requests;
mod validator;

use crate::Outcome;

type Scene = fn() -> Outcome;

/// Each scene by its name.
pub(crate) const ALL: [(&str, Scene); 10] = [
    ("two-channels", channels::two_channels),
    ("same-instant", channels::same_instant),
    ("validator", validator::validator),
    ("leadership", leadership::leadership),
    ("legacy/push", legacy::push),
    ("legacy/pull", legacy::pull),
    ("messages", messages::messages),
    ("coverage", requests::coverage),
    ("identities-and-leaving", requests::identities_and_leaving),
    ("hostile-member", hostile::refused),
];
