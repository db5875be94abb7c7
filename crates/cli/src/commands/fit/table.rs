//! Verdicts as a table: the best first, as many columns as there is room for.

use std::cmp::Reverse;

use unicode_width::UnicodeWidthStr;

use super::verdict::{Fits, Verdict};
use crate::{
    numbers::{grouped, size, three_digits},
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

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    On,
    Off,
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
pub(super) fn table(verdicts: &[Verdict], width: usize, colours: Colours) -> String {
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
        table += &match colours {
            Colours::On => Style::of(verdict.fits).paint(&text),
            Colours::Off => text,
        };
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
        columns.extend([left("bound by", bound), right("per million", price)]);
    }
    columns.push(left("licence", licence));
    if is_wide {
        columns.push(left("creator", creator));
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
    clipped(&flat(&it.name), NAME)
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
    per_second.map_or_else(unknown, |it| format!("{mark}{}", three_digits(it)))
}

fn bound(it: &Verdict) -> String {
    it.speed.as_ref().map_or_else(unknown, |it| it.bound.name().to_owned())
}

/// What a million tokens cost, or what they take.
fn price(it: &Verdict) -> String {
    let Some(cost) = &it.cost else { return unknown() };
    cost.price.map_or_else(|| format!("{} kWh", three_digits(cost.kilowatt_hours)), three_digits)
}

fn licence(it: &Verdict) -> String {
    it.licence.as_ref().map_or_else(unknown, |it| flat(&it.replace("LicenseRef-", "")))
}

fn creator(it: &Verdict) -> String {
    it.creator.as_ref().map_or_else(unknown, |it| flat(it))
}

/// What somebody wrote, on one line.
fn flat(text: &str) -> String {
    harmless(text).replace(['\n', '\t'], " ")
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

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::commands::fit::fixture;

    fn verdicts() -> Vec<Verdict> {
        let mut all = vec![fixture::none(), fixture::part(), fixture::slow(), fixture::good()];
        sort(&mut all);
        all
    }

    #[track_caller]
    fn check(width: usize, expected: Expect) {
        let table = table(&verdicts(), width, Colours::Off);
        assert!(table.lines().all(|it| it.width() <= width), "{table}");
        expected.assert_eq(&table);
    }

    #[test]
    fn a_narrow_terminal_has_what_matters_most() {
        let expected = expect![[r#"
            model         fits  as         memory  pp512  tg128  licence
            llama3.1:8b   yes   Q8_0      9.1 GiB    205   10.0  Llama-3.1
            phi4:14b      slow  Q6_K      9.1 GiB    205   4.00  MIT
            qwen3:32b     part  Q3_K_M   15.5 GiB   51.2   2.50  Apache-2.0
            llama4:scout  no    Q2_K    ~40.0 GiB      -      -  Llama-4
        "#]];
        check(80, expected);
    }

    #[test]
    fn a_wide_one_has_all() {
        let expected = expect![[r#"
            model         fits   size  as         memory   weights    cache    scratch  context  longest  pp512  tg128  bound by  per million  licence     creator
            llama3.1:8b   yes    8.0B  Q8_0      9.1 GiB   8.0 GiB  1.0 GiB  128.0 MiB    8,192   65,536    205   10.0  memory          0.300  Llama-3.1   Meta
            phi4:14b      slow  14.7B  Q6_K      9.1 GiB   8.0 GiB  1.0 GiB  128.0 MiB    8,192   65,536    205   4.00  kernels         0.300  MIT         Microsoft
            qwen3:32b     part  32.8B  Q3_K_M   15.5 GiB   8.0 GiB  1.0 GiB  128.0 MiB    2,048    2,048   51.2   2.50  memory              -  Apache-2.0  Alibaba Cloud
            llama4:scout  no     109B  Q2_K    ~40.0 GiB  40.0 GiB        -          -        -        -      -      -  -                   -  Llama-4     Meta
        "#]];
        check(160, expected);
    }

    #[test]
    fn lines_that_are_too_long_are_cut() {
        let table = table(&verdicts(), 40, Colours::Off);
        assert!(table.lines().all(|it| it.width() <= 40), "{table}");
        assert_eq!(clipped("abc", 3), "abc");
        assert_eq!(clipped("abcd", 3), "ab…");
    }

    #[test]
    fn colours_are_beside_words() {
        let painted = table(&verdicts(), 80, Colours::On);
        let codes = ["\x1b[32m", "\x1b[33m", "\x1b[39m", "\x1b[2m", "\x1b[22m"];
        let plain = codes.iter().fold(painted, |text, code| text.replace(code, ""));
        assert_eq!(plain, table(&verdicts(), 80, Colours::Off));
    }

    #[test]
    fn of_models_that_fit_the_larger_come_first() {
        let small = Verdict { name: "a".to_owned(), parameters: Some(1), ..fixture::good() };
        let large = Verdict { parameters: Some(1 << 40), ..fixture::none() };
        let mut all = vec![large, fixture::none(), small, fixture::good()];
        sort(&mut all);
        let names: Vec<_> = all.iter().map(|it| (it.name.as_str(), it.parameters)).collect();
        let good = ("llama3.1:8b", fixture::good().parameters);
        let none = ("llama4:scout", fixture::none().parameters);
        assert_eq!(names, [good, ("a", Some(1)), none, ("llama4:scout", Some(1 << 40))]);
    }

    #[test]
    fn numbers_of_weights_are_as_in_names() {
        let all = [67_000_000, 494_032_768, 8_030_261_248, 405_853_388_800].map(weights);
        assert_eq!(all, ["67M", "0.5B", "8.0B", "406B"]);
    }
}
