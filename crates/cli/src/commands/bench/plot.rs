//! Results as a picture: speed over context depth, over threads, and over sequences at once; prompts
//! above, generation below.
//!
//! Plain SVG, drawn for light and for dark screens: the viewer's own setting chooses. A line is a
//! test; a whisker at each point is the standard deviation.

use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::{
    label::{self, Label},
    table::Row,
};
use crate::{args::Bench, failure::Failure, numbers::grouped, output};

/// One result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Else it is of generation.
    pub(super) is_prompt: bool,
    /// Of the prompt, or that were generated.
    pub(super) tokens: usize,
    pub(super) depth: usize,
    pub(super) threads: usize,
    /// At once.
    pub(super) sequences: usize,
    /// Tokens a second, of all of them.
    pub(super) speed: f64,
    /// Their standard deviation.
    pub(super) spread: f64,
}

/// A picture that is asked for.
pub(super) struct Plot {
    path: PathBuf,
}

/// What speed is drawn over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    Depth,
    Threads,
    Sequences,
}

/// Places of one test, ascending.
#[derive(Debug)]
struct Line {
    label: String,
    /// Where, how fast, and how much that varies.
    points: Vec<(f64, f64, f64)>,
}

/// Lines over one axis.
#[derive(Debug)]
struct Panel {
    axis: Axis,
    is_prompt: bool,
    /// What all points have in common.
    beside: String,
    lines: Vec<Line>,
}

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 320.0;
/// Room for the numbers and the names of the axes, and for the heading and the names of lines.
const LEFT: f64 = 74.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 50.0;
const HEADING: f64 = 44.0;
/// Half of the line that ends a whisker.
const CAP: f64 = 4.0;

/// Of lines, in the order of their tests: told apart by people who see few colours, and on either
/// ground.
const COLOURS: usize = 6;

const STYLE: &str = "<style>\
    .b{fill:#fff}text{fill:#333;font:13px system-ui,sans-serif}.h{font-weight:600}\
    .g{stroke:#ddd}.a{stroke:#888}.l{fill:none;stroke-width:2}\
    .c0{color:#0072b2}.c1{color:#d55e00}.c2{color:#009e73}.c3{color:#cc79a7}.c4{color:#b07d00}.c5{color:#6a51a3}\
    .l,.w{stroke:currentColor}.p{fill:currentColor}\
    @media(prefers-color-scheme:dark){.b{fill:#16181d}text{fill:#d7dae0}.g{stroke:#33373f}\
    .a{stroke:#7d838f}.c0{color:#56b4e9}.c1{color:#ff8c42}.c2{color:#2fc99b}.c3{color:#e6a0c4}\
    .c4{color:#f0c94c}.c5{color:#b5a3e0}}</style>";

impl Plot {
    /// The picture that is asked for; nothing that is there is in the place of a file that will be
    /// written, or it may be replaced.
    ///
    /// # Errors
    ///
    /// If something is, or there is nothing to draw a line through.
    pub(super) fn asked(args: &Bench) -> anyhow::Result<Option<Self>> {
        let written = &args.written;
        if written.yes && written.paths().next().is_none() {
            let message = "`-y` replaces the files of `--write` and `--plot`, and there are none";
            return Err(Failure::usage(message).into());
        }
        if let (Some(write), Some(plot)) = (&written.write, &written.plot)
            && same_file(write, plot)
        {
            return Err(Failure::usage("`--write` and `--plot` name one file").into());
        }
        let source = args.instead.shape.as_ref().map(|it| Path::new(&it.shape));
        for path in written.paths() {
            output::refuse(path, source, written.yes)?;
        }
        let Some(path) = written.plot.clone() else { return Ok(None) };
        let several = |mut all: Vec<usize>| {
            all.sort_unstable();
            all.dedup();
            all.len() > 1
        };
        let [threads, sequences] =
            [&args.counts.0, &args.parallel].map(|all| all.iter().map(|it| it.get()).collect());
        if [args.n_depth.clone(), threads, sequences].into_iter().any(several) {
            return Ok(Some(Self { path }));
        }
        let failure = Failure::usage("`--plot` draws lines, and there is one point of each");
        let hint = "give several depths (`-d 0,2048,8192`), threads (`-t 1,2,4`) or sequences at \
                    once (`--parallel 1,2,4`)";
        Err(failure.hint(hint).into())
    }

    /// Draws these rows.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(super) fn write(&self, rows: &[Row]) -> anyhow::Result<()> {
        let title = rows.first().map(Row::title).unwrap_or_default();
        let points: Vec<Point> = rows.iter().map(Row::point).collect();
        let picture = drawn(&title, &points);
        output::write(&self.path, |draft| {
            draft.write_all(picture.as_bytes()).with_context(|| output::cannot(&self.path))
        })
    }
}

/// Whether both paths lead to one place, though nothing may be there yet.
fn same_file(one: &Path, other: &Path) -> bool {
    let folder = |it: &Path| output::folder(it).canonicalize().ok();
    one == other || (one.file_name() == other.file_name() && folder(one) == folder(other))
}

impl Point {
    fn at(&self, axis: Axis) -> usize {
        match axis {
            Axis::Depth => self.depth,
            Axis::Threads => self.threads,
            Axis::Sequences => self.sequences,
        }
    }

    /// What its line over this axis is called.
    fn label(&self, axis: Axis) -> String {
        let (tokens, sequences) = (self.tokens as u64, self.sequences as u64);
        let label = match self.is_prompt {
            true => Label { n_prompt: tokens, ..Label::default() },
            false => Label { n_gen: tokens, ..Label::default() },
        };
        match axis {
            Axis::Depth | Axis::Threads => Label { sequences, ..label }.to_string(),
            Axis::Sequences => label.to_string(),
        }
    }
}

impl Panel {
    /// The lines of one kind over one axis, else at the most threads and the least depth; `None` where
    /// there is one place only.
    fn of(axis: Axis, is_prompt: bool, all: &[Point]) -> Option<Self> {
        let ours = || all.iter().filter(move |it| it.is_prompt == is_prompt);
        let most = ours().map(|it| it.threads).max()?;
        let least = ours().map(|it| it.depth).min()?;
        let is_kept = |it: &&Point| {
            (axis == Axis::Threads || it.threads == most)
                && (axis == Axis::Depth || it.depth == least)
        };
        let kept: Vec<_> = ours().filter(is_kept).collect();
        let threads = match most {
            // A server does not say how many it has.
            0 => String::new(),
            _ => format!(", {}", label::threads(most as u64)),
        };
        let depth = if least == 0 { String::new() } else { format!(", depth {least}") };
        let beside = match axis {
            Axis::Depth => threads,
            Axis::Threads => depth,
            Axis::Sequences => threads + &depth,
        };
        let mut lines: Vec<Line> = Vec::new();
        for point in &kept {
            let label = point.label(axis);
            let place = (point.at(axis) as f64, point.speed, point.spread);
            match lines.iter_mut().find(|it| it.label == label) {
                Some(line) => line.points.push(place),
                None => lines.push(Line { label, points: vec![place] }),
            }
        }
        for line in &mut lines {
            line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        let first = kept.first()?.at(axis);
        let several = kept.iter().any(|it| it.at(axis) != first);
        several.then_some(Self { axis, is_prompt, beside, lines })
    }

    /// The places that are marked on the axis, from its begin to its end: round depths from none on,
    /// or the numbers of threads or sequences that there are.
    fn across(&self) -> Vec<f64> {
        let mut all: Vec<f64> =
            self.lines.iter().flat_map(|it| &it.points).map(|it| it.0).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        match self.axis {
            Axis::Depth => Ticks::to(all.last().copied().unwrap_or(0.0), 1.0).values().collect(),
            Axis::Threads | Axis::Sequences => all,
        }
    }

    /// Draws itself into the rectangle whose left upper corner is at `x`, `y`.
    fn draw(&self, svg: &mut String, x: f64, y: f64) {
        let all = || self.lines.iter().flat_map(|it| &it.points);
        let high = all().map(|it| it.1 + it.2).fold(0.0, f64::max);
        let (across, up) = (self.across(), Ticks::to(high, 1e-3));
        let (x0, x1) = (x + LEFT, x + WIDTH - RIGHT);
        let (y0, y1) = (y + HEIGHT - BOTTOM, y + TOP);
        let (begin, end) = (across[0], across[across.len() - 1]);
        let at_x = |value: f64| x0 + (x1 - x0) * (value - begin) / (end - begin);
        let at_y = |value: f64| y0 + (y1 - y0) * value / up.end;
        let what = if self.is_prompt { "Prompts" } else { "Generation" };
        let name = match self.axis {
            Axis::Depth => "tokens already in the context",
            Axis::Threads => "threads",
            Axis::Sequences => "sequences at once",
        };
        text(svg, "h", "start", (x0, y + 20.0), &format!("{what}{}", self.beside));
        for value in up.values() {
            let at = at_y(value);
            put(svg, format_args!("<path class=\"g\" d=\"M{x0:.1} {at:.1}H{x1:.1}\"/>"));
            text(svg, "", "end", (x0 - 6.0, at + 4.0), &up.label(value));
        }
        for &value in &across {
            let at = at_x(value);
            put(svg, format_args!("<path class=\"a\" d=\"M{at:.1} {y0:.1}v5\"/>"));
            text(svg, "", "middle", (at, y0 + 20.0), &grouped(value.round() as u64));
        }
        put(svg, format_args!("<path class=\"a\" d=\"M{x0:.1} {y0:.1}H{x1:.1}\"/>"));
        text(svg, "", "middle", (f64::midpoint(x0, x1), y0 + 40.0), name);
        let (at, middle) = (x + 14.0, f64::midpoint(y0, y1));
        put(svg, format_args!("<g transform=\"rotate(-90 {at:.1} {middle:.1})\">"));
        text(svg, "", "middle", (at, middle), "tokens a second");
        put(svg, format_args!("</g>"));
        let (mut at, y) = (x0, y + 40.0);
        for (i, line) in self.lines.iter().enumerate() {
            line.draw(svg, i % COLOURS, (&at_x, &at_y));
            let (class, above) = (i % COLOURS, y - 5.0);
            put(svg, format_args!("<g class=\"c{class}\">"));
            put(svg, format_args!("<path class=\"l\" d=\"M{at:.1} {above:.1}h14\"/>"));
            put(svg, format_args!("</g>"));
            text(svg, "", "start", (at + 19.0, y), &line.label);
            // A letter is some 8 wide.
            at += 40.0 + 8.0 * line.label.len() as f64;
        }
    }
}

impl Line {
    fn draw(
        &self,
        svg: &mut String,
        colour: usize,
        (at_x, at_y): (&dyn Fn(f64) -> f64, &dyn Fn(f64) -> f64),
    ) {
        let path = self.points.iter().map(|it| format!("{:.1},{:.1}", at_x(it.0), at_y(it.1)));
        let path = path.collect::<Vec<_>>().join(" ");
        put(svg, format_args!("<g class=\"c{colour}\">"));
        put(svg, format_args!("<polyline class=\"l\" points=\"{path}\"/>"));
        for &(x, y, spread) in &self.points {
            let (low, high) = (at_y((y - spread).max(0.0)), at_y(y + spread));
            let (x, y) = (at_x(x), at_y(y));
            let (left, wide) = (x - CAP, 2.0 * CAP);
            let whisker = format!("M{left:.1} {low:.1}h{wide}M{x:.1} {low:.1}V{high:.1}");
            let path = format!("{whisker}M{left:.1} {high:.1}h{wide}");
            put(svg, format_args!("<path class=\"w\" d=\"{path}\"/>"));
            put(svg, format_args!("<circle class=\"p\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"));
        }
        put(svg, format_args!("</g>"));
    }
}

/// Round numbers from 0 on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ticks {
    step: f64,
    end: f64,
}

impl Ticks {
    /// Some five of them, no nearer to one another than `finest`, the last not before `most`.
    fn to(most: f64, finest: f64) -> Self {
        let rough = (most / 5.0).max(finest);
        let unit = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|it| it * unit).into_iter().find(|it| *it >= rough);
        let step = step.unwrap_or(10.0 * unit);
        Self { step, end: step * (most / step).ceil().max(1.0) }
    }

    fn values(self) -> impl Iterator<Item = f64> {
        let n = (self.end / self.step).round() as usize;
        (0..=n).map(move |i| i as f64 * self.step)
    }

    fn label(self, value: f64) -> String {
        match self.step < 1.0 {
            true => format!("{value:.*}", (-self.step.log10().floor()) as usize),
            false => grouped(value.round() as u64),
        }
    }
}

/// The whole picture.
fn drawn(title: &str, points: &[Point]) -> String {
    let axes = [Axis::Depth, Axis::Threads, Axis::Sequences];
    let rows = [true, false].map(|is_prompt| {
        let panels = axes.into_iter().filter_map(|axis| Panel::of(axis, is_prompt, points));
        panels.collect::<Vec<_>>()
    });
    let rows: Vec<_> = rows.into_iter().filter(|it| !it.is_empty()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(1);
    let (width, height) = (WIDTH * columns as f64, HEADING + HEIGHT * rows.len() as f64);
    let mut svg = String::new();
    put(
        &mut svg,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\">"
        ),
    );
    put(&mut svg, format_args!("<title>Tokens a second: {}</title>", escaped(title)));
    put(&mut svg, format_args!("{STYLE}"));
    // A ground of its own: not all viewers know that of a style.
    put(&mut svg, format_args!("<rect class=\"b\" width=\"{width}\" height=\"{height}\"/>"));
    text(&mut svg, "h", "start", (16.0, 28.0), title);
    for (row, panels) in rows.iter().enumerate() {
        for (column, panel) in panels.iter().enumerate() {
            panel.draw(&mut svg, WIDTH * column as f64, HEADING + HEIGHT * row as f64);
        }
    }
    put(&mut svg, format_args!("</svg>"));
    svg
}

fn put(svg: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(svg, "{line}");
}

/// `what`, which may be anything, at a place.
fn text(svg: &mut String, class: &str, anchor: &str, (x, y): (f64, f64), what: &str) {
    let what = escaped(what);
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    put(
        svg,
        format_args!(
            "<text{class} text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{what}</text>"
        ),
    );
}

/// `what` as it stands in a picture.
fn escaped(what: &str) -> String {
    let what = what.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    what.chars().filter(|it| !it.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(is_prompt: bool, depth: usize, threads: usize, speed: f64) -> Point {
        let tokens = if is_prompt { 512 } else { 128 };
        let (sequences, spread) = (1, speed / 20.0);
        Point { is_prompt, tokens, depth, threads, sequences, speed, spread }
    }

    #[test]
    fn ticks_are_round_and_reach_the_most() {
        for (most, finest, step, end) in [
            (4.0, 1.0, 1.0, 4.0),
            (2.0, 1.0, 1.0, 2.0),
            (93.0, 1e-3, 20.0, 100.0),
            (32_768.0, 1.0, 10_000.0, 40_000.0),
            (0.7, 1e-3, 0.2, 0.8),
        ] {
            let ticks = Ticks::to(most, finest);
            assert!(
                (ticks.step - step).abs() < 1e-9 && (ticks.end - end).abs() < 1e-9,
                "{ticks:?}"
            );
        }
        assert_eq!(Ticks::to(32_768.0, 1.0).label(10_000.0), "10,000");
        assert_eq!(Ticks::to(0.7, 1e-3).label(0.4), "0.4");
        assert_eq!(Ticks::to(0.0, 1e-3).values().next(), Some(0.0));
    }

    #[test]
    fn a_panel_has_a_line_a_test() {
        let all = [
            point(true, 0, 1, 50.0),
            point(true, 0, 2, 90.0),
            point(true, 4096, 2, 70.0),
            point(false, 0, 2, 9.0),
        ];
        let over = |axis| {
            let panel = Panel::of(axis, true, &all).expect("there are several places");
            let places = panel.lines[0].points.iter().map(|it| (it.0, it.1)).collect::<Vec<_>>();
            (panel.lines.len(), panel.beside, places)
        };
        assert_eq!(over(Axis::Depth), (1, ", 2 threads".into(), vec![(0.0, 90.0), (4096.0, 70.0)]));
        assert_eq!(over(Axis::Threads), (1, String::new(), vec![(1.0, 50.0), (2.0, 90.0)]));
        let across = |axis| Panel::of(axis, true, &all).expect("there are several").across();
        assert_eq!(across(Axis::Threads), [1.0, 2.0]);
        assert_eq!(across(Axis::Depth), [0.0, 1000.0, 2000.0, 3000.0, 4000.0, 5000.0]);
        assert!(Panel::of(Axis::Depth, false, &all).is_none());
        assert!(Panel::of(Axis::Depth, true, &[]).is_none());
    }

    #[test]
    fn sequences_at_once_are_lines_or_places() {
        let of = |sequences, depth, speed| Point { sequences, ..point(false, depth, 2, speed) };
        let all = [of(1, 0, 9.0), of(4, 0, 27.0), of(1, 4096, 8.0), of(4, 4096, 20.0)];
        let over = |axis| {
            let panel = Panel::of(axis, false, &all).expect("there are several places");
            let points = |it: &Line| it.points.iter().map(|it| (it.0, it.1)).collect::<Vec<_>>();
            let lines = panel.lines.iter().map(|it| (it.label.clone(), points(it)));
            (panel.beside.clone(), lines.collect::<Vec<_>>())
        };
        let (beside, lines) = over(Axis::Sequences);
        assert_eq!(beside, ", 2 threads");
        assert_eq!(lines, [("tg128".to_owned(), vec![(1.0, 9.0), (4.0, 27.0)])]);
        let (_, lines) = over(Axis::Depth);
        let one = ("tg128".to_owned(), vec![(0.0, 9.0), (4096.0, 8.0)]);
        let four = ("tg128 x 4".to_owned(), vec![(0.0, 27.0), (4096.0, 20.0)]);
        assert_eq!(lines, [one, four]);
        assert!(Panel::of(Axis::Threads, false, &all).is_none());
    }

    #[test]
    fn a_picture_is_whole_and_says_what_it_shows() {
        let all = [point(false, 0, 2, 9.0), point(false, 4096, 2, 7.0)];
        let svg = drawn("a <b> & c", &all);
        assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"), "{svg}");
        for part in [
            ">a &lt;b&gt; &amp; c</text>",
            "<title>Tokens a second: a &lt;b&gt; &amp; c</title>",
            ">Generation, 2 threads<",
            ">tokens a second<",
            ">tokens already in the context<",
            ">tg128<",
            ">4,000<",
            "prefers-color-scheme:dark",
            "<rect class=\"b\" width=\"480\" height=\"364\"/>",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("Prompts"), "{svg}");
        // 9 ± 0.45 of 10, at the left end: a line with one across at each end of it.
        let whisker = "<path class=\"w\" d=\"M70.0 131.0h8M74.0 131.0V111.8M70.0 111.8h8\"/>";
        assert!(svg.contains(whisker), "{svg}");
        let open = svg.matches("<g").count();
        assert_eq!(open, svg.matches("</g>").count());
    }
}
