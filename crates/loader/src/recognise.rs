//! Tells by its first bytes what a file is, and what it is not.

use std::path::Path;

use crate::{Mapping, error::grouped, gguf};

/// Containers that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Gguf,
    Safetensors,
}

/// What a file or folder is instead of a model.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAModel {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// A device, a pipe or the like.
    #[error("it is neither a file nor a folder")]
    NotAFile,
    /// What Git leaves in place of a large file.
    #[error("the file is a Git LFS pointer; the model itself{} was not fetched", of_size(*size))]
    LfsPointer {
        /// Bytes of the model, if the pointer says so.
        size: Option<u64>,
    },
    /// An answer of a web server, kept as if it were the file.
    #[error("the file is an HTML page")]
    Html,
    /// Text in JSON.
    #[error("the file is JSON text")]
    Json,
    /// Anything that Python's `pickle` reads.
    #[error("the file is a Python pickle ({found}), which can run any code while it is loaded")]
    Pickle {
        /// How it was recognised.
        found: &'static str,
    },
    /// A format that GGUF replaced in 2023.
    #[error("the file is `{magic}`, a format of the time before GGUF")]
    OldGgml {
        /// Its magic.
        magic: &'static str,
    },
    /// Anything else.
    #[error("the file starts with `{found}`, expected `GGUF` or a safetensors header")]
    Unknown {
        /// The first bytes, those that are not ASCII escaped.
        found: String,
    },
    /// A folder with GGUF files, but which one is meant?
    #[error("the folder holds {} GGUF files, such as `{example}`, and no safetensors", grouped(*count as u64))]
    FolderOfGguf {
        /// How many.
        count: usize,
        /// The name of the first.
        example: String,
    },
    /// A folder with nothing that can be loaded.
    #[error("the folder holds neither `*.safetensors` nor `*.gguf`")]
    EmptyFolder,
}

impl NotAModel {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Empty => "the download or copy did not happen; get the file again",
            Self::LfsPointer { .. } => {
                "run `git lfs pull` in its repository, or download the file itself"
            }
            Self::Html => {
                "a login page or an error page was saved under this name; download the file again"
            }
            Self::Json => "to load a Hugging Face model, name its folder",
            Self::Pickle { .. } => "get the model as `.safetensors` or `.gguf`",
            Self::OldGgml { .. } => "get the model as GGUF, or convert the original again",
            Self::FolderOfGguf { .. } => "name the file (any shard of a split one)",
            Self::NotAFile | Self::Unknown { .. } | Self::EmptyFolder => {
                "a model is a `.gguf` file, a `.safetensors` file or a Hugging Face folder"
            }
        };
        Some(hint.to_owned())
    }
}

fn of_size(size: Option<u64>) -> String {
    size.map_or_else(String::new, |it| format!(" ({} bytes)", grouped(it)))
}

/// The container of the file `bytes`.
pub(crate) fn file(bytes: &[u8]) -> Result<Kind, NotAModel> {
    if bytes.is_empty() {
        return Err(NotAModel::Empty);
    }
    // A file that is cut inside the magic is GGUF too: its error says how long it is.
    if bytes.starts_with(&gguf::MAGIC) || gguf::MAGIC.starts_with(bytes) {
        return Ok(Kind::Gguf);
    }
    if bytes.get(8) == Some(&b'{') && header_len(bytes) < 1 << 32 {
        return Ok(Kind::Safetensors);
    }
    Err(stranger(bytes))
}

fn header_len(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(u64::MAX, |&it| u64::from_le_bytes(it))
}

fn stranger(bytes: &[u8]) -> NotAModel {
    if let Some(found) = pickle(bytes) {
        return NotAModel::Pickle { found };
    }
    if let Some(magic) = old_ggml(bytes) {
        return NotAModel::OldGgml { magic };
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(512)]);
    let text = head.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if text.starts_with("version https://git-lfs") {
        let size = text.lines().find_map(|line| line.strip_prefix("size ")?.trim().parse().ok());
        return NotAModel::LfsPointer { size };
    }
    let lower = text.to_ascii_lowercase();
    if ["<!doctype html", "<html", "<head", "<?xml"].iter().any(|it| lower.starts_with(it)) {
        return NotAModel::Html;
    }
    if text.starts_with('{') {
        return NotAModel::Json;
    }
    NotAModel::Unknown { found: bytes[..bytes.len().min(4)].escape_ascii().to_string() }
}

/// PyTorch's zip archives hold a `data.pkl`; older files are one bare pickle after the other.
fn pickle(bytes: &[u8]) -> Option<&'static str> {
    const NAME: &[u8] = b"data.pkl";
    const SCAN: usize = 1 << 16;
    if bytes.starts_with(b"PK\x03\x04") {
        let head = &bytes[..bytes.len().min(SCAN)];
        let tail = &bytes[bytes.len().saturating_sub(SCAN)..];
        let found = [head, tail].iter().any(|it| it.windows(NAME.len()).any(|it| it == NAME));
        return found.then_some("a zip archive with `data.pkl`");
    }
    // Opcode `PROTO` with a version; before it, protocol 0 began with what it builds.
    let by_opcode = matches!(
        bytes,
        [0x80, 1..=5, b'\x8a' | b'\x95' | b'}' | b']' | b'(' | b'c' | b'K' | b'X' | b'\x8c', ..]
    );
    let text =
        [&b"(dp"[..], b"(lp", b"ccopy_reg\n", b"c__builtin__\n", b"ctorch", b"ccollections\n"];
    (by_opcode || text.iter().any(|it| bytes.starts_with(it))).then_some("its opcodes")
}

fn old_ggml(bytes: &[u8]) -> Option<&'static str> {
    // Their magics are numbers, so the letters are reversed in the file.
    let magics = [(b"lmgg", "ggml"), (b"fmgg", "ggmf"), (b"tjgg", "ggjt"), (b"algg", "ggla")];
    magics.iter().find(|(it, _)| bytes.starts_with(*it)).map(|(_, name)| *name)
}

/// Whether a folder holds safetensors files; if not, why it cannot be loaded.
pub(crate) fn folder(path: &Path) -> Result<(), crate::Error> {
    let io = |source| crate::Error::Io { path: path.to_owned(), source };
    let mut gguf = Vec::new();
    let mut pickled = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io)?.flatten() {
        let entry = entry.path();
        match entry.extension().and_then(|it| it.to_str()) {
            Some("safetensors") => return Ok(()),
            Some("gguf") => gguf.push(entry),
            Some("bin" | "pt" | "pth" | "pkl" | "ckpt") => pickled.push(entry),
            _ => {}
        }
    }
    gguf.sort();
    if let Some(first) = gguf.first() {
        let example = first.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Err(NotAModel::FolderOfGguf { count: gguf.len(), example }.into());
    }
    for mapping in pickled.iter().filter_map(|it| Mapping::open(it).ok()) {
        if let Err(error @ NotAModel::Pickle { .. }) = file(mapping.as_ref()) {
            return Err(error.into());
        }
    }
    Err(NotAModel::EmptyFolder.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], message: &str) {
        let error = file(bytes).expect_err("not a model");
        assert_eq!(error.to_string(), message);
        assert!(error.hint().is_some());
    }

    #[test]
    fn strangers_are_told_by_their_content() {
        check(b"", "the file is empty");
        check(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4921344000\n",
            "the file is a Git LFS pointer; the model itself (4,921,344,000 bytes) was not fetched",
        );
        check(b"\n<!DOCTYPE html><html>", "the file is an HTML page");
        check(b"{\"weight_map\": {}}", "the file is JSON text");
        check(b"tjgg\x03\0\0\0", "the file is `ggjt`, a format of the time before GGUF");
        let unknown = r"the file starts with `\x7fELF`, expected `GGUF` or a safetensors header";
        check(b"\x7fELF\x02", unknown);
    }

    #[test]
    fn t20_pickles_are_refused_with_the_reason() {
        let why = |found| {
            format!(
                "the file is a Python pickle ({found}), which can run any code while it is loaded"
            )
        };
        let zip = b"PK\x03\x04..................model/data.pkl\x80\x02c__main__\nx\n.";
        check(zip, &why("a zip archive with `data.pkl`"));
        check(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", &why("its opcodes"));
        check(b"\x80\x04\x95\x10\0\0\0\0\0\0\0", &why("its opcodes"));
        check(b"c__builtin__\neval\n", &why("its opcodes"));
    }

    #[test]
    fn models_are_told_by_their_content() {
        assert_eq!(file(b"GGUF\x03\0\0\0"), Ok(Kind::Gguf));
        assert_eq!(file(b"GG"), Ok(Kind::Gguf));
        assert_eq!(file(b"\x02\0\0\0\0\0\0\0{}"), Ok(Kind::Safetensors));
    }
}
