//! Mamba-2: a convolution over the rows before, and a state space, gated.

use kernels::{Act, Conv, Linear, Norm, Plan, Ssm, State, Tensor, Weight};

use super::scaled;
use crate::{
    LoadError,
    arch::{Config, Numbers, Scan},
    weights::Weights,
};

pub(crate) struct Mamba {
    gate: Linear,
    /// The heads' input, what they write with and what they read with.
    x: Linear,
    dt: Linear,
    conv: Conv,
    conv_state: State,
    ssm: Ssm,
    ssm_state: State,
    /// Of each group, where the file has such weights.
    norm: Option<Norm>,
    out: Linear,
    multipliers: Multipliers,
}

/// What is multiplied with the parts of the first product.
#[derive(Clone, Copy)]
pub(crate) struct Multipliers {
    pub(crate) gate: f32,
    pub(crate) x: f32,
    pub(crate) b: f32,
    pub(crate) c: f32,
    pub(crate) dt: f32,
}

impl Multipliers {
    pub(crate) const NONE: Self = Self { gate: 1.0, x: 1.0, b: 1.0, c: 1.0, dt: 1.0 };
}

impl Mamba {
    pub(crate) fn load(
        w: &mut Weights<'_>,
        c: &Config,
        multipliers: Multipliers,
    ) -> Result<Self, LoadError> {
        let s = &c.recurrent.expect("a model with recurrent layers has their numbers");
        let rows = [s.inner(), s.conv_cols(), s.n_heads];
        let parts = w.fused("ssm_in", rows, c.dim)?;
        let [gate, x, dt] = parts.ok_or_else(|| w.missing("ssm_in.weight"))?;
        let conv = Conv {
            taps: s.taps,
            w: conv_weight(w, s, &multipliers)?,
            bias: w.optional("ssm_conv1d.bias", [1, s.conv_cols()])?,
        };
        let ssm = ssm(w, s)?;
        let group = s.inner() / s.n_groups;
        let norm = w.flat("ssm_norm.weight", [s.n_groups, group])?;
        Ok(Self {
            gate,
            x,
            dt,
            conv,
            conv_state: w.state(conv.state_cols(s.conv_cols()))?,
            ssm,
            ssm_state: w.state(ssm.state_cols())?,
            norm: norm.map(|w| Norm::rms(group, Some(w), c.eps)),
            out: w.linear("ssm_out", [c.dim, s.inner()])?,
            multipliers,
        })
    }

    pub(crate) fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let [gate, x, dt] = p.linears(x, [&self.gate, &self.x, &self.dt]);
        let gate = scaled(p, gate, self.multipliers.gate);
        let dt = scaled(p, dt, self.multipliers.dt);
        let x = p.conv(x, &self.conv, self.conv_state);
        let y = p.ssm(x, dt, &self.ssm, self.ssm_state);
        let y = p.glu(gate, y, Act::Silu);
        let y = p.norm_if(y, &self.norm);
        p.linear(y, &self.out)
    }
}

/// With the multipliers of what it convolves.
fn conv_weight(w: &mut Weights<'_>, s: &Scan, m: &Multipliers) -> Result<Weight, LoadError> {
    let name = "ssm_conv1d.weight";
    let numbers = w.matrix_numbers(name, [s.conv_cols(), s.taps])?;
    let mut numbers = numbers.ok_or_else(|| w.missing(name))?;
    let parts = [(s.inner(), m.x), (s.n_groups * s.d_state, m.b), (s.n_groups * s.d_state, m.c)];
    let factors = parts.iter().flat_map(|&(n, factor)| std::iter::repeat_n(factor, n));
    for (taps, factor) in numbers.chunks_exact_mut(s.taps).zip(factors) {
        taps.iter_mut().for_each(|it| *it *= factor);
    }
    w.computed(&numbers)
}

fn ssm(w: &mut Weights<'_>, s: &Scan) -> Result<Ssm, LoadError> {
    let mut column = |name: &str| {
        let found = w.flat(name, [s.n_heads, 1])?;
        found.ok_or_else(|| w.missing(name))
    };
    let (a, d) = (column("ssm_a")?, column("ssm_d")?);
    let bias = "ssm_dt.bias";
    let dt_bias = w.optional(bias, [1, s.n_heads])?.ok_or_else(|| w.missing(bias))?;
    let n = Numbers::of(w.file);
    let low = n.real("ssm.dt_min", Some(0.0), 0.0..=f64::MAX)? as f32;
    let high = n.real("ssm.dt_max", Some(f64::INFINITY), 0.0..=f64::INFINITY)? as f32;
    let Scan { n_heads, head_dim, d_state, n_groups, .. } = *s;
    Ok(Ssm { n_heads, head_dim, d_state, n_groups, a, d, dt_bias, dt_range: [low, high] })
}
