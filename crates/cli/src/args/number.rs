//! Numbers as people write them, on the command line, in variables and in the settings file; and
//! what is said of a word that is none.

use std::{
    num::{IntErrorKind, NonZeroUsize, ParseIntError},
    str::FromStr,
    time::Duration,
};

/// How many, at least one.
pub(crate) fn count(text: &str) -> Result<NonZeroUsize, String> {
    integer(text, "a whole number from 1")
}

/// How many, perhaps none.
pub(crate) fn whole(text: &str) -> Result<usize, String> {
    integer(text, "a whole number from 0")
}

/// What decides draws.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    integer(text, "a whole number from 0")
}

/// A token by its number.
pub(crate) fn token(text: &str) -> Result<u32, String> {
    integer(text, "the number of a token")
}

/// More than nothing, with a fraction.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    let found = text.parse::<f64>().ok().filter(|it| it.is_finite() && *it > 0.0);
    found.ok_or_else(|| format!("expected a number above 0, found `{text}`"))
}

/// With a fraction.
pub(crate) fn number(text: &str) -> Result<f32, String> {
    text.parse().map_err(|_| format!("expected a number, found `{text}`"))
}

/// How long, up to a day.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let expected = "a time such as `60s`, `2m` or `1h`";
    let refused = || format!("expected {expected}, found `{text}`");
    let units = [('s', 1), ('m', 60), ('h', 3600)];
    let parts = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, seconds)));
    let (number, seconds) = parts.ok_or_else(refused)?;
    let number = number.parse::<u64>().map_err(|_| refused())?;
    match number.saturating_mul(*seconds) {
        0 => Err(refused()),
        all @ 1..=86_400 => Ok(Duration::from_secs(all)),
        _ => Err(format!("`{text}` is too large, expected at most `24h`")),
    }
}

/// A whole number; `expected` says which there are.
pub(super) fn integer<T>(text: &str, expected: &str) -> Result<T, String>
where
    T: FromStr<Err = ParseIntError>,
{
    text.parse().map_err(|error: ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow => format!("`{text}` is too large"),
        _ => format!("expected {expected}, found `{text}`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_no_numbers_are_named() {
        assert_eq!(count("7"), Ok(NonZeroUsize::MIN.saturating_add(6)));
        for bad in ["abc", "0", "-1", "1.5"] {
            assert_eq!(count(bad), Err(format!("expected a whole number from 1, found `{bad}`")));
        }
        assert_eq!(whole("0"), Ok(0));
        assert_eq!(whole("x"), Err("expected a whole number from 0, found `x`".to_owned()));
        assert_eq!(token("99999999999"), Err("`99999999999` is too large".to_owned()));
        assert_eq!((number("-0.5"), seed("3")), (Ok(-0.5), Ok(3)));
        for bad in ["0", "-1", "nan", "inf", "x"] {
            assert_eq!(positive(bad), Err(format!("expected a number above 0, found `{bad}`")));
        }
        assert_eq!(positive("0.25"), Ok(0.25));
        assert_eq!(number("abc"), Err("expected a number, found `abc`".to_owned()));
    }

    #[test]
    fn times_have_a_unit_and_an_end() {
        for (text, seconds) in [("1s", 1), ("60s", 60), ("2m", 120), ("24h", 86_400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        for bad in ["", "s", "60", "0s", "-1s", "1.5m", "2 m", "1d", "s1"] {
            let expected = "expected a time such as `60s`, `2m` or `1h`";
            assert_eq!(duration(bad), Err(format!("{expected}, found `{bad}`")));
        }
        let large = "`25h` is too large, expected at most `24h`".to_owned();
        assert_eq!(duration("25h"), Err(large));
    }
}
