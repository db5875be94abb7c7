//! Adapters as PEFT writes them, for each layout of checkpoints: experts by themselves, fused matrices,
//! rows in an order of their own, latent attention. Modules are named as in the checkpoint; beside the
//! weights and in them they are what the changed weights are.

use engine::Options;
use kernels::cpu::{Isa, Precision};
use loader::{Access, ModelFile, quantise};

use crate::{
    adapters::{BOUND, Changed, IDS, logits_on, peft_config, refused},
    converted::written,
    data::{Device, max_diff},
};

/// A family, and the modules of its blocks that are changed, by the ends of their names.
const LAYOUTS: [(&str, &[&str]); 7] = [
    ("mixtral", &["q_proj", "k_proj", "v_proj", "o_proj", "w1", "w2", "w3"]),
    ("phi35_mini_128k", &["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]),
    ("falcon_7b", FALCON),
    ("falcon_40b", FALCON),
    ("deepseek_v2", DEEPSEEK),
    ("deepseek_v3", DEEPSEEK),
    ("qwen2_moe", &["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]),
];

const FALCON: &[&str] = &["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"];

/// All but `kv_b_proj`.
const DEEPSEEK: &[&str] =
    &["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "o_proj", "gate_proj", "up_proj", "down_proj"];

/// Blocks of the models, none of which has more; one has a layer beside them that is not run.
const LAYERS: usize = 3;

/// Whether the module is one of these, in a block.
fn is_one(module: &str, ends: &[&str]) -> bool {
    let layer = module.split('.').find_map(|it| it.parse::<usize>().ok());
    layer.is_some_and(|it| it < LAYERS)
        && module.rsplit('.').next().is_some_and(|it| ends.contains(&it))
}

#[test]
fn golden_adapters_of_peft_for_each_layout() {
    let Some(dir) = ingle_tests::golden() else { return };
    let best = Device::Cpu(Isa::best(), Precision::Exact);
    for (name, ends) in LAYOUTS {
        let folder = dir.join("families").join(name);
        let it = Changed::of(&folder, 0.5, |module| is_one(module, ends));
        for end in ends {
            assert!(it.factors.keys().any(|it| it.ends_with(end)), "{name} has a {end}");
        }
        let adapter = it.peft(peft_config());
        let expected = logits_on(Device::Reference, &it.changed, &IDS);
        let gguf = dir.join(format!("gguf/{name}-f16.gguf"));
        let gguf = ModelFile::open(&gguf, &[]).expect("a golden file");
        // In GGUF, rows and matrices lie otherwise than the adapter has them.
        for (container, base) in [("folder", it.base.clone()), ("GGUF", gguf)] {
            let mut adapted = base.clone();
            let added = adapted.adapt(adapter.path(), 1.0, Access::Map);
            added.unwrap_or_else(|error| panic!("{name}, {container}: {error}"));
            let beside = logits_on(best, &adapted, &IDS);
            let diff = max_diff(&beside, &expected);
            assert!(diff <= BOUND, "{name}, {container}: {diff:e}");
            assert!(max_diff(&logits_on(best, &base, &IDS), &expected) > 0.1, "{name} is changed");
            let f32 = Some(quantise::Mix::F32);
            let merged = written(&quantise::Conversion::new(&adapted, f32, None).unwrap(), []);
            let diff = max_diff(&logits_on(best, &merged, &IDS), &expected);
            assert!(diff <= BOUND, "{name}, {container}, merged: {diff:e}");
        }
    }
}

/// Latents become keys and values in another order than the weights stand in, so an adapter of these is
/// merged.
#[test]
fn golden_adapters_of_latents_are_merged() {
    let Some(dir) = ingle_tests::golden() else { return };
    let best = Device::Cpu(Isa::best(), Precision::Exact);
    let folder = dir.join("families/deepseek_v3");
    let it = Changed::of(&folder, 0.5, |module| is_one(module, &["kv_b_proj"]));
    let adapter = it.peft(peft_config());
    let mut adapted = it.base.clone();
    adapted.adapt(adapter.path(), 1.0, Access::Map).expect("a sound adapter");
    let error = best.engine(&adapted, &Options::default()).err().map(|it| it.to_string());
    let text = "the adapter changes `blk.0.attn_kv_b.weight`, which cannot be changed while the model runs";
    assert_eq!(error.as_deref(), Some(text));
    let f32 = Some(quantise::Mix::F32);
    let merged = written(&quantise::Conversion::new(&adapted, f32, None).unwrap(), []);
    let expected = logits_on(Device::Reference, &it.changed, &IDS);
    let diff = max_diff(&logits_on(best, &merged, &IDS), &expected);
    assert!(diff <= BOUND, "merged: {diff:e}");
}

/// Its rows are looked up, not multiplied with.
#[test]
fn golden_adapters_of_tables_are_refused() {
    let Some(dir) = ingle_tests::golden() else { return };
    let folder = dir.join("families/llama31");
    let it = Changed::of(&folder, 0.5, |module| module == "model.embed_tokens");
    let adapter = it.peft(peft_config());
    let text = "it has a change of the embedding table, which is not supported";
    assert_eq!(refused(&it.base, adapter.path()).0, text);
}
