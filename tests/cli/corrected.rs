//! What a person reads where the catalogue knows better than a published file.

use expect_test::expect;
use ingle_tests::binary::Place;
use loader::{Array, Format, Strings, Value, gguf::Writer};

use super::check;

/// The shape of Falcon 2 11B, as its published files have it, with this context.
fn falcon(context: u32) -> Vec<u8> {
    let mut file = Writer::new();
    let text = |it: &str| Value::String(it.to_owned());
    file.set("general.architecture", text("falcon"));
    for (key, n) in [
        ("context_length", context),
        ("embedding_length", 4096),
        ("block_count", 60),
        ("feed_forward_length", 16384),
        ("attention.head_count", 32),
        ("attention.head_count_kv", 8),
    ] {
        file.set(format!("falcon.{key}"), Value::U32(n));
    }
    let bytes = (0..256).map(|it| format!("<0x{it:02X}>"));
    let tokens: Strings = bytes.chain((256..65024).map(|it| it.to_string())).collect();
    let kinds = (0..65024).map(|it| if it < 256 { 6 } else { 1 }).collect();
    file.set("tokenizer.ggml.model", text("llama"));
    file.set("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
    file.set("tokenizer.ggml.token_type", Value::Array(Array::I32(kinds)));
    file.set("tokenizer.ggml.scores", Value::Array(Array::F32(vec![0.0; 65024])));
    file.set("tokenizer.ggml.add_bos_token", Value::Bool(false));
    file.set("tokenizer.ggml.add_space_prefix", Value::Bool(false));
    file.tensor("output_norm.weight", Format::F32, &[2], Format::F32.encode(&[1.0, 1.0]));
    file.to_bytes()
}

fn place(context: u32) -> Place {
    let place = Place::new();
    place.file("falcon.gguf", falcon(context));
    place
}

#[test]
fn what_was_corrected_is_shown_with_its_reason() {
    check(
        &place(2048),
        &["show", "falcon.gguf"],
        expect![[r#"
        exit 0
        -- stdout
        file           falcon.gguf
        container      GGUF version 3
        architecture   falcon
        parameters     2 (2)
        weights        8 B, 32.00 bits a weight
        context        8,192 tokens
        layers         60
        width          4096, feed-forward 16384
        heads          32 of 128, 8 for keys and values
        rope           base 500042
        tokenizer      llama
        chat template  none: completion only
        corrected      falcon.rope.freq_base=500042.0: converters write no base for Falcon, and readers then take 10,000 (`rope_theta` is 500,042)
        corrected      falcon.context_length=8192: converters write 2,048 for every Falcon (`max_position_embeddings` is 8,192)

        format          tensors        size   share
        F32                   1         8 B  100.0%

        part            tensors        size   share
        norms                 1         8 B  100.0%
    "#]],
    );
}

#[test]
fn programs_read_it_with_its_source() {
    let output = place(2048).output(&["show", "falcon.gguf", "--json"], b"", &[]);
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    expect![[r#"
        [
          {
            "key": "falcon.rope.freq_base",
            "value": 500042.0,
            "why": "converters write no base for Falcon, and readers then take 10,000 (`rope_theta` is 500,042)",
            "model": "Falcon 2 11B",
            "source": "https://huggingface.co/tiiuae/falcon-11B/blob/main/config.json"
          },
          {
            "key": "falcon.context_length",
            "value": 8192,
            "why": "converters write 2,048 for every Falcon (`max_position_embeddings` is 8,192)",
            "model": "Falcon 2 11B",
            "source": "https://huggingface.co/tiiuae/falcon-11B/blob/main/config.json"
          }
        ]
    "#]].assert_eq(&format!("{:#}\n", shown["corrections"]));
}

/// Even where that is the value that is known to be wrong.
#[test]
fn what_a_user_overrides_stays_as_they_say() {
    let args = [
        "show",
        "falcon.gguf",
        "--override-kv",
        "falcon.context_length=u32:2048",
        "--override-kv",
        "falcon.rope.freq_base=f32:10000",
        "--json",
    ];
    let output = place(2048).output(&args, b"", &[]);
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["corrections"], serde_json::json!([]));
    assert_eq!((&shown["context"], &shown["rope"]["base"]), (&2048.into(), &10_000.0.into()));
}

#[test]
fn other_commands_name_it_in_one_line() {
    check(
        &place(2048),
        &["tokenize", "falcon.gguf", "12"],
        expect![[r#"
        exit 0
        -- stdout
             49  "1"
             50  "2"
        -- stderr
        note: corrected for Falcon 2 11B: `falcon.rope.freq_base=500042.0`, `falcon.context_length=8192`; `ingle show` says why
    "#]],
    );
    let base = "falcon.rope.freq_base=f32:10000";
    check(
        &place(4096),
        &["tokenize", "falcon.gguf", "12", "--override-kv", base],
        expect![[r#"
            exit 0
            -- stdout
                 49  "1"
                 50  "2"
        "#]],
    );
}
