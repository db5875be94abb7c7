//! What was doubtful when the results of a file were measured, each kind of doubt once.
//!
//! Tests of one run are told the same again and again, in other figures: the worst stands for all.

use super::result::Measured;
use crate::commands::bench::conditions::UNTOLD;

/// The doubts of one file, in the order in which they come up.
pub(super) fn of(all: &[Measured]) -> Vec<String> {
    let mut worst: Vec<&str> = Vec::new();
    let told = all.iter().flat_map(|it| it.warnings.iter().flatten());
    for doubt in told.filter(|it| *it != UNTOLD) {
        match worst.iter_mut().find(|it| kind(it) == kind(doubt)) {
            Some(one) if figure(doubt) > figure(one) => *one = doubt,
            Some(_) => {}
            None => worst.push(doubt),
        }
    }
    // Other programs' results have no fingerprint, and never tell.
    let mut own = all.iter().filter(|it| it.fingerprint.is_some()).peekable();
    // Lines of one run are printed while it goes on: the first may be too early to tell.
    let untold = own.peek().is_some() && own.all(is_untold);
    untold.then_some(UNTOLD).into_iter().chain(worst).map(str::to_owned).collect()
}

/// Whether nothing told how busy the machine was.
fn is_untold(it: &Measured) -> bool {
    it.warnings.as_ref().is_none_or(|all| all.iter().any(|it| it == UNTOLD))
}

/// The text without its figures.
fn kind(doubt: &str) -> String {
    let counted = doubt.replace(ONCE, TIMES);
    counted.chars().filter(|it| !(it.is_ascii_digit() || *it == '.' || *it == ',')).collect()
}

/// A count of one, and what other counts begin with.
const ONCE: &str = " once:";
const TIMES: &str = " 1 times:";

/// The first figure.
fn figure(doubt: &str) -> f64 {
    let counted = doubt.replace(ONCE, TIMES);
    let begin = counted.trim_start_matches(|it: char| !it.is_ascii_digit());
    let end = begin.find(|it: char| !(it.is_ascii_digit() || it == '.' || it == ','));
    begin[..end.unwrap_or(begin.len())].replace(',', "").parse().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(warnings: Option<&[String]>) -> Measured {
        Measured {
            fingerprint: Some("1".to_owned()),
            warnings: warnings.map(<[String]>::to_vec),
            ..Measured::default()
        }
    }

    #[test]
    fn of_each_kind_the_worst_is_told_once() {
        let busy = |percent: u32, processors: f64| {
            format!(
                "other processes took {percent}% of the processors' time, as much as \
                 {processors:.1} of them: end them, and measure again"
            )
        };
        let hot = |times: &str| format!("the processor was too hot and slowed down {times}: wait");
        let battery =
            || "it runs on battery, where most machines are slower: plug it in".to_owned();
        let tests = [
            [busy(9, 0.2), hot("12 times"), battery()],
            [busy(62, 1.2), hot("1,234 times"), battery()],
            [busy(31, 0.6), hot("once"), battery()],
        ];
        let all: Vec<_> = tests.iter().map(|it| measured(Some(it))).collect();
        assert_eq!(of(&all), [busy(62, 1.2), hot("1,234 times"), battery()]);
        assert!(of(&[measured(Some(&[]))]).is_empty());
    }

    #[test]
    fn a_run_that_nobody_watched_is_not_taken_for_quiet() {
        assert_eq!(of(&[measured(None)]), [UNTOLD]);
        // With another warning, that is one of a list.
        let list = [UNTOLD.to_owned(), "it is not locked".to_owned()];
        let beside_others = measured(Some(&list));
        assert_eq!(of(&[beside_others, measured(None)]), list);
        let foreign = Measured { fingerprint: None, ..measured(None) };
        assert!(of(&[foreign]).is_empty());
    }

    #[test]
    fn a_line_that_came_too_early_to_tell_is_told_by_those_after_it() {
        let busy = ["other processes took 52% of the processors' time: end them".to_owned()];
        assert_eq!(of(&[measured(None), measured(Some(&busy))]), busy);
        assert!(of(&[measured(None), measured(Some(&[]))]).is_empty());
        let early = [UNTOLD.to_owned(), "it is not locked".to_owned()];
        let told = of(&[measured(Some(&early)), measured(Some(&busy))]);
        assert_eq!(told, [early[1].clone(), busy[0].clone()]);
    }
}
