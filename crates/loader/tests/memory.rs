//! T5: the memory that reading a header takes is bounded by four times its bytes and 16 MiB. And
//! that of quantising, by three times the largest tensor and 1 MiB.
//!
//! Its own program, because it counts every allocation there is.
#![expect(unsafe_code, reason = "a global allocator that counts")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use loader::{Bytes, Error, ModelFile, gguf, quantise::Conversion, safetensors};

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is `System`'s; the counters do not touch memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract, which is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `at` came from `System` by `alloc` above, with this layout.
        unsafe { System.dealloc(at, layout) }
    }
}

const STR: u32 = 8;
const ARR: u32 = 9;

fn main() {
    check("a megabyte of empty strings", header(0, &[&array(STR, 1 << 20, &[0; 8 << 20])]), true);
    let letters: Vec<u8> = (0..1 << 20).flat_map(|_| [1, 0, 0, 0, 0, 0, 0, 0, b'a']).collect();
    check("a million strings of a letter", header(0, &[&array(STR, 1 << 20, &letters)]), true);
    check("64 MiB of u8", header(0, &[&array(0, 64 << 20, &vec![1; 64 << 20])]), true);
    check("32 MiB of f64", header(0, &[&array(12, 4 << 20, &vec![0; 32 << 20])]), true);
    check("32 MiB of bools", header(0, &[&array(7, 32 << 20, &vec![1; 32 << 20])]), true);
    check("16 MiB of one-byte token types", token_types(16 << 20), false);
    check("2^30 strings in a small file", header(0, &[&array(STR, 1 << 30, &[0; 4096])]), false);
    check("2^30 numbers in a small file", header(0, &[&array(4, 1 << 30, &[0; 4096])]), false);
    check("a million keys", keys(1_000_000), false);
    check("as many keys as are allowed", keys(1 << 15), true);
    let mut full = keys(1 << 15);
    full[8..16].copy_from_slice(&(1u64 << 16).to_le_bytes());
    for i in 0..1u64 << 16 {
        full.extend(string(&format!("{i:05}")));
        full.extend(1u32.to_le_bytes());
        full.extend([1u64.to_le_bytes().as_slice(), &[0; 4], &(i * 32).to_le_bytes()].concat());
    }
    full.resize(full.len().next_multiple_of(32), 0);
    let header_len = full.len();
    full.resize(header_len + (32 << 16), 0);
    check_header("as many keys and tensors as are allowed", full, header_len, true);
    let mut many = header(1 << 16, &[]);
    many.resize(many.len() + (2 << 20), 0);
    check("65,536 tensors that are not there", many, false);
    safetensors_headers();
    safetensors_indexes();
    quantising_fp8();
}

/// Weights that have to be decoded are in memory one tensor at a time.
fn quantising_fp8() {
    const DIM: usize = 512;
    const LAYERS: usize = 12;
    let square = |name: &str| (format!("{name}_proj"), DIM * DIM);
    let parts = ["self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o"].map(square);
    let wide = ["mlp.gate", "mlp.up", "mlp.down"].map(square);
    let (mut entries, mut end) = (Vec::new(), 0);
    let mut add = |name: String, dtype: &str, shape: &[usize], bytes: usize| {
        entries.push(format!(
            r#""model.{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{end},{}]}}"#,
            end + bytes
        ));
        end += bytes;
    };
    add("embed_tokens.weight".to_owned(), "F32", &[8, DIM], 32 * DIM);
    add("norm.weight".to_owned(), "F32", &[DIM], 4 * DIM);
    for layer in 0..LAYERS {
        for (name, numbers) in parts.iter().chain(&wide) {
            let name = format!("layers.{layer}.{name}");
            add(format!("{name}.weight"), "F8_E4M3", &[DIM, DIM], *numbers);
            add(format!("{name}.weight_scale"), "F32", &[1], 4);
        }
        for norm in ["input_layernorm", "post_attention_layernorm"] {
            add(format!("layers.{layer}.{norm}.weight"), "F32", &[DIM], 4 * DIM);
        }
    }
    let json = format!("{{{}}}", entries.join(","));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let header = [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &vec![0; end]];
    fs::write(dir.path().join("model.safetensors"), header.concat()).expect("a file");
    let config = format!(
        r#"{{"model_type":"llama","architectures":["LlamaForCausalLM"],"hidden_size":{DIM},
        "intermediate_size":{DIM},"num_hidden_layers":{LAYERS},"num_attention_heads":8,
        "num_key_value_heads":8,"vocab_size":8,"max_position_embeddings":64,"rms_norm_eps":1e-5,
        "tie_word_embeddings":true,"quantization_config":{{"quant_method":"fp8"}}}}"#
    );
    fs::write(dir.path().join("config.json"), config).expect("a file");
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let file = ModelFile::open(dir.path(), &[]).expect("it is sound");
    let mix = "Q8_0".parse().expect("a mix");
    let conversion = Conversion::new(&file, Some(mix), None).expect("it can be converted");
    let mut made = 0;
    for item in &conversion.items {
        let (item, mut bytes) = (item.afresh(), Vec::new());
        item.encode(0..item.rows(), &mut bytes).expect("they are numbers");
        made += bytes.len();
    }
    let (peak, largest) = (PEAK.load(Ordering::Relaxed) - before, 2 * DIM * DIM);
    let allowed = 3 * largest + (1 << 20);
    eprintln!("quantising FP8: {peak} bytes for {made} of result, {allowed} allowed");
    assert!(made > allowed && peak <= allowed, "{peak} bytes, {allowed} allowed");
}

/// The same bound for what a safetensors header becomes.
fn safetensors_headers() {
    const MIB: usize = 1 << 20;
    let tensor = |i: usize| {
        format!(r#""{i}":{{"dtype":"F32","shape":[],"data_offsets":[{},{}]}}"#, 4 * i, 4 * i + 4)
    };
    let scalars = |n: usize| (0..n).map(tensor).collect::<Vec<_>>().join(",");
    check_json("131,072 scalars", &scalars(1 << 17), 4 << 17, true);
    check_json("400,000 scalars", &scalars(400_000), 1_600_000, false);
    let ones = format!(
        r#""a":{{"dtype":"F32","shape":[{}1],"data_offsets":[0,4]}}"#,
        "1,".repeat(8 * MIB)
    );
    check_json("8 million dimensions", &ones, 4, false);
    let empty: Vec<_> = (0..MIB).map(|i| format!(r#""{i}":"""#)).collect();
    let metadata = format!(r#""__metadata__":{{{}}}"#, empty.join(","));
    check_json("a million pairs of metadata", &metadata, 0, true);
    let long =
        format!(r#""{}":{{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}"#, "n".repeat(32 * MIB));
    check_json("a name of 32 MiB", &long, 2, true);
}

/// The same bound for the index of shards.
fn safetensors_indexes() {
    let pairs = |n: usize, pair: &dyn Fn(usize) -> String| {
        format!(r#"{{"weight_map":{{{}}}}}"#, (0..n).map(pair).collect::<Vec<_>>().join(","))
    };
    let one = |_: usize| r#""":"a""#.to_owned();
    check_index("66 MB of pairs", &pairs(9 << 20, &one), "at most 16777216 are read");
    check_index("2 million pairs", &pairs(2 << 20, &one), "more than 131072 tensors");
    check_index("131,072 pairs of one name", &pairs(1 << 17, &one), "has two entries for ``");
    let shards = |i: usize| format!(r#""{i}":"{i}""#);
    check_index("131,072 shards", &pairs(1 << 17, &shards), "more than 4096 shards");
    check_index("4,096 shards", &pairs(1 << 12, &shards), "which is not in its folder");
    let many = |i: usize| format!(r#""{i}":"a""#);
    check_index("131,072 tensors", &pairs(1 << 17, &many), "which is not in its folder");
    let long = |i: usize| format!(r#""{i}\n{}":"a""#, "n".repeat(100));
    check_index("131,072 long names", &pairs(1 << 17, &long), "which is not in its folder");
}

/// Opens a folder with this index, which is refused for `why`.
fn check_index(what: &str, index: &str, why: &str) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::write(dir.path().join("other.safetensors"), "").expect("a file");
    fs::write(dir.path().join("model.safetensors.index.json"), index).expect("a file");
    fs::write(dir.path().join("config.json"), r#"{"model_type":"x"}"#).expect("a file");
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let error = ModelFile::open(dir.path(), &[]).expect_err(what);
    let peak = PEAK.load(Ordering::Relaxed) - before;
    let allowed = 4 * index.len().min(16 << 20) + (16 << 20);
    eprintln!("{what}: {peak} bytes for an index of {}, {allowed} allowed", index.len());
    assert!(peak <= allowed, "{what}: {peak} bytes, {allowed} allowed");
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(format!("{error}: {source}").contains(why), "{what}: {error}: {source}");
}

/// Opens a folder with a file whose header is `{json}`, and as many bytes of data behind it.
fn check_json(what: &str, json: &str, data: usize, opens: bool) {
    let len = json.len() + 2;
    let parts = [&(len as u64).to_le_bytes(), &b"{"[..], json.as_bytes(), b"}", &vec![0; data]];
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::write(dir.path().join("model.safetensors"), parts.concat()).expect("a file");
    fs::write(dir.path().join("config.json"), r#"{"model_type":"x"}"#).expect("a file");
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let opened = ModelFile::open(dir.path(), &[]);
    let peak = PEAK.load(Ordering::Relaxed) - before;
    let allowed = 4 * len + (16 << 20);
    eprintln!("{what}: {peak} bytes for a header of {len}, {allowed} allowed");
    assert!(peak <= allowed, "{what}: {peak} bytes, {allowed} allowed");
    let header_fault =
        |error: &Error| matches!(error, Error::Safetensors(safetensors::Error::Header { .. }));
    match opened {
        Ok(_) => assert!(opens, "{what} was accepted"),
        Err(error) => assert!(!opens && header_fault(&error), "{what}: {error}"),
    }
}

fn check(what: &str, file: Vec<u8>, opens: bool) {
    let len = file.len();
    check_header(what, file, len, opens);
}

/// Reads `file`, whose first `header_len` bytes are the header.
fn check_header(what: &str, file: Vec<u8>, header_len: usize, opens: bool) {
    let bytes = Bytes::new(file);
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = ModelFile::from_bytes(what, bytes, &[]);
    let peak = PEAK.load(Ordering::Relaxed) - before;
    let allowed = 4 * header_len + (16 << 20);
    eprintln!("{what}: {peak} bytes for a header of {header_len}, {allowed} allowed");
    assert!(peak <= allowed, "{what}: {peak} bytes, {allowed} allowed");
    match result {
        Ok(_) => assert!(opens, "{what} was accepted"),
        Err(Error::Gguf(error @ (gguf::Error::Count { .. } | gguf::Error::NameLength { .. }))) => {
            assert!(!opens, "{what}: {error}");
        }
        Err(error @ Error::KeyType { .. }) => assert!(!opens, "{what}: {error}"),
        Err(error) => panic!("{what}: {error}"),
    }
}

/// A header with this number of tensors announced, and arrays under the keys `0`, `1`, ….
fn header(n_tensors: u64, arrays: &[&[u8]]) -> Vec<u8> {
    let mut out = [&b"GGUF\x03\0\0\0"[..], &n_tensors.to_le_bytes()].concat();
    out.extend((arrays.len() as u64).to_le_bytes());
    for (i, it) in arrays.iter().enumerate() {
        out.extend(string(&i.to_string()));
        out.extend(ARR.to_le_bytes());
        out.extend(*it);
    }
    out
}

/// A header of `n` keys of the least size: names of four letters, values of one byte.
fn keys(n: u64) -> Vec<u8> {
    let mut out = [&b"GGUF\x03\0\0\0"[..], &[0; 8], &n.to_le_bytes()].concat();
    for i in 0..n {
        out.extend(string(&format!("{i:04x}")));
        out.extend([0, 0, 0, 0, 7]);
    }
    out
}

/// A vocabulary of no token with this many types.
fn token_types(n: usize) -> Vec<u8> {
    let mut out = [&b"GGUF\x03\0\0\0"[..], &[0; 8], &2u64.to_le_bytes()].concat();
    out.extend(string("tokenizer.ggml.tokens"));
    out.extend([&ARR.to_le_bytes()[..], &array(STR, 0, &[])].concat());
    out.extend(string("tokenizer.ggml.token_type"));
    out.extend([&ARR.to_le_bytes()[..], &array(0, n as u64, &vec![1; n])].concat());
    out
}

fn array(ty: u32, len: u64, elements: &[u8]) -> Vec<u8> {
    [&ty.to_le_bytes()[..], &len.to_le_bytes(), elements].concat()
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}
