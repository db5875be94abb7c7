//! Mixtures of experts in the place of the feed-forward block: a few experts a row, chosen by its
//! scores, and what all rows share beside them.
//!
//! A shared block with a gate is a mixture of one expert, whose weight is the sigmoid of its score.

use kernels::{Act, GroupScore, Groups, Linear, MAX_EXPERTS, Plan, Router, Scoring, Tensor, Weigh};

use super::Mlp;
use crate::{
    LoadError,
    arch::{Config, Numbers},
    weights::Weights,
};

/// How the mixtures of an architecture choose where its files do not say: GGUF leaves that to the
/// architecture, and `norm_topk_prob` and the like of a `config.json` say it.
const CONVENTIONS: &[(&str, Convention)] = &[
    ("deepseek2", SOFTMAX),
    ("gemma4", Convention { renormalise: true, ..SOFTMAX }),
    ("gpt-oss", Convention { scoring: Scoring::SoftmaxOfChosen, ..SOFTMAX }),
    ("granitehybrid", Convention { scoring: Scoring::SoftmaxOfChosen, ..SOFTMAX }),
    ("granitemoe", Convention { scoring: Scoring::SoftmaxOfChosen, ..SOFTMAX }),
    ("llama", Convention { renormalise: true, ..SOFTMAX }),
    ("llama4", Convention { scoring: Scoring::Sigmoid, weigh: Weigh::Inputs, ..SOFTMAX }),
    ("phimoe", Convention { scoring: Scoring::SparseMixer { jitter: 0.01 }, ..SOFTMAX }),
    ("qwen2moe", SOFTMAX),
    ("qwen3moe", Convention { renormalise: true, ..SOFTMAX }),
];

struct Convention {
    scoring: Scoring,
    renormalise: bool,
    weigh: Weigh,
}

const SOFTMAX: Convention =
    Convention { scoring: Scoring::Softmax, renormalise: false, weigh: Weigh::Results };

/// The feed-forward block of a layer.
pub(crate) enum FeedForward {
    Dense(Box<Mlp>),
    Mixture(Box<Mixture>),
}

impl FeedForward {
    /// A mixture where the layer has a router.
    pub(crate) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Self, LoadError> {
        if w.has("ffn_gate_inp.weight") {
            return Ok(Self::Mixture(Box::new(Mixture::load(w, c, Act::Silu)?)));
        }
        Ok(Self::Dense(Box::new(Mlp::load(w, c.dim, c.hidden)?)))
    }

    pub(crate) fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        match self {
            Self::Dense(mlp) => mlp.forward(p, x),
            Self::Mixture(mixture) => mixture.forward(p, x),
        }
    }
}

/// Experts, and what is shared beside them.
pub(crate) struct Mixture {
    experts: Experts,
    shared: Option<Shared>,
}

enum Shared {
    Plain(Box<Mlp>),
    Gated(Box<Experts>),
}

struct Experts {
    router: Linear,
    routing: Router,
    gate: Linear,
    up: Linear,
    down: Linear,
    act: Act,
}

impl Mixture {
    pub(crate) fn load(w: &mut Weights<'_>, c: &Config, act: Act) -> Result<Self, LoadError> {
        let n = Numbers::of(w.file);
        let n_experts = n.count("expert_count", 1..=MAX_EXPERTS as u64)?;
        let hidden = n.count_or("expert_feed_forward_length", c.hidden, 1..=1 << 24)?;
        let routing = routing(&n, w, n_experts)?;
        let shape = [n_experts, hidden, c.dim];
        let [gate, up] = match w.fused_experts("ffn_gate_up_exps", shape)? {
            Some(both) => both,
            None => [w.experts("ffn_gate_exps", shape)?, w.experts("ffn_up_exps", shape)?],
        };
        let experts = Experts {
            router: w.linear("ffn_gate_inp", [n_experts, c.dim])?,
            routing,
            gate,
            up,
            down: w.experts("ffn_down_exps", [n_experts, c.dim, hidden])?,
            act,
        };
        Ok(Self { experts, shared: Shared::load(w, c.dim, act)? })
    }

    pub(crate) fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        self.forward_scored(p, x, x)
    }

    /// The same, where the router looks at other rows than the experts.
    pub(crate) fn forward_scored(&self, p: &mut Plan, x: Tensor, scored: Tensor) -> Tensor {
        let y = self.experts.forward(p, x, scored);
        let shared = match &self.shared {
            None => return y,
            Some(Shared::Plain(mlp)) => mlp.forward(p, x),
            Some(Shared::Gated(experts)) => experts.forward(p, x, x),
        };
        p.add(y, shared)
    }
}

impl Shared {
    /// As wide as the file has it; `None` if it has none.
    fn load(w: &mut Weights<'_>, dim: usize, act: Act) -> Result<Option<Self>, LoadError> {
        let Some(hidden) = w.rows("ffn_up_shexp.weight") else { return Ok(None) };
        if !w.has("ffn_gate_inp_shexp.weight") {
            return Ok(Some(Self::Plain(Box::new(Mlp::shared(w, [dim, hidden], act)?))));
        }
        let routing = Router {
            k: 1,
            scoring: Scoring::Sigmoid,
            bias: None,
            groups: None,
            renormalise: false,
            scale: 1.0,
            expert_scale: None,
            weigh: Weigh::Results,
        };
        Ok(Some(Self::Gated(Box::new(Experts {
            router: w.linear("ffn_gate_inp_shexp", [1, dim])?,
            routing,
            gate: w.linear("ffn_gate_shexp", [hidden, dim])?,
            up: w.linear("ffn_up_shexp", [hidden, dim])?,
            down: w.linear("ffn_down_shexp", [dim, hidden])?,
            act,
        }))))
    }
}

impl Experts {
    fn forward(&self, p: &mut Plan, x: Tensor, scored: Tensor) -> Tensor {
        let scores = p.linear(scored, &self.router);
        let chosen = p.route(scores, &self.routing);
        let h = p.expert_gated(x, chosen, [&self.gate, &self.up], self.act);
        let y = p.expert_linear(h, chosen, &self.down);
        p.expert_sum(y, chosen)
    }
}

fn routing(n: &Numbers<'_>, w: &mut Weights<'_>, n_experts: usize) -> Result<Router, LoadError> {
    let convention = CONVENTIONS.iter().find(|it| it.0 == n.architecture).map(|it| &it.1);
    let Convention { scoring, renormalise, weigh } =
        *convention.expect("an architecture with mixtures is in the table");
    let scoring = match n.count_or("expert_gating_func", 0, 0..=3)? {
        1 => Scoring::Softmax,
        2 => Scoring::Sigmoid,
        3 => Scoring::SoftmaxOfChosen,
        _ => match scoring {
            Scoring::SparseMixer { jitter } => {
                let jitter = n.real("expert_jitter", Some(jitter.into()), 0.0..=1e6)? as f32;
                Scoring::SparseMixer { jitter }
            }
            Scoring::Softmax | Scoring::Sigmoid | Scoring::SoftmaxOfChosen => scoring,
        },
    };
    let scale = n.real("expert_weights_scale", Some(0.0), 0.0..=1e6)?;
    // The same name is that of a scale of the weights, which is read with them.
    let of_weights = w.has_scale("ffn_down_exps");
    let expert_scale =
        if of_weights { None } else { w.optional("ffn_down_exps.scale", [1, n_experts])? };
    let norm = n.flag("expert_weights_norm")?;
    Ok(Router {
        k: n.count("expert_used_count", 1..=n_experts as u64)?,
        scoring,
        bias: w.optional("exp_probs_b.bias", [1, n_experts])?,
        groups: groups(n, scoring, n_experts)?,
        renormalise: norm.unwrap_or(renormalise),
        scale: if scale == 0.0 { 1.0 } else { scale as f32 },
        expert_scale,
        weigh,
    })
}

/// Groups score as DeepSeek V3's where scores are sigmoids, and as V2's else.
fn groups(
    n: &Numbers<'_>,
    scoring: Scoring,
    n_experts: usize,
) -> Result<Option<Groups>, LoadError> {
    let groups = n.count_or("expert_group_count", 1, 0..=n_experts as u64)?;
    if groups <= 1 {
        return Ok(None);
    }
    let score = match scoring {
        Scoring::Sigmoid => GroupScore::TwoLargest,
        Scoring::Softmax | Scoring::SoftmaxOfChosen | Scoring::SparseMixer { .. } => {
            GroupScore::Largest
        }
    };
    let size = n_experts / groups;
    if size * groups != n_experts || size < 2 {
        let expected = format!("a divisor of {n_experts}, the number of experts, below it");
        return Err(n.range("expert_group_count", groups, expected));
    }
    let k = n.count("expert_used_count", 1..=n_experts as u64)?;
    let used = n.count("expert_group_used_count", k.div_ceil(size) as u64..=groups as u64)?;
    Ok(Some(Groups { n: groups, used, score }))
}
