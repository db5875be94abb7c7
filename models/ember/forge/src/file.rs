//! Ember's file: trained weights, tokenizer and template as one GGUF, and the same in F32 or any
//! other format, for comparisons.

use anyhow::{Context, anyhow};
use loader::{Array, Format, ModelFile, Value, gguf::Writer};
use safetensors::SafeTensors;
use serde::Deserialize;

use crate::vocabulary::{PRE, STRUCTURAL, Vocabulary};

/// How a conversation becomes text: no line breaks, nothing but the messages between their tokens.
const TEMPLATE: &str = "{{ bos_token }}{% for message in messages %}\
{% if message.role == 'system' %}<|system|>{% elif message.role == 'user' %}<|user|>{% else %}<|ember|>{% endif %}\
{{ message.content | trim }}<|end|>{% endfor %}{% if add_generation_prompt %}<|ember|>{% endif %}";

/// What the trainer says of its work.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    /// The model's shape.
    pub shape: Shape,
    /// Updates of the weights.
    pub steps: u64,
    /// Tokens seen, over all steps.
    pub tokens: u64,
    /// Wall time.
    pub minutes: f32,
    /// Mean loss on conversations whose questions were kept back, nats a token.
    pub held_out_loss: f32,
    /// Where all random numbers came from.
    pub seed: u64,
}

/// The shape of the network.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Shape {
    /// Tokens of context it was trained for.
    pub context: u32,
    /// Width of the residual stream.
    pub width: u32,
    /// Width of the feed-forward part.
    pub hidden: u32,
    /// Layers.
    pub layers: u32,
    /// Heads of queries.
    pub heads: u32,
    /// Heads of keys and values.
    pub kv_heads: u32,
    /// Base of the rotary positions.
    pub rope_base: f32,
    /// Added to the mean square in each norm.
    pub norm_epsilon: f32,
}

/// Packs trained weights: matrices as Q8_0, vectors as they are.
///
/// # Errors
///
/// If `weights` is not the safetensors file that the trainer writes.
pub fn pack(weights: &[u8], vocabulary: &Vocabulary, report: &Report) -> anyhow::Result<Vec<u8>> {
    let mut file = Writer::new();
    describe(&mut file, report);
    speak(&mut file, vocabulary)?;
    let weights = SafeTensors::deserialize(weights).context("the trained weights")?;
    let mut names = weights.names();
    names.sort_unstable();
    for name in names {
        let view = weights.tensor(name)?;
        let values = view.data().chunks_exact(4);
        let values: Vec<f32> =
            values.map(|it| f32::from_le_bytes(it.try_into().expect("four bytes"))).collect();
        let format = if view.shape().len() > 1 { Format::Q8_0 } else { Format::F32 };
        file.tensor(name, format, view.shape(), format.encode(&values));
    }
    Ok(file.to_bytes())
}

/// The same model with its matrices in another format.
///
/// # Errors
///
/// If a row of a tensor is not whole blocks of `format`.
pub fn convert(model: &ModelFile, format: Format) -> anyhow::Result<Vec<u8>> {
    let mut file = Writer::new();
    for (key, value) in model.metadata.iter() {
        file.set(key, value.clone());
    }
    for (name, tensor) in &model.tensors {
        let bytes: Vec<u8> = tensor.parts.iter().flat_map(|it| it.iter().copied()).collect();
        let row = tensor.shape.last().copied().unwrap_or(1);
        let mut values = vec![0.0; tensor.shape.iter().product()];
        let source = tensor.format.row_bytes(row).ok_or_else(|| anyhow!("rows of `{name}`"))?;
        for (row, bytes) in values.chunks_exact_mut(row).zip(bytes.chunks_exact(source)) {
            tensor.format.decode_row(bytes, row);
        }
        let format = if tensor.shape.len() > 1 { format } else { Format::F32 };
        format.row_bytes(row).ok_or_else(|| anyhow!("rows of `{name}` in {format:?}"))?;
        file.tensor(name, format, &tensor.shape, format.encode(&values));
    }
    Ok(file.to_bytes())
}

fn describe(file: &mut Writer, report: &Report) {
    let Report { shape, steps, tokens, minutes, held_out_loss, seed } = report;
    let millions = *tokens as f64 / 1e6;
    let description = format!(
        "The demo that is built into Ingle, trained from nothing on {millions:.1} million tokens of \
         conversations written for it: {steps} steps from seed {seed}, {minutes:.0} minutes on two CPU \
         cores, held-out loss {held_out_loss:.3} nats a token"
    );
    let text = |it: &str| Value::String(it.to_owned());
    file.set("general.architecture", text("llama"))
        .set("general.type", text("model"))
        .set("general.name", text("Ember"))
        .set("general.description", Value::String(description))
        .set("general.license", text("MIT OR Apache-2.0"))
        // So small a model is right most often where it says what it finds likeliest.
        .set("general.sampling.temp", Value::F32(0.0))
        .set("llama.context_length", Value::U32(shape.context))
        .set("llama.embedding_length", Value::U32(shape.width))
        .set("llama.feed_forward_length", Value::U32(shape.hidden))
        .set("llama.block_count", Value::U32(shape.layers))
        .set("llama.attention.head_count", Value::U32(shape.heads))
        .set("llama.attention.head_count_kv", Value::U32(shape.kv_heads))
        .set("llama.attention.layer_norm_rms_epsilon", Value::F32(shape.norm_epsilon))
        .set("llama.rope.dimension_count", Value::U32(shape.width / shape.heads))
        .set("llama.rope.freq_base", Value::F32(shape.rope_base));
}

fn speak(file: &mut Writer, vocabulary: &Vocabulary) -> anyhow::Result<()> {
    let tokens = vocabulary.tokens()?;
    let id = |name: &str| {
        let at = tokens.iter().position(|it| it == name).unwrap_or_default();
        Value::U32(u32::try_from(at).unwrap_or_default())
    };
    let kinds = tokens.iter().map(|it| {
        let structural = STRUCTURAL.contains(&it.as_str());
        if structural { 3 } else { 1 } // GGUF: 1 is plain, 3 is control.
    });
    let kinds = Array::I32(kinds.collect());
    let merges = Array::String(vocabulary.merges()?.iter().collect());
    let [begin, end, ..] = STRUCTURAL;
    file.set("llama.vocab_size", Value::U32(u32::try_from(tokens.len())?))
        .set("tokenizer.ggml.model", Value::String("gpt2".to_owned()))
        .set("tokenizer.ggml.pre", Value::String(PRE.to_owned()))
        .set("tokenizer.ggml.token_type", Value::Array(kinds))
        .set("tokenizer.ggml.merges", Value::Array(merges))
        .set("tokenizer.ggml.bos_token_id", id(begin))
        .set("tokenizer.ggml.eos_token_id", id(end))
        .set("tokenizer.ggml.padding_token_id", id(end))
        .set("tokenizer.ggml.add_bos_token", Value::Bool(true))
        .set("tokenizer.ggml.add_space_prefix", Value::Bool(false))
        .set("tokenizer.ggml.tokens", Value::Array(Array::String(tokens.iter().collect())))
        .set("tokenizer.chat_template", Value::String(TEMPLATE.to_owned()));
    Ok(())
}
