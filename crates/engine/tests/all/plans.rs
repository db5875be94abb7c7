//! What each architecture writes down, as text: a change of a plan is a change of these.
//!
//! Of the tiny models' two equal layers the first is shown.

use engine::{Pages, arch};
use expect_test::{Expect, expect};
use kernels::{
    Basic, CacheFormat, Fused, Linear, Norm, Op, Plan, Rope, plan::Step, reference::Reference,
};
use loader::Value;

use crate::models::tiny;

const PAGES: Pages = Pages { blocks: 1, block_len: 1, format: CacheFormat::F32 };

/// The plan of the tiny model of an architecture, after a change of its metadata.
#[track_caller]
fn check(name: &str, change: Option<(&str, Value)>, expected: &Expect) {
    let mut file = tiny(name);
    if let Some((key, value)) = change {
        file.metadata.insert(format!("{name}.{key}"), value);
    }
    let loaded = arch::load(&file, &mut Reference::default(), PAGES).expect("it is complete");
    let mut plan = Plan::new();
    let logits = loaded.model.forward(&mut plan);
    plan.port(logits);
    let steps = plan.steps().iter().filter(|it| it.layer != Some(1));
    expected.assert_eq(&steps.map(line).collect::<String>());
}

fn line(step: &Step) -> String {
    let layer = step.layer.map_or("-".to_owned(), |it| it.to_string());
    let out: Vec<_> = step.out.iter().map(|it| format!("({:?}, {})", it.rows, it.cols)).collect();
    let line = format!("{layer} {} {} {}", step.op.name(), out.join(", "), operands(&step.op));
    line.trim_end().to_owned() + "\n"
}

fn operands(op: &Op) -> String {
    match op {
        Op::Basic(Basic::Embed(table, scale)) => {
            format!("{} of {} x {}", scale, table.rows, table.cols)
        }
        Op::Basic(Basic::Linear(_, l)) => linear(l),
        Op::Basic(Basic::Norm(_, n)) => norm(n),
        Op::Basic(Basic::Rope(_, r)) => rope(r),
        Op::Basic(Basic::Store(c, ..)) => format!("k {}, v {}", c.k_cols, c.v_cols),
        Op::Basic(Basic::Attend(_, _, a)) => {
            let cap = a.softcap.map_or(String::new(), |cap| format!(", cap {cap}"));
            format!("heads {} and {}, scale {}{cap}, {:?}", a.head_dim, a.v_dim, a.scale, a.span)
        }
        Op::Basic(Basic::Scale(_, factor)) => format!("by {factor}"),
        Op::Basic(Basic::Softcap(_, cap)) => format!("at {cap}"),
        Op::Fused(Fused::Linears(_, all)) => all.iter().map(linear).collect::<Vec<_>>().join(", "),
        Op::Fused(Fused::Gated(_, gate, up, act)) => {
            format!("{act:?}, {}, {}", linear(gate), linear(up))
        }
        _ => String::new(),
    }
}

fn linear(l: &Linear) -> String {
    let bias = if l.bias.is_some() { " + bias" } else { "" };
    format!("{} x {} {:?}{bias}", l.w.rows, l.w.cols, l.w.format)
}

fn norm(n: &Norm) -> String {
    format!("runs of {}, eps {:e}", n.cols, n.eps)
}

fn rope(r: &Rope) -> String {
    format!("{} of {}, {:?}, gain {}", r.turned, r.head_dim, r.pairs, r.gain)
}

#[test]
fn llama() {
    check(
        "llama",
        None,
        &expect![[r#"
            - embed (Step, 64) 1 of 32 x 64
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 linears (Step, 64), (Step, 32), (Step, 32) 64 x 64 Q4_0, 32 x 64 Q8_0 + bias, 32 x 64 Q4_0
            0 rope (Step, 64) 16 of 16, Interleaved, gain 1
            0 rope (Step, 32) 16 of 16, Interleaved, gain 1
            0 store  k 32, v 32
            0 attend (Step, 64) heads 16 and 16, scale 0.25, Full
            0 linear (Step, 64) 64 x 64 Q4_0
            0 add (Step, 64)
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 gated (Step, 96) Silu, 96 x 64 Q4_0, 96 x 64 Q4_0
            0 linear (Step, 64) 64 x 96 Q8_0
            0 add (Step, 64)
            - outputs (Outputs, 64)
            - norm (Outputs, 64) runs of 64, eps 1e-5
            - linear (Outputs, 32) 32 x 64 F32
        "#]],
    );
}

#[test]
fn llama_with_a_window() {
    let window = ("attention.sliding_window", Value::U32(3));
    check(
        "llama",
        Some(window),
        &expect![[r#"
            - embed (Step, 64) 1 of 32 x 64
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 linears (Step, 64), (Step, 32), (Step, 32) 64 x 64 Q4_0, 32 x 64 Q8_0 + bias, 32 x 64 Q4_0
            0 rope (Step, 64) 16 of 16, Interleaved, gain 1
            0 rope (Step, 32) 16 of 16, Interleaved, gain 1
            0 store  k 32, v 32
            0 attend (Step, 64) heads 16 and 16, scale 0.25, Window(3)
            0 linear (Step, 64) 64 x 64 Q4_0
            0 add (Step, 64)
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 gated (Step, 96) Silu, 96 x 64 Q4_0, 96 x 64 Q4_0
            0 linear (Step, 64) 64 x 96 Q8_0
            0 add (Step, 64)
            - outputs (Outputs, 64)
            - norm (Outputs, 64) runs of 64, eps 1e-5
            - linear (Outputs, 32) 32 x 64 F32
        "#]],
    );
}

#[test]
fn qwen2() {
    check(
        "qwen2",
        None,
        &expect![[r#"
            - embed (Step, 64) 1 of 32 x 64
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 linears (Step, 64), (Step, 32), (Step, 32) 64 x 64 Q4_0 + bias, 32 x 64 Q8_0 + bias, 32 x 64 Q4_0 + bias
            0 rope (Step, 64) 16 of 16, Halves, gain 1
            0 rope (Step, 32) 16 of 16, Halves, gain 1
            0 store  k 32, v 32
            0 attend (Step, 64) heads 16 and 16, scale 0.25, Full
            0 linear (Step, 64) 64 x 64 Q4_0
            0 add (Step, 64)
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 gated (Step, 96) Silu, 96 x 64 Q4_0, 96 x 64 Q4_0
            0 linear (Step, 64) 64 x 96 Q8_0
            0 add (Step, 64)
            - outputs (Outputs, 64)
            - norm (Outputs, 64) runs of 64, eps 1e-5
            - linear (Outputs, 32) 32 x 64 F32
        "#]],
    );
}

#[test]
fn qwen3() {
    check(
        "qwen3",
        None,
        &expect![[r#"
            - embed (Step, 64) 1 of 32 x 64
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 linears (Step, 64), (Step, 32), (Step, 32) 64 x 64 Q4_0, 32 x 64 Q8_0, 32 x 64 Q4_0
            0 norm (Step, 64) runs of 16, eps 1e-5
            0 norm (Step, 32) runs of 16, eps 1e-5
            0 rope (Step, 64) 16 of 16, Halves, gain 1
            0 rope (Step, 32) 16 of 16, Halves, gain 1
            0 store  k 32, v 32
            0 attend (Step, 64) heads 16 and 16, scale 0.25, Full
            0 linear (Step, 64) 64 x 64 Q4_0
            0 add (Step, 64)
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 gated (Step, 96) Silu, 96 x 64 Q4_0, 96 x 64 Q4_0
            0 linear (Step, 64) 64 x 96 Q8_0
            0 add (Step, 64)
            - outputs (Outputs, 64)
            - norm (Outputs, 64) runs of 64, eps 1e-5
            - linear (Outputs, 32) 32 x 64 F32
        "#]],
    );
}

#[test]
fn gemma2() {
    check(
        "gemma2",
        None,
        &expect![[r#"
            - embed (Step, 64) 8 of 32 x 64
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 linears (Step, 64), (Step, 32), (Step, 32) 64 x 64 Q4_0, 32 x 64 Q8_0, 32 x 64 Q4_0
            0 rope (Step, 64) 16 of 16, Halves, gain 1
            0 rope (Step, 32) 16 of 16, Halves, gain 1
            0 store  k 32, v 32
            0 attend (Step, 64) heads 16 and 16, scale 0.25, cap 2, Full
            0 linear (Step, 64) 64 x 64 Q4_0
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 add (Step, 64)
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 gated (Step, 96) GeluTanh, 96 x 64 Q4_0, 96 x 64 Q4_0
            0 linear (Step, 64) 64 x 96 Q8_0
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 add (Step, 64)
            - outputs (Outputs, 64)
            - norm (Outputs, 64) runs of 64, eps 1e-5
            - linear (Outputs, 32) 32 x 64 F32
            - softcap (Outputs, 32) at 3
        "#]],
    );
}

#[test]
fn granite() {
    check(
        "granite",
        None,
        &expect![[r#"
            - embed (Step, 64) 6 of 32 x 64
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 linears (Step, 64), (Step, 32), (Step, 32) 64 x 64 Q4_0, 32 x 64 Q8_0, 32 x 64 Q4_0
            0 rope (Step, 64) 16 of 16, Interleaved, gain 1
            0 rope (Step, 32) 16 of 16, Interleaved, gain 1
            0 store  k 32, v 32
            0 attend (Step, 64) heads 16 and 16, scale 0.125, Full
            0 linear (Step, 64) 64 x 64 Q4_0
            0 scale (Step, 64) by 0.25
            0 add (Step, 64)
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 gated (Step, 96) Silu, 96 x 64 Q4_0, 96 x 64 Q4_0
            0 linear (Step, 64) 64 x 96 Q8_0
            0 scale (Step, 64) by 0.25
            0 add (Step, 64)
            - outputs (Outputs, 64)
            - norm (Outputs, 64) runs of 64, eps 1e-5
            - linear (Outputs, 32) 32 x 64 F32
            - scale (Outputs, 32) by 0.125
        "#]],
    );
}

#[test]
fn phi3() {
    check(
        "phi3",
        None,
        &expect![[r#"
            - embed (Step, 64) 1 of 32 x 64
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 linears (Step, 64), (Step, 32), (Step, 32) 64 x 64 Q4_0, 32 x 64 Q4_0, 32 x 64 Q4_0
            0 rope (Step, 64) 16 of 16, Halves, gain 1
            0 rope (Step, 32) 16 of 16, Halves, gain 1
            0 store  k 32, v 32
            0 attend (Step, 64) heads 16 and 16, scale 0.25, Full
            0 linear (Step, 64) 64 x 64 Q4_0
            0 add (Step, 64)
            0 norm (Step, 64) runs of 64, eps 1e-5
            0 gated (Step, 96) Silu, 96 x 64 Q4_0, 96 x 64 Q4_0
            0 linear (Step, 64) 64 x 96 Q8_0
            0 add (Step, 64)
            - outputs (Outputs, 64)
            - norm (Outputs, 64) runs of 64, eps 1e-5
            - linear (Outputs, 32) 32 x 64 F32
        "#]],
    );
}
