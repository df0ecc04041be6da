//! Figures for people: tables and charts.

mod lines;
mod plot;
mod table;

pub(crate) use self::plot::plots;
pub(crate) use self::table::table;
