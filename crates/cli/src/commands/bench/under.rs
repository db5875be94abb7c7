//! What stands under the table: the machine, what it did meanwhile, what was measured beside speed.

use super::{
    conditions::Conditions,
    label, markdown,
    session::Session,
    speculation,
    table::{self, Row},
};
use crate::{
    commands::doctor,
    numbers::{size, three_digits},
    terminal,
};

/// Columns where there is no terminal.
const WIDTH: usize = 80;

/// The lines, after an empty one.
pub(super) fn text(rows: &[Row], session: &Session) -> String {
    let mut lines: Vec<(&str, String)> = Vec::new();
    if let Some(row) = rows.first() {
        lines.push(("processor", processor(row, markdown::threads(rows))));
    }
    let conditions =
        session.notes.as_ref().map(|(before, after)| Conditions::between(before, after));
    lines.extend(conditions.iter().flat_map(Conditions::told));
    if let Some(bytes) = rows.iter().filter_map(|it| it.beside.peak_memory).max() {
        // That of a scaled model is of the layers that are there.
        let made = rows.first().and_then(|it| it.subject.made);
        let part = made.map(|it| it.part()).unwrap_or_default();
        lines.push(("memory", format!("{} at most{part}", size(bytes))));
    }
    lines.extend(of_each("draft", rows, |it| speculation::told(it, rows)));
    lines.extend(of_each("bandwidth", rows, |it| it.beside.roofline.told()));
    lines.extend(of_each("energy", rows, energy));
    let mut untold = conditions.as_ref().map(Conditions::untold).unwrap_or_default();
    if rows.iter().all(|it| it.beside.energy.joules_per_token.is_none()) {
        match session.instruments.meter.remedy() {
            Some(remedy) => lines.push(("energy", remedy.to_owned())),
            None => untold.push("energy"),
        }
    }
    lines.extend(of_each("steady", rows, steady));
    if !untold.is_empty() {
        lines.push(("not told", format!("{}: this system does not say", untold.join(", "))));
    }
    page(&lines, terminal::width().unwrap_or(WIDTH))
}

/// What computed, with so many threads, unless the table says with how many.
fn processor(row: &Row, threads: Option<usize>) -> String {
    let it = &row.subject;
    let processor = format!("{}; kernels {}", it.cpu_info, it.kernels);
    match threads {
        None => processor,
        Some(n) => label::with_threads(&processor, n as u64),
    }
}

/// A line for each test of which there is something to tell; the name is in the first.
fn of_each<'a>(
    name: &'a str,
    rows: &[Row],
    told: impl Fn(&Row) -> Option<String>,
) -> Vec<(&'a str, String)> {
    let labels = table::labels(rows);
    let all = labels.iter().zip(rows);
    let all = all.filter_map(|(label, row)| Some(format!("{label}: {}", told(row)?)));
    all.enumerate().map(|(i, line)| (if i == 0 { name } else { "" }, line)).collect()
}

fn energy(row: &Row) -> Option<String> {
    let it = &row.beside.energy;
    let source = it.energy_source.as_deref().unwrap_or_default();
    Some(format!("{} J a token ({source})", three_digits(it.joules_per_token?)))
}

fn steady(row: &Row) -> Option<String> {
    let it = &row.beside.steady;
    Some(format!(
        "{:.2} t/s at first, {:.2} t/s after {} s of it: {:.2} ×",
        it.burst_ts?, it.steady_ts?, it.steady_seconds?, it.steady_ratio?
    ))
}

fn page(lines: &[(&str, String)], width: usize) -> String {
    let mut page = "\n".to_owned();
    for (name, told) in lines {
        doctor::wrap(&mut page, name, told, width);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::{
        super::{fixture::row, measure::Test},
        *,
    };

    #[test]
    fn threads_tell_lines_of_one_test_apart() {
        let test = Test::Generate { n: 4, depth: 0, sequences: 1 };
        let told = |rows: &[Row]| of_each("steady", rows, |it| Some(it.speed().to_string()));
        let lines = |all: &[(&'static str, &str)]| {
            all.iter().map(|it| (it.0, it.1.to_owned())).collect::<Vec<_>>()
        };
        let alike = [row(test, 2), row(test, 2)];
        assert_eq!(told(&alike), lines(&[("steady", "tg4: 400.5"), ("", "tg4: 400.5")]));
        let several = [row(test, 1), row(test, 2)];
        let expected = [("steady", "tg4, 1 thread: 400.5"), ("", "tg4, 2 threads: 400.5")];
        assert_eq!(told(&several), lines(&expected));
        let told = |rows: &[Row]| processor(&rows[0], markdown::threads(rows));
        assert_eq!(told(&alike), "a processor; kernels avx2, fast, 2 threads");
        assert_eq!(told(&several), "a processor; kernels avx2, fast");
    }

    #[test]
    fn lines_are_in_two_columns() {
        let lines = [("processor", "one two".to_owned()), ("", "three".to_owned())];
        assert_eq!(page(&lines, 80), "\nprocessor  one two\n           three\n");
        assert_eq!(page(&lines[..1], 15), "\nprocessor  one\n           two\n");
    }
}
