//! What families have in common: sizes, rotary positions, windows, experts, recurrent layers.

use loader::{Array, Value};

use crate::draw::Draw;

/// The key of what keeps norms from dividing by nothing.
pub(crate) const RMS: &str = "attention.layer_norm_rms_epsilon";
pub(crate) const LAYER: &str = "attention.layer_norm_epsilon";

/// How much a mixture's loader reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shared {
    /// No block beside the experts.
    None,
    Plain,
    /// With a weight of its own.
    Gated,
}

impl Draw {
    /// Layers, heads and widths, each stated or left to the loader's default.
    pub(crate) fn decoder(&mut self, eps: &str) {
        self.n_layers = self.between(1..=5);
        self.n_heads = self.between(1..=6);
        let kv_heads = self.divisor(self.n_heads);
        let head_dim = 2 * self.between(2..=16);
        let mut dim = self.n_heads * head_dim;
        if self.coin() {
            dim = self.width();
            self.count("attention.key_length", head_dim);
        }
        if self.coin() {
            let v_dim = self.between(1..=40);
            self.count("attention.value_length", v_dim);
        }
        if self.coin() {
            let turned = 2 * self.between(1..=head_dim / 2);
            self.count("rope.dimension_count", turned);
        }
        let (hidden, vocab) = (self.width(), self.between(20..=70));
        self.count("block_count", self.n_layers);
        self.count("context_length", 64);
        self.count("attention.head_count", self.n_heads);
        self.count("attention.head_count_kv", kv_heads);
        self.count("embedding_length", dim);
        self.count("feed_forward_length", hidden);
        if self.coin() {
            self.count("vocab_size", vocab);
        } else {
            self.tensors.insert("token_embd.weight".to_owned(), vec![vocab]);
        }
        self.real(eps, 1e-6, 1e-4);
        self.base_if("rope.freq_base");
    }

    /// A base of rotary frequencies, from 10 to a million.
    pub(crate) fn base_if(&mut self, key: &str) {
        if self.coin() {
            let base = 10f32.powf(self.uniform(1.0, 6.0));
            self.set(key, Value::F32(base));
        }
    }

    /// Every kind of scaling that files have, with lengths on both sides of a prompt's.
    pub(crate) fn rope_scaling(&mut self) {
        let original = self.between(4..=20);
        match self.between(0..=6) {
            0 => return,
            1 => self.text("rope.scaling.type", "none"),
            2 => {
                self.text("rope.scaling.type", "linear");
                self.real("rope.scaling.factor", 1.0, 8.0);
            }
            3 => self.real("rope.scale_linear", 1.0, 8.0),
            4 => self.yarn(original),
            5 => self.tensor("rope_freqs.weight"),
            _ => {
                self.count("rope.scaling.original_context_length", original);
                self.tensor("rope_factors_long.weight");
                self.tensor_if("rope_factors_short.weight");
            }
        }
        self.real_if("rope.scaling.attn_factor", 0.7, 1.4);
    }

    fn yarn(&mut self, original: usize) {
        self.text("rope.scaling.type", "yarn");
        self.real("rope.scaling.factor", 1.0, 40.0);
        self.count("rope.scaling.original_context_length", original);
        self.real_if("rope.scaling.yarn_beta_fast", 4.0, 32.0);
        self.real_if("rope.scaling.yarn_beta_slow", 0.5, 3.0);
        self.real_if("rope.scaling.yarn_log_multiplier", 0.0, 1.0);
        self.real_if("rope.scaling.yarn_attn_factor", 0.7, 1.4);
        if self.coin() {
            let whole = self.coin();
            self.set("rope.scaling.yarn_truncate", Value::Bool(whole));
        }
    }

    /// A window or chunks, or neither, in layers that the file or the architecture names.
    pub(crate) fn window(&mut self) {
        let length = self.between(1..=12);
        match self.between(0..=4) {
            0 => return self.count("attention.sliding_window", 0),
            1 => self.count("attention.chunk_size", length),
            _ => self.count("attention.sliding_window", length),
        }
        self.flags_if("attention.sliding_window_pattern");
    }

    /// A flag for each layer, or the file does not say.
    pub(crate) fn flags_if(&mut self, key: &str) {
        if self.coin() {
            let flags = self.by_layer(Self::coin);
            self.set(key, Value::Array(Array::Bool(flags)));
        }
    }

    /// Each bias of these matrices in all layers or in none.
    pub(crate) fn biases(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.blocks_if(&[&format!("{name}.bias")]));
    }

    /// An embedding table that serves as the head, or a head of its own.
    pub(crate) fn head(&mut self) {
        self.tensor_if("output.weight");
    }

    /// Queries that grow from place to place.
    pub(crate) fn growth_if(&mut self) {
        if self.coin() {
            let every = self.between(1..=8);
            self.real("attention.temperature_scale", -0.3, 0.5);
            self.count("attention.temperature_length", every);
        }
    }

    /// Experts in any layers; the others have a plain feed-forward block.
    pub(crate) fn mixture(&mut self, shared: Shared) {
        self.expert_counts();
        let with_experts = self.by_layer(|it| it.between(0..=3) > 0);
        self.experts_in(&with_experts, shared);
    }

    /// How many experts there are, and how they are chosen.
    pub(crate) fn expert_counts(&mut self) {
        let n = self.between(1..=9);
        let used = self.between(1..=n);
        self.count("expert_count", n);
        self.count("expert_used_count", used);
        self.choice();
    }

    /// A mixture whose choice is among the best groups.
    pub(crate) fn grouped_mixture(&mut self, shared: Shared) {
        let (groups, size) = (self.between(2..=4), self.between(2..=4));
        let used = self.between(1..=groups * size);
        let groups_used = self.between(used.div_ceil(size)..=groups);
        self.count("expert_count", groups * size);
        self.count("expert_used_count", used);
        self.count("expert_group_count", groups);
        self.count("expert_group_used_count", groups_used);
        self.choice();
        let with_experts = self.by_layer(|it| it.between(0..=3) > 0);
        self.experts_in(&with_experts, shared);
    }

    /// How scores become weights, where the architecture does not have the last word.
    fn choice(&mut self) {
        if self.coin() {
            let scoring = self.between(1..=3);
            self.count("expert_gating_func", scoring);
        }
        if self.coin() {
            let norm = self.coin();
            self.set("expert_weights_norm", Value::Bool(norm));
        }
        self.real_if("expert_weights_scale", 0.5, 3.0);
        if self.coin() {
            let hidden = self.width();
            self.count("expert_feed_forward_length", hidden);
        }
    }

    fn experts_in(&mut self, layers: &[bool], shared: Shared) {
        let has = |layer: usize| layers[layer];
        self.blocks_where(has, &["ffn_gate_inp.weight"]);
        if self.coin() {
            self.blocks_where(has, &["exp_probs_b.bias"]);
        }
        if shared == Shared::None {
            return;
        }
        let hidden = self.width();
        for layer in (0..layers.len()).filter(|it| has(*it)) {
            self.tensors.insert(format!("blk.{layer}.ffn_up_shexp.weight"), vec![hidden]);
        }
        if shared == Shared::Gated {
            self.blocks_where(has, &["ffn_gate_inp_shexp.weight"]);
        }
    }

    /// A mixer in each of these layers.
    pub(crate) fn mamba_where(&mut self, has: impl Fn(usize) -> bool) {
        let groups = self.between(1..=3);
        let heads = groups * self.between(1..=3);
        // A group has a norm: of one or two numbers it would be their signs.
        let (head_dim, state) = (self.between(4..=12), self.between(1..=12));
        let taps = self.between(2..=5);
        self.count("ssm.group_count", groups);
        self.count("ssm.time_step_rank", heads);
        self.count("ssm.inner_size", heads * head_dim);
        self.count("ssm.state_size", state);
        self.count("ssm.conv_kernel", taps);
        self.real_if("ssm.dt_min", 0.0, 0.2);
        self.real_if("ssm.dt_max", 0.5, 2.0);
        for name in ["ssm_conv1d.bias", "ssm_in.bias", "ssm_out.bias", "ssm_norm.weight"] {
            if self.coin() {
                self.blocks_where(&has, &[name]);
            }
        }
    }
}
