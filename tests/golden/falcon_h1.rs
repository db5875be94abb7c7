//! Why Falcon H1 from GGUF has a bound of its own: its converter multiplied the model's multipliers
//! into the weights and rounded the products to 16 bits. Divided by the multipliers and rounded to
//! what the folder has, they are the folder's, bit for bit.

use loader::{Format, ModelFile};

/// The weights of a block, and the folder's numbers that they were multiplied with.
const MULTIPLIED: &[(&str, &[&str])] = &[
    ("attn_q", &["attention.input_scale"]),
    ("attn_k", &["attention.input_scale", "attention.key_scale"]),
    ("attn_v", &["attention.input_scale"]),
    ("attn_output", &["attention.output_scale"]),
    ("ssm_out", &["ssm.output_scale"]),
    ("ffn_gate", &["feed_forward.gate_scale"]),
    ("ffn_up", &[]),
    ("ffn_down", &["feed_forward.down_scale"]),
];

/// Weights of which no product had to be rounded.
const EXACT: [&str; 3] = ["token_embd", "ffn_up", "ffn_down"];

#[test]
fn golden_falcon_h1_as_gguf_is_the_folder_multiplied_and_rounded() {
    let Some(dir) = ingle_tests::golden() else { return };
    let [gguf, folder] = ["gguf/falcon_h1-f16.gguf", "families/falcon_h1"].map(|it| dir.join(it));
    if !gguf.exists() || !folder.exists() {
        println!("skipped: no Falcon H1 at {}", dir.display());
        return;
    }
    let [gguf, folder] = [gguf, folder].map(|it| ModelFile::open(&it, &[]).expect("sound"));
    let product = |keys: &[&str]| keys.iter().map(|it| scale(&folder, it)).product::<f32>();
    let check = |name: &str, keys: &[&str]| {
        let rows = folder.tensors[&format!("{name}.weight")].shape[0];
        check_rows(&gguf, &folder, name, &vec![product(keys); rows]);
    };
    check("token_embd", &["embedding_scale"]);
    check("output", &["logit_scale"]);
    let mixed = mixed(&folder);
    for layer in 0..count(&folder, "block_count") {
        for (name, keys) in MULTIPLIED {
            check(&format!("blk.{layer}.{name}"), keys);
        }
        check_rows(&gguf, &folder, &format!("blk.{layer}.ssm_in"), &mixed);
    }
}

/// By row, what the input of a mixer was multiplied with: each of its parts with a number of its own.
fn mixed(folder: &ModelFile) -> Vec<f32> {
    let [inner, heads] = ["ssm.inner_size", "ssm.time_step_rank"].map(|it| count(folder, it));
    let states = count(folder, "ssm.group_count") * count(folder, "ssm.state_size");
    let parts = [("gate", inner), ("x", inner), ("b", states), ("c", states), ("dt", heads)];
    let input = scale(folder, "ssm.input_scale");
    let rows = parts.map(|(name, n)| vec![input * scale(folder, &format!("ssm.{name}_scale")); n]);
    rows.concat()
}

/// The rows of a weight were multiplied with these.
fn check_rows(gguf: &ModelFile, folder: &ModelFile, name: &str, scales: &[f32]) {
    let [stored, original] =
        [gguf, folder].map(|it| it.tensors.get(&format!("{name}.weight")).expect("it is there"));
    assert_eq!((stored.format, original.format), (Format::F16, Format::BF16), "{name}");
    assert_eq!((scales.len(), &stored.shape), (original.shape[0], &original.shape), "{name}");
    let (stored, original) = (stored.numbers(), original.numbers());
    let cols = original.len() / scales.len();
    let by_number = || scales.iter().flat_map(|it| [*it].repeat(cols));
    let divided: Vec<f32> = stored.iter().zip(by_number()).map(|(it, by)| it / by).collect();
    let bits = Format::BF16.encode(&divided);
    assert!(bits == Format::BF16.encode(&original), "{name}: other numbers than the folder's");
    let products = original.iter().zip(by_number()).map(|(it, by)| it * by);
    let is_exact = products.eq(stored.iter().copied());
    let expected = EXACT.iter().any(|it| name.ends_with(it));
    assert_eq!(is_exact, expected, "{name}: whether no product was rounded");
}

fn scale(folder: &ModelFile, key: &str) -> f32 {
    let scale = folder.metadata.f64(&format!("falcon-h1.{key}")).expect("a number");
    scale.expect("the folder has its multipliers") as f32
}

fn count(folder: &ModelFile, key: &str) -> usize {
    let count = folder.metadata.u64(&format!("falcon-h1.{key}")).expect("a count");
    count.expect("the folder has its sizes") as usize
}
