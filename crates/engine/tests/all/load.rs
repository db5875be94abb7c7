//! Files that parse and are no model: each gives an error that says what was found and expected.

use engine::{LoadError, Pages, arch};
use kernels::{CacheFormat, reference::Reference};
use loader::{Array, ModelFile, Value};

use crate::models::tiny;

const PAGES: Pages = Pages { blocks: 1, block_len: 1, format: CacheFormat::F32 };

/// The error of the tiny llama after `change`, as a user sees it.
fn error(change: impl FnOnce(&mut ModelFile)) -> LoadError {
    let mut file = tiny("llama");
    change(&mut file);
    arch::load(&file, &mut Reference::default(), PAGES).err().expect("the change is a fault")
}

#[track_caller]
fn check(change: impl FnOnce(&mut ModelFile), expected: &str) {
    let error = error(change);
    let hint = error.hint().map_or(String::new(), |it| format!("\nhint: {it}"));
    assert_eq!(format!("{error}{hint}"), expected);
}

/// A number that no model has at `llama.{key}`.
#[track_caller]
fn check_key(key: &str, value: Value, expected: &str) {
    let change = |file: &mut ModelFile| drop(file.metadata.insert(format!("llama.{key}"), value));
    assert_eq!(error(change).to_string(), format!("metadata key `llama.{key}` is {expected}"));
}

#[test]
fn an_unknown_architecture_lists_the_supported() {
    let mut all: Vec<_> = arch::supported().collect();
    all.sort_unstable();
    assert!(all.contains(&"llama"), "{all:?}");
    check(
        |file| drop(file.metadata.insert("general.architecture", Value::String("mamba2".into()))),
        &format!("architecture `mamba2` is not supported\nhint: supported: {}", all.join(", ")),
    );
}

#[test]
fn a_missing_tensor_names_the_nearest() {
    check(
        |file| drop(file.tensors.remove("blk.1.ffn_up.weight")),
        "tensor `blk.1.ffn_up.weight` is missing; the file has `blk.0.ffn_up.weight`, \
         `blk.1.ffn_down.weight`, `blk.1.ffn_gate.weight`\n\
         hint: the file is damaged, or of another architecture than it says",
    );
}

#[test]
fn a_wrong_shape_says_both() {
    check(
        |file| {
            let tensor = file.tensors.get_mut("blk.0.attn_k.weight").expect("it has one");
            tensor.shape = vec![16, 64];
        },
        "tensor `blk.0.attn_k.weight` has shape [16, 64], expected [32, 64]\n\
         hint: the file is damaged, or of another architecture than it says",
    );
}

#[test]
fn a_vector_may_be_stored_as_a_matrix_of_one_row() {
    for shape in [vec![128], vec![1, 128]] {
        let mut file = tiny("phi3");
        let mut bias = file.tensors["output_norm.weight"].clone();
        bias.parts.push(bias.parts[0].clone());
        bias.shape = shape;
        file.tensors.insert("blk.0.attn_qkv.bias".into(), bias);
        arch::load(&file, &mut Reference::default(), PAGES).expect("it has as many numbers");
    }
}

#[test]
fn a_tensor_that_nobody_reads_is_an_error() {
    check(
        |file| {
            let norm = file.tensors["blk.0.attn_norm.weight"].clone();
            file.tensors.insert("blk.0.post_attention_norm.weight".into(), norm);
        },
        "architecture `llama` has no use for tensor `blk.0.post_attention_norm.weight` and 0 more\n\
         hint: the file is damaged, or of another architecture than it says",
    );
}

#[test]
fn t6_impossible_numbers() {
    let to_512 = "expected a whole number from 1 to 512";
    for n in [0, 513, 1 << 31, u32::MAX] {
        check_key("block_count", Value::U32(n), &format!("{n}, {to_512}"));
        check_key("attention.head_count", Value::U32(n), &format!("{n}, {to_512}"));
        check_key("attention.head_count_kv", Value::U32(n), &format!("{n}, {to_512}"));
        let to_16 = "expected a whole number from 2 to 16";
        check_key("rope.dimension_count", Value::U32(n), &format!("{n}, {to_16}"));
    }
    check_key(
        "attention.head_count_kv",
        Value::U32(3),
        "3, expected a divisor of 4, the number of query heads",
    );
    check_key("rope.dimension_count", Value::U32(15), "15, expected an even number");
    check_key("attention.head_count", Value::I32(-1), "i32, expected a whole number");
    let array = Value::Array(Array::U32(vec![4, 4]));
    check_key("attention.head_count", array, "[u32], expected a whole number");
    let zero = "0, expected a whole number from 1 to 16777216";
    check_key("embedding_length", Value::U32(0), zero);
    check_key("vocab_size", Value::U32(0), zero);
    check_key("feed_forward_length", Value::U64(0), zero);
    check_key("context_length", Value::U32(0), "0, expected a whole number from 1 to 4294967295");
    let from = "expected a number from 1e-6 to 1e12";
    check_key("rope.freq_base", Value::F32(f32::NAN), &format!("NaN, {from}"));
    check_key("rope.freq_base", Value::F32(0.0), &format!("0, {from}"));
}

#[test]
fn sizes_that_only_the_metadata_claims_are_not_believed() {
    let change = |file: &mut ModelFile| {
        file.metadata.insert("llama.block_count", Value::U32(512));
        file.metadata.insert("llama.vocab_size", Value::U32(1 << 24));
    };
    let found = error(change);
    assert!(matches!(found, LoadError::Shape { .. }), "{found}");
    let found = error(|file| drop(file.metadata.insert("llama.block_count", Value::U32(512))));
    assert!(matches!(found, LoadError::MissingTensor { .. }), "{found}");
}

#[test]
fn what_is_not_computed_is_refused() {
    let text = |it: &str| Value::String(it.to_owned());
    let found = error(|file| drop(file.metadata.insert("llama.rope.scaling.type", text("spiral"))));
    assert_eq!(found.to_string(), "rope scaling `spiral` is not supported");
    assert!(found.is_unsupported());
    check_key("logit_scale", Value::F32(0.5), "0.5; only 1 is supported");
    check_key("attention.causal", Value::Bool(false), "not true; only true is supported");
}

/// Their convention for choosing experts is not known.
#[test]
fn experts_of_an_architecture_without_them_are_refused() {
    let mut file = tiny("granite");
    file.metadata.insert("granite.expert_count", Value::U32(4));
    let error = arch::load(&file, &mut Reference::default(), PAGES).err().expect("it has none");
    let expected = "metadata key `granite.expert_count` is 4; only 0 is supported";
    assert_eq!(error.to_string(), expected);
}
