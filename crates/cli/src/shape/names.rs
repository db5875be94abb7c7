//! By what names shapes are known: our own, and those that the catalogue has for models of that
//! shape; and how a person writes a shape and a mix.

use std::str::FromStr;

use engine::arch::Config;
use kernels::Span;
use loader::quantise::Mix;
use store::catalogue::{self, Listed};

use super::{Shape, Wanted};
use crate::model::distance;

/// So many near names are told.
const TOLD: usize = 4;

impl Shape {
    /// The well-known shape that a model of the catalogue has.
    pub(super) fn of_catalogue(name: &str) -> Option<Self> {
        let listed = catalogue::listed(name)?;
        let all: Vec<Self> = Self::names().filter_map(Self::named).collect();
        Self::of_listed(&listed, &all).cloned()
    }

    /// The one of `all` that has the architecture and as many weights as a model of the catalogue, and
    /// was made for a context that is nearest to that of the model.
    fn of_listed<'a>(listed: &Listed, all: &'a [Self]) -> Option<&'a Self> {
        let fits = |it: &&Self| {
            let Config { spans, context, .. } = &it.config;
            // Windows go with a short context: a model with a longer one may have none.
            let is_long = listed.context.is_some_and(|own| own as usize > *context);
            it.file.architecture() == listed.architecture
                && Some(it.weights()) == listed.parameters
                && (!is_long || spans.iter().all(|it| *it == Span::Full))
        };
        let far =
            |it: &&Self| listed.context.map_or(0, |own| it.config.context.abs_diff(own as usize));
        all.iter().filter(fits).min_by_key(far)
    }

    /// Weights, without the factors of rotary positions, which nobody counts.
    fn weights(&self) -> u64 {
        let counted = self.file.tensors.iter().filter(|it| !it.0.starts_with("rope_f"));
        counted.map(|(_, it)| it.shape.iter().map(|&n| n as u64).product::<u64>()).sum()
    }
}

/// Names that differ from `word` in no more than half of its letters, the nearest first.
pub(super) fn near(word: &str) -> Vec<String> {
    let shapes: Vec<Shape> = Shape::names().filter_map(Shape::named).collect();
    let has_shape = |it: &Listed| Shape::of_listed(it, &shapes).is_some();
    let listed = catalogue::all().into_iter().filter(has_shape);
    let mut names: Vec<String> = Shape::names().map(str::to_owned).collect();
    names.extend(listed.flat_map(|it| it.names().map(str::to_owned).collect::<Vec<_>>()));
    let wanted = word.to_lowercase();
    let far = |it: &str| distance(&wanted, &it.to_lowercase());
    names.retain(|it| far(it) <= wanted.chars().count() / 2);
    names.sort_by_cached_key(|it| (far(it), it.clone()));
    names.dedup();
    names.truncate(TOLD);
    names
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once(':') {
            Some((shape, mix)) if !shape.is_empty() => {
                let read = mix.parse::<Mix>().map_err(|error| no_mix(text, mix, error))?;
                Ok(Self { shape: shape.to_owned(), mix: read })
            }
            _ => Err(format!("expected NAME:QUANT, such as `llama-3.2-3b:q4_k_m`, found `{text}`")),
        }
    }
}

/// What to say of `text`, whose end, `mix`, is none; `error` says which there are.
fn no_mix(text: &str, mix: &str, error: String) -> String {
    if let Some(shape) = Shape::of_catalogue(text) {
        return format!("no mix is called `{mix}`; add one: `{}:q4_k_m`", shape.name());
    }
    let wanted = mix.to_lowercase();
    let names = Mix::ALL.iter().map(|it| it.to_string().to_lowercase());
    let is_near = |it: &String| {
        let begins = wanted.len() > 1 && it.starts_with(&wanted);
        begins || distance(&wanted, it) <= wanted.chars().count() / 2
    };
    match names.filter(is_near).take(TOLD).collect::<Vec<_>>() {
        none if none.is_empty() => error,
        near => format!("no mix is called `{mix}`; near: {}", near.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_has_the_names_of_the_catalogue_too() {
        for (listed, name) in [
            ("llama3.2:3b", "llama-3.2-3b"),
            ("phi3:mini-4k", "phi-3-mini"),
            ("qwen2.5-coder:7b", "qwen2.5-7b"),
            ("gemma3n", "gemma-3n-e4b"),
            ("gemma4:26b", "gemma-4-26b-a4b"),
        ] {
            let found = Shape::find(listed).unwrap();
            assert_eq!(found.name(), name);
            let own = Shape::named(name).unwrap();
            assert_eq!(found.tensors(Mix::Q4_K_M), own.tensors(Mix::Q4_K_M), "{listed}");
        }
    }

    #[test]
    fn near_names_come_first_and_far_ones_not_at_all() {
        let near = near("phi-3-mimi");
        assert_eq!(near.first().map(String::as_str), Some("phi-3-mini"), "{near:?}");
        assert!(near.len() <= TOLD, "{near:?}");
        assert_eq!(super::near("llama-3.2-3")[..2], ["llama-3.2-3b", "llama-3.2-1b"]);
        assert!(super::near("xyz").is_empty());
    }

    #[test]
    fn a_shape_is_wanted_as_a_mix() {
        let wanted = |shape: &str, mix| Ok(Wanted { shape: shape.to_owned(), mix });
        assert_eq!("phi-4:q4_0".parse(), wanted("phi-4", Mix::Q4_0));
        assert_eq!("c:/x/config.json:Q8_0".parse(), wanted("c:/x/config.json", Mix::Q8_0));
        assert_eq!("llama3.2:3b:q4_k_m".parse(), wanted("llama3.2:3b", Mix::Q4_K_M));
        for (bad, expected) in [
            ("phi-4", "expected NAME:QUANT, such as `llama-3.2-3b:q4_k_m`, found `phi-4`"),
            (":q4_0", "expected NAME:QUANT, such as `llama-3.2-3b:q4_k_m`, found `:q4_0`"),
            ("", "expected NAME:QUANT, such as `llama-3.2-3b:q4_k_m`, found ``"),
            ("llama3.2:3b", "no mix is called `3b`; add one: `llama-3.2-3b:q4_k_m`"),
            ("phi-4:q4", "no mix is called `q4`; near: q4_k_m, q4_k_s, q4_1, q4_0"),
        ] {
            assert_eq!(bad.parse::<Wanted>(), Err(expected.to_owned()), "{bad}");
        }
        let error = "phi-4:q9".parse::<Wanted>().unwrap_err();
        assert!(error.starts_with("no mix is called `q9`, there are F32, "), "{error}");
    }
}
