//! What stands under the table: the machine, what it did meanwhile, what was measured beside speed.

use super::{conditions::Conditions, session::Session, table::Row};
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
        let it = &row.subject;
        lines.push(("processor", format!("{}; kernels {}", it.cpu_info, it.kernels)));
    }
    if let Some((before, after)) = &session.notes {
        lines.extend(Conditions::between(before, after).told());
    }
    if let Some(bytes) = rows.iter().filter_map(|it| it.beside.peak_memory).max() {
        // That of a scaled model is of the layers that are there.
        let made = rows.first().and_then(|it| it.subject.made);
        let part = made.map(|it| it.part()).unwrap_or_default();
        lines.push(("memory", format!("{} at most{part}", size(bytes))));
    }
    lines.extend(of_each("bandwidth", rows, |it| it.beside.roofline.told()));
    lines.extend(of_each("energy", rows, energy));
    if rows.iter().all(|it| it.beside.energy.joules_per_token.is_none()) {
        lines.extend(session.instruments.meter.remedy().map(|it| ("energy", it.to_owned())));
    }
    lines.extend(of_each("steady", rows, steady));
    page(&lines, terminal::width().unwrap_or(WIDTH))
}

/// A line for each test of which there is something to tell; the name is in the first.
fn of_each<'a>(
    name: &'a str,
    rows: &[Row],
    told: impl Fn(&Row) -> Option<String>,
) -> Vec<(&'a str, String)> {
    let all = rows.iter().filter_map(|row| Some(format!("{}: {}", row.label, told(row)?)));
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
    use super::*;

    #[test]
    fn lines_are_in_two_columns() {
        let lines = [("processor", "one two".to_owned()), ("", "three".to_owned())];
        assert_eq!(page(&lines, 80), "\nprocessor  one two\n           three\n");
        assert_eq!(page(&lines[..1], 15), "\nprocessor  one\n           two\n");
    }
}
