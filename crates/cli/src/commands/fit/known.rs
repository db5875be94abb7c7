//! Shapes of models of the catalogue. The catalogue says of which architecture a model is and how many
//! weights it has, to the last one where that is known; what agrees in both with a well-known shape
//! has that shape, whatever it was trained to say.

use std::{collections::HashMap, sync::OnceLock};

use engine::arch::Config;
use kernels::Span;
use loader::{ModelFile, Value, quantise::Mix};
use store::catalogue::Listed;

use crate::shape::Shape;

/// All well-known shapes, by architecture and number of weights. What agrees in both was made for
/// contexts of different lengths.
pub(super) struct Shapes(HashMap<(String, u64), Vec<Shape>>);

impl Shapes {
    pub(super) fn all() -> Self {
        let mut all = HashMap::<_, Vec<Shape>>::new();
        for shape in Shape::names().filter_map(Shape::named) {
            let key = (shape.file().architecture().to_owned(), weights(shape.file()));
            all.entry(key).or_default().push(shape);
        }
        Self(all)
    }

    /// The header of a model of the catalogue, if its shape is known.
    pub(super) fn of(&self, listed: &Listed) -> Option<ModelFile> {
        let shapes = self.0.get(&(listed.architecture.clone(), listed.parameters?))?;
        let Some(own) = listed.context else { return Some(shapes.first()?.file().clone()) };
        let is_it = |it: &&Shape| {
            let Config { spans, context, .. } = it.config();
            // Windows go with a short context: a model with a longer one may have none.
            own as usize <= *context || spans.iter().all(|it| *it == Span::Full)
        };
        let near = |it: &&Shape| it.config().context.abs_diff(own as usize);
        let mut file = shapes.iter().filter(is_it).min_by_key(near)?.file().clone();
        let key = format!("{}.context_length", listed.architecture);
        file.metadata.insert(key, Value::U32(own));
        Some(file)
    }
}

/// Weights, without the factors of rotary positions, which nobody counts.
fn weights(file: &ModelFile) -> u64 {
    let counted = file.tensors.iter().filter(|it| !it.0.starts_with("rope_f"));
    counted.map(|(_, it)| it.shape.iter().map(|&n| n as u64).product::<u64>()).sum()
}

/// Bits a weight of a model of usual size as this mix, which may be one for experts.
pub(super) fn bits(mix: Mix) -> f64 {
    static USUAL: OnceLock<[Option<Shape>; 2]> = OnceLock::new();
    let usual = USUAL.get_or_init(|| ["llama-3.1-8b", "gpt-oss-20b"].map(Shape::named));
    let usual = &usual[usize::from(mix == Mix::MXFP4_MOE)];
    let of_shape = usual.as_ref().map(|it| it.bytes(mix) as f64 * 8.0 / weights(it.file()) as f64);
    let layout = mix.base().layout();
    of_shape.unwrap_or(layout.block_bytes as f64 * 8.0 / layout.block_len as f64)
}

#[cfg(test)]
mod tests {
    use store::catalogue::Catalogue;

    use super::*;

    #[test]
    fn names_of_the_catalogue_lead_to_shapes() {
        let shapes = Shapes::all();
        let known = |name: &str| {
            let listed = Catalogue::built_in().listed(name).unwrap();
            shapes.of(listed).map(|it| it.architecture().to_owned())
        };
        for (name, architecture) in [
            ("llama3.2:3b", "llama"),
            ("llama3.1:8b", "llama"),
            ("qwen2.5-coder:7b", "qwen2"),
            ("deepseek-r1:8b", "qwen3"),
            ("gemma3:1b", "gemma3"),
            ("qwen3:30b", "qwen3moe"),
            ("phi4", "phi3"),
            ("gpt-oss:20b", "gpt-oss"),
            ("qwen2:57b-a14b", "qwen2moe"),
            ("aya-expanse:32b", "command-r"),
            ("granite4:350m", "granite"),
            ("olmo-3:7b-think", "olmo2"),
            ("deepseek-v2:16b", "deepseek2"),
            ("deepseek-v2.5:236b", "deepseek2"),
            ("deepseek-r1:671b", "deepseek2"),
            ("falcon:7b", "falcon"),
            ("falcon:40b", "falcon"),
            ("falcon2:11b", "falcon"),
            ("falcon-h1:0.5b", "falcon-h1"),
            ("falcon-h1:34b", "falcon-h1"),
            ("gemma3n:e2b", "gemma3n"),
            ("gemma4:e4b", "gemma4"),
            ("gemma4:31b", "gemma4"),
            ("granite4:1b-h", "granitehybrid"),
            ("granite4:tiny-h", "granitehybrid"),
            ("llama4:scout", "llama4"),
            ("llama4:maverick", "llama4"),
            ("phi3.5-moe:42b", "phimoe"),
            ("stablelm2:1.6b", "stablelm"),
            ("stablelm2:12b", "stablelm"),
        ] {
            assert_eq!(known(name).as_deref(), Some(architecture), "{name}");
        }
    }

    #[test]
    fn every_model_of_the_catalogue_has_a_shape() {
        let shapes = Shapes::all();
        for listed in Catalogue::built_in().all() {
            assert!(shapes.of(listed).is_some(), "{}", listed.name);
            let fewer = listed.parameters.map(|it| it - 1);
            assert!(shapes.of(&Listed { parameters: fewer, ..listed.clone() }).is_none());
        }
    }

    #[test]
    fn as_many_weights_and_another_context_are_another_shape() {
        let shapes = Shapes::all();
        let listed = |name: &str| Catalogue::built_in().listed(name).unwrap().clone();
        let sees = |listed: &Listed| {
            let file = shapes.of(listed)?;
            Some((engine::arch::config(&file).unwrap().spans[0], file.tensors.len()))
        };
        let (short, tensors) = sees(&listed("phi3:mini-4k")).unwrap();
        assert_eq!(short, Span::Window(2047));
        // Besides, there are two sets of rotary factors.
        let (long, more) = sees(&listed("phi3:mini-128k")).unwrap();
        assert!(long != short && more == tensors + 2, "{long:?}, {more} tensors");
        // Longer than any that is known, and so perhaps without a window.
        let longer = Listed { context: Some(1 << 20), ..listed("phi3:mini-4k") };
        assert_eq!(sees(&longer), None);
    }

    #[test]
    fn every_shape_is_one_of_the_catalogue() {
        let shapes = Shapes::all();
        let all = Catalogue::built_in().all();
        for shape in shapes.0.values().flatten() {
            let (name, file) = (shape.name(), shape.file());
            let (architecture, parameters) = (file.architecture(), Some(weights(file)));
            let is_it =
                |it: &Listed| it.architecture == architecture && it.parameters == parameters;
            assert!(all.iter().any(is_it), "{name}: {parameters:?} weights");
        }
        for alike in shapes.0.values() {
            let mut contexts: Vec<_> = alike.iter().map(|it| it.config().context).collect();
            contexts.sort_unstable();
            contexts.dedup();
            assert_eq!(contexts.len(), alike.len(), "{}: which of them?", alike[0].name());
        }
    }

    #[test]
    fn bits_a_weight_are_those_of_files() {
        const MOE: (Mix, f64, f64) = (Mix::MXFP4_MOE, 4.5, 4.8);
        for (mix, least, most) in
            [(Mix::Q8_0, 8.5, 8.6), (Mix::Q4_K_M, 4.7, 5.0), (Mix::Q2_K, 2.9, 3.4), MOE]
        {
            assert!((least..most).contains(&bits(mix)), "{mix}: {}", bits(mix));
        }
    }
}
