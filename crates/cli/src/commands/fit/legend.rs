//! What stands below the table: what it was judged by, and what its marks mean.

use unicode_width::UnicodeWidthStr;

use super::{
    found::{CONTEXT, Terms},
    table::{COST, shows_costs},
    verdict::{Fits, READING, Verdict},
};
use crate::{
    forecast::ago,
    numbers::{grouped, size, three_digits},
    speed::Speed,
};

/// Of a part that another follows.
const END: &str = ";";

/// It, in lines of at most `width` columns, which break within a part that is wider alone.
pub(super) fn legend(
    verdicts: &[Verdict],
    speed: Option<&Speed>,
    terms: &Terms,
    width: usize,
) -> String {
    let (mut lines, mut column) = (String::new(), 0);
    let mut lay = |piece: &str| {
        let fits = column + 1 + piece.width() <= width;
        match column {
            0 => {}
            _ if fits => {
                lines.push(' ');
                column += 1;
            }
            _ => {
                lines.push('\n');
                column = 0;
            }
        }
        column += piece.width();
        lines += piece;
    };
    let judged_by = [judged_by(verdicts, terms), measured(speed)].concat();
    let parts = [judged_by, costs(verdicts, width), marks(verdicts)].concat();
    for (nth, part) in parts.iter().enumerate() {
        let end = if nth + 1 == parts.len() { "" } else { END };
        let part = format!("{part}{end}");
        match part.width() <= width {
            true => lay(&part),
            false => part.split(' ').for_each(&mut lay),
        }
    }
    lines + "\n"
}

fn judged_by(verdicts: &[Verdict], terms: &Terms) -> Vec<String> {
    let free = terms.free.map(|it| format!("{} free", size(it)));
    let context = match terms.context {
        Some(context) => format!("{} tokens of context", grouped(context as u64)),
        None => format!("{} tokens of context or what it was made for", grouped(CONTEXT as u64)),
    };
    let cache = terms.cache.map(|it| format!("a cache in {it}"));
    let is_beyond = |it: &&Verdict| it.context.zip(it.model_context).is_some_and(|it| it.0 > it.1);
    let beyond = match verdicts.iter().filter(is_beyond).count() {
        0 => None,
        1 => Some("one was made for less".to_owned()),
        n => Some(format!("{n} were made for less")),
    };
    free.into_iter().chain([context]).chain(cache).chain(beyond).collect()
}

fn measured(speed: Option<&Speed>) -> Vec<String> {
    let Some(speed) = speed else { return Vec::new() };
    let memory = three_digits(speed.bandwidth / 1e9);
    let measured = format!("memory {memory} GB/s, measured {}", ago(&speed.at));
    [Some(measured), speed.doubt()].into_iter().flatten().collect()
}

/// What a column of costs is of, if there is one, and what others take.
fn costs(verdicts: &[Verdict], width: usize) -> Vec<String> {
    let cost = verdicts.iter().find_map(|it| it.cost.as_ref());
    let Some(cost) = cost.filter(|_| shows_costs(verdicts, width)) else { return Vec::new() };
    let what = format!("{COST}: a million tokens at {}", cost.power());
    let api = cost.api_price.map(|it| format!("the API takes {}", three_digits(it)));
    [Some(what), api].into_iter().flatten().collect()
}

/// Of those marks that there are.
fn marks(verdicts: &[Verdict]) -> Vec<String> {
    let is_there = |is_it: fn(&Verdict) -> bool| verdicts.iter().any(is_it);
    let marks = [
        (is_there(|it| !it.exact), "~ and ?: estimated".to_owned()),
        (is_there(|it| it.fits == Fits::Slow), format!("slow: less than {READING} t/s")),
        (is_there(|it| it.fits == Fits::Part), "part: with a shorter context".to_owned()),
    ];
    marks.into_iter().filter(|it| it.0).map(|it| it.1).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::commands::fit::{costs::Cost, fixture};

    #[track_caller]
    fn check(verdicts: &[Verdict], speed: Option<&Speed>, context: Option<usize>, told: Expect) {
        let (cpu, free) = (fixture::cpu(1), Some(16 << 30));
        let terms = Terms { cpu, context, mix: None, cache: None, free };
        let legend = legend(verdicts, speed, &terms, 80);
        assert!(legend.lines().all(|it| it.width() <= 80), "{legend}");
        told.assert_eq(&legend);
    }

    #[test]
    fn it_says_what_was_judged_by_and_what_marks_mean() {
        let all = [fixture::good(), fixture::slow(), fixture::part(), fixture::none()];
        let at = "2999-01-01T00:00:00Z".to_owned();
        let base = crate::forecast::tests::speed();
        let busy = "other processes took 62% of the processors' time, as much as 1.2 of them: end";
        let warnings = vec![busy.to_owned()];
        let speed = Speed { at, bandwidth: 22.2e9, warnings, ..base };
        let expected = expect![[r#"
            16.0 GiB free; 8,192 tokens of context or what it was made for;
            memory 22.2 GB/s, measured just now; it was said then that other processes took
            62% of the processors' time, as much as 1.2 of them: once that is over, measure
            again; cost/M: a million tokens at 36.0 W; the API takes 0.600;
            ~ and ?: estimated; slow: less than 7 t/s; part: with a shorter context
        "#]];
        check(&all, Some(&speed), None, expected);
        let expected = expect![[r#"
            16.0 GiB free; 8,192 tokens of context
        "#]];
        let unpriced = Verdict { cost: None, ..fixture::good() };
        check(&[unpriced], None, Some(8192), expected);
    }

    #[test]
    fn what_was_made_for_less_is_counted() {
        let short = Verdict { model_context: Some(4096), ..fixture::good() };
        let expected = expect![[r#"
            16.0 GiB free; 8,192 tokens of context; one was made for less;
            cost/M: a million tokens at 36.0 W; the API takes 0.600
        "#]];
        check(&[short.clone(), fixture::good()], None, Some(8192), expected);
        let expected = expect![[r#"
            16.0 GiB free; 8,192 tokens of context; 2 were made for less;
            cost/M: a million tokens at 36.0 W; the API takes 0.600
        "#]];
        check(&[short.clone(), short], None, Some(8192), expected);
    }

    #[test]
    fn costs_without_a_column_are_not_told() {
        let all = [fixture::good(), fixture::part()].map(|it| {
            let told = |it| Cost { price: None, source: Some("RAPL: package-0".to_owned()), ..it };
            Verdict { cost: it.cost.map(told), ..it }
        });
        let told = |width| costs(&all, width).concat();
        assert_eq!(told(80), "");
        assert!(told(160).starts_with("cost/M: a million tokens at 36.0 W (RAPL: package-0)"));
    }
}
