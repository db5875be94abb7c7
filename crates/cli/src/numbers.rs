//! How numbers are written for people: digits in threes, sizes in binary units, as many digits as
//! count.

pub(crate) use loader::grouped;

/// Bytes as `468.6 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    scaled(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// A count as `494.03 M`.
pub(crate) fn count(n: u64) -> String {
    match n {
        0..1000 => n.to_string(),
        1000..1_000_000 => format!("{:.2} K", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} M", n as f64 / 1e6),
        _ => format!("{:.2} B", n as f64 / 1e9),
    }
}

/// Three digits that count: `0.0123`, `1.23`, `123`; more before a point, none after them.
pub(crate) fn three_digits(number: f64) -> String {
    let digits_of = |it: f64| {
        let whole = if it == 0.0 { 0 } else { it.abs().log10().floor().max(-9.0) as i32 };
        usize::try_from(2 - whole).unwrap_or(0)
    };
    // Rounding may add a digit in front.
    let digits = digits_of(number);
    let rounded = format!("{number:.digits$}");
    let digits = digits_of(rounded.parse().unwrap_or(number)).min(digits);
    format!("{number:.digits$}")
}

fn scaled(n: u64, step: f64, units: &[&str]) -> String {
    let mut value = n as f64;
    let mut unit = 0;
    while value >= step && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    if unit == 0 { format!("{n} {}", units[0]) } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(491_400_064), "468.6 MiB");
        assert_eq!(count(494_032_768), "494.03 M");
        assert_eq!(count(260_032), "260.03 K");
    }

    #[test]
    fn little_and_much_have_three_digits() {
        for (number, text) in [
            (0.00003, "0.0000300"),
            (0.01234, "0.0123"),
            (0.5, "0.500"),
            (1.234, "1.23"),
            (9.994, "9.99"),
            (9.999, "10.0"),
            (12.34, "12.3"),
            (99.97, "100"),
            (1234.4, "1234"),
            (0.0, "0.00"),
        ] {
            assert_eq!(three_digits(number), text);
        }
    }
}
