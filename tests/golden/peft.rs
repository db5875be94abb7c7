//! Adapters as PEFT writes them, for each layout of checkpoints: experts by themselves, fused matrices,
//! rows in an order of their own, latent attention, tables and heads. Modules are named as in the
//! checkpoint; beside the weights and in them they are what the changed weights are.

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

const DEEPSEEK: &[&str] = &[
    "q_a_proj",
    "q_b_proj",
    "kv_a_proj_with_mqa",
    "kv_b_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
];

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

/// Rows of a table are looked up, and so is what is added to them; where it is the head, too, that stays
/// what it was.
#[test]
fn golden_adapters_of_tables() {
    let Some(dir) = ingle_tests::golden() else { return };
    let best = Device::Cpu(Isa::best(), Precision::Exact);
    for (name, is_tied) in [("llama31", false), ("llama32_tied", true), ("gemma2", true)] {
        let folder = dir.join("families").join(name);
        let it = Changed::of(&folder, 0.5, |module| module == "model.embed_tokens");
        let (mut changed, table) = (it.base.clone(), "token_embd.weight".to_owned());
        let head = changed.tensors[&table].clone();
        changed.tensors.entry("output.weight".to_owned()).or_insert(head);
        changed.tensors.insert(table.clone(), it.changed.tensors[&table].clone());
        let expected = logits_on(Device::Reference, &changed, &IDS);
        let (peft, gguf) = (it.peft(peft_config()), it.gguf_of_table());
        for path in [peft.path(), gguf.path()] {
            let mut adapted = it.base.clone();
            let added = adapted.adapt(path, 1.0, Access::Map);
            added.unwrap_or_else(|error| panic!("{name}, {path:?}: {error}"));
            let diff = max_diff(&logits_on(best, &adapted, &IDS), &expected);
            assert!(diff <= BOUND, "{name}, {path:?}: {diff:e}");
            let merged = adapted.check_merge().map_err(|it| it.to_string());
            if is_tied {
                let text = "it changes the embedding table (`token_embd.weight`) alone, which is this \
                            model's head, too";
                assert_eq!(merged, Err(text.to_owned()), "{name}");
                continue;
            }
            assert_eq!(merged, Ok(()), "{name}");
            let f32 = Some(quantise::Mix::F32);
            let merged = written(&quantise::Conversion::new(&adapted, f32, None).unwrap(), []);
            let diff = max_diff(&logits_on(best, &merged, &IDS), &expected);
            assert!(diff <= BOUND, "{name}, {path:?}, merged: {diff:e}");
        }
        assert!(max_diff(&logits_on(best, &it.base, &IDS), &expected) > 0.1, "{name} is changed");
    }
}

#[test]
fn golden_adapters_of_heads() {
    let Some(dir) = ingle_tests::golden() else { return };
    let best = Device::Cpu(Isa::best(), Precision::Exact);
    let it = Changed::of(&dir.join("families/llama31"), 0.5, |module| module == "lm_head");
    let adapter = it.peft(peft_config());
    let mut adapted = it.base.clone();
    adapted.adapt(adapter.path(), 1.0, Access::Map).expect("a sound adapter");
    let expected = logits_on(Device::Reference, &it.changed, &IDS);
    let diff = max_diff(&logits_on(best, &adapted, &IDS), &expected);
    assert!(diff <= BOUND, "{diff:e}");
    let tied = ModelFile::open(&dir.join("families/llama32_tied"), &[]).expect("a golden family");
    let text =
        "it changes the head (`output.weight`), and this model's head is its embedding table";
    assert_eq!(refused(&tied, adapter.path()).0, text);
}

/// What is trained as a whole beside the adapter is not a sum, and is named.
#[test]
fn golden_adapters_with_whole_matrices_are_refused() {
    let Some(dir) = ingle_tests::golden() else { return };
    let it = Changed::of(&dir.join("families/llama31"), 0.5, |module| module == "lm_head");
    let mut config = peft_config();
    config["modules_to_save"] = serde_json::json!(["embed_tokens", "lm_head"]);
    let (text, hint) = refused(&it.base, it.peft(config).path());
    assert_eq!(
        text,
        "it has `modules_to_save` = [\"embed_tokens\",\"lm_head\"], which is not supported"
    );
    assert_eq!(hint, "merge it with the tool that made it, and run the result");
}
