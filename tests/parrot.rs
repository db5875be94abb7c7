//! A model file that says what a test wants: a `llama` whose next token depends on the last one
//! alone, written down in a table.
//!
//! Token t's embedding is the t-th unit vector, attention and feed-forward are zero, and the
//! output matrix has a large number at (next(t), t). What it answers is chosen by its template,
//! which ends the prompt with another control token for each wish.

use loader::{Array, Format, Strings, Value, gguf::Writer};

/// Tokens of the context that the file announces.
pub const CONTEXT: u32 = 200_000;

const HEAD_DIM: usize = 8;
const HIDDEN: usize = 8;

/// A word in the last message (or the system prompt), the control token it leads to, the answer's
/// pieces. The last one without a word is for everything else.
const SCRIPTS: &[(&str, &str, &[&str])] = &[
    ("smile", "<|smile|>", &["Look", "<0xF0>", "<0x9F>", "<0x99>", "<0x82>", "▁yes", "</s>"]),
    ("mark", "<|mark|>", &["This", "▁is", "▁**bold**", "▁and", "▁`code`", "</s>"]),
    ("think", "<|think|>", &["<think>", "Hmm", "▁well", "</think>", "Done", "</s>"]),
    ("dice", "<|dice|>", &[]),
    ("count", "<|count|>", &["1", "▁2", "▁3", "▁4", "▁5", "▁6", "▁7", "▁8", "▁2"]),
    ("pirate", "<|pirate|>", &["Arr", "▁matey", "</s>"]),
    ("", "<|bot|>", &["Hello", "▁there", ",", "▁friend", "!", "</s>"]),
];

/// What follows `<|dice|>` and each other, all with the same probability.
const SIDES: &[&str] = &["▁red", "▁green", "▁blue", "▁white", "▁black", "▁grey"];

/// The table and the vocabulary it speaks of.
struct Speech {
    texts: Vec<String>,
    kinds: Vec<i32>,
    /// `(last, next)`: what may follow what.
    follows: Vec<(usize, usize)>,
}

/// The model file.
pub fn file() -> Vec<u8> {
    with(|_| {})
}

/// The model file after a change to it.
pub fn with(change: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let speech = Speech::new();
    let mut file = Writer::new();
    hyperparameters(&mut file, &speech);
    vocabulary(&mut file, &speech);
    file.set("tokenizer.chat_template", Value::String(template()));
    tensors(&mut file, &speech, None);
    change(&mut file);
    file.to_bytes()
}

/// A model file whose numbers are none once `smile` was said.
pub fn broken() -> Vec<u8> {
    let speech = Speech::new();
    let mut file = Writer::new();
    hyperparameters(&mut file, &speech);
    vocabulary(&mut file, &speech);
    file.set("tokenizer.chat_template", Value::String(template()));
    tensors(&mut file, &speech, Some("<|smile|>"));
    file.to_bytes()
}

/// The same model without a template.
pub fn without_template() -> Vec<u8> {
    let speech = Speech::new();
    let mut file = Writer::new();
    hyperparameters(&mut file, &speech);
    vocabulary(&mut file, &speech);
    tensors(&mut file, &speech, None);
    file.to_bytes()
}

fn template() -> String {
    let mut text = String::from(
        "{%- for m in messages -%}\
         {%- if m.role == 'assistant' -%}<|bot|>\
         {%- if m.reasoning_content -%}<think>{{ m.reasoning_content }}</think>{%- endif -%}\
         {{ m.content }}</s>\
         {%- else -%}<|{{ m.role }}|>{{ m.content }}{%- endif -%}\
         {%- endfor -%}\
         {%- if add_generation_prompt -%}\
         {%- set said = messages[-1].content ~ (messages[0].content if messages[0].role == 'system' else '') -%}",
    );
    for (i, (word, token, _)) in SCRIPTS.iter().enumerate() {
        text += &match (i, *word) {
            (_, "") => format!("{{%- else -%}}{token}"),
            (0, word) => format!("{{%- if '{word}' in said -%}}{token}"),
            (_, word) => format!("{{%- elif '{word}' in said -%}}{token}"),
        };
    }
    text + "{%- endif -%}{%- endif -%}"
}

impl Speech {
    fn new() -> Self {
        let mut it = Self { texts: vec![], kinds: vec![], follows: vec![] };
        for (text, kind) in [("<unk>", 2), ("<s>", 3), ("</s>", 3)] {
            it.add(text, kind);
        }
        for byte in 0..=255u8 {
            it.add(&format!("<0x{byte:02X}>"), 6);
        }
        for text in ["<|user|>", "<|system|>"] {
            it.add(text, 3);
        }
        for (_, start, pieces) in SCRIPTS {
            let mut last = it.add(start, kind(start));
            for piece in *pieces {
                let next = it.add(piece, kind(piece));
                it.follows.push((last, next));
                last = next;
            }
        }
        let dice = it.id("<|dice|>");
        let sides: Vec<usize> = SIDES.iter().map(|side| it.add(side, 1)).collect();
        for &side in &sides {
            it.follows.push((dice, side));
            it.follows.extend(sides.iter().map(|&other| (side, other)));
        }
        // Without a template a question is answered, too.
        it.follows.push((it.id("<0x3F>"), it.id("Hello")));
        // So is a thought that was ended for the model.
        it.follows.push((it.id("<0x0A>"), it.id("Done")));
        it
    }

    /// The token of this text, made where there is none.
    fn add(&mut self, text: &str, kind: i32) -> usize {
        if let Some(id) = self.texts.iter().position(|it| it == text) {
            return id;
        }
        self.texts.push(text.to_owned());
        self.kinds.push(kind);
        self.texts.len() - 1
    }

    fn id(&self, text: &str) -> usize {
        self.texts.iter().position(|it| it == text).expect("the text was added")
    }

    fn len(&self) -> usize {
        self.texts.len()
    }
}

/// Real files have marks of reasoning as added tokens (4) and as control tokens (3).
fn kind(text: &str) -> i32 {
    match text {
        "<think>" | "<|pirate|>" => 4,
        "</think>" => 3,
        _ if text.starts_with("<|") => 3,
        _ => 1,
    }
}

fn hyperparameters(file: &mut Writer, speech: &Speech) {
    let text = |it: &str| Value::String(it.to_owned());
    file.set("general.architecture", text("llama"));
    file.set("general.name", text("Parrot"));
    file.set("general.license", text("mit"));
    file.set("general.sampling.top_k", Value::I32(20));
    for (key, n) in [
        ("context_length", CONTEXT as usize),
        ("embedding_length", speech.len()),
        ("block_count", 1),
        ("feed_forward_length", HIDDEN),
        ("attention.head_count", 1),
        ("attention.head_count_kv", 1),
        ("attention.key_length", HEAD_DIM),
        ("attention.value_length", HEAD_DIM),
        ("rope.dimension_count", HEAD_DIM),
        ("vocab_size", speech.len()),
    ] {
        file.set(format!("llama.{key}"), Value::U32(n as u32));
    }
    file.set("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-6));
    file.set("llama.rope.freq_base", Value::F32(10_000.0));
}

fn vocabulary(file: &mut Writer, speech: &Speech) {
    let texts: Strings = speech.texts.iter().collect();
    file.set("tokenizer.ggml.model", Value::String("llama".to_owned()));
    file.set("tokenizer.ggml.tokens", Value::Array(Array::String(texts)));
    file.set("tokenizer.ggml.scores", Value::Array(Array::F32(vec![0.0; speech.len()])));
    file.set("tokenizer.ggml.token_type", Value::Array(Array::I32(speech.kinds.clone())));
    for (key, id) in [("bos", 1), ("eos", 2), ("unknown", 0)] {
        file.set(format!("tokenizer.ggml.{key}_token_id"), Value::U32(id));
    }
    file.set("tokenizer.ggml.add_bos_token", Value::Bool(false));
    file.set("tokenizer.ggml.add_space_prefix", Value::Bool(false));
}

fn tensors(file: &mut Writer, speech: &Speech, broken: Option<&str>) {
    let n = speech.len();
    let mut embedding = vec![0.0; n * n];
    (0..n).for_each(|id| embedding[id * n + id] = 1.0);
    if let Some(text) = broken {
        embedding[speech.id(text) * n..][..n].fill(f32::NAN);
    }
    let mut output = vec![0.0; n * n];
    for &(last, next) in &speech.follows {
        output[next * n + last] = 2.0;
    }
    let mut add = |name: &str, shape: &[usize], numbers: &[f32]| {
        file.tensor(name, Format::F32, shape, Format::F32.encode(numbers));
    };
    add("token_embd.weight", &[n, n], &embedding);
    for (name, rows, cols) in [
        ("attn_q", HEAD_DIM, n),
        ("attn_k", HEAD_DIM, n),
        ("attn_v", HEAD_DIM, n),
        ("attn_output", n, HEAD_DIM),
        ("ffn_gate", HIDDEN, n),
        ("ffn_up", HIDDEN, n),
        ("ffn_down", n, HIDDEN),
    ] {
        add(&format!("blk.0.{name}.weight"), &[rows, cols], &vec![0.0; rows * cols]);
    }
    for name in ["blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"] {
        add(&format!("{name}.weight"), &[n], &vec![1.0; n]);
    }
    add("output.weight", &[n, n], &output);
}
