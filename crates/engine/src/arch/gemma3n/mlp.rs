//! A gated feed-forward block in whose first layers most gates are zero: all that lie less than so many
//! standard deviations above the mean of their row.

use kernels::{Act, Linear, Plan, Tensor};

use crate::{
    LoadError,
    arch::{Config, Numbers},
    weights::Weights,
};

/// The block of one layer.
pub(super) struct SparseMlp {
    gate: Linear,
    up: Linear,
    down: Linear,
    /// Standard deviations above the mean that a gate has to reach.
    least: Option<f32>,
}

impl SparseMlp {
    pub(super) fn load(w: &mut Weights<'_>, c: &Config, layer: usize) -> Result<Self, LoadError> {
        let hidden = c.layers[layer].hidden;
        Ok(Self {
            gate: w.linear("ffn_gate", [hidden, c.dim])?,
            up: w.linear("ffn_up", [hidden, c.dim])?,
            down: w.linear("ffn_down", [c.dim, hidden])?,
            least: least(&Numbers::of(w.file), (layer, c.n_layers))?,
        })
    }

    pub(super) fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let [gate, up] = p.linears(x, [&self.gate, &self.up]);
        let gate = self.least.map_or(gate, |z| p.sparsify(gate, z));
        let h = p.glu(gate, up, Act::GeluTanh);
        p.linear(h, &self.down)
    }
}

/// What the gates of a layer have to reach. A file says it of each layer: minus infinity where all
/// gates count.
fn least(n: &Numbers<'_>, (layer, n_layers): (usize, usize)) -> Result<Option<f32>, LoadError> {
    let key = "activation_sparsity_scale";
    let all = n.reals(key)?;
    let all = all.ok_or_else(|| LoadError::MissingKey { key: n.key(key) })?;
    if all.len() != n_layers {
        let found = format!("an array of {}", all.len());
        return Err(n.range(key, found, format!("{n_layers} elements, one a layer")));
    }
    let least = all[layer];
    if least == f32::NEG_INFINITY {
        return Ok(None);
    }
    let expected = || "finite numbers, or minus infinity".to_owned();
    if least.is_finite() { Ok(Some(least)) } else { Err(n.range(key, least, expected())) }
}

#[cfg(test)]
mod tests {
    use loader::{Array, Metadata, Value};

    use super::*;

    #[track_caller]
    fn check(scales: Option<&[f32]>, expected: Result<Option<f32>, &str>) {
        let mut metadata = Metadata::default();
        if let Some(scales) = scales {
            let scales = Value::Array(Array::F32(scales.to_vec()));
            metadata.insert("gemma3n.activation_sparsity_scale", scales);
        }
        let n = Numbers::new(&metadata, "gemma3n");
        let found = least(&n, (1, 2)).map_err(|it| it.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{scales:?}");
    }

    #[test]
    fn a_layer_is_sparse_as_the_file_says_and_never_for_want_of_a_number() {
        check(Some(&[f32::NEG_INFINITY, 1.5]), Ok(Some(1.5)));
        check(Some(&[1.5, f32::NEG_INFINITY]), Ok(None));
        let key = "metadata key `gemma3n.activation_sparsity_scale` is";
        check(None, Err(&format!("{key} missing")));
        check(Some(&[1.5]), Err(&format!("{key} an array of 1, expected 2 elements, one a layer")));
        let expected = "expected finite numbers, or minus infinity";
        check(Some(&[1.5, f32::NAN]), Err(&format!("{key} NaN, {expected}")));
        check(Some(&[1.5, f32::INFINITY]), Err(&format!("{key} inf, {expected}")));
    }
}
