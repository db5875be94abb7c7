//! Verdicts as a table: the best first, as many columns as there is room for.

use std::cmp::Reverse;

use unicode_width::UnicodeWidthStr;

use super::{
    costs::Cost,
    verdict::{Fits, Verdict},
};
use crate::{
    numbers::{grouped, size, three_digits},
    terminal::harmless,
};

/// As long as names of the catalogue are; creators need no more.
const NAME: usize = 24;

/// Over what a million tokens cost.
pub(super) const COST: &str = "cost/M";

/// Between two columns.
const GAP: &str = "  ";

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

/// A column: its head, what stands in it, on which side that is, and its rank where there is no room
/// for all: the highest gives way first, 0 never does.
struct Column {
    head: &'static str,
    cell: fn(&Verdict) -> String,
    side: Side,
    rank: usize,
}

/// What stands in a column, head first.
struct Filled {
    column: Column,
    cells: Vec<String>,
    width: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// What fits best first: what writes as fast as people read, then what is slow, what needs a shorter
/// context, and what does not fit; of these first those whose speed is known, then the larger models,
/// of those that do not fit the smaller.
pub(super) fn sort(verdicts: &mut [Verdict]) {
    verdicts.sort_by(|a, b| {
        let order = a.fits.cmp(&b.fits);
        let by_size = match a.fits {
            Fits::Yes | Fits::Slow | Fits::Part => {
                let key = |it: &Verdict| (it.speed.is_none(), Reverse(it.parameters));
                key(a).cmp(&key(b))
            }
            Fits::No | Fits::Unknown => a.parameters.cmp(&b.parameters),
        };
        order.then(by_size).then_with(|| a.name.cmp(&b.name))
    });
}

impl Style {
    pub(super) fn of(it: &Verdict) -> Self {
        match it.fits {
            Fits::Yes if it.exact => Self::Good,
            Fits::Yes | Fits::Slow | Fits::Part => Self::Fair,
            Fits::No => Self::Dim,
            Fits::Unknown => Self::Plain,
        }
    }

    /// `text` in this style, with colours that light and dark terminals show: of the sixteen that a
    /// theme chooses, green and yellow cannot be read on white. These are fixed, and their contrast with
    /// black and with white is 4.4 to 1 or more.
    pub(super) fn paint(self, text: &str) -> String {
        let colour = match self {
            Self::Plain => return text.to_owned(),
            Self::Good => 28,
            Self::Fair => 130,
            Self::Dim => 243,
        };
        format!("\x1b[38;5;{colour}m{text}\x1b[39m")
    }
}

/// The table, in lines of at most `width` columns.
pub(super) fn table(verdicts: &[Verdict], width: usize, colours: Colours) -> String {
    let columns = room(verdicts, width);
    let line = |nth: usize| {
        let padded = columns.iter().map(|it| {
            let text = &it.cells[nth];
            let pad = " ".repeat(it.width - text.width());
            match it.column.side {
                Side::Left => format!("{text}{pad}"),
                Side::Right => format!("{pad}{text}"),
            }
        });
        clipped(padded.collect::<Vec<_>>().join(GAP).trim_end(), width)
    };
    let mut table = line(0) + "\n";
    for (nth, verdict) in verdicts.iter().enumerate() {
        let text = line(nth + 1);
        table += &match colours {
            Colours::On => Style::of(verdict).paint(&text),
            Colours::Off => text,
        };
        table.push('\n');
    }
    table
}

/// Whether there is room for what a million tokens cost, where that is known.
pub(super) fn shows_costs(verdicts: &[Verdict], width: usize) -> bool {
    room(verdicts, width).iter().any(|it| it.column.head == COST)
}

/// As many columns as there is room for, with what stands in them; those in which nothing stands take
/// none.
fn room(verdicts: &[Verdict], width: usize) -> Vec<Filled> {
    let fill = |column: Column| {
        let head = std::iter::once(column.head.to_owned());
        let cells: Vec<_> = head.chain(verdicts.iter().map(column.cell)).collect();
        let width = cells.iter().map(|it| it.width()).max().unwrap_or(0);
        Filled { column, cells, width }
    };
    let told = |it: &Filled| it.column.rank == 0 || it.cells[1..].iter().any(|it| *it != unknown());
    let mut columns: Vec<_> = columns(verdicts).into_iter().map(fill).filter(told).collect();
    let mut ranks: Vec<_> = columns.iter().map(|it| it.column.rank).collect();
    ranks.sort_unstable();
    while let Some(rank) = ranks.pop().filter(|&it| it > 0) {
        let all: usize = columns.iter().map(|it| it.width + GAP.len()).sum();
        if all <= width + GAP.len() {
            break;
        }
        columns.retain(|it| it.column.rank < rank);
    }
    columns
}

fn columns(verdicts: &[Verdict]) -> [Column; 16] {
    let mut costs = verdicts.iter().filter_map(|it| it.cost.as_ref());
    // Whoever asks for costs wants them sooner than licences.
    let [cost, licences] = if costs.any(Cost::is_asked_for) { [0, 2] } else { [6, 0] };
    [
        left("model", name, 0),
        left("fits", |it| fits(it).to_owned(), 0),
        right("size", |it| it.parameters.map_or_else(unknown, weights), 1),
        left("as", quant, 0),
        right("memory", memory, 0),
        right("weights", |it| bytes(it.weights), 7),
        right("cache", |it| bytes(it.cache), 8),
        right("scratch", |it| bytes(it.scratch), 9),
        right("context", |it| tokens(it.context), 3),
        right("longest", |it| tokens(it.longest_context), 4),
        right("pp512", |it| about(it, it.speed.as_ref().map(|it| it.pp512)), 0),
        right("tg128", |it| about(it, it.speed.as_ref().map(|it| it.tg128)), 0),
        left("bound by", bound, 5),
        right(COST, price, cost),
        left("licence", licence, licences),
        left("creator", creator, 10),
    ]
}

fn left(head: &'static str, cell: fn(&Verdict) -> String, rank: usize) -> Column {
    Column { head, cell, side: Side::Left, rank }
}

fn right(head: &'static str, cell: fn(&Verdict) -> String, rank: usize) -> Column {
    Column { head, cell, side: Side::Right, rank }
}

fn unknown() -> String {
    "-".to_owned()
}

fn name(it: &Verdict) -> String {
    clipped(&flat(&it.name), NAME)
}

/// A word for it, with a question mark where that rests on an estimate.
pub(super) fn fits(it: &Verdict) -> &'static str {
    match (it.fits, it.exact) {
        (Fits::Yes, true) => "yes",
        (Fits::Yes, false) => "yes?",
        (Fits::Slow, true) => "slow",
        (Fits::Slow, false) => "slow?",
        (Fits::Part, _) => "part",
        (Fits::No, _) => "no",
        (Fits::Unknown, _) => "?",
    }
}

/// The weight format; there is one mix alone whose name says of which models it is.
fn quant(it: &Verdict) -> String {
    it.quant.trim_end_matches("_MOE").to_owned()
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
    it.creator.as_ref().map_or_else(unknown, |it| clipped(&flat(it), NAME))
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
    fn check(verdicts: &[Verdict], width: usize, expected: Expect) {
        let table = table(verdicts, width, Colours::Off);
        assert!(table.lines().all(|it| it.width() <= width), "{table}");
        expected.assert_eq(&table);
    }

    #[test]
    fn a_narrow_terminal_has_what_matters_most() {
        let expected = expect![[r#"
            model         fits   size  as         memory  context  pp512  tg128  licence
            llama3.1:8b   yes    8.0B  Q8_0      9.1 GiB    8,192    205   10.0  Llama-3.1
            phi4:14b      slow  14.7B  Q6_K      9.1 GiB    8,192    205   4.00  MIT
            qwen3:32b     part  32.8B  Q3_K_M   15.5 GiB    2,048   51.2   2.50  Apache-2.0
            llama4:scout  no     109B  Q2_K    ~40.0 GiB        -      -      -  Llama-4
        "#]];
        let unpriced = |it| Verdict { cost: None, ..it };
        check(&verdicts().into_iter().map(unpriced).collect::<Vec<_>>(), 80, expected);
        let expected = expect![[r#"
            model         fits   size  as         memory  pp512  tg128  cost/M  licence
            llama3.1:8b   yes    8.0B  Q8_0      9.1 GiB    205   10.0   0.300  Llama-3.1
            phi4:14b      slow  14.7B  Q6_K      9.1 GiB    205   4.00   0.300  MIT
            qwen3:32b     part  32.8B  Q3_K_M   15.5 GiB   51.2   2.50       -  Apache-2.0
            llama4:scout  no     109B  Q2_K    ~40.0 GiB      -      -       -  Llama-4
        "#]];
        check(&verdicts(), 80, expected);
    }

    #[test]
    fn a_wide_one_has_all() {
        let expected = expect![[r#"
            model         fits   size  as         memory   weights    cache    scratch  context  longest  pp512  tg128  bound by  cost/M  licence     creator
            llama3.1:8b   yes    8.0B  Q8_0      9.1 GiB   8.0 GiB  1.0 GiB  128.0 MiB    8,192   65,536    205   10.0  memory     0.300  Llama-3.1   Meta
            phi4:14b      slow  14.7B  Q6_K      9.1 GiB   8.0 GiB  1.0 GiB  128.0 MiB    8,192   65,536    205   4.00  kernels    0.300  MIT         Microsoft
            qwen3:32b     part  32.8B  Q3_K_M   15.5 GiB   8.0 GiB  1.0 GiB  128.0 MiB    2,048    2,048   51.2   2.50  memory         -  Apache-2.0  Alibaba Cloud
            llama4:scout  no     109B  Q2_K    ~40.0 GiB  40.0 GiB        -          -        -        -      -      -  -              -  Llama-4     Meta
        "#]];
        check(&verdicts(), 160, expected);
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
        let codes = ["\x1b[38;5;28m", "\x1b[38;5;130m", "\x1b[38;5;243m", "\x1b[39m"];
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
    fn what_is_known_to_be_fast_comes_before_what_may_be() {
        let unknown = Verdict {
            name: "a".to_owned(),
            parameters: Some(1 << 40),
            exact: false,
            speed: None,
            ..fixture::good()
        };
        let mut all = vec![unknown, fixture::good()];
        sort(&mut all);
        assert_eq!((fits(&all[0]), fits(&all[1])), ("yes", "yes?"));
        assert_eq!([&all[0], &all[1]].map(Style::of), [Style::Good, Style::Fair]);
        // Where nothing was measured, size counts.
        all.iter_mut().for_each(|it| it.speed = None);
        sort(&mut all);
        assert_eq!(all[0].name, "a");
    }

    /// All of the catalogue, as if it were measured.
    fn catalogue() -> Vec<Verdict> {
        let all = store::catalogue::Catalogue::built_in().all();
        let verdict = |(nth, it): (usize, &store::catalogue::Listed)| Verdict {
            name: it.name.clone(),
            licence: Some(it.licence.clone()),
            creator: Some(it.creator.clone()),
            parameters: it.parameters,
            exact: nth % 2 == 0,
            quant: "MXFP4_MOE".to_owned(),
            cost: None,
            ..[fixture::good, fixture::slow][nth % 2]()
        };
        all.iter().enumerate().map(verdict).collect()
    }

    #[test]
    fn columns_of_the_whole_catalogue_have_room_for_what_they_say() {
        const ALL: &str = "model fits size as memory weights cache scratch context longest pp512 \
                           tg128 bound by licence";
        for (width, heads) in [
            (80, "model fits as memory pp512 tg128 licence"),
            (110, "model fits size as memory context longest pp512 tg128 licence"),
            (150, ALL),
            (160, ALL),
        ] {
            let table = table(&catalogue(), width, Colours::Off);
            assert!(table.lines().all(|it| it.width() <= width), "{width}\n{table}");
            let head: Vec<_> = table.lines().next().unwrap().split_whitespace().collect();
            assert_eq!(head.join(" "), heads, "{width}");
            let cut = table.lines().filter(|it| it.contains('…') && it.contains("Apache"));
            assert_eq!(cut.count(), 0, "{width}\n{table}");
            // A narrow terminal has no room for the longest licences.
            let cut = table.lines().filter(|it| it.ends_with('…')).count();
            assert!(cut == 0 || (width == 80 && cut < 30), "{width}: {cut}\n{table}");
        }
        let widest = table(&catalogue(), 180, Colours::Off);
        let head: Vec<_> = widest.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(head.join(" "), format!("{ALL} creator"));
    }

    #[test]
    fn costs_that_are_asked_for_stand_on_a_narrow_terminal() {
        let at = |cost: &Cost| -> Vec<_> {
            let priced = |it| Verdict { cost: Some(cost.clone()), ..it };
            catalogue().into_iter().map(priced).collect()
        };
        let check = |cost: &Cost, heads: &str, end: &str| {
            let table = table(&at(cost), 80, Colours::Off);
            assert!(table.lines().all(|it| it.width() <= 80), "{table}");
            let head: Vec<_> = table.lines().next().unwrap().split_whitespace().collect();
            assert_eq!(head.join(" "), heads);
            assert!(table.lines().skip(1).all(|it| it.ends_with(end)), "{table}");
            assert_eq!(shows_costs(&at(cost), 80), heads.ends_with(COST));
        };
        let priced = fixture::good().cost.unwrap();
        check(&priced, "model fits size as memory pp512 tg128 cost/M", " 0.300");
        let unpriced = Cost { price: None, api_price: None, ..priced };
        check(&unpriced, "model fits size as memory pp512 tg128 cost/M", " 1.00 kWh");
        // Nobody asked for what the machine tells by itself.
        let told = Cost { source: Some("RAPL: package-0".to_owned()), ..unpriced };
        check(&told, "model fits as memory pp512 tg128 licence", "");
    }

    #[test]
    fn numbers_of_weights_are_as_in_names() {
        let all = [67_000_000, 494_032_768, 8_030_261_248, 405_853_388_800].map(weights);
        assert_eq!(all, ["67M", "0.5B", "8.0B", "406B"]);
    }
}
