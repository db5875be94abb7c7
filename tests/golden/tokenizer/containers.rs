//! What must be the same of one family from every container, and what ends its answers.

use std::{fs, path::Path};

use engine::{Prompt, Tokenizer, tokenizer::Bos};
use ingle_tests::golden;
use loader::ModelFile;

use super::{families, folder, load};

/// The families, and the tokens that end an answer, in the order of their ids.
const STOPS: [(&[&str], &[&str]); 20] = [
    (&["command_r", "command_r7b", "command_r_plus"], &["<|END_OF_TURN_TOKEN|>"]),
    (&["deepseek_v2"], &["<｜end▁of▁sentence｜>", "<|EOT|>"]),
    (&["deepseek_v3"], &["<｜end▁of▁sentence｜>"]),
    (&["falcon_7b", "falcon_40b", "falcon2_11b"], &["<|endoftext|>"]),
    (&["falcon3", "falcon_h1"], &["<|endoftext|>"]),
    (&["gemma1", "gemma2", "gemma3_1b", "gemma3_4b", "gemma3n"], &["<eos>", "<end_of_turn>"]),
    (&["gemma4_26b_a4b", "gemma4_31b", "gemma4_e2b"], &["<eos>", "<turn|>"]),
    // Not `<|end|>`: it ends a message, and an answer has several.
    (&["gpt_oss", "gpt_oss_mxfp4"], &["<|endoftext|>", "<|return|>", "<|call|>"]),
    (&["granite_moe", "granite4_hybrid"], &["<|end_of_text|>"]),
    (&["llama2", "llama_bias", "mistral_7b_v01", "mixtral"], &["</s>"]),
    (&["llama31", "llama32_tied"], &["<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"]),
    (&["llama4_scout"], &["<|end_of_text|>", "<|eom|>", "<|eot|>"]),
    (&["ministral3", "mistral_nemo", "mistral_7b_v03", "mistral_large2"], &["</s>"]),
    (&["olmo3"], &["<|endoftext|>", "<|im_end|>"]),
    (&["phi3_mini_4k", "phi35_mini_128k", "phimoe"], &["</s>", "<|endoftext|>", "<|end|>"]),
    (&["phi4_mini"], &["<|endoftext|>", "<|end|>"]),
    (&["qwen2", "qwen2_moe"], &["<|endoftext|>", "<|im_end|>"]),
    (&["qwen3", "qwen3_moe"], &["<|endoftext|>", "<|im_end|>"]),
    (&["smollm3"], &["<|end_of_text|>", "<|im_end|>"]),
    (&["stablelm2"], &["<|endoftext|>", "<|im_end|>"]),
];

/// Whose golden GGUF has the name of another expression than its `tokenizer.json` has.
const OTHER_CUTS: [&str; 1] = ["deepseek_v2"];

/// The family's tokenizers: of its folder and of its GGUF.
fn containers(golden: &Path, path: &Path) -> [(&'static str, Tokenizer); 2] {
    let name = path.file_name().unwrap().to_string_lossy();
    let gguf = golden.join(format!("gguf/{name}-f16.gguf"));
    [("folder", path), ("gguf", &gguf)]
        .map(|(container, path)| (container, load(&ModelFile::open(path, &[]).unwrap())))
}

#[test]
fn answers_end_at_the_tokens_of_the_family() {
    let Some(golden) = golden() else { return };
    for path in families(&golden) {
        let name = path.file_name().unwrap().to_string_lossy();
        let row = STOPS.iter().find(|(names, _)| names.contains(&&*name));
        let (_, expected) = row.unwrap_or_else(|| panic!("{name} needs a row in STOPS"));
        for (container, tokenizer) in containers(&golden, &path) {
            let ids = tokenizer.stop_ids();
            let found = ids.iter().map(|&id| str::from_utf8(tokenizer.piece(id)).unwrap());
            assert_eq!(found.collect::<Vec<_>>(), *expected, "{name} ({container})");
        }
    }
}

#[test]
fn both_containers_give_the_same_tokens() {
    let Some(golden) = golden() else { return };
    let corpus = fs::read_to_string(golden.join("corpus.txt")).unwrap();
    // Its last part is in many scripts; lines go one by one, so that beginnings are met, too.
    let lines: Vec<_> = corpus.lines().rev().take(400).collect();
    for path in families(&golden) {
        let name = path.file_name().unwrap().to_string_lossy();
        if OTHER_CUTS.contains(&&*name) {
            continue;
        }
        let json = load(&folder(&path));
        for (container, other) in containers(&golden, &path) {
            for line in &lines {
                for text in [(*line).to_owned(), format!(" \n{line}\t")] {
                    let prompt = Prompt::foreign(text);
                    let encode = |it: &Tokenizer| it.encode(&prompt, Bos::AsModel).unwrap();
                    assert_eq!(encode(&other), encode(&json), "{name} ({container}): {prompt:?}");
                }
            }
            let same = (other.bos(), other.adds_bos()) == (json.bos(), json.adds_bos());
            assert!(same || !json.adds_bos(), "{name} ({container}): the first token");
            // Converters make more tokens structural, such as `<unk>`, but none less.
            let lost = json.structural().iter().find(|it| !other.structural().contains(it));
            assert_eq!(lost, None, "{name} ({container}): a structural token");
        }
    }
}
