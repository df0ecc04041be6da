//! Output of the figures: tables and charts.

mod lines;
mod plot;
mod table;

pub(crate) use self::plot::plots;
pub(crate) use self::table::table;
