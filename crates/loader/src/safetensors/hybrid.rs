//! Granite 4: layers of two kinds, and halves of one matrix.

use serde_json::Value as Json;

use super::{Error, keys::View};
use crate::{Array, FileTensor, Value};

/// Sets how many key heads each layer has: none where it is recurrent.
pub(super) fn kinds(view: &mut View<'_>) -> Result<(), Error> {
    let n_layers = view.need("num_hidden_layers")? as usize;
    let heads = match view.config.count("num_key_value_heads")? {
        Some(heads) => heads,
        None => view.need("num_attention_heads")?,
    };
    let key = "layer_types";
    let heads = |kind: &Json| match kind.as_str() {
        Some("mamba" | "linear_attention") => Ok(0),
        Some("attention" | "full_attention") => Ok(heads),
        _ => Err(view.config.not(key, "`mamba` or `attention` for each layer")),
    };
    let by_layer = match view.config.array(key)? {
        Some(kinds) => kinds.iter().map(heads).collect::<Result<Vec<u32>, _>>()?,
        // As many as any published model has, with room; more are refused later.
        None => vec![0; n_layers.min(1 << 16)],
    };
    view.set("attention.head_count_kv", Value::Array(Array::U32(by_layer)));
    Ok(())
}

/// Whether layers that attend look at positions.
pub(super) fn positions(view: &mut View<'_>) -> Result<(), Error> {
    let turns = match view.config.text("position_embedding_type")? {
        Some("rope") => true,
        Some("nope") | None => false,
        Some(_) => return Err(view.config.not("position_embedding_type", "`rope` or `nope`")),
    };
    view.set("rope.scaling.finetuned", Value::Bool(turns));
    Ok(())
}

/// How wide the feed-forward block is: the experts, or without such the block that all rows share.
pub(super) fn width(view: &mut View<'_>) -> Result<(), Error> {
    let width = match n_experts(view)? {
        0 => shared_width(view)?,
        _ => view.need("intermediate_size")?,
    };
    view.set("feed_forward_length", Value::U32(width));
    Ok(())
}

fn n_experts(view: &View<'_>) -> Result<u32, Error> {
    Ok(view.config.count("num_local_experts")?.unwrap_or(8))
}

fn shared_width(view: &View<'_>) -> Result<u32, Error> {
    Ok(view.config.count("shared_intermediate_size")?.unwrap_or(1024))
}

/// The block that all rows share: the upper half of a matrix's rows is the gate. Without experts it
/// is the feed-forward block.
pub(super) fn shared(view: &mut View<'_>) -> Result<(), Error> {
    let suffix = match n_experts(view)? {
        0 => ".weight",
        _ => {
            let width = shared_width(view)?;
            view.set("expert_shared_feed_forward_length", Value::U32(width));
            "_shexp.weight"
        }
    };
    let names: Vec<String> = view.tensors.keys().cloned().collect();
    for name in names {
        let Some((layer, part)) = name.rsplit_once(".ffn_") else { continue };
        match part {
            "gate_up_shexp.weight" => {
                let tensor = view.tensors.remove(&name).expect("its name was there");
                let error = || Error::Parts { tensor: name.clone(), found: 0, expected: 1 };
                let [gate, up] = halves(&tensor).ok_or_else(error)?;
                view.tensors.insert(format!("{layer}.ffn_gate{suffix}"), gate);
                view.tensors.insert(format!("{layer}.ffn_up{suffix}"), up);
            }
            "down_shexp.weight" => {
                let tensor = view.tensors.remove(&name).expect("its name was there");
                view.tensors.insert(format!("{layer}.ffn_down{suffix}"), tensor);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The upper and the lower half of a matrix's rows, where they are.
fn halves(tensor: &FileTensor) -> Option<[FileTensor; 2]> {
    let ([rows, cols], [bytes]) = (&tensor.shape[..], &tensor.parts[..]) else { return None };
    let half = bytes.len() / 2;
    let part = |range| FileTensor {
        format: tensor.format,
        shape: vec![rows / 2, *cols],
        parts: vec![bytes.slice(range)],
    };
    rows.is_multiple_of(2).then(|| [part(0..half), part(half..2 * half)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bytes, Format};

    #[test]
    fn halves_are_where_they_were() {
        let parts = vec![Bytes::new((0..24).collect::<Vec<u8>>())];
        let whole = FileTensor { format: Format::F16, shape: vec![4, 3], parts };
        let [gate, up] = halves(&whole).unwrap();
        assert_eq!((&gate.shape[..], gate.parts[0][0], up.parts[0][0]), (&[2, 3][..], 0, 12));
        assert!(halves(&FileTensor { shape: vec![3, 4], ..whole }).is_none());
    }
}
