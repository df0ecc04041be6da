//! Sizes in bytes with units.

use std::fmt;
use std::str::FromStr;

/// A number of bytes, parsed and displayed as `64KiB`, `1MiB`, `10MB`, `4096`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByteSize(pub(crate) u64);

const UNITS: [(&str, u64); 13] = [
    ("", 1),
    ("b", 1),
    ("k", 1 << 10),
    ("kb", 1_000),
    ("kib", 1 << 10),
    ("m", 1 << 20),
    ("mb", 1_000_000),
    ("mib", 1 << 20),
    ("g", 1 << 30),
    ("gb", 1_000_000_000),
    ("gib", 1 << 30),
    ("t", 1 << 40),
    ("tib", 1 << 40),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim().to_ascii_lowercase();
        let factor = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, factor)| *factor);
        number
            .parse::<u64>()
            .ok()
            .zip(factor)
            .and_then(|(number, factor)| number.checked_mul(factor))
            .map(Self)
            .ok_or_else(|| "expected a size such as 4096, 64KiB or 1MiB".to_owned())
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |unit: u64| self.0 >= unit;
        match self.0 {
            bytes if bytes.is_multiple_of(1 << 20) && fits(1 << 20) => {
                write!(f, "{}MiB", bytes >> 20)
            }
            bytes if bytes.is_multiple_of(1 << 10) && fits(1 << 10) => {
                write!(f, "{}KiB", bytes >> 10)
            }
            bytes => write!(f, "{bytes}B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        let cases = [
            ("4096", 4096),
            ("64KiB", 65_536),
            ("64k", 65_536),
            ("1 MiB", 1 << 20),
            ("10MB", 10_000_000),
            ("2GiB", 2 << 30),
        ];
        for (text, bytes) in cases {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn invalid_sizes_and_overflow_are_refused() {
        for text in [
            "",
            "KiB",
            "-1",
            "1.5MiB",
            "64 bits",
            "99999999999999999999",
            "99999999999TiB",
        ] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn displayed_sizes_parse_to_the_same_value() {
        for bytes in [0, 1, 1023, 1024, 65_536, 1 << 20, (1 << 20) + 1] {
            assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        }
    }
}
