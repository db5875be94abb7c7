//! Shapes of models of the catalogue. The catalogue says of which architecture a model is and how many
//! weights it has, to the last one where that is known; what agrees in both with a well-known shape
//! has that shape, whatever it was trained to say.

use std::{collections::HashMap, sync::OnceLock};

use engine::arch::Config;
use kernels::Span;
use loader::{ModelFile, Value, quantise::Mix};
use store::catalogue::Listed;

use crate::shape::Shape;

/// All well-known shapes, by architecture and number of weights.
pub(super) struct Shapes(HashMap<(String, u64), Shape>);

impl Shapes {
    pub(super) fn all() -> Self {
        let shapes = Shape::names().filter_map(Shape::named);
        Self(
            shapes
                .map(|it| ((it.file().architecture().to_owned(), weights(it.file())), it))
                .collect(),
        )
    }

    /// The header of a model of the catalogue, if its shape is known.
    pub(super) fn of(&self, listed: &Listed) -> Option<ModelFile> {
        let shape = self.0.get(&(listed.architecture.clone(), listed.parameters?))?;
        let Config { spans, context, .. } = shape.config();
        let mut file = shape.file().clone();
        if let Some(own) = listed.context {
            // Windows go with a short context: a model with a longer one may have none.
            let sees_all = spans.iter().all(|it| *it == Span::Full);
            if !sees_all && own as usize > *context {
                return None;
            }
            let key = format!("{}.context_length", listed.architecture);
            file.metadata.insert(key, Value::U32(own));
        }
        Some(file)
    }
}

/// Weights, without the factors of rotary positions, which nobody counts.
fn weights(file: &ModelFile) -> u64 {
    let counted = file.tensors.iter().filter(|it| !it.0.starts_with("rope_f"));
    counted.map(|(_, it)| it.shape.iter().map(|&n| n as u64).product::<u64>()).sum()
}

/// Bits a weight of a model of usual size as this mix.
pub(super) fn bits(mix: Mix) -> f64 {
    static USUAL: OnceLock<Option<Shape>> = OnceLock::new();
    let usual = USUAL.get_or_init(|| Shape::named("llama-3.1-8b"));
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
        ] {
            assert_eq!(known(name).as_deref(), Some(architecture), "{name}");
        }
        // Of another context, and so without the window of the one that is known.
        assert!(known("phi3:mini-4k").is_some() && known("phi3:mini-128k").is_none());
        assert_eq!(known("llama4:scout"), None);
    }

    #[test]
    fn every_shape_is_one_of_the_catalogue() {
        let shapes = Shapes::all();
        let all = Catalogue::built_in().all();
        for shape in shapes.0.values() {
            let (name, file) = (shape.name(), shape.file());
            let (architecture, parameters) = (file.architecture(), Some(weights(file)));
            let is_it =
                |it: &Listed| it.architecture == architecture && it.parameters == parameters;
            assert!(all.iter().any(is_it), "{name}: {parameters:?} weights");
        }
        assert_eq!(shapes.0.len(), Shape::names().count(), "two shapes have as many weights");
    }

    #[test]
    fn bits_a_weight_are_those_of_files() {
        for (mix, least, most) in
            [(Mix::Q8_0, 8.5, 8.6), (Mix::Q4_K_M, 4.7, 5.0), (Mix::Q2_K, 2.9, 3.4)]
        {
            assert!((least..most).contains(&bits(mix)), "{mix}: {}", bits(mix));
        }
    }
}
