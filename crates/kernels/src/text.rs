//! Plans as text: an operation a line, for snapshots, logs and errors.
//!
//! ```text
//! 0   t3 = norm(t2, weight F32[1x64], eps 1e-5) -> step x 64
//! ```
//! That is: the layer, the results, the operation with its arguments, the shapes of the results.
//! Tensors are numbered as they were made. Nothing here depends on a device.

use std::fmt;

use crate::{
    Act, Attn, Basic, Cache, Conv, Fused, Growth, Linear, Norm, NormKind, Op, Plan, Rope, Router,
    Routing, Rows, Runs, Span, Ssm, State, Tensor, Weight, plan::Step,
};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps().iter().try_for_each(|step| writeln!(f, "{step}"))?;
        write!(f, "-   ports: {}", Names(self.ports()))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layer {
            Some(layer) => write!(f, "{layer:<3} ")?,
            None => write!(f, "-   ")?,
        }
        if self.out.is_empty() {
            return write!(f, "{}", self.op);
        }
        write!(f, "{} = {} -> ", Names(&self.out), self.op)?;
        for (i, x) in self.out.iter().enumerate() {
            let rows = match x.rows {
                Rows::Step => "step".to_owned(),
                Rows::Outputs => "outputs".to_owned(),
                Rows::Routed(k) => format!("step * {k}"),
            };
            write!(f, "{}{rows} x {}", if i == 0 { "" } else { ", " }, x.cols)?;
        }
        Ok(())
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), Arguments(self))
    }
}

struct Arguments<'a>(&'a Op);

impl fmt::Display for Arguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Op::Basic(op) => basic(f, op),
            Op::Fused(Fused::Linears(x, all)) => {
                write!(f, "{x}")?;
                all.iter().try_for_each(|l| write!(f, ", {l}"))
            }
            Op::Fused(Fused::Gated(x, gate, up, act)) => write!(f, "{x}, {gate}, {up}, {act}"),
            Op::Fused(Fused::ExpertGated(x, r, gate, up, act)) => {
                write!(f, "{x}, {r}, {gate}, {up}, {act}")
            }
            Op::Fused(Fused::AddNorm(a, b, n)) => write!(f, "{a}, {b}, {n}"),
        }
    }
}

fn basic(f: &mut fmt::Formatter<'_>, op: &Basic) -> fmt::Result {
    match op {
        Basic::Input => Ok(()),
        Basic::Embed(table, scale) => write!(f, "{table}, scale {scale}"),
        Basic::Linear(x, l) => write!(f, "{x}, {l}"),
        Basic::Norm(x, n) => write!(f, "{x}, {n}"),
        Basic::Rope(x, r) => write!(f, "{x}, {r}"),
        Basic::Store(c, k, Some(v)) => write!(f, "{c}, k {k}, v {v}"),
        Basic::Store(c, k, None) => write!(f, "{c}, k {k}"),
        Basic::Attend(q, c, a) => write!(f, "{q}, {c}, {a}"),
        Basic::Outputs(x) => write!(f, "{x}"),
        Basic::Add(a, b) => write!(f, "{a}, {b}"),
        Basic::Glu(gate, up, act) => write!(f, "{gate}, {up}, {act}"),
        Basic::Act(x, act) => write!(f, "{x}, {act}"),
        Basic::Scale(x, factor) => write!(f, "{x}, {factor}"),
        Basic::Weigh(x, w) => write!(f, "{x}, weight {w}"),
        Basic::Rescale(x, like, eps) => write!(f, "{x}, like {like}, eps {eps:e}"),
        Basic::Sparsify(x, z) => write!(f, "{x}, z {z}"),
        Basic::Mix(c, x, n) => write!(f, "factors {c}, {x}, {n} runs"),
        Basic::Part(x, Runs { n, first, cols }) => {
            write!(f, "{x}, {cols} columns from {first} on of each of {n} runs")
        }
        Basic::Join(a, b, n) => write!(f, "{a}, {b}, {n} runs"),
        Basic::PlaceScale(x, Growth { rate, every, shift }) => {
            write!(f, "{x}, rate {rate} every {every}, shift {shift}")
        }
        Basic::Conv(x, c, s) => write!(f, "{x}, {c}, {s}"),
        Basic::Ssm(x, dt, m, s) => write!(f, "{x}, dt {dt}, {m}, {s}"),
        Basic::Softcap(x, cap) => write!(f, "{x}, cap {cap}"),
        Basic::Route(x, r) => write!(f, "{x}, {r}"),
        Basic::ExpertLinear(x, r, l) => write!(f, "{x}, {r}, {l}"),
        Basic::ExpertScale(y, r, scale, bias) => {
            let bias = if bias.is_some() { " + bias" } else { "" };
            write!(f, "{y}, {r}, scale {scale}{bias}")
        }
        Basic::ExpertSum(y, r) => write!(f, "{y}, {r}"),
        Basic::HeadLinear(x, w) => write!(f, "{x}, {w}"),
    }
}

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.id)
    }
}

struct Names<'a>(&'a [Tensor]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, x) in self.0.iter().enumerate() {
            write!(f, "{}{x}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n, rows, cols, .. } = self;
        let name = self.format.layout().name;
        if *n == 1 {
            write!(f, "{name}[{rows}x{cols}]")
        } else {
            write!(f, "{name}[{n}x{rows}x{cols}]")
        }
    }
}

impl fmt::Display for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.w)?;
        if self.bias.is_some() { f.write_str(" + bias") } else { Ok(()) }
    }
}

impl fmt::Display for Norm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            NormKind::Rms => "",
            NormKind::Layer => "layer, ",
        })?;
        match self.w {
            Some(w) if w.cols == self.cols => write!(f, "weight {w}")?,
            Some(w) => write!(f, "runs of {}, weight {w}", self.cols)?,
            None => write!(f, "runs of {}", self.cols)?,
        }
        f.write_str(if self.bias.is_some() { " + bias" } else { "" })?;
        write!(f, ", eps {:e}", self.eps)
    }
}

impl fmt::Display for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { k, scoring, bias, groups, renormalise, scale, expert_scale, weigh } = self;
        write!(f, "{k} by {scoring:?}")?;
        if bias.is_some() {
            f.write_str(" + bias")?;
        }
        if let Some(groups) = groups {
            write!(f, ", of {} of {} groups by {:?}", groups.used, groups.n, groups.score)?;
        }
        if *renormalise {
            f.write_str(", renormalised")?;
        }
        write!(f, ", scale {scale}")?;
        if expert_scale.is_some() {
            f.write_str(" and of experts")?;
        }
        write!(f, ", weighs {weigh:?}")
    }
}

impl fmt::Display for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} experts by {}", self.k, self.n, self.table)
    }
}

impl fmt::Display for Rope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pairs, head_dim, turned, gain, .. } = self;
        write!(f, "heads of {head_dim}, {turned} turn as {pairs:?}")?;
        if *gain == 1.0 { Ok(()) } else { write!(f, ", gain {gain}") }
    }
}

impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cache {} of group {}", self.id, self.group)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "state {} of {}", self.id, self.cols)
    }
}

impl fmt::Display for Conv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} taps", self.taps)?;
        if self.bias.is_some() { f.write_str(" + bias") } else { Ok(()) }
    }
}

impl fmt::Display for Ssm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n_heads, head_dim, d_state, n_groups, dt_range: [low, high], .. } = self;
        write!(f, "{n_heads} heads of {head_dim} x {d_state} in {n_groups} groups")?;
        let is_open = *low <= 0.0 && high.is_infinite();
        if is_open { Ok(()) } else { write!(f, ", steps from {low} to {high}") }
    }
}

impl fmt::Display for Attn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { head_dim, v_dim, scale, softcap, span, sinks } = self;
        write!(f, "heads of {head_dim}")?;
        if v_dim != head_dim {
            write!(f, " and {v_dim}")?;
        }
        write!(f, ", scale {scale}")?;
        if let Some(cap) = softcap {
            write!(f, ", cap {cap}")?;
        }
        match span {
            Span::Full => {}
            Span::Window(w) => write!(f, ", window {w}")?,
            Span::Chunk(c) => write!(f, ", chunks of {c}")?,
        }
        if sinks.is_some() { f.write_str(", with sinks") } else { Ok(()) }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silu => f.write_str("silu"),
            Self::Gelu => f.write_str("gelu"),
            Self::GeluTanh => f.write_str("gelu_tanh"),
            Self::Tanh => f.write_str("tanh"),
            Self::ClampedSilu { alpha, limit } => write!(f, "silu of {alpha} up to {limit}"),
        }
    }
}
