//! The screens of `fit`, `list`, `doctor` and `bench` on narrow and on wide terminals, with colours
//! and without.

use ingle_tests::binary::Place;

use super::screen::{Printed, Terminal};
use crate::place;

const PLAIN: [(&str, &str); 1] = [("NO_COLOR", "1")];

/// What `ingle` prints on a terminal of so many columns, none of whose lines is wider; without an
/// escape sequence where there is to be no colour.
#[track_caller]
fn check(place: &Place, args: &[&str], columns: u16, environment: &[(&str, &str)]) -> Printed {
    let printed = Terminal::printed(place, args, environment, columns);
    let text = printed.lines.join("\n");
    assert_eq!(printed.exit_code, 0, "{args:?}\n{text}");
    assert!(printed.too_wide.is_empty(), "{args:?}: wider than {columns}: {:?}", printed.too_wide);
    let is_plain = !printed.bytes.contains(&0x1b);
    assert!(is_plain || environment.is_empty(), "{args:?}: an escape sequence in\n{text}");
    printed
}

#[test]
fn the_table_of_fit_has_no_line_that_is_too_wide() {
    let place = place();
    for (columns, environment) in [(80, &[][..]), (160, &PLAIN)] {
        let printed = check(&place, &["fit", "--no-measure"], columns, environment);
        assert!(printed.lines[0].starts_with("model "), "{:?}", printed.lines);
        assert!(printed.lines.len() > 100, "{:?}", printed.lines);
    }
}

#[test]
fn one_model_of_fit_has_no_line_that_is_too_wide() {
    let place = place();
    for (columns, environment) in [(80, &[][..]), (160, &PLAIN)] {
        let args = ["fit", "llama3.2:3b", "--no-measure"];
        let printed = check(&place, &args, columns, environment);
        assert!(printed.lines[0].starts_with("model      llama3.2:3b"), "{:?}", printed.lines);
    }
}

#[test]
fn the_catalogue_has_no_line_that_is_too_wide() {
    let place = place();
    for (columns, environment) in [(80, &[][..]), (160, &PLAIN)] {
        let printed = check(&place, &["list", "--all"], columns, environment);
        let head = printed.lines.iter().find(|it| it.starts_with("name  ")).expect("a table");
        assert_eq!(head.contains("creator"), columns == 160, "{head}");
        assert!(head.contains("licence"), "{head}");
    }
}

#[test]
fn doctor_has_no_line_that_is_too_wide() {
    let place = place();
    for (columns, environment) in [(80, &[][..]), (160, &PLAIN)] {
        let printed = check(&place, &["doctor"], columns, environment);
        assert!(printed.lines[0].starts_with("ingle      "), "{:?}", printed.lines);
    }
}

#[test]
fn bench_has_no_line_that_is_too_wide() {
    let place = place();
    let args = ["bench", "parrot.gguf", "-p", "512", "-n", "16", "-d", "0,64", "-r", "1"];
    for (columns, environment) in [(60, &[][..]), (80, &[]), (80, &PLAIN), (160, &PLAIN)] {
        let printed = check(&place, &args, columns, environment);
        let has_size = printed.lines[0].contains(" size ");
        assert_eq!(has_size, columns == 160, "{columns}: {:?}", printed.lines);
        let rows = printed.lines.iter().take_while(|it| it.starts_with('|')).count();
        assert_eq!(rows, 6, "{:?}", printed.lines);
    }
}
