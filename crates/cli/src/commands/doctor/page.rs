//! The report as a screen of text: a row a subject, and then what was found.

mod rows;

use unicode_width::UnicodeWidthStr;

use super::{advice::Level, report::Report};

/// Columns before the text of a row.
const LABEL: usize = 11;

/// Longer lines are hard to read, shorter ones have no room for a row's text.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=160;

/// What stands behind numbers, and means nothing without them.
const UNITS: &[&str] = &[
    "B", "KiB", "MiB", "GiB", "TiB", "K", "M", "GB/s", "GMAC/s", "MHz", "GHz", "°C", "t/s", "W",
    "J", "kWh", "s", "%",
];

/// The whole screen, in lines of at most `width` columns where words allow.
pub(super) fn page(report: &Report, width: usize) -> String {
    let width = width.clamp(*WIDTHS.start(), *WIDTHS.end());
    let mut page = String::new();
    for (label, text) in rows::rows(report) {
        wrap(&mut page, label, &text, width);
    }
    page.push('\n');
    for finding in &report.findings {
        let label = match finding.level {
            Level::Broken => "broken",
            Level::Warning => "warning",
        };
        let text = format!("{}: {}; {}", finding.about, finding.what, finding.todo);
        wrap(&mut page, label, &text, width);
    }
    if report.findings.is_empty() {
        wrap(&mut page, "ok", "nothing is broken, and nothing is in the way", width);
    }
    page
}

/// Writes a row: its label, and its text beside it, broken between words.
pub(crate) fn wrap(page: &mut String, label: &str, text: &str, width: usize) {
    *page += &format!("{label:<LABEL$}");
    let mut column = LABEL;
    for (n, word) in words(text).iter().enumerate() {
        let wide = word.width();
        if n > 0 && column + 1 + wide > width {
            *page += &format!("\n{:LABEL$}", "");
            column = LABEL;
        } else if n > 0 {
            page.push(' ');
            column += 1;
        }
        *page += word;
        column += wide;
    }
    page.push('\n');
}

/// The words of a text, of which a number and its unit are one.
fn words(text: &str) -> Vec<String> {
    let is_number = |it: &str| {
        it.ends_with(|c: char| c.is_ascii_digit())
            && it.chars().all(|c| c.is_ascii_digit() || ",.(~".contains(c))
    };
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let unit = word.trim_end_matches([',', ';', ':', '.', ')']);
        match words.last_mut() {
            Some(number) if UNITS.contains(&unit) && is_number(number) => {
                *number += &format!(" {word}");
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use expect_test::{ExpectFile, expect_file};

    use super::*;
    use crate::commands::doctor::fixture;

    #[track_caller]
    fn check(report: &Report, expected: ExpectFile) {
        let mut both = String::new();
        for width in [80, 160] {
            let page = page(report, width);
            let widest = page.lines().map(UnicodeWidthStr::width).max();
            assert!(widest.is_some_and(|it| it <= width), "{widest:?} of {width}\n{page}");
            both += &format!("-- {width} columns, {} lines\n{page}", page.lines().count());
        }
        expected.assert_eq(&both);
    }

    #[test]
    fn a_laptop_on_battery() {
        check(&fixture::laptop(), expect_file!["screens/laptop.txt"]);
    }

    #[test]
    fn a_container_on_a_server() {
        check(&fixture::container(), expect_file!["screens/container.txt"]);
    }

    #[test]
    fn a_small_board() {
        check(&fixture::board(), expect_file!["screens/board.txt"]);
    }

    #[test]
    fn a_machine_that_tells_nothing() {
        check(&fixture::silent(), expect_file!["screens/silent.txt"]);
    }

    #[test]
    fn a_quiet_machine_fits_a_small_terminal() {
        let mut report = fixture::laptop();
        report.findings.clear();
        let page = page(&report, 80);
        assert!(page.lines().count() <= 24, "{page}");
        assert!(
            page.ends_with("ok         nothing is broken, and nothing is in the way\n"),
            "{page}"
        );
    }

    #[test]
    fn words_that_are_too_long_are_not_broken() {
        let mut page = String::new();
        wrap(&mut page, "library", &format!("a {} b", "x".repeat(40)), 40);
        let text = format!("library    a\n           {}\n           b\n", "x".repeat(40));
        assert_eq!(page, text);
    }

    #[test]
    fn units_stay_with_their_numbers() {
        let check = |text, expected: &[&str]| assert_eq!(words(text), expected);
        check("16.0 GiB are free", &["16.0 GiB", "are", "free"]);
        check("9.1 GiB: weights 8.0 GiB;", &["9.1 GiB:", "weights", "8.0 GiB;"]);
        check("read (30.2 GB/s before)", &["read", "(30.2 GB/s", "before)"]);
        check("as Q8_0 B", &["as", "Q8_0", "B"]);
        check("GiB 8 bits", &["GiB", "8", "bits"]);
    }
}
