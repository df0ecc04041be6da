//! What neither `gossip sim` nor `gossip chaos` does.

mod channels;
mod hostile;
mod leadership;
mod messages;
mod originals;
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
    ("originals/push", originals::push),
    ("originals/pull", originals::pull),
    ("messages", messages::messages),
    ("coverage", requests::coverage),
    (
        "identities-and-farewells",
        requests::identities_and_farewells,
    ),
    ("hostile-member", hostile::refused),
];
