//! The plan of each architecture in short: the operations of its layers, with what tells one
//! family from another. A change of a plan is a change of `plans.txt`; whole plans of some families
//! are in the engine's own tests.

use std::fmt::Write;

use engine::{Pages, arch};
use expect_test::expect_file;
use kernels::{
    Act, Basic, CacheFormat, Fused, NormKind, Op, Plan, Span, plan::Step, reference::Reference,
};
use loader::{Array, Value};

use crate::{
    draw::{Draw, Family},
    weights,
};

/// What each has beside sizes, so that its two layers show all that it can do.
const FAMILIES: &[Family] = &[
    ("command-r", |d| {
        d.real("logit_scale", 0.5, 0.5);
        d.blocks(&["attn_q_norm.weight", "attn_k_norm.weight"]);
    }),
    ("cohere2", |d| {
        d.real("logit_scale", 0.5, 0.5);
        windowed(d);
    }),
    ("deepseek2", |d| {
        d.count("attention.kv_lora_rank", 6);
        d.count("attention.q_lora_rank", 5);
        d.count("rope.dimension_count", 2);
        experts(d, &["ffn_up_shexp.weight"]);
    }),
    ("falcon", |d| d.blocks_where(|layer| layer == 1, &["attn_norm_2.weight"])),
    ("falcon-h1", |d| {
        mamba(d);
        d.real("ssm.gate_scale", 2.0, 2.0);
        d.real("feed_forward.gate_scale", 2.0, 2.0);
    }),
    ("gemma", |_| {}),
    ("gemma2", |d| {
        windowed(d);
        d.real("attn_logit_softcapping", 2.0, 2.0);
        d.real("final_logit_softcapping", 3.0, 3.0);
        d.blocks(&["post_attention_norm.weight", "post_ffw_norm.weight"]);
    }),
    ("gemma3", |d| {
        windowed(d);
        d.blocks(&["attn_q_norm.weight", "attn_k_norm.weight"]);
        d.blocks(&["post_attention_norm.weight", "post_ffw_norm.weight"]);
    }),
    ("gemma3n", |d| {
        d.count("attention.sliding_window", 0);
        d.count("altup.num_inputs", 2);
        d.count("embedding_length_per_layer_input", 3);
        d.blocks_where(|layer| layer == 0, &["attn_v.weight"]);
        d.count("attention.shared_kv_layers", 1);
        d.set("activation_sparsity_scale", Value::Array(Array::F32(vec![1.0, f32::NEG_INFINITY])));
    }),
    ("gemma4", |d| {
        windowed(d);
        d.count("embedding_length_per_layer_input", 3);
        d.blocks_where(|layer| layer == 0, &["attn_v.weight"]);
    }),
    ("gpt-oss", |d| {
        windowed(d);
        experts(d, &[]);
        d.blocks(&["attn_sinks.weight"]);
    }),
    ("granite", |_| {}),
    ("granitehybrid", |d| {
        mamba(d);
        d.counts("attention.head_count_kv", &[0, 1]);
        d.blocks_where(|layer| layer == 0, &["ssm_norm.weight"]);
    }),
    ("granitemoe", |d| experts(d, &[])),
    ("llama", |_| {}),
    ("llama4", |d| {
        d.count("attention.chunk_size", 4);
        let pattern = || Value::Array(Array::Bool(vec![true, false]));
        d.set("attention.sliding_window_pattern", pattern());
        d.set("rope.layers", pattern());
        experts(d, &["ffn_up_shexp.weight"]);
    }),
    ("mistral3", |d| {
        d.real("attention.temperature_scale", 0.1, 0.1);
        d.count("attention.temperature_length", 4);
    }),
    ("olmo2", windowed),
    ("phi3", |d| d.blocks(&["attn_qkv.weight", "ffn_up.weight"])),
    ("phimoe", |d| experts(d, &[])),
    ("qwen2", |_| {}),
    ("qwen2moe", |d| experts(d, &["ffn_up_shexp.weight", "ffn_gate_inp_shexp.weight"])),
    ("qwen3", |d| d.blocks(&["attn_q_norm.weight", "attn_k_norm.weight"])),
    ("qwen3moe", |d| experts(d, &[])),
    ("smollm3", |d| d.set("rope.layers", Value::Array(Array::Bool(vec![true, false])))),
    ("stablelm", |d| {
        d.blocks(&["attn_q_norm.weight", "attn_k_norm.weight"]);
        d.blocks_where(|layer| layer == 1, &["ffn_norm.weight"]);
    }),
];

/// A window in the first of the two layers.
fn windowed(d: &mut Draw) {
    d.count("attention.sliding_window", 3);
    let pattern = Array::Bool(vec![true, false]);
    d.set("attention.sliding_window_pattern", Value::Array(pattern));
}

/// Experts in the second of the two layers, with these tensors beside them.
fn experts(d: &mut Draw, beside: &[&str]) {
    d.count("expert_count", 4);
    d.count("expert_used_count", 2);
    d.tensor("blk.1.ffn_gate_inp.weight");
    for name in beside {
        d.tensors.insert(format!("blk.1.{name}"), vec![6]);
    }
}

fn mamba(d: &mut Draw) {
    for (key, n) in
        [("inner_size", 8), ("time_step_rank", 2), ("state_size", 3), ("conv_kernel", 4)]
    {
        d.count(&format!("ssm.{key}"), n);
    }
}

/// A small model of the architecture as it is in the table.
fn draw(architecture: &'static str) -> Draw {
    let mut d = Draw::new(architecture, 0);
    d.n_layers = 2;
    for (key, n) in [
        ("block_count", 2),
        ("context_length", 64),
        ("embedding_length", 8),
        ("feed_forward_length", 12),
        ("vocab_size", 10),
        ("attention.head_count", 2),
        ("attention.head_count_kv", 1),
    ] {
        d.count(key, n);
    }
    d.real("attention.layer_norm_rms_epsilon", 1e-5, 1e-5);
    let family = FAMILIES.iter().find(|it| it.0 == architecture);
    family.unwrap_or_else(|| panic!("`{architecture}` is not in FAMILIES")).1(&mut d);
    d
}

#[test]
fn plans_in_short() {
    let mut all = String::new();
    for architecture in arch::supported() {
        let mut backend = Reference::default();
        let file = weights::model(&mut draw(architecture));
        let pages = Pages { blocks: 1, block_len: 1, format: CacheFormat::F32 };
        let loaded = arch::load(&file, &mut backend, pages).expect("it is complete");
        let mut plan = Plan::new();
        plan_of(&mut all, architecture, {
            let logits = loaded.model.forward(&mut plan);
            plan.port(logits);
            plan.steps()
        });
    }
    expect_file!["plans.txt"].assert_eq(&all);
}

/// A line for what comes before the layers, for each that is unlike the one before it, and for what
/// comes after them.
fn plan_of(out: &mut String, architecture: &str, steps: &[Step]) {
    writeln!(out, "{architecture}").expect("a string grows");
    let mut before = String::new();
    for part in steps.chunk_by(|a, b| a.layer == b.layer) {
        let line = part.iter().map(|it| in_short(&it.op)).collect::<Vec<_>>().join(" ");
        if line != before {
            let layer = part[0].layer.map_or("-".to_owned(), |it| it.to_string());
            writeln!(out, "  {layer} {line}").expect("a string grows");
        }
        before = line;
    }
}

fn in_short(op: &Op) -> String {
    let detail = match op {
        Op::Basic(Basic::Norm(_, n)) if n.kind == NormKind::Layer => "layer".to_owned(),
        Op::Basic(Basic::Attend(_, _, a)) => {
            let span = match a.span {
                Span::Full => String::new(),
                Span::Window(n) => format!("window {n}"),
                Span::Chunk(n) => format!("chunk {n}"),
            };
            let cap = a.softcap.map(|_| " capped").unwrap_or_default();
            span + cap + a.sinks.map(|_| " sinks").unwrap_or_default()
        }
        Op::Basic(Basic::Act(_, act) | Basic::Glu(_, _, act)) => act_in_short(*act),
        Op::Fused(Fused::Gated(_, _, _, act) | Fused::ExpertGated(_, _, _, _, act)) => {
            act_in_short(*act)
        }
        Op::Fused(Fused::Linears(_, all)) => all.len().to_string(),
        Op::Basic(Basic::Route(_, r)) => format!("{:?} {:?}", r.scoring, r.weigh),
        _ => String::new(),
    };
    match detail.trim() {
        "" => op.name().to_owned(),
        detail => format!("{}({detail})", op.name()),
    }
}

/// Nothing for the most common one.
fn act_in_short(act: Act) -> String {
    if act == Act::Silu { String::new() } else { act.to_string() }
}
