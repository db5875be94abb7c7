//! What each layer of Gemma 3n and 4 gets of the token beside the rows: columns of an embedding, and
//! of a projection of the first rows.

use kernels::{Act, Linear, Norm, Plan, Tensor, Weight};

use crate::{LoadError, arch::Config, weights::Weights};

pub(crate) struct TokenInputs {
    /// Of one layer.
    pub(crate) cols: usize,
    embed: Weight,
    proj: Linear,
    norm: Norm,
}

impl TokenInputs {
    pub(crate) fn load(w: &mut Weights<'_>, c: &Config, cols: usize) -> Result<Self, LoadError> {
        let all = c.n_layers * cols;
        Ok(Self {
            cols,
            embed: w.matrix("per_layer_token_embd", [c.vocab, all])?,
            proj: w.linear("per_layer_model_proj", [all, c.dim])?,
            norm: w.norm("per_layer_proj_norm", cols, c.eps)?,
        })
    }

    /// Columns for all layers, from the first rows.
    pub(crate) fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let token = p.embed(self.embed, (self.cols as f32).sqrt());
        let h = p.linear(x, &self.proj);
        let h = p.scale(h, (x.cols as f32).sqrt().recip());
        let h = p.norm(h, &self.norm);
        let h = p.add(h, token);
        p.scale(h, 0.5f32.sqrt())
    }
}

/// How a layer takes them.
pub(crate) struct TokenInput {
    gate: Linear,
    proj: Linear,
    norm: Norm,
}

impl TokenInput {
    pub(crate) fn load(w: &mut Weights<'_>, c: &Config, cols: usize) -> Result<Self, LoadError> {
        Ok(Self {
            gate: w.linear("inp_gate", [cols, c.dim])?,
            proj: w.linear("proj", [c.dim, cols])?,
            norm: w.norm("post_norm", c.dim, c.eps)?,
        })
    }

    /// What is added to the rows.
    pub(crate) fn forward(&self, p: &mut Plan, x: Tensor, input: Tensor) -> Tensor {
        let h = p.linear(x, &self.gate);
        let h = p.glu(h, input, Act::GeluTanh);
        let h = p.linear(h, &self.proj);
        p.norm(h, &self.norm)
    }
}
