//! One verdict as a screen, with its reasons.

use store::catalogue::Listed;

use super::{
    costs::short,
    table::{Style, fits},
    verdict::{Fits, Foretold, Verdict},
};
use crate::{
    commands::doctor::wrap,
    forecast::ago,
    numbers::{count, grouped, size},
    speed::Speed,
    terminal::harmless,
};

/// Longer lines are hard to read, shorter ones have no room for a row's text.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=160;

/// A kernel that reads weights at this share of what memory gives is held up by memory.
const BOUND: f64 = 0.75;

/// The whole screen, in lines of at most `width` columns where words allow.
pub(super) fn screen(
    verdict: &Verdict,
    speed: Option<&Speed>,
    width: usize,
    styled: bool,
) -> String {
    let width = width.clamp(*WIDTHS.start(), *WIDTHS.end());
    let mut screen = String::new();
    for (label, text) in rows(verdict, speed) {
        let begin = screen.len();
        wrap(&mut screen, label, &harmless(&text), width);
        if styled && label == "fits" {
            let row = Style::of(verdict.fits).paint(screen[begin..].trim_end_matches('\n'));
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
    if let Some(speed) = &it.speed {
        row("speed", Some(rates(it, speed)));
        row("answers", Some(answers(speed)));
        row("prompts", Some(prompts(speed)));
    }
    row("cost", it.cost.map(|it| format!("a million tokens written: {}", it.text())));
    row("licence", it.licence.clone());
    for term in listed(it).iter().flat_map(|it| &it.terms) {
        row("", Some(term.clone()));
    }
    row("measured", speed.map(|it| measured(it)));
    rows
}

fn listed(it: &Verdict) -> Option<Listed> {
    store::catalogue::listed(&it.name)
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
            format!("{}, as {}{with}", fits(it.fits).replace("slow", "yes, but slow"), it.quant)
        }
        Fits::Yes | Fits::Slow => {
            format!("the weights do, as {}; its cache is not known here", it.quant)
        }
        Fits::Part => format!("only{with}, as {}", it.quant),
        Fits::No => format!("no, not as {}{with}", it.quant),
        Fits::Unknown => "it cannot be told".to_owned(),
    }
}

fn memory(it: &Verdict) -> Option<String> {
    let free = it.free.map_or_else(String::new, |it| format!("; {} are free", size(it)));
    let weights = it.weights?;
    Some(match (it.total, it.cache, it.scratch) {
        (Some(total), Some(cache), Some(scratch)) => format!(
            "{}: weights {}, cache {}, scratch {}{free}",
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
    let full = match it.context {
        Some(_) => format!(", {} when the context is full", short(speed.tg_full)),
        None => String::new(),
    };
    let (prompt, answer) = (short(speed.pp512), short(speed.tg128));
    format!("{about}{prompt} tokens a second of a prompt, {answer} of an answer{full}")
}

/// What holds answers up.
fn answers(speed: &Foretold) -> String {
    let share = speed.token.weights / speed.token.all().max(1e-12);
    let (read, rate, gives) = (
        size(speed.token_weights as u64),
        short(speed.weights_rate / 1e9),
        short(speed.memory_rate / 1e9),
    );
    let what = match speed.weights_rate >= BOUND * speed.memory_rate {
        true => "bound by memory",
        false => "bound by the kernels",
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
    let parts = parts.map(|(what, seconds)| format!("{what} {}", share(seconds)));
    format!("bound by arithmetic: {}", parts.join(", "))
}

fn measured(speed: &Speed) -> String {
    let formats = speed.formats.iter().map(|(name, it)| {
        format!("{name} {} GB/s and {} GMAC/s", short(it.decode / 1e9), short(it.prefill / 1e9))
    });
    format!(
        "{} on {}, {}: memory {} GB/s; {}",
        ago(&speed.at),
        speed.processor,
        speed.device,
        short(speed.bandwidth / 1e9),
        formats.collect::<Vec<_>>().join(", ")
    )
}
