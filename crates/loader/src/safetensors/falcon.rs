//! Falcon: its tables, how many heads it has, and where their rows lie in the fused matrix.

use super::{
    Error,
    families::DECODER_KEYS,
    family::{Family, Key, Means, Name, Otherwise, count_or, key, name, real},
    keys::View,
};
use crate::{Bytes, FileTensor, Metadata, QkOrder, Value};

pub(super) const FALCON: Family = Family {
    class: "FalconForCausalLM",
    model_type: "falcon",
    architecture: "falcon",
    qk_order: QkOrder::Halves,
    keys: &[FALCON_KEYS, DECODER_KEYS],
    tensors: &[FALCON_TENSORS],
};

const FALCON_KEYS: &[Key] = &[
    count_or("ffn_hidden_size", "feed_forward_length", Otherwise::Times(4, "hidden_size")),
    key("intermediate_size", Means::Elsewhere),
    key("ff_factor", Means::Elsewhere),
    key("activation", Means::OneOf(&["gelu"])),
    key("num_kv_heads", Means::By(heads)),
    key("n_head_kv", Means::Elsewhere),
    key("new_decoder_architecture", Means::Elsewhere),
    key("multi_query", Means::Elsewhere),
    key("parallel_attn", Means::Elsewhere),
    key("num_ln_in_parallel_attn", Means::Elsewhere),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(2048)),
    real("layer_norm_epsilon", "attention.layer_norm_epsilon", 1e-5),
    key("rms_norm_eps", Means::Elsewhere),
    key("tie_word_embeddings", Means::Tied { otherwise: true }),
];

const FALCON_TENSORS: &[Name] = &[
    name("transformer.word_embeddings.weight", "token_embd.weight"),
    name("transformer.ln_f.weight", "output_norm.weight"),
    name("transformer.ln_f.bias", "output_norm.bias"),
    name("lm_head.weight", "output.weight"),
    name("transformer.h.{}.input_layernorm.weight", "blk.{}.attn_norm.weight"),
    name("transformer.h.{}.input_layernorm.bias", "blk.{}.attn_norm.bias"),
    name("transformer.h.{}.ln_mlp.weight", "blk.{}.attn_norm.weight"),
    name("transformer.h.{}.ln_mlp.bias", "blk.{}.attn_norm.bias"),
    name("transformer.h.{}.ln_attn.weight", "blk.{}.attn_norm_2.weight"),
    name("transformer.h.{}.ln_attn.bias", "blk.{}.attn_norm_2.bias"),
    name("transformer.h.{}.self_attention.query_key_value.weight", "blk.{}.attn_qkv.weight"),
    name("transformer.h.{}.self_attention.dense.weight", "blk.{}.attn_output.weight"),
    name("transformer.h.{}.mlp.dense_h_to_4h.weight", "blk.{}.ffn_up.weight"),
    name("transformer.h.{}.mlp.dense_4h_to_h.weight", "blk.{}.ffn_down.weight"),
];

/// Sets the number of key heads, and puts the rows of `attn_qkv` in GGUF's order.
pub(super) fn heads(view: &mut View<'_>) -> Result<(), Error> {
    let config = view.config;
    let n_heads = view.need("num_attention_heads")?;
    let grouped = config.flag("new_decoder_architecture")?.unwrap_or(false);
    if !config.flag("parallel_attn")?.unwrap_or(true) {
        return Err(config.not("parallel_attn", "true"));
    }
    let n_kv_heads = match grouped {
        true => config.count("num_kv_heads")?.unwrap_or(n_heads),
        false if config.flag("multi_query")?.unwrap_or(true) => 1,
        false => return Err(config.not("multi_query", "true")),
    };
    let group = n_heads.checked_rem(n_kv_heads);
    if group != Some(0) {
        return Err(config.not("num_kv_heads", format!("a divisor of {n_heads}")));
    }
    view.set("attention.head_count_kv", Value::U32(n_kv_heads));
    let layout = Layout {
        n_groups: n_kv_heads as usize,
        queries: (n_heads / n_kv_heads) as usize,
        head_dim: view.head_dim()? as usize,
    };
    for (_, tensor) in view.tensors.iter_mut().filter(|it| it.0.ends_with(".attn_qkv.weight")) {
        layout.sort(tensor);
    }
    Ok(())
}

/// Puts the rows of `b`, which an adapter adds to the `attn_qkv` of the model of `metadata`, in GGUF's
/// order, too. `None` if they are not the heads that the model has.
pub(super) fn sort_added(metadata: &Metadata, b: &mut FileTensor) -> Option<()> {
    let count = |key: &str| {
        let n = metadata.u64(&format!("falcon.attention.{key}")).ok()??;
        usize::try_from(n).ok()
    };
    let n_heads = count("head_count")?;
    let n_groups = count("head_count_kv").unwrap_or(n_heads);
    let queries = n_heads.checked_div(n_groups).filter(|it| it * n_groups == n_heads)?;
    let heads = queries.checked_add(2)?.checked_mul(n_groups)?;
    let rows = *b.shape.first()?;
    if !rows.is_multiple_of(heads) {
        return None;
    }
    Layout { n_groups, queries, head_dim: rows / heads }.sort(b);
    Some(())
}

/// The rows of a fused matrix: group after group, in each its queries, a key and a value.
struct Layout {
    n_groups: usize,
    /// Query heads a group.
    queries: usize,
    head_dim: usize,
}

impl Layout {
    /// All queries, then all keys, then all values: the same bytes, as other parts. A tensor of
    /// another shape stays as it is, for whoever checks shapes.
    fn sort(&self, tensor: &mut FileTensor) {
        let n_rows = self.n_groups * (self.queries + 2) * self.head_dim;
        let ([rows, _], [bytes]) = (&tensor.shape[..], &tensor.parts[..]) else { return };
        if *rows != n_rows || n_rows == 0 || bytes.is_empty() {
            return;
        }
        let head_bytes = bytes.len() / n_rows * self.head_dim;
        let heads = |group: usize, first: usize, n: usize| -> Bytes {
            let begin = (group * (self.queries + 2) + first) * head_bytes;
            bytes.slice(begin..begin + n * head_bytes)
        };
        let of_all = |first, n| (0..self.n_groups).map(move |group| (group, first, n));
        let parts = of_all(0, self.queries)
            .chain(of_all(self.queries, 1))
            .chain(of_all(self.queries + 1, 1))
            .map(|(group, first, n)| heads(group, first, n));
        tensor.parts = parts.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    /// Of two groups, each of two queries, a key and a value.
    const SORTED: [u8; 16] = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15];

    fn fused() -> FileTensor {
        let parts = vec![Bytes::new((0..16).collect::<Vec<u8>>())];
        FileTensor { format: Format::F16, shape: vec![8, 1], parts }
    }

    fn bytes(tensor: &FileTensor) -> Vec<u8> {
        tensor.parts.iter().flat_map(|it| it.iter().copied()).collect()
    }

    #[test]
    fn groups_become_queries_keys_values() {
        let mut tensor = fused();
        Layout { n_groups: 2, queries: 2, head_dim: 1 }.sort(&mut tensor);
        assert_eq!(bytes(&tensor), SORTED);
    }

    /// There may be very many of them, and each part takes memory.
    #[test]
    fn rows_without_numbers_are_no_parts() {
        let parts = vec![Bytes::default()];
        let mut tensor = FileTensor { format: Format::F16, shape: vec![8, 0], parts };
        Layout { n_groups: 2, queries: 2, head_dim: 1 }.sort(&mut tensor);
        assert_eq!(tensor.parts.len(), 1);
    }

    #[test]
    fn what_an_adapter_adds_goes_the_way_of_the_matrix() {
        let sorted = |n_heads, n_kv_heads| {
            let mut metadata = Metadata::default();
            metadata.insert("falcon.attention.head_count", Value::U32(n_heads));
            metadata.insert("falcon.attention.head_count_kv", Value::U32(n_kv_heads));
            let mut b = fused();
            sort_added(&metadata, &mut b).map(|()| bytes(&b))
        };
        assert_eq!(sorted(4, 2), Some(SORTED.to_vec()));
        assert_eq!(sorted(2, 1), Some((0..16).collect()), "one group is in order");
        assert_eq!(sorted(4, 3), None, "no whole groups");
        assert_eq!(sorted(5, 1), None, "no whole heads");
        assert_eq!(sorted(4, 0), None);
        assert_eq!(sort_added(&Metadata::default(), &mut fused()), None);
    }
}
