//! FP8, GPTQ and AWQ: what `tests/packed/make.py` wrote is decoded to what its dequantiser says.

use std::{fs, path::Path};

use half::{bf16, f16};
use loader::{FileTensor, Format, ModelFile, safetensors::SKIPPED_PARTS};
use safetensors::SafeTensors;

use crate::golden_data::{golden, is_beside};

const NAMES: [(&str, &str); 2] = [
    ("model.layers.0.self_attn.q_proj.weight", "blk.0.attn_q.weight"),
    ("model.layers.0.mlp.down_proj.weight", "blk.0.ffn_down.weight"),
];

fn decoded(tensor: &FileTensor) -> Vec<f32> {
    let mut numbers = vec![0.0; tensor.shape.iter().product()];
    let bytes: Vec<u8> = tensor.parts.iter().flat_map(|it| it.iter().copied()).collect();
    tensor.format.decode_row(&bytes, &mut numbers);
    numbers
}

/// Every weight is the truth, rounded as the format rounds.
#[track_caller]
fn check(name: &str, format: Format) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packed").join(name);
    let file = ModelFile::open(&folder, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
    let bytes = fs::read(folder.join("expected.safetensors")).expect("it is committed");
    let expected = SafeTensors::deserialize(&bytes).expect("it is sound");
    for (theirs, ours) in NAMES {
        let (truth, tensor) = (expected.tensor(theirs).expect("it is there"), &file.tensors[ours]);
        assert_eq!((tensor.format, tensor.shape.as_slice()), (format, truth.shape()), "{name}");
        let truth = truth.data().as_chunks::<4>().0.iter().map(|it| f32::from_le_bytes(*it));
        for (i, (found, exact)) in decoded(tensor).into_iter().zip(truth).enumerate() {
            let expected = match format {
                Format::BF16 => bf16::from_f32(exact).to_f32(),
                Format::F16 => f16::from_f32(exact).to_f32(),
                _ => exact,
            };
            assert_eq!(found, expected, "{name}: weight {i} of {ours}");
        }
    }
    // What served to keep weights is gone, and nothing else.
    assert_eq!(file.tensors.len(), 11, "{name}");
}

#[test]
fn fp8_with_scales_of_blocks_of_tensors_and_of_rows() {
    check("fp8_block", Format::BF16);
    check("fp8_tensor", Format::BF16);
    check("fp8_row", Format::BF16);
}

/// Blocks of 128 by 128, whole and cut, of latents and of experts; neither scales nor the layer that
/// predicts a further token are left.
#[test]
fn fp8_of_deepseek_v3() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packed/fp8_deepseek");
    let file = ModelFile::open(&folder, &[]).expect("it is sound");
    let bytes = fs::read(folder.join("expected.safetensors")).expect("it is committed");
    let expected = SafeTensors::deserialize(&bytes).expect("it is sound");
    assert_eq!(expected.len(), 6);
    for (name, truth) in expected.tensors() {
        let tensor = &file.tensors[&name];
        let (format, shape) = (tensor.format, tensor.shape.as_slice());
        assert_eq!((format, shape), (Format::BF16, truth.shape()), "{name}");
        let found: Vec<u8> = tensor.parts.iter().flat_map(|it| it.iter().copied()).collect();
        assert!(found == truth.data(), "{name} is other than its dequantiser says");
    }
    let odd = |it: &&String| it.contains("scale") || it.starts_with("blk.2.");
    assert_eq!(file.tensors.keys().find(odd), None);
    let skipped = file.metadata.strings(SKIPPED_PARTS).expect("texts").expect("it has some");
    assert_eq!(skipped.iter().collect::<Vec<_>>(), ["multi_token_prediction"]);
}

#[test]
fn gptq_is_q4_0_where_that_holds_it() {
    check("gptq", Format::Q4_0);
    check("gptq_act_order", Format::F16);
    check("gptq_v2", Format::F16);
}

#[test]
fn awq_is_f16() {
    check("awq", Format::F16);
}

/// T7: a part that is missing, or of another shape, is named.
#[test]
fn t7_parts_that_do_not_fit_are_refused() {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packed/gptq");
    let weights = fs::read(from.join("model.safetensors")).expect("it is committed");
    let config = fs::read_to_string(from.join("config.json")).expect("it is committed");
    let refused = |config: &str, from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::write(dir.path().join("config.json"), config).expect("a small file");
        let at = weights.windows(from.len()).position(|it| it == from.as_bytes()).expect("there");
        let mut changed = weights.clone();
        changed[at..at + to.len()].copy_from_slice(to.as_bytes());
        fs::write(dir.path().join("model.safetensors"), changed).expect("a small file");
        ModelFile::open(dir.path(), &[]).expect_err("it is damaged").to_string()
    };
    let missing = refused(&config, "down_proj.scales", "down_proj.scaleX");
    assert!(missing.contains("`model.layers.0.mlp.down_proj.scales`"), "{missing}");
    let three = config.replace("\"bits\": 4", "\"bits\": 3");
    assert!(refused(&three, "q_proj", "q_proj").contains("`bits`"));
    let unknown = config.replace("\"gptq\"", "\"exl2\"");
    assert!(refused(&unknown, "q_proj", "q_proj").contains("`quant_method`"));
}

/// T7: what has no numbers may be of any size, and costs its file nothing.
#[test]
fn t7_packed_weights_without_numbers_are_refused() {
    let words = "I32 with two dimensions above 0";
    let blocks = "U8 [experts, rows, blocks, 16], none of them 0";
    let scale = r#","w.weight_scale":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
    let scales = r#","w_scales":{"dtype":"U8","shape":[9,0,1],"data_offsets":[0,0]}"#;
    for (how, name, dtype, shape, beside, expected) in [
        (r#""gptq","bits":4"#, "w.qweight", "I32", "[8,0]", "", words),
        (r#""awq","bits":4"#, "w.qweight", "I32", "[8,0]", "", words),
        (r#""fp8""#, "w.weight", "F8_E4M3", "[0,8]", scale, "two dimensions above 0"),
        (r#""mxfp4""#, "w_blocks", "U8", "[9,0,1,16]", scales, blocks),
    ] {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let config =
            format!(r#"{{"model_type":"x","quantization_config":{{"quant_method":{how}}}}}"#);
        let info = format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,0]}}"#);
        let header = format!(r#"{{"{name}":{info}{beside}}}"#);
        let data: &[u8] = if beside == scale { &[0; 4] } else { &[] };
        let weights = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat();
        fs::write(dir.path().join("config.json"), config).expect("a small file");
        fs::write(dir.path().join("model.safetensors"), weights).expect("a small file");
        let error = ModelFile::open(dir.path(), &[]).expect_err("nothing is packed").to_string();
        assert!(error.ends_with(&format!("expected {expected}")), "{how}: {error}");
    }
}

/// The golden gpt-oss keeps its experts so; its GGUF has the same blocks.
#[test]
fn golden_mxfp4_experts_are_those_of_the_gguf() {
    let Some(golden) = golden() else { return };
    if !golden.join("families/gpt_oss_mxfp4").is_dir() {
        assert!(!is_beside(&golden), "no gpt_oss_mxfp4 at {}", golden.display());
        return eprintln!("skipped: no gpt_oss_mxfp4 at {}", golden.display());
    }
    let open = |it: &str| ModelFile::open(&golden.join(it), &[]).expect("sound golden data");
    let folder = open("families/gpt_oss_mxfp4");
    let gguf = open("gguf/gpt_oss_mxfp4-f16.gguf");
    let name = "blk.0.ffn_down_exps.weight";
    let tensor = &folder.tensors[name];
    assert_eq!(tensor.format, Format::MXFP4);
    assert_eq!(decoded(tensor), decoded(&gguf.tensors[name]));
}
