mod refusal;
pub use self::refusal::Refusal;
