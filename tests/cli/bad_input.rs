//! Every message about model files that cannot be used, once.

use expect_test::{Expect, expect};
use ingle_tests::{binary::Place, parrot};
use loader::{Format, Value, gguf::Writer};

use super::check;
use crate::place;

#[track_caller]
fn refuse(name: &str, bytes: impl AsRef<[u8]>, expected: Expect) {
    let place = Place::new();
    place.file(name, bytes);
    check(&place, &["run", name, "hi"], expected);
}

#[test]
fn files_that_are_not_there() {
    let place = place();
    check(
        &place,
        &["run", "parot.gguf", "hi"],
        expect![[r#"
        exit 1
        -- stderr
        error: there is no file `parot.gguf`

        hint: the folder has `parrot.gguf`
    "#]],
    );
    check(
        &place,
        &["run", "models/parrot.gguf", "hi"],
        expect![[r#"
        exit 1
        -- stderr
        error: there is no file `models/parrot.gguf`

        hint: the folder `models` does not exist, either
    "#]],
    );
    check(
        &place,
        &["run", "llama3.2:3b", "hi"],
        expect![[r#"
        exit 1
        -- stderr
        error: `llama3.2:3b` is not on this machine

        hint: `ingle pull llama3.2:3b` fetches it
    "#]],
    );
    check(
        &Place::new(),
        &["show", "a.gguf"],
        expect![[r#"
        exit 1
        -- stderr
        error: there is no file `a.gguf`

        hint: no model file is in `.`
    "#]],
    );
}

#[test]
fn files_that_are_no_models() {
    refuse(
        "empty.gguf",
        "",
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `empty.gguf`
          cause: the file is empty

        hint: the download or copy did not happen; get the file again
    "#]],
    );
    refuse(
        "text.gguf",
        "once upon a time",
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `text.gguf`
          cause: the file starts with `once`, expected `GGUF` or a safetensors header

        hint: a model is a `.gguf` file, a `.safetensors` file or a Hugging Face folder
    "#]],
    );
    refuse(
        "model.bin",
        b"\x80\x02}q\x00.",
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `model.bin`
          cause: the file is a Python pickle (its opcodes), which can run any code while it is loaded

        hint: get the model as `.safetensors` or `.gguf`
    "#]],
    );
    refuse(
        "model.pt",
        b"PK\x03\x04\x14\x00\x00\x00data.pkl",
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `model.pt`
          cause: the file is a Python pickle (a zip archive with `data.pkl`), which can run any code while it is loaded

        hint: get the model as `.safetensors` or `.gguf`
    "#]],
    );
    refuse(
        "big.gguf",
        b"GGUF\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00",
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `big.gguf`
          cause: the file is big-endian GGUF version 3, only little-endian is supported

        hint: convert it on or for a little-endian machine
    "#]],
    );
    refuse(
        "folder/readme.txt",
        "no model",
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `folder/readme.txt`
          cause: the file starts with `no m`, expected `GGUF` or a safetensors header

        hint: a model is a `.gguf` file, a `.safetensors` file or a Hugging Face folder
    "#]],
    );
    let place = Place::new();
    place.file("folder/readme.txt", "no model");
    check(
        &place,
        &["run", "folder", "hi"],
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `folder`
          cause: the folder holds neither `*.safetensors` nor `*.gguf`

        hint: a model is a `.gguf` file, a `.safetensors` file or a Hugging Face folder
    "#]],
    );
}

#[test]
fn files_that_are_cut_or_incomplete() {
    let whole = parrot::file();
    refuse(
        "cut.gguf",
        &whole[..whole.len() / 2],
        expect![[r#"
            exit 1
            -- stderr
            error: cannot load `cut.gguf`
              cause: tensor `blk.0.attn_output.weight` ends at byte 410,048, the file has 402,512

            hint: the file is incomplete or damaged; get it again
        "#]],
    );
    refuse(
        "head.gguf",
        &whole[..100],
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `head.gguf`
          cause: the file announces 26 metadata keys at a place where at most 5 fit

        hint: the file is incomplete or damaged; get it again
    "#]],
    );
    let mut empty = Writer::new();
    empty.set("general.architecture", Value::String("llama".to_owned()));
    refuse(
        "keys.gguf",
        empty.to_bytes(),
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `keys.gguf`
          cause: the tokenizer could not be built
          cause: the model file has no `tokenizer.ggml.model`
    "#]],
    );
}

#[test]
fn models_that_cannot_be_computed() {
    let unknown = parrot::with(|file| {
        file.set("general.architecture", Value::String("mamba9".to_owned()));
    });
    refuse(
        "unknown.gguf",
        unknown,
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `unknown.gguf`
          cause: architecture `mamba9` is not supported

        hint: supported: cohere2, command-r, deepseek2, falcon, falcon-h1, gemma, gemma2, gemma3, gemma3n, gemma4, gpt-oss, granite, granitehybrid, granitemoe, llama, llama4, mistral3, olmo2, phi3, phimoe, qwen2, qwen2moe, qwen3, qwen3moe, smollm3, stablelm
    "#]],
    );
    let wide = parrot::with(|file| {
        file.set("llama.embedding_length", Value::U32(64));
    });
    refuse(
        "wide.gguf",
        wide,
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `wide.gguf`
          cause: tensor `token_embd.weight` has shape [301, 301], expected [301, 64]

        hint: the file is damaged, or of another architecture than it says
    "#]],
    );
    let deep = parrot::with(|file| {
        file.set("llama.block_count", Value::U32(2));
    });
    refuse(
        "deep.gguf",
        deep,
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `deep.gguf`
          cause: tensor `blk.1.attn_norm.weight` is missing; the file has `blk.0.attn_norm.weight`, `blk.0.ffn_norm.weight`, `blk.0.attn_k.weight`

        hint: the file is damaged, or of another architecture than it says
    "#]],
    );
    let more = parrot::with(|file| {
        file.tensor("blk.0.extra.weight", Format::F32, &[1], Format::F32.encode(&[1.0]));
    });
    refuse(
        "more.gguf",
        more,
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `more.gguf`
          cause: architecture `llama` has no use for tensor `blk.0.extra.weight` and 0 more

        hint: the file is damaged, or of another architecture than it says
    "#]],
    );
    let template = parrot::with(|file| {
        file.set("tokenizer.chat_template", Value::String("{% for %}".to_owned()));
    });
    refuse(
        "template.gguf",
        template,
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `template.gguf`
          cause: the chat template has a syntax error in line 1, near `{% for %}`: syntax error: unexpected end of block, expected in
    "#]],
    );
}

/// Names, keys and texts of a file are shown without what commands a terminal.
#[test]
fn no_text_of_a_file_commands_the_terminal() {
    let text = |it: &str| Value::String(it.to_owned());
    let refusing = "{{ raise_exception('no\x1b[2J\u{9b}2Jtemplate') }}";
    let place = Place::new();
    for (key, value, shown) in [
        ("general.name", "Evil\x1b]0;name\x07\nerror: name", "Evil]0;name error: name, context"),
        ("general.architecture", "mamba\x1b[2J9\r", "`mamba[2J9`"),
        ("tokenizer.chat_template", refusing, "no[2J2Jtemplate"),
    ] {
        let file = parrot::with(|file| {
            file.set(key, text(value));
        });
        place.file("m.gguf", file);
        for args in [&["run", "m.gguf", "--no-save", "--verbose", "hi"][..], &["show", "m.gguf"]] {
            let told = place.run(args);
            assert!(!told.contains(|c: char| c.is_control() && c != '\n'), "{told:?}");
            assert!(told.contains(shown) || args[0] == "show", "{told}");
        }
    }
}
