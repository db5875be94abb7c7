//! One verdict as a screen, with its reasons.

use super::{
    found::WEIGHTS,
    pace::{Bound, Foretold},
    table::{Colours, Style, fits},
    verdict::{Fits, Verdict},
};
use crate::{
    commands::doctor::wrap,
    forecast::ago,
    numbers::{count, grouped, size, three_digits},
    speed::Speed,
    terminal::harmless,
};

/// Longer lines are hard to read, shorter ones have no room for a row's text.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=160;

/// The smallest format that is tried.
const LEAST: &str = "Q2_K";

/// The whole screen, in lines of at most `width` columns where words allow.
pub(super) fn screen(
    verdict: &Verdict,
    speed: Option<&Speed>,
    width: usize,
    colours: Colours,
) -> String {
    let width = width.clamp(*WIDTHS.start(), *WIDTHS.end());
    let mut screen = String::new();
    for (label, text) in rows(verdict, speed) {
        let begin = screen.len();
        wrap(&mut screen, label, &harmless(&text), width);
        if colours == Colours::On && label == "fits" {
            let row = Style::of(verdict).paint(screen[begin..].trim_end_matches('\n'));
            screen.truncate(begin);
            screen += &(row + "\n");
        }
    }
    screen
}

fn rows(it: &Verdict, speed: Option<&Speed>) -> Vec<(&'static str, String)> {
    let mut rows = vec![("model", model(it)), ("fits", verdict(it))];
    let mut row = |label, text: Option<String>| rows.extend(text.map(|text| (label, text)));
    row("memory", memory(it));
    row("context", context(it));
    row("larger", larger(it));
    match &it.speed {
        Some(speed) => {
            row("speed", Some(rates(it, speed)));
            row("answers", Some(answers(speed)));
            row("prompts", Some(prompts(speed)));
        }
        None if speed.is_some() && it.exact && it.fits != Fits::No => {
            let why = "not foretold: one of its weight formats was not measured yet; without \
                       `--no-measure` it is";
            row("speed", Some(why.to_owned()));
        }
        None => {}
    }
    row("cost", it.cost.as_ref().map(|it| format!("a million tokens of an answer: {}", it.text())));
    row("licence", it.licence.clone());
    it.terms.iter().for_each(|term| row("", Some(term.clone())));
    row("measured", speed.map(measured));
    rows
}

fn model(it: &Verdict) -> String {
    let mut text = it.name.clone();
    if let Some(n) = it.parameters {
        text += &format!(", {} weights", count(n));
    }
    if let Some(architecture) = &it.architecture {
        text += &format!(", {architecture}");
    }
    if let Some(creator) = &it.creator {
        text += &format!(", by {creator}");
    }
    text
}

fn verdict(it: &Verdict) -> String {
    let with = it.context.map(|it| format!(" with {} tokens of context", grouped(it as u64)));
    let with = with.unwrap_or_default();
    match it.fits {
        Fits::Yes | Fits::Slow if it.exact => {
            let word = fits(it).replace("slow", "yes, but slow");
            format!("{word}, as {}{with}{}", it.quant, beyond(it))
        }
        Fits::Yes | Fits::Slow => format!(
            "the weights do, as {}, and leave a tenth for a cache that is not known here",
            it.quant
        ),
        Fits::Part => format!("only{with}, as {}", it.quant),
        Fits::No => format!("no: {}", too_much(it, &with)),
        Fits::Unknown => "it cannot be told".to_owned(),
    }
}

/// Of a context that the model was not made for.
fn beyond(it: &Verdict) -> String {
    match (it.context, it.model_context) {
        (Some(context), Some(most)) if context > most => format!(
            "; the model was made for {}, beyond them it may write nonsense",
            grouped(most as u64)
        ),
        _ => String::new(),
    }
}

/// Why it does not fit.
fn too_much(it: &Verdict, with: &str) -> String {
    let free = it.free.map_or_else(String::new, |it| format!(", {} are free", size(it)));
    let others = it.weights.unwrap_or(0).saturating_add(it.scratch.unwrap_or(0));
    if let (Some(context), Some(most), Some(cache)) = (it.context, it.model_context, it.cache)
        && context > most
        && it.free.is_none_or(|free| others <= free)
    {
        return format!(
            "a cache of {} tokens takes {}{free}; the model was made for {}",
            grouped(context as u64),
            size(cache),
            grouped(most as u64)
        );
    }
    let even = if it.quant == LEAST { "even " } else { "" };
    match (it.total, it.weights) {
        (Some(total), _) => format!("{even}as {}{with} it takes {}{free}", it.quant, size(total)),
        (None, Some(weights)) => format!(
            "{even}as {} its weights and a tenth more for its cache take about {}{free}",
            it.quant,
            size((weights as f64 / WEIGHTS) as u64)
        ),
        (None, None) => format!("not as {}{with}", it.quant),
    }
}

fn memory(it: &Verdict) -> Option<String> {
    let free = it.free.map_or_else(String::new, |it| format!("; {} are free", size(it)));
    let kept_in = it.cache_type.as_ref().map_or_else(String::new, |it| format!(" in {it}"));
    let weights = it.weights?;
    Some(match (it.total, it.cache, it.scratch) {
        (Some(total), Some(cache), Some(scratch)) => format!(
            "{}: weights {}, cache {}{kept_in}, scratch {}{free}",
            size(total),
            size(weights),
            size(cache),
            size(scratch)
        ),
        _ => format!("about {} of weights, besides cache and scratch{free}", size(weights)),
    })
}

fn context(it: &Verdict) -> Option<String> {
    let longest = it.longest_context?;
    Some(format!("up to {} tokens fit as {}", grouped(longest as u64), it.quant))
}

fn larger(it: &Verdict) -> Option<String> {
    let shorter = it.shorter.as_ref()?;
    let context = grouped(shorter.context as u64);
    Some(format!("{} fits with {context} tokens of context", shorter.quant))
}

fn rates(it: &Verdict, speed: &Foretold) -> String {
    let about = if it.exact { "" } else { "about " };
    let full = match speed.tg_full {
        Some(full) => format!(", {} when the context is full", three_digits(full)),
        None => String::new(),
    };
    let (prompt, answer) = (three_digits(speed.pp512), three_digits(speed.tg128));
    format!("{about}{prompt} tokens a second of a prompt, {answer} of an answer{full}")
}

/// What holds answers up.
fn answers(speed: &Foretold) -> String {
    let share = speed.token.weights / speed.token.all().max(1e-12);
    let (read, rate, gives) = (
        size(speed.token_weights as u64),
        three_digits(speed.weights_rate / 1e9),
        three_digits(speed.memory_rate / 1e9),
    );
    let what = match speed.bound {
        Bound::Memory => "bound by memory",
        Bound::Kernels => "bound by the kernels",
        Bound::Attention => "bound by attention",
        Bound::Rest => "bound by small steps, after each of which threads wait",
    };
    let cache = match speed.token_cache {
        0.0 => String::new(),
        bytes => format!("; a full cache adds {}", size(bytes as u64)),
    };
    format!(
        "{what}: a token reads {read} of weights at {rate} GB/s, memory gives {gives}; that is {:.0}% \
         of its time{cache}",
        share * 100.0
    )
}

/// What holds prompts up.
fn prompts(speed: &Foretold) -> String {
    let all = speed.prompt.all().max(1e-12);
    let share = |seconds: f64| format!("{:.0}%", seconds / all * 100.0);
    let parts = [
        ("products of matrices", speed.prompt.products),
        ("attention", speed.prompt.attention),
        ("reading weights", speed.prompt.weights),
        ("all else", speed.prompt.rest),
    ];
    let most = parts.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or("", |it| it.0);
    let parts = parts.map(|(what, seconds)| format!("{what} {}", share(seconds)));
    format!("bound by {most}: {}", parts.join(", "))
}

fn measured(speed: &Speed) -> String {
    let formats = speed.formats.iter().map(|(name, rates)| {
        let [decode, prefill] = rates.of_long_rows().map(|it| three_digits(it / 1e9));
        format!("{name} {decode} GB/s and {prefill} GMAC/s")
    });
    let doubt = speed.doubt().map(|it| format!("; {it}")).unwrap_or_default();
    format!(
        "{} on {}, {}: memory {} GB/s; {}{doubt}",
        ago(&speed.at),
        speed.processor,
        speed.device,
        three_digits(speed.bandwidth / 1e9),
        formats.collect::<Vec<_>>().join(", ")
    )
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::{commands::fit::fixture, forecast::Seconds};

    #[track_caller]
    fn check(verdict: &Verdict, expected: Expect) {
        for width in [80, 160] {
            let screen = screen(verdict, None, width, Colours::Off);
            assert!(screen.lines().all(|it| it.width() <= width), "{width}\n{screen}");
        }
        expected.assert_eq(&screen(verdict, None, 80, Colours::Off));
    }

    #[test]
    fn one_that_fits_is_told_with_its_reasons() {
        let expected = expect![[r#"
            model      llama3.1:8b, 8.03 B weights, llama, by Meta
            fits       yes, as Q8_0 with 8,192 tokens of context
            memory     9.1 GiB: weights 8.0 GiB, cache 1.0 GiB, scratch 128.0 MiB; 16.0 GiB
                       are free
            context    up to 65,536 tokens fit as Q8_0
            speed      205 tokens a second of a prompt, 10.0 of an answer, 8.00 when the
                       context is full
            answers    bound by memory: a token reads 8.0 GiB of weights at 26.0 GB/s,
                       memory gives 27.0; that is 95% of its time; a full cache adds 1.0 GiB
            prompts    bound by products of matrices: products of matrices 84%, attention
                       8%, reading weights 4%, all else 4%
            cost       a million tokens of an answer: 0.300 for 1.00 kWh in 27.8 hours at
                       36.0 W; the API takes 0.600, 2.00 times as much
            licence    LicenseRef-Llama-3.1
                       it may be used, but not for everything that somebody may think of
        "#]];
        check(&fixture::good(), expected);
    }

    #[test]
    fn of_one_that_does_not_fit_there_is_less_to_tell() {
        let expected = expect![[r#"
            model      llama4:scout, 109.00 B weights, llama4, by Meta
            fits       no: even as Q2_K its weights and a tenth more for its cache take
                       about 44.0 GiB, 16.0 GiB are free
            memory     about 40.0 GiB of weights, besides cache and scratch; 16.0 GiB are
                       free
            licence    LicenseRef-Llama-4
        "#]];
        check(&fixture::none(), expected);
    }

    #[track_caller]
    fn check_fits(verdict: Verdict, expected: &str) {
        let screen = screen(&verdict, None, 160, Colours::Off);
        let line = screen.lines().find_map(|it| it.strip_prefix("fits       "));
        assert_eq!(line, Some(expected), "{screen}");
    }

    #[test]
    fn what_does_not_fit_is_told_with_what_it_takes() {
        let none = Verdict {
            fits: Fits::No,
            quant: "Q2_K".to_owned(),
            free: Some(8 << 30),
            ..fixture::good()
        };
        let takes = "as Q2_K with 8,192 tokens of context it takes 9.1 GiB, 8.0 GiB are free";
        check_fits(none.clone(), &format!("no: even {takes}"));
        let asked = Verdict { quant: "Q8_0".to_owned(), ..none };
        check_fits(asked, &format!("no: {}", takes.replace("Q2_K", "Q8_0")));
    }

    #[test]
    fn a_context_that_the_model_was_not_made_for_is_no_secret() {
        let beyond = Verdict { model_context: Some(1024), ..fixture::good() };
        check_fits(
            beyond.clone(),
            "yes, as Q8_0 with 8,192 tokens of context; the model was made for 1,024, beyond them it \
             may write nonsense",
        );
        let cache = Some(100 << 40);
        let none = Verdict { fits: Fits::No, context: Some(999_999_999), cache, ..beyond };
        check_fits(
            none,
            "no: a cache of 999,999,999 tokens takes 100.0 TiB, 16.0 GiB are free; the model was \
             made for 1,024",
        );
        let about = Verdict { exact: false, ..fixture::good() };
        check_fits(
            about,
            "the weights do, as Q8_0, and leave a tenth for a cache that is not known here",
        );
    }

    #[test]
    fn a_measurement_of_a_busy_machine_is_doubted() {
        let measured = |warnings| {
            let speed = Speed { warnings, ..crate::forecast::tests::speed() };
            screen(&fixture::good(), Some(&speed), 160, Colours::Off)
        };
        let told = measured(vec!["others took 62% of the processors: measure again".to_owned()]);
        let expected = "; it was said then that others took 62% of the processors: once that is \
                        over, measure again";
        assert!(told.split_whitespace().collect::<Vec<_>>().join(" ").contains(expected), "{told}");
        assert!(!measured(Vec::new()).contains("it was said"));
    }

    #[test]
    fn a_cache_that_is_not_as_usual_is_told() {
        let packed = Verdict { cache_type: Some("q8_0".to_owned()), ..fixture::good() };
        let told = screen(&packed, None, 160, Colours::Off);
        assert!(told.contains("weights 8.0 GiB, cache 1.0 GiB in q8_0, scratch "), "{told}");
    }

    #[test]
    fn what_would_be_better_is_told() {
        let part = screen(&fixture::part(), None, 160, Colours::Off);
        assert!(
            part.contains("\nfits       only with 2,048 tokens of context, as Q3_K_M\n"),
            "{part}"
        );
        let slow = screen(&fixture::slow(), None, 160, Colours::Off);
        for line in [
            "fits       yes, but slow, as Q6_K with 8,192 tokens of context",
            "larger     Q8_0 fits with 4,096 tokens of context",
        ] {
            assert!(slow.lines().any(|it| it == line), "{slow}");
        }
        assert!(slow.contains("bound by the kernels: a token reads 8.0 GiB"), "{slow}");
    }

    #[test]
    fn what_holds_it_up_is_what_takes_most() {
        let speed = fixture::good().speed.unwrap();
        let read = Seconds { weights: 3.0, ..speed.prompt };
        let speed = Foretold { prompt: read, bound: Bound::Rest, tg_full: None, ..speed };
        let slow = Verdict { speed: Some(speed), ..fixture::good() };
        let told = screen(&slow, None, 160, Colours::Off);
        assert!(told.contains("\nprompts    bound by reading weights: products of"), "{told}");
        assert!(told.contains("\nanswers    bound by small steps, "), "{told}");
        assert!(told.contains(", 10.0 of an answer\n"), "{told}");
    }

    #[test]
    fn a_format_that_was_not_measured_is_no_secret() {
        let speed = crate::forecast::tests::speed();
        let unmeasured = Verdict { speed: None, ..fixture::good() };
        let told = screen(&unmeasured, Some(&speed), 160, Colours::Off);
        assert!(told.contains("\nspeed      not foretold: "), "{told}");
        assert!(told.contains("\nmeasured   "), "{told}");
        let about = Verdict { exact: false, ..unmeasured };
        assert!(!screen(&about, Some(&speed), 160, Colours::Off).contains("\nspeed "));
    }

    #[test]
    fn colours_mark_the_verdict_and_nothing_else() {
        let painted = screen(&fixture::good(), None, 80, Colours::On);
        let plain = painted.replace("\x1b[38;5;28m", "").replace("\x1b[39m", "");
        assert_eq!(plain, screen(&fixture::good(), None, 80, Colours::Off));
        assert!(painted.contains("\n\x1b[38;5;28mfits       yes, "), "{painted:?}");
        let hostile = Verdict { name: "a\x1b[2Jb".to_owned(), ..fixture::good() };
        assert!(screen(&hostile, None, 80, Colours::On).starts_with("model      a[2Jb, "));
    }
}
