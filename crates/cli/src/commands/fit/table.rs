//! Verdicts as a table: the best first, as many columns as there is room for.

use std::cmp::Reverse;

use unicode_width::UnicodeWidthStr;

use super::{
    costs::short,
    verdict::{Fits, Verdict},
};
use crate::{
    numbers::{grouped, size},
    terminal::harmless,
};

/// As many columns as all that is told needs.
const WIDE: usize = 150;

/// As long as names of the catalogue are.
const NAME: usize = 24;

/// How a row looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Good,
    Fair,
    Dim,
}

/// A column: its head, what stands in it, and on which side that is.
struct Column {
    head: &'static str,
    cell: fn(&Verdict) -> String,
    side: Side,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// What fits best first: what writes as fast as people read, then what is slow, what needs a shorter
/// context, and what does not fit; of these the larger models first, of those that do not fit the
/// smaller.
pub(super) fn sort(verdicts: &mut [Verdict]) {
    verdicts.sort_by(|a, b| {
        let order = a.fits.cmp(&b.fits);
        let by_size = match a.fits {
            Fits::Yes | Fits::Slow | Fits::Part => {
                Reverse(a.parameters).cmp(&Reverse(b.parameters))
            }
            Fits::No | Fits::Unknown => a.parameters.cmp(&b.parameters),
        };
        order.then(by_size).then_with(|| a.name.cmp(&b.name))
    });
}

impl Style {
    pub(super) fn of(fits: Fits) -> Self {
        match fits {
            Fits::Yes => Self::Good,
            Fits::Slow | Fits::Part => Self::Fair,
            Fits::No => Self::Dim,
            Fits::Unknown => Self::Plain,
        }
    }

    /// `text` in this style, with colours that light and dark terminals show.
    pub(super) fn paint(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Good => format!("\x1b[32m{text}\x1b[39m"),
            Self::Fair => format!("\x1b[33m{text}\x1b[39m"),
            Self::Dim => format!("\x1b[2m{text}\x1b[22m"),
        }
    }
}

/// The table, in lines of at most `width` columns.
pub(super) fn table(verdicts: &[Verdict], width: usize, styled: bool) -> String {
    let columns = columns(width);
    let cells = |it: &Verdict| columns.iter().map(|column| (column.cell)(it)).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = verdicts.iter().map(cells).collect();
    let heads: Vec<String> = columns.iter().map(|it| it.head.to_owned()).collect();
    let widths: Vec<usize> = (0..columns.len())
        .map(|nth| rows.iter().chain([&heads]).map(|it| it[nth].width()).max().unwrap_or(0))
        .collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&columns).zip(&widths).map(|((text, column), &width)| {
            let pad = " ".repeat(width - text.width());
            match column.side {
                Side::Left => format!("{text}{pad}"),
                Side::Right => format!("{pad}{text}"),
            }
        });
        clipped(padded.collect::<Vec<_>>().join("  ").trim_end(), width)
    };
    let mut table = line(&heads) + "\n";
    for (row, verdict) in rows.iter().zip(verdicts) {
        let text = line(row);
        table += &if styled { Style::of(verdict.fits).paint(&text) } else { text };
        table.push('\n');
    }
    table
}

fn columns(width: usize) -> Vec<Column> {
    let is_wide = width >= WIDE;
    let mut columns = vec![left("model", name), left("fits", |it| fits(it.fits).to_owned())];
    if is_wide {
        columns.push(right("size", |it| it.parameters.map_or_else(unknown, weights)));
    }
    columns.extend([left("as", |it| it.quant.clone()), right("memory", memory)]);
    if is_wide {
        columns.extend([
            right("weights", |it| bytes(it.weights)),
            right("cache", |it| bytes(it.cache)),
            right("scratch", |it| bytes(it.scratch)),
            right("context", |it| tokens(it.context)),
            right("longest", |it| tokens(it.longest_context)),
        ]);
    }
    columns.extend([
        right("pp512", |it| about(it, it.speed.as_ref().map(|it| it.pp512))),
        right("tg128", |it| about(it, it.speed.as_ref().map(|it| it.tg128))),
    ]);
    if is_wide {
        columns.push(right("per million", price));
    }
    columns.push(left("licence", licence));
    if is_wide {
        columns.push(left("creator", |it| it.creator.clone().unwrap_or_else(unknown)));
    }
    columns
}

fn left(head: &'static str, cell: fn(&Verdict) -> String) -> Column {
    Column { head, cell, side: Side::Left }
}

fn right(head: &'static str, cell: fn(&Verdict) -> String) -> Column {
    Column { head, cell, side: Side::Right }
}

fn unknown() -> String {
    "-".to_owned()
}

fn name(it: &Verdict) -> String {
    clipped(&harmless(&it.name), NAME)
}

/// A word for it.
pub(super) fn fits(fits: Fits) -> &'static str {
    match fits {
        Fits::Yes => "yes",
        Fits::Slow => "slow",
        Fits::Part => "part",
        Fits::No => "no",
        Fits::Unknown => "?",
    }
}

/// A number of weights as in the names of models: `0.5B`, `70B`.
fn weights(n: u64) -> String {
    match n as f64 / 1e9 {
        billions @ ..0.1 => format!("{:.0}M", billions * 1e3),
        billions @ ..100.0 => format!("{billions:.1}B"),
        billions => format!("{billions:.0}B"),
    }
}

/// All that it takes; of what is estimated, weights alone.
fn memory(it: &Verdict) -> String {
    match (it.total, it.weights) {
        (Some(total), _) => size(total),
        (None, Some(weights)) => format!("~{}", size(weights)),
        (None, None) => unknown(),
    }
}

fn bytes(of: Option<u64>) -> String {
    of.map_or_else(unknown, size)
}

fn tokens(of: Option<usize>) -> String {
    of.map_or_else(unknown, |it| grouped(it as u64))
}

/// Tokens a second, with a mark where that rests on an estimate.
fn about(it: &Verdict, per_second: Option<f64>) -> String {
    let mark = if it.exact { "" } else { "~" };
    per_second.map_or_else(unknown, |it| format!("{mark}{}", short(it)))
}

/// What a million tokens cost, or what they take.
fn price(it: &Verdict) -> String {
    let Some(cost) = &it.cost else { return unknown() };
    cost.price.map_or_else(|| format!("{} kWh", short(cost.kilowatt_hours)), short)
}

fn licence(it: &Verdict) -> String {
    let text = it.licence.as_ref().map(|it| it.replace("LicenseRef-", ""));
    text.map_or_else(unknown, |it| harmless(&it).replace('\n', " "))
}

/// `text` in so many columns; what is left out is marked.
fn clipped(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        if kept.width() + c.to_string().width() >= width {
            break;
        }
        kept.push(c);
    }
    kept + "…"
}
