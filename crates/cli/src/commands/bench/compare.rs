//! `ingle bench compare`: whether one result is faster than another, or whether that is noise.
//!
//! `result` reads them, `noise` is the rule, `doubts` says what was doubtful when they were measured.

mod doubts;
mod noise;
mod result;

use std::path::Path;

use serde::Serialize;
use serde_json::json;

use super::{label, table::median};
use crate::{
    args::Compare,
    commands::{print, print_json},
    failure::Failure,
    terminal::tell,
};
use result::Measured;

/// A test that both results have.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Pair {
    test: String,
    /// Those of the first result; a warning says where the second had others.
    n_threads: Option<u64>,
    /// Medians of tokens a second.
    before_ts: f64,
    after_ts: f64,
    ratio: f64,
    p: f64,
    verdict: Verdict,
}

/// What can be said of the second of two results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Faster,
    Slower,
    /// The difference may be chance.
    Noise,
    /// So few repetitions cannot tell.
    Few,
}

/// What makes results comparable.
const AGAIN: &str = "measure both with the same flags";

/// What is said of a result beside others: its test, and with how many threads where they differ.
type Name = fn(&Measured) -> String;

/// What comes of comparing.
#[derive(Debug, Default)]
struct Compared {
    pairs: Vec<Pair>,
    warnings: Vec<String>,
}

/// Compares and prints.
///
/// # Errors
///
/// If a file cannot be read or is no result, or they have no test in common.
pub(super) fn run(args: &Compare) -> anyhow::Result<()> {
    let (before, after) = (result::read(&args.before)?, result::read(&args.after)?);
    let names = [&args.before, &args.after].map(|it| it.as_path());
    let compared = compare(&before, &after, names);
    if compared.pairs.is_empty() {
        let message = format!(
            "the results have no test in common: {} in `{}`, {} in `{}`",
            tests(&before),
            names[0].display(),
            tests(&after),
            names[1].display()
        );
        return Err(Failure::new(message).hint("give both the same `-p`, `-n` and `-d`").into());
    }
    compared.warnings.iter().for_each(|it| tell(format_args!("warning: {it}")));
    match args.json.on {
        true => print_json(&json!({
            "before": names[0].display().to_string(),
            "after": names[1].display().to_string(),
            "tests": compared.pairs,
            "warnings": compared.warnings,
        })),
        false => print(&page(&compared.pairs, names)),
    }
}

/// Pairs what is to be compared: first results with one fingerprint, then those of one test with as
/// many threads and the same kernels, then those of one test.
fn compare(before: &[Measured], after: &[Measured], names: [&Path; 2]) -> Compared {
    let mut left: Vec<&Measured> = after.iter().collect();
    let mut partners: Vec<Option<&Measured>> = vec![None; before.len()];
    let rules: [fn(&Measured, &Measured) -> bool; 3] =
        [Measured::is_comparable, Measured::is_like, Measured::is_same_test];
    for fits in rules {
        for (a, partner) in before.iter().zip(&mut partners).filter(|it| it.1.is_none()) {
            *partner = left.iter().position(|b| fits(a, b)).map(|at| left.remove(at));
        }
    }
    let name = name_of([before, after]);
    let mut found = Compared::default();
    for (a, partner) in before.iter().zip(partners) {
        match partner {
            Some(b) => {
                found.warn_of(name, a, b);
                found.pairs.push(Pair::of(a, b));
            }
            None => found.warn(alone(&name(a), names[0])),
        }
    }
    for b in left {
        found.warn(alone(&name(b), names[1]));
    }
    for (all, file) in [(before, names[0]), (after, names[1])] {
        for doubt in doubts::of(all) {
            found.warn(format!("when `{}` was measured, {doubt}", file.display()));
        }
    }
    found
}

/// Of a test that one file has.
fn alone(test: &str, file: &Path) -> String {
    format!("{test} is in `{}` alone: {AGAIN}", file.display())
}

/// A test alone is name enough where all results of a file have as many threads.
fn name_of(files: [&[Measured]; 2]) -> Name {
    let several = |all: &[Measured]| all.iter().any(|it| it.n_threads != all[0].n_threads);
    match files.into_iter().any(several) {
        true => |it| with_threads(it.test(), it.n_threads),
        false => Measured::test,
    }
}

fn with_threads(test: String, n: Option<u64>) -> String {
    match n {
        None => test,
        Some(n) => label::with_threads(&test, n),
    }
}

fn tests(all: &[Measured]) -> String {
    all.iter().map(Measured::test).collect::<Vec<_>>().join(", ")
}

impl Compared {
    /// Once.
    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    fn warn_of(&mut self, name: Name, a: &Measured, b: &Measured) {
        let (test, differences) = (name(a), a.differences(b));
        match (&a.fingerprint, &b.fingerprint) {
            (Some(a), Some(b)) if a == b => {}
            (Some(_), Some(_)) if differences.is_empty() => {
                let differ = "the fingerprints differ, and nothing tells in what";
                self.warn(format!("{test}: {differ}: {AGAIN}"));
            }
            _ if differences.is_empty() => self.warn(format!(
                "{test}: without fingerprints, more may differ than is told: measure both with \
                 `ingle bench`"
            )),
            _ => {
                let all = differences.join(", ");
                self.warn(format!("{test}: the two differ in {all}: {AGAIN}"));
            }
        }
        let circumstances = a.circumstances(b);
        if !circumstances.is_empty() {
            let all = circumstances.join(", ");
            self.warn(format!("{test}: the two differ in {all}: measure again with the same"));
        }
    }
}

impl Pair {
    fn of(before: &Measured, after: &Measured) -> Self {
        let (a, b) = (&before.samples_ts, &after.samples_ts);
        let (before_ts, after_ts, p) = (median(a), median(b), noise::p_value(a, b));
        let verdict = if noise::least(a.len(), b.len()) >= noise::LEVEL {
            Verdict::Few
        } else if p >= noise::LEVEL || after_ts == before_ts {
            Verdict::Noise
        } else if after_ts > before_ts {
            Verdict::Faster
        } else {
            Verdict::Slower
        };
        let (test, n_threads) = (before.test(), before.n_threads);
        Self { test, n_threads, before_ts, after_ts, ratio: after_ts / before_ts, p, verdict }
    }

    fn told(&self) -> String {
        let p = match self.p {
            p if p < 0.001 => "p < 0.001".to_owned(),
            p => format!("p = {p:.3}"),
        };
        match self.verdict {
            Verdict::Faster => format!("faster ({p})"),
            Verdict::Slower => format!("slower ({p})"),
            Verdict::Noise => format!("noise ({p})"),
            Verdict::Few => "too few runs: `-r 5`".to_owned(),
        }
    }
}

fn page(pairs: &[Pair], names: [&Path; 2]) -> String {
    let mut page = format!("A  {}\nB  {}\n\n", names[0].display(), names[1].display());
    let several = pairs.iter().any(|it| it.n_threads != pairs[0].n_threads);
    let tests = pairs.iter().map(|it| match several {
        true => with_threads(it.test.clone(), it.n_threads),
        false => it.test.clone(),
    });
    let tests: Vec<String> = tests.collect();
    let width = tests.iter().map(String::len).max().unwrap_or(0).max(4);
    page += &format!("{:<width$}  {:>10}  {:>10}  {:>6}\n", "test", "A t/s", "B t/s", "B / A");
    for (test, it) in tests.iter().zip(pairs) {
        let speeds = format!("{:>10.2}  {:>10.2}  {:>6.3}", it.before_ts, it.after_ts, it.ratio);
        page += &format!("{test:<width$}  {speeds}  {}\n", it.told());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A result with these repetitions.
    fn printed(test: &str, samples: &[f64], more: &str) -> String {
        let n: u64 = test[2..].parse().expect("a number");
        let (n_prompt, n_gen) = if test.starts_with("pp") { (n, 0) } else { (0, n) };
        format!(
            r#"{{"n_prompt": {n_prompt}, "n_gen": {n_gen}, "samples_ts": {samples:?}, {more}}}"#
        )
    }

    fn compared(before: &[String], after: &[String]) -> Compared {
        let files = [before, after].map(|all| {
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), all.join("\n")).expect("room");
            file
        });
        let [before, after] = files.map(|it| result::read(it.path()).expect("results"));
        compare(&before, &after, [Path::new("a"), Path::new("b")])
    }

    const MARK: &str = r#""fingerprint": "1", "warnings": []"#;

    #[test]
    fn a_difference_is_told_from_noise() {
        let verdict = |a: &[f64], b: &[f64]| {
            let found = compared(&[printed("pp8", a, MARK)], &[printed("pp8", b, MARK)]);
            assert!(found.warnings.is_empty(), "{:?}", found.warnings);
            found.pairs[0].verdict
        };
        let base = [10.0, 10.1, 10.2, 9.9, 9.8];
        assert_eq!(verdict(&base, &[10.3, 10.4, 10.5, 10.6, 10.7]), Verdict::Faster);
        assert_eq!(verdict(&base, &[9.3, 9.4, 9.5, 9.6, 9.7]), Verdict::Slower);
        assert_eq!(verdict(&base, &[10.05, 10.15, 10.25, 9.95, 9.85]), Verdict::Noise);
        assert_eq!(verdict(&base, &base), Verdict::Noise);
        assert_eq!(verdict(&base[..3], &[20.0, 21.0, 22.0]), Verdict::Few);
    }

    #[test]
    fn what_has_one_fingerprint_belongs_together() {
        let of = |test, fingerprint: &str, speed: f64| {
            let more =
                format!("\"fingerprint\": \"{fingerprint}\", \"n_threads\": 2, \"warnings\": []");
            printed(test, &[speed; 5], &more)
        };
        let before = [of("pp8", "1", 1.0), of("pp8", "2", 2.0), of("tg4", "3", 3.0)];
        let after = [of("pp8", "2", 4.0), of("pp8", "9", 8.0), of("pp16", "4", 1.0)];
        let found = compared(&before, &after);
        let pairs: Vec<_> =
            found.pairs.iter().map(|it| (it.before_ts, it.after_ts, it.ratio)).collect();
        assert_eq!(pairs, [(1.0, 8.0, 8.0), (2.0, 4.0, 2.0)]);
        let expected = [
            "pp8: the fingerprints differ, and nothing tells in what: measure both with the same \
             flags",
            "tg4 is in `a` alone: measure both with the same flags",
            "pp16 is in `b` alone: measure both with the same flags",
        ];
        assert_eq!(found.warnings, expected);
    }

    #[test]
    fn of_other_models_like_is_held_beside_like() {
        let of = |fingerprint: &str, threads: u64, speed: f64| {
            let more = format!("\"fingerprint\": \"{fingerprint}\", \"n_threads\": {threads}");
            printed("pp8", &[speed; 5], &more)
        };
        let found =
            compared(&[of("1", 2, 2.0), of("2", 4, 4.0)], &[of("3", 4, 5.0), of("4", 2, 3.0)]);
        let pairs: Vec<_> = found.pairs.iter().map(|it| (it.before_ts, it.after_ts)).collect();
        assert_eq!(pairs, [(2.0, 3.0), (4.0, 5.0)]);
        let page = page(&found.pairs, [Path::new("a.json"), Path::new("b.json")]);
        assert!(
            page.contains("\npp8, 2 threads  ") && page.contains("\npp8, 4 threads  "),
            "{page}"
        );
        let json = serde_json::to_value(&found.pairs).expect("JSON");
        assert_eq!((&json[0]["test"], &json[0]["n_threads"]), (&"pp8".into(), &2.into()));
        let alike = "pp8, 4 threads: the fingerprints differ, and nothing tells in what: ";
        assert!(found.warnings.iter().any(|it| it.starts_with(alike)), "{:?}", found.warnings);
    }

    #[test]
    fn what_is_doubtful_is_told() {
        let of = |threads: u64, power: &str, warnings: &str| {
            let more = format!(
                "\"fingerprint\": \"{threads}\", \"n_threads\": {threads}, \
                 \"power_source_after\": \"{power}\", \"warnings\": {warnings}"
            );
            printed("pp8", &[1.0; 5], &more)
        };
        let busy = r#"["it was busy: end that"]"#;
        let found = compared(&[of(2, "mains", "[]")], &[of(4, "battery", busy)]);
        let expected = [
            "pp8: the two differ in the number of threads (2, 4): measure both with the same flags",
            "pp8: the two differ in the power (mains, battery): measure again with the same",
            "when `b` was measured, it was busy: end that",
        ];
        assert_eq!(found.warnings, expected);
        let bare = [printed("pp8", &[1.0; 5], "\"n_threads\": 2")];
        let found = compared(&bare, &bare);
        let expected = "pp8: without fingerprints, more may differ than is told: measure both with \
                        `ingle bench`";
        assert_eq!(found.warnings, [expected]);
    }

    #[test]
    fn the_page_has_a_line_for_each_test() {
        let before = [
            printed("pp512", &[100.0, 101.0, 102.0, 103.0, 104.0], MARK),
            printed("tg128", &[10.0, 11.0, 12.0], "\"fingerprint\": \"2\""),
        ];
        let after = [
            printed("pp512", &[110.0, 111.0, 112.0, 113.0, 114.0], MARK),
            printed("tg128", &[10.0, 11.0, 12.0], "\"fingerprint\": \"2\""),
        ];
        let found = compared(&before, &after);
        let page = page(&found.pairs, [Path::new("a.json"), Path::new("b.json")]);
        expect_test::expect![[r#"
            A  a.json
            B  b.json

            test        A t/s       B t/s   B / A
            pp512      102.00      112.00   1.098  faster (p = 0.008)
            tg128       11.00       11.00   1.000  too few runs: `-r 5`
        "#]]
        .assert_eq(&page);
    }
}
