//! What is found of a model before anything is measured: which weight format fits, with how much
//! context, and what that takes.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use engine::{Info, Options, Outline, arch};
use kernels::{CacheFormat, cpu::Cpu};
use loader::{ModelFile, quantise::Mix};
use serde::Serialize;

use super::{
    known,
    sizes::{longest, outline, recast, total, weights_as},
    subject::{Header, Subject},
};
use crate::{forecast::Work, quantisation};

/// The mixes that are tried, the largest first.
const LADDER: &[Mix] = &[Mix::Q8_0, Mix::Q6_K, Mix::Q5_K_M, Mix::Q4_K_M, Mix::Q3_K_M, Mix::Q2_K];

/// Those of a model whose weights are published in fewer bits than that.
const MXFP4: &[Mix] = &[Mix::MXFP4_MOE];

/// The longest context unless another is asked for.
pub(super) const CONTEXT: usize = 8192;

/// Shorter contexts are of no use.
pub(super) const LEAST_CONTEXT: usize = 1024;

/// How often a context is made shorter, until it fits.
const CUTS: usize = 3;

/// What weights take of the memory where nobody knows what else there is: the rest is for that.
pub(super) const WEIGHTS: f64 = 1.0 / 1.1;

/// Architectures all of whose weights take part in each token.
const DENSE: &[&str] = &[
    "cohere2",
    "command-r",
    "falcon",
    "gemma",
    "gemma2",
    "gemma3",
    "granite",
    "mistral3",
    "olmo2",
    "phi3",
    "qwen2",
    "qwen3",
    "smollm3",
    "stablelm",
];

/// What all models are judged by.
#[derive(Clone)]
pub(super) struct Terms {
    /// What would compute: beside it, a model is looked at without threads of its own.
    pub(super) cpu: Arc<Cpu>,
    /// The context that was asked for.
    pub(super) context: Option<usize>,
    /// The only mix that counts.
    pub(super) mix: Option<Mix>,
    /// How keys and values are to be kept.
    pub(super) cache: Option<CacheFormat>,
    pub(super) free: Option<u64>,
}

/// In memory.
#[derive(Clone, Debug)]
pub(super) enum Takes {
    /// To the byte.
    Exact { info: Info, work: Work },
    /// By the number of weights.
    About { weights: u64, work: Option<Work> },
    /// It cannot be told.
    Unknown(String),
}

/// What fits with a shorter context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Shorter {
    pub(super) quant: String,
    pub(super) context: usize,
}

/// What sizes tell.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The weight format.
    pub(super) quant: String,
    pub(super) takes: Takes,
    /// A larger format, with a shorter context.
    pub(super) shorter: Option<Shorter>,
    pub(super) longest: Option<usize>,
    /// Whether the context is shorter than it should be, since it does not fit otherwise.
    pub(super) is_cut: bool,
}

/// What decides of a model of the catalogue, whatever it was trained to say.
type Kind = (String, Option<u64>, Option<u32>, Option<Mix>);

/// What is found of each, on as many threads as there are to compute with; `watch` is called after
/// each.
pub(super) fn all(subjects: &[Subject], terms: &Terms, watch: &(dyn Fn() + Sync)) -> Vec<Found> {
    let kinds: Vec<_> = subjects.iter().map(kind).collect();
    let first = |nth: usize| {
        let is_it = |it: &Option<Kind>| it.is_some() && *it == kinds[nth];
        kinds[..nth].iter().position(is_it).unwrap_or(nth)
    };
    let firsts: Vec<_> = (0..subjects.len()).map(first).collect();
    let all: Vec<OnceLock<Found>> = subjects.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let find = || {
        loop {
            let nth = next.fetch_add(1, Relaxed);
            let Some(subject) = subjects.get(nth) else { return };
            if firsts[nth] == nth {
                all[nth].get_or_init(|| Found::of_subject(subject, terms));
            }
            watch();
        }
    };
    thread::scope(|scope| {
        for _ in 1..terms.cpu.config().threads.min(subjects.len()) {
            scope.spawn(find);
        }
        find();
    });
    let found = |&nth: &usize| all[nth].get().expect("each first one was looked at").clone();
    firsts.iter().map(found).collect()
}

/// Nothing of a model that is a file: two of them may differ in anything.
fn kind(subject: &Subject) -> Option<Kind> {
    let Some(Header::Shape(_)) = subject.header else { return None };
    let listed = subject.listed.as_ref()?;
    Some((listed.architecture.clone(), listed.parameters, listed.context, subject.mix))
}

impl Found {
    /// What is found of one.
    pub(super) fn of_subject(subject: &Subject, terms: &Terms) -> Self {
        let mix = terms.mix.or(subject.mix);
        match &subject.header {
            None => Self::about(subject, mix, terms),
            Some(Header::Published(file)) if mix.is_none() => Self::published(file, terms),
            Some(header) => Self::recast(header.file(), mix, terms),
        }
    }

    fn new(quant: String, takes: Takes) -> Self {
        Self { quant, takes, shorter: None, longest: None, is_cut: false }
    }

    /// Of the number of weights alone.
    fn about(subject: &Subject, mix: Option<Mix>, terms: &Terms) -> Self {
        let listed = subject.listed.as_ref();
        let Some(weights) = listed.and_then(|it| it.parameters) else {
            let why = "neither its shape nor how many weights it has is known here".to_owned();
            let quant = mix.map_or_else(|| "-".to_owned(), |it| it.to_string());
            return Self::new(quant, Takes::Unknown(why));
        };
        let architecture = listed.map_or("", |it| it.architecture.as_str());
        let bytes = |mix: Mix| (weights as f64 * known::bits(mix) / 8.0) as u64;
        let holds = |mix: &Mix| terms.free.is_none_or(|free| has_room(bytes(*mix), free));
        let ladder = ladder(architecture, mix);
        let mix = ladder.iter().copied().find(holds).unwrap_or(ladder[ladder.len() - 1]);
        let is_dense = listed.is_some_and(|it| {
            let is_plain = architecture == "llama" && !it.name.starts_with("mixtral");
            is_plain || DENSE.contains(&architecture)
        });
        let work = is_dense.then(|| Work::about(mix.base(), weights, bytes(mix)));
        Self::new(mix.to_string(), Takes::About { weights: bytes(mix), work })
    }

    /// Of a file in its own formats.
    fn published(file: &ModelFile, terms: &Terms) -> Self {
        let quant = quantisation::of(file).to_owned();
        match outlined(file, terms) {
            Err(why) => Self::new(quant, Takes::Unknown(why)),
            Ok(outline) => {
                let found = Self::of(quant, &outline, Vec::new(), terms);
                found.cut(terms, |quant, terms| {
                    Some((quant.to_owned(), outlined(file, terms).ok()?))
                })
            }
        }
    }

    /// Of a shape: as `mix`, or as the largest that fits.
    fn recast(file: &ModelFile, mix: Option<Mix>, terms: &Terms) -> Self {
        let ladder = ladder(file.architecture(), mix);
        let (last, before) = ladder.split_last().expect("a mix at least");
        for (i, &mix) in before.iter().enumerate() {
            // Most are told by their weights.
            let weights = weights_as(file, mix).unwrap_or(u64::MAX);
            if terms.free.is_some_and(|free| weights > free) {
                continue;
            }
            let Ok(outline) = recast_outline(file, mix, terms) else { break };
            if terms.free.is_none_or(|free| total(&outline.info) <= free) {
                return Self::of(mix.to_string(), &outline, above(file, &before[..i]), terms);
            }
        }
        match recast_outline(file, *last, terms) {
            Err(why) => Self::new(last.to_string(), Takes::Unknown(why)),
            Ok(outline) => {
                let found = Self::of(last.to_string(), &outline, above(file, before), terms);
                found.cut(terms, |quant, terms| {
                    let mix = quant.parse::<Mix>().ok()?;
                    Some((quant.to_owned(), recast_outline(file, mix, terms).ok()?))
                })
            }
        }
    }

    /// Of what was found, below mixes that did not fit and the bytes of their weights.
    fn of(quant: String, outline: &Outline, above: Vec<(Mix, u64)>, terms: &Terms) -> Self {
        let Outline { info, plan, .. } = outline;
        let free = terms.free.unwrap_or(u64::MAX);
        let own = longest(outline, info.weight_bytes.saturating_add(info.scratch_bytes), free);
        let shorter = |quant: &str, context: Option<usize>| {
            let context = context.filter(|&it| it >= LEAST_CONTEXT && it < info.context)?;
            Some(Shorter { quant: quant.to_owned(), context })
        };
        let larger = above.into_iter().find_map(|(mix, weights)| {
            let others = weights.saturating_add(info.scratch_bytes);
            // It does not fit with the whole context; its steps may just work in more than these.
            let most = info.context.saturating_sub(1);
            shorter(&mix.to_string(), longest(outline, others, free).map(|it| it.min(most)))
        });
        let work = Work::of(plan, outline.cache_format());
        Self {
            shorter: larger.or_else(|| shorter(&quant, own)),
            longest: own,
            ..Self::new(quant, Takes::Exact { info: info.clone(), work })
        }
    }

    /// The same with the context that fits, where nothing fits otherwise; `again` gives a format as
    /// terms say.
    fn cut(self, terms: &Terms, again: impl Fn(&str, &Terms) -> Option<(String, Outline)>) -> Self {
        let fits = match &self.takes {
            // Who asks for more than the model was made for is not told of less.
            Takes::Exact { info, .. } => {
                info.context > info.model_context
                    || terms.free.is_none_or(|free| total(info) <= free)
            }
            _ => true,
        };
        let Some(Shorter { quant, mut context }) = self.shorter.clone().filter(|_| !fits) else {
            return self;
        };
        // What a step works in differs a little from format to format.
        for _ in 0..CUTS {
            let terms = Terms { context: Some(context), ..terms.clone() };
            let Some((quant, outline)) = again(&quant, &terms) else { break };
            let found = Self::of(quant, &outline, Vec::new(), &terms);
            if terms.free.is_none_or(|free| total(&outline.info) <= free) {
                return Self { is_cut: true, ..found };
            }
            match found.longest.filter(|&it| it >= LEAST_CONTEXT && it < context) {
                Some(less) => context = less,
                None => break,
            }
        }
        self
    }
}

/// Mixes that did not fit with the whole context, and the bytes of their weights.
fn above(file: &ModelFile, mixes: &[Mix]) -> Vec<(Mix, u64)> {
    mixes.iter().filter_map(|&mix| Some((mix, weights_as(file, mix).ok()?))).collect()
}

fn recast_outline(file: &ModelFile, mix: Mix, terms: &Terms) -> Result<Outline, String> {
    let made = recast(file, mix).map_err(|it| it.to_string())?;
    outlined(&made, terms)
}

/// The outline with the context that is asked for, though no device may hold its cache.
fn outlined(file: &ModelFile, terms: &Terms) -> Result<Outline, String> {
    let context = match terms.context {
        Some(context) => context,
        None => arch::config(file).map_err(|it| it.to_string())?.context.min(CONTEXT),
    };
    let (ctx_size, cache_format) = (Some(context), terms.cache);
    outline(file, &terms.cpu, &Options { ctx_size, cache_format, ..Options::default() })
}

/// The mixes that are tried of a model of this architecture.
fn ladder(architecture: &str, mix: Option<Mix>) -> Vec<Mix> {
    match (mix, architecture) {
        (Some(mix), _) => vec![mix],
        (None, "gpt-oss") => MXFP4.to_vec(),
        (None, _) => LADDER.to_vec(),
    }
}

/// Whether so many bytes of weights leave room for a cache and scratch that are not known.
pub(super) fn has_room(weights: u64, free: u64) -> bool {
    weights as f64 <= free as f64 * WEIGHTS
}

#[cfg(test)]
mod tests {
    use store::catalogue::Catalogue;

    use super::*;
    use crate::commands::fit::{fixture, subject};

    fn terms(free: u64) -> Terms {
        let (cpu, free) = (fixture::cpu(2), Some(free));
        Terms { cpu, context: None, mix: None, cache: None, free }
    }

    /// A model of the catalogue of which only the number of weights is known.
    fn without_shape(architecture: &str, parameters: u64) -> Subject {
        let mut listed = Catalogue::built_in().listed("smollm2:135m").unwrap().clone();
        (listed.architecture, listed.parameters) = (architecture.to_owned(), Some(parameters));
        let (name, licence) = ("a:1b".to_owned(), None);
        Subject { name, listed: Some(listed), header: None, mix: None, licence }
    }

    #[test]
    fn models_of_one_shape_are_looked_at_once() {
        let without = "smollm2:360m";
        let is_asked = |it: &Subject| {
            ["smollm2:135m", "qwen2:0.5b", "qwen2.5:0.5b", without].contains(&it.name.as_str())
        };
        let mut subjects: Vec<_> = subject::catalogue().into_iter().filter(is_asked).collect();
        // As if its shape was not known.
        subjects.iter_mut().filter(|it| it.name == without).for_each(|it| it.header = None);
        let terms = terms(1 << 40);
        let kinds: Vec<_> = subjects.iter().map(kind).collect();
        assert_eq!(kinds.iter().filter(|it| it.is_none()).count(), 1, "{kinds:?}");
        let same = kinds.iter().filter(|it| it.as_ref().is_some_and(|it| it.0 == "qwen2"));
        let same: Vec<_> = same.collect();
        assert_eq!((same.len(), same[0]), (2, same[1]));
        let seen = AtomicUsize::new(0);
        let found = all(&subjects, &terms, &|| {
            seen.fetch_add(1, Relaxed);
        });
        assert_eq!((found.len(), seen.into_inner()), (4, 4));
        for (found, subject) in found.iter().zip(&subjects) {
            let alone = Found::of_subject(subject, &terms);
            assert_eq!(format!("{found:?}"), format!("{alone:?}"), "{}", subject.name);
        }
    }

    #[test]
    fn an_estimate_leaves_room_for_what_is_not_known() {
        let dense = |free| Found::of_subject(&without_shape("olmo2", 1 << 30), &terms(free)).quant;
        let most = (f64::from(1 << 30) * known::bits(Mix::Q8_0) / 8.0) as u64;
        assert_eq!((dense(2 * most), dense(most)), ("Q8_0".to_owned(), "Q6_K".to_owned()));
        assert!(has_room(100, 110) && !has_room(100, 109));
    }

    #[test]
    fn what_is_published_in_four_bits_is_no_larger() {
        for free in [1 << 30, 1 << 40] {
            let found = Found::of_subject(&without_shape("gpt-oss", 20_000_000_000), &terms(free));
            assert_eq!(found.quant, "MXFP4_MOE");
            let Takes::About { weights, work: None } = &found.takes else { panic!("{found:?}") };
            assert!((11_000_000_000..12_000_000_000).contains(weights), "{weights}");
        }
    }

    #[test]
    fn a_context_that_no_device_holds_is_told_by_what_it_takes() {
        let subjects = subject::catalogue();
        let small = subjects.iter().find(|it| it.name == "smollm2:135m").unwrap();
        let terms = Terms { context: Some(999_999_999), ..terms(1 << 34) };
        let found = Found::of_subject(small, &terms);
        let Takes::Exact { info, .. } = &found.takes else { panic!("{found:?}") };
        assert_eq!((info.context, info.model_context, found.is_cut), (999_999_999, 8192, false));
        // Keys and values of three heads of 64 numbers, in 30 layers, in two bytes each.
        assert!(info.cache_bytes >= 999_999_999 * 30 * 2 * 3 * 64 * 2, "{}", info.cache_bytes);
        assert_eq!(found.longest, Some(8192));
    }

    #[test]
    fn a_cache_of_fewer_bits_takes_less() {
        let subjects = subject::catalogue();
        let small = subjects.iter().find(|it| it.name == "smollm2:135m").unwrap();
        let found = |cache| {
            let terms = Terms { context: Some(8192), cache, ..terms(1 << 40) };
            Found::of_subject(small, &terms).takes
        };
        let of = |cache| match found(cache) {
            Takes::Exact { info, work } => (info.cache_bytes, work.cache_bytes(8191)),
            other => panic!("{other:?}"),
        };
        let (usual, blocks) = (of(Some(CacheFormat::F16)), of(Some(CacheFormat::Q8_0)));
        assert_eq!(blocks.0 * 64, usual.0 * 34);
        assert!((blocks.1 * 64.0 - usual.1 * 34.0).abs() < 1.0, "{blocks:?} {usual:?}");
    }
}
