//! Files and folders on disk: round trips, split models, what is refused and why.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{fs, path::Path};

use loader::{
    Access, Array, Bytes, Container, Error, Format, ModelFile, NotAModel, Override, QkOrder, Value,
    gguf::{self, Writer},
};
use tempfile::{TempDir, tempdir};

/// Metadata of every type, and tensors `first..last` of a small model.
fn model(metadata: bool, first: usize, last: usize) -> Writer {
    let mut file = Writer::new();
    if metadata {
        for (key, value) in every_value() {
            file.set(key, value);
        }
    }
    for i in first..last {
        let numbers: Vec<f32> = (0..64).map(|n| (i * 100 + n) as f32).collect();
        file.tensor(format!("blk.{i}.w"), Format::F32, &[2, 32], Format::F32.encode(&numbers));
        let q8_0 = Format::Q8_0.encode(&numbers[..32]);
        file.tensor(format!("blk.{i}.q"), Format::Q8_0, &[32], q8_0);
    }
    file
}

fn every_value() -> Vec<(&'static str, Value)> {
    vec![
        ("general.architecture", Value::String("llama".to_owned())),
        ("u8", Value::U8(200)),
        ("i8", Value::I8(-100)),
        ("u16", Value::U16(60_000)),
        ("i16", Value::I16(-30_000)),
        ("u32", Value::U32(4_000_000_000)),
        ("i32", Value::I32(-2_000_000_000)),
        ("u64", Value::U64(u64::MAX)),
        ("i64", Value::I64(i64::MIN)),
        ("f32", Value::F32(-0.5)),
        ("f64", Value::F64(1e300)),
        ("bool", Value::Bool(true)),
        ("str", Value::String("ü\0\n".to_owned())),
        ("[u8]", Value::Array(Array::U8(vec![1, 255]))),
        ("[i8]", Value::Array(Array::I8(vec![-1]))),
        ("[u16]", Value::Array(Array::U16(vec![1, 2]))),
        ("[i16]", Value::Array(Array::I16(vec![-2]))),
        ("[u32]", Value::Array(Array::U32(vec![]))),
        ("[i32]", Value::Array(Array::I32(vec![-3, 3]))),
        ("[u64]", Value::Array(Array::U64(vec![1 << 40]))),
        ("[i64]", Value::Array(Array::I64(vec![-1 << 40]))),
        ("[f32]", Value::Array(Array::F32(vec![0.1, 0.2]))),
        ("[f64]", Value::Array(Array::F64(vec![0.1]))),
        ("[bool]", Value::Array(Array::Bool(vec![true, false]))),
        ("[str]", Value::Array(Array::String(["", "b"].into_iter().collect()))),
    ]
}

fn write(dir: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> std::path::PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[track_caller]
fn assert_same(a: &ModelFile, b: &ModelFile) {
    let metadata = |it: &ModelFile| {
        it.metadata.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(metadata(a), metadata(b));
    assert_eq!(a.tensors.keys().collect::<Vec<_>>(), b.tensors.keys().collect::<Vec<_>>());
    for (name, tensor) in &a.tensors {
        let other = &b.tensors[name];
        assert_eq!((tensor.format, &tensor.shape), (other.format, &other.shape), "{name}");
        let bytes = |it: &[Bytes]| it.iter().flat_map(|it| it.to_vec()).collect::<Vec<_>>();
        assert_eq!(bytes(&tensor.parts), bytes(&other.parts), "{name}");
    }
    assert_eq!((a.container, a.qk_order), (b.container, b.qk_order));
}

#[test]
fn what_is_written_is_read() {
    let dir = tempdir().unwrap();
    let written = model(true, 0, 3).to_bytes();
    let file = ModelFile::open(&write(&dir, "m.gguf", &written), &[]).unwrap();
    assert_eq!(file.container, Container::Gguf { version: 3 });
    assert_eq!(file.qk_order, QkOrder::Interleaved);
    for (key, value) in every_value() {
        assert_eq!(file.metadata.get(key), Some(&value), "{key}");
    }
    let tensor = &file.tensors["blk.2.w"];
    assert_eq!(tensor.shape, [2, 32]);
    let mut row = [0.0; 32];
    Format::F32.decode_row(&tensor.parts[0][128..], &mut row);
    assert_eq!(row[31], 263.0);
    file.check_intact().unwrap();
    assert_same(&file, &ModelFile::from_bytes("m", Bytes::new(written), &[]).unwrap());
}

#[test]
fn t18_a_file_truncated_while_mapped_is_an_error() {
    let dir = tempdir().unwrap();
    let path = write(&dir, "m.gguf", model(true, 0, 100).to_bytes());
    let file = ModelFile::open(&path, &[]).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(4096).unwrap();
    assert_eq!(file.tensors["blk.99.w"].parts[0].iter().max(), Some(&0));
    let error = file.check_intact().unwrap_err();
    assert!(matches!(error, Error::TruncatedWhileMapped { found: 4096, .. }), "{error}");
}

#[test]
fn t18_a_file_that_was_read_may_be_truncated() {
    let dir = tempdir().unwrap();
    let path = write(&dir, "m.gguf", model(true, 0, 100).to_bytes());
    let mapped = ModelFile::open(&path, &[]).unwrap();
    let file = ModelFile::open_with(&path, &[], Access::Read).unwrap();
    assert_same(&file, &mapped);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(100).unwrap();
    let expected = model(true, 0, 100).to_bytes();
    assert_same(&file, &ModelFile::from_bytes("m", Bytes::new(expected), &[]).unwrap());
    file.check_intact().unwrap();
    assert!(mapped.check_intact().is_err());
    let error = ModelFile::open_with(&path, &[], Access::Read).unwrap_err();
    assert!(matches!(error, Error::Gguf(_)), "{error}");
    check_refused(&write(&dir, "empty.gguf", b""), &NotAModel::Empty);
}

/// The model in three shards, as `gguf-split` names and marks them.
fn split(dir: &TempDir) {
    for (no, (first, last)) in [(0, 2), (2, 3), (3, 5)].into_iter().enumerate() {
        let mut shard = model(no == 0, first, last);
        shard.set("split.no", Value::U16(no as u16));
        shard.set("split.count", Value::U16(3));
        shard.set("split.tensors.count", Value::I32(10));
        write(dir, &shard_name(no), shard.to_bytes());
    }
}

fn shard_name(no: usize) -> String {
    format!("m-{:05}-of-00003.gguf", no + 1)
}

#[test]
fn any_shard_opens_the_whole_model() {
    let dir = tempdir().unwrap();
    split(&dir);
    let whole = ModelFile::open(&write(&dir, "m.gguf", model(true, 0, 5).to_bytes()), &[]).unwrap();
    for no in 0..3 {
        let file = ModelFile::open(&dir.path().join(shard_name(no)), &[]).unwrap();
        assert_same(&file, &whole);
        assert_eq!(file.mappings.len(), 3);
        let read = ModelFile::open_with(&dir.path().join(shard_name(no)), &[], Access::Read);
        assert_same(&read.unwrap(), &whole);
    }
}

#[track_caller]
fn check_split(dir: &TempDir, message: &str) {
    let error = ModelFile::open(&dir.path().join(shard_name(1)), &[]).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string);
    let text = [Some(error.to_string()), source].into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(text.join(": "), message);
}

#[test]
fn broken_splits_are_refused() {
    let dir = tempdir().unwrap();
    split(&dir);
    let third = fs::read(dir.path().join(shard_name(2))).unwrap();
    fs::remove_file(dir.path().join(shard_name(2))).unwrap();
    check_split(&dir, "`m-00003-of-00003.gguf` is missing: the model is split over 3 files");

    write(&dir, &shard_name(2), &third[..third.len() - 200]);
    check_split(
        &dir,
        "cannot load shard `m-00003-of-00003.gguf`: tensor `blk.4.w` ends at byte 864, the file \
         has 728",
    );

    let first = fs::read(dir.path().join(shard_name(0))).unwrap();
    write(&dir, &shard_name(2), &first);
    check_split(&dir, "`split.no` is 0 in `m-00003-of-00003.gguf`, expected 2");

    let mut shard = model(false, 3, 4); // a tensor too few
    shard.set("split.no", Value::U16(2)).set("split.count", Value::U16(3));
    write(&dir, &shard_name(2), shard.to_bytes());
    check_split(&dir, "`split.tensors.count` is 10 in `m-00001-of-00003.gguf`, expected 8");

    let mut shard = model(false, 2, 3); // those of the second shard
    shard.set("split.no", Value::U16(2)).set("split.count", Value::U16(3));
    write(&dir, &shard_name(2), shard.to_bytes());
    check_split(&dir, "tensor `blk.2.q` occurs twice");

    let renamed = write(&dir, "renamed.gguf", &first);
    let error = ModelFile::open(&renamed, &[]).unwrap_err();
    let message = "`renamed.gguf` is one of 3 files of a split model, expected a name like \
                   `model-00001-of-00003.gguf`";
    assert_eq!(error.to_string(), message);
    let error = ModelFile::from_bytes("m", Bytes::new(first), &[]).unwrap_err();
    assert!(matches!(error, Error::Gguf(gguf::Error::ShardName { count: 3, .. })), "{error}");
}

#[test]
fn overrides_come_after_the_file() {
    let overrides: Vec<Override> =
        ["u8=str:text", "llama.new=[f32]:1,2.5"].map(|it| it.parse().unwrap()).into();
    let bytes = Bytes::new(model(true, 0, 1).to_bytes());
    let file = ModelFile::from_bytes("m", bytes, &overrides).unwrap();
    assert_eq!(file.metadata.str("u8").unwrap(), Some("text"));
    assert_eq!(file.metadata.f32s("llama.new").unwrap(), Some(vec![1.0, 2.5]));
}

/// Another architecture has rows in another order.
#[test]
fn overrides_come_before_the_order_of_rows_is_decided() {
    let open = |architecture: &str| {
        let wanted = format!("general.architecture=str:{architecture}").parse().unwrap();
        let bytes = Bytes::new(model(true, 0, 1).to_bytes());
        ModelFile::from_bytes("m", bytes, &[wanted]).unwrap().qk_order
    };
    assert_eq!(open("qwen3"), QkOrder::Halves);
    assert_eq!(open("llama"), QkOrder::Interleaved);
}

/// An override can mend what would be refused.
#[test]
fn overrides_come_before_the_vocabulary_is_checked() {
    let mut file = Writer::new();
    let tokens = ["a", "b"].into_iter().collect();
    file.set("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
    file.set("tokenizer.ggml.bos_token_id", Value::U32(u32::MAX));
    let open =
        |overrides: &[Override]| ModelFile::from_bytes("m", Bytes::new(file.to_bytes()), overrides);
    assert!(matches!(open(&[]), Err(Error::KeyRange { .. })));
    open(&["tokenizer.ggml.bos_token_id=u32:1".parse().unwrap()]).unwrap();
}

#[track_caller]
fn check_refused(path: &Path, expected: &NotAModel) {
    match ModelFile::open(path, &[]) {
        Err(Error::NotAModel(found)) => assert_eq!(found, *expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_model_is_refused() {
    let dir = tempdir().unwrap();
    let pickle = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
    check_refused(&write(&dir, "empty.gguf", b""), &NotAModel::Empty);
    let found = "its opcodes";
    check_refused(&write(&dir, "m.gguf", pickle), &NotAModel::Pickle { found });
    if cfg!(unix) {
        check_refused(Path::new("/dev/null"), &NotAModel::NotAFile);
    }
    let error = ModelFile::open(&dir.path().join("absent.gguf"), &[]).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

#[test]
fn folders_without_safetensors_are_refused() {
    let dir = tempdir().unwrap();
    check_refused(dir.path(), &NotAModel::EmptyFolder);
    write(&dir, "config.json", "{}");
    write(&dir, "pytorch_model.bin", b"PK\x03\x04....archive/data.pkl");
    let found = "a zip archive with `data.pkl`";
    check_refused(dir.path(), &NotAModel::Pickle { found });
    write(&dir, "b.gguf", Writer::new().to_bytes());
    write(&dir, "a.gguf", b"");
    check_refused(dir.path(), &NotAModel::FolderOfGguf { count: 2, example: "a.gguf".to_owned() });
}
