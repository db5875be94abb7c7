//! Some layers of a model: which, and what a file has that has them alone.

use engine::arch::Config;
use kernels::Span;
use loader::{Array, Format};

use crate::shape::Planned;

/// What stands outside of the layers and has a share for each of them, in its columns and in its rows:
/// the inputs of Gemma 3n and 4.
const BY_COLUMNS: &str = "per_layer_token_embd.weight";
const BY_ROWS: &str = "per_layer_model_proj.weight";

/// What a layer has in files that looks at the keys and values of another, and nobody reads.
const OF_LENDERS: &[&str] = &["attn_k.weight", "attn_k_norm.weight", "attn_v.weight"];

/// So many layers, evenly spread. One that sees everything is among them, where there is one: the depth
/// of a test tells on such alone. One that looks at keys and values of another gives way to that one,
/// where no such layer is among the others.
pub(super) fn chosen(config: &Config, count: usize) -> Vec<usize> {
    let n = config.n_layers;
    let sees_all = |it: usize| config.spans[it] == Span::Full;
    let mut layers = spread(n, count);
    let middle = layers[count / 2];
    let nearest = (0..n).filter(|it| sees_all(*it)).min_by_key(|it| it.abs_diff(middle));
    if let Some(full) = nearest.filter(|_| !layers.iter().any(|it| sees_all(*it))) {
        layers[count / 2] = full;
    }
    for i in 0..count {
        let layer = layers[i];
        let lends = |it: &usize| config.layers[*it].has_cache && sees_all(*it) == sees_all(layer);
        if !layers.iter().any(lends) {
            layers[i] = (0..layer).rev().find(lends).unwrap_or(layer);
        }
    }
    layers.sort_unstable();
    layers
}

/// `count` of `n` layers, evenly spread.
fn spread(n: usize, count: usize) -> Vec<usize> {
    (0..count).map(|i| (2 * i + 1) * n / (2 * count)).collect()
}

/// How many of these layers look at the keys and values of others.
pub(super) fn without_cache(config: &Config, layers: &[usize]) -> usize {
    layers.iter().filter(|it| !config.layers[**it].has_cache).count()
}

/// Whether an engine reads the tensor.
pub(super) fn is_read(tensor: &Planned, config: &Config) -> bool {
    let has_cache = |layer: usize| config.layers[layer].has_cache;
    let name = tensor.name.splitn(3, '.').nth(2).unwrap_or_default();
    tensor.layer().is_none_or(has_cache) || !OF_LENDERS.contains(&name)
}

/// The tensors of a file that has these of `n` layers alone, numbered anew.
pub(super) fn kept(tensors: &[Planned], layers: &[usize], n: usize) -> Vec<Planned> {
    let keep = |it: &Planned| {
        let Some(layer) = it.layer() else { return Some(share(it, layers.len(), n)) };
        let number = layers.iter().position(|&it| it == layer)?;
        let name = it.name.splitn(3, '.').nth(2)?;
        Some(Planned { name: format!("blk.{number}.{name}"), ..it.clone() })
    };
    tensors.iter().filter_map(keep).collect()
}

/// What is there for so many of `n` layers of what has a share for each.
fn share(tensor: &Planned, count: usize, n: usize) -> Planned {
    let mut cut = tensor.clone();
    let dimension = match tensor.name.as_str() {
        BY_COLUMNS => 1,
        BY_ROWS => 0,
        _ => return cut,
    };
    cut.shape[dimension] = cut.shape[dimension] / n * count;
    // Fewer columns may be no whole blocks.
    if cut.format.row_bytes(cut.cols()).is_none() {
        cut.format = Format::F16;
    }
    cut
}

/// The elements of these layers, of an array that has one a layer.
pub(super) fn picked(array: &Array, layers: &[usize]) -> Option<Array> {
    fn of<T: Copy>(all: &[T], layers: &[usize]) -> Vec<T> {
        layers.iter().map(|&it| all[it]).collect()
    }
    Some(match array {
        Array::Bool(all) => Array::Bool(of(all, layers)),
        Array::U32(all) => Array::U32(of(all, layers)),
        Array::I32(all) => Array::I32(of(all, layers)),
        Array::F32(all) => Array::F32(of(all, layers)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;

    #[test]
    fn layers_are_spread_over_the_model() {
        assert_eq!(spread(8, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(spread(8, 3), [1, 4, 6]);
        assert_eq!(spread(80, 1), [40]);
    }

    #[test]
    fn what_is_looked_at_is_among_them() {
        let of = |name: &str, count| {
            let shape = Shape::named(name).expect("it is in the table");
            let layers = chosen(shape.config(), count);
            (layers.clone(), without_cache(shape.config(), &layers))
        };
        // Without windows, as they are spread.
        assert_eq!(of("llama-3.1-8b", 2), (vec![8, 24], 0));
        // The sixth, the twelfth and so on see everything.
        assert_eq!(of("gemma-4-31b", 1), (vec![29], 0));
        assert_eq!(of("gemma-4-31b", 2), (vec![15, 47], 0));
        // The fifth and so on see everything, the last 20 of 35 keep nothing.
        assert_eq!(of("gemma-4-e2b", 1), (vec![14], 0));
        assert_eq!(of("gemma-4-e2b", 2), (vec![8, 14], 0));
        assert_eq!(of("gemma-4-e2b", 35), ((0..35).collect(), 20));
    }

    #[test]
    fn what_is_shared_is_cut() {
        let tensor = |name: &str, shape: &[usize]| Planned {
            name: name.to_owned(),
            shape: shape.to_vec(),
            format: Format::Q8_0,
        };
        let cut = |it: &Planned, count| {
            let cut = share(it, count, 6);
            (cut.shape, cut.format)
        };
        let whole = tensor(BY_COLUMNS, &[300, 192]);
        assert_eq!(cut(&whole, 6), (vec![300, 192], Format::Q8_0));
        assert_eq!(cut(&whole, 2), (vec![300, 64], Format::Q8_0));
        assert_eq!(cut(&tensor(BY_COLUMNS, &[300, 96]), 1), (vec![300, 16], Format::F16));
        assert_eq!(cut(&tensor(BY_ROWS, &[192, 64]), 2), (vec![64, 64], Format::Q8_0));
        assert_eq!(cut(&tensor("output.weight", &[300, 64]), 2), (vec![300, 64], Format::Q8_0));
    }
}
