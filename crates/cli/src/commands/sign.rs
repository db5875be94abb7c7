//! `ingle sign`: a signature that others can check; and checking one, for `verify` and `import`.
//!
//! What a signature is, is in `store::signing`.

use std::{
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::json;
use store::{
    bundle,
    digest::Sha256Hex,
    library::{Entry, Error, Flaw, Library, Resolved, StoredFile},
    policy::holds_weights,
    reference::Reference,
    signing::{self, Chain, Extent, PrivateKey, PublicKey, Signed, Signer, Trust},
};

use super::export::bar;
use crate::{
    args::{Checking, Making, Sign, Trusted},
    failure::Failure,
    library::{self, Hashing},
    model, output, repair,
    terminal::tell,
};

/// A model that is carried or signed.
pub(crate) enum Named {
    /// A file or folder.
    Path(PathBuf),
    /// One of the library.
    Entry(Box<Entry>),
}

/// Signs a model.
pub(crate) fn run(args: Sign) -> anyhow::Result<()> {
    let Sign { model, output, yes, json, signature } = args;
    let signer = signer(&signature)?.ok_or_else(|| {
        Failure::usage("no key is named to sign with").hint("`--key KEY.pem` names it")
    })?;
    let named = find(&model, &library::library()?)?;
    let output = output.unwrap_or_else(|| match &named {
        Named::Path(path) => Extent::of(path).signature(),
        Named::Entry(_) => signing::FILE.into(),
    });
    output::refuse(&output, spared(&named).iter().map(PathBuf::as_path), yes)?;
    let files = files(&named, &output)?;
    let bytes = match &named {
        Named::Path(path) => match (Extent::of(path), &files[..]) {
            (Extent::Files(paths), [file]) => signer.sign_file(&called(&paths[0]), file.sha256),
            (Extent::Files(paths), files) => signer.sign_folder(&called(&paths[0]), files, &[]),
            (Extent::Folder(folder), files) => {
                signer.sign_folder(&called(&folder), files, &[signing::FILE])
            }
        },
        Named::Entry(entry) => {
            signer.sign_folder(&entry.manifest.name.to_string(), &files, &signing::BESIDE)
        }
    };
    write(&output, &bytes).with_context(|| format!("cannot write `{}`", output.display()))?;
    let hint = signer.key.public().hint();
    let subject = signer.chain.as_ref().map(Chain::subject);
    if json.on {
        return super::print_json(&json!({
            "signature": library::text(&output), "files": files.len(), "key": hint,
            "certificate": subject,
        }));
    }
    let by = subject.unwrap_or_else(|| format!("sha256:{hint}"));
    let mut page = format!(
        "{:<15}{}\n{:<15}{}\n{:<15}{by}\n",
        "signature",
        output.display(),
        "files",
        files.len(),
        "signer"
    );
    // What a policy goes by.
    if signer.chain.is_some() {
        page += &format!("{:<15}sha256:{hint}\n", "key");
    }
    super::print(&page)?;
    let trusted = match signer.chain {
        Some(_) => "--certificate-chain CA.pem",
        None => "--key KEY.pub",
    };
    let place = match &named {
        Named::Path(path) if output == Extent::of(path).signature() => String::new(),
        _ => format!(" --signature {}", output.display()),
    };
    tell(format_args!("note: `ingle verify {model}{place} {trusted}` checks it"));
    Ok(())
}

/// Whether the model that `word` names is as somebody trusted signed it; who that is. The library
/// keeps the signature.
///
/// # Errors
///
/// If it is not, or a file, key or signature cannot be read.
pub(crate) fn verify_signature(word: &str, checking: &Checking) -> anyhow::Result<Signed> {
    let trust = trust(&checking.trusted)?.ok_or_else(|| {
        Failure::usage("nobody is named whose signature is to be believed")
            .hint("`--key KEY.pub` or `--certificate-chain CA.pem` names them")
    })?;
    let library = library::library()?;
    let named = find(word, &library)?;
    let (folder, usual) = match &named {
        Named::Path(path) => {
            let extent = Extent::of(path);
            (extent.folder(), extent.signature())
        }
        Named::Entry(entry) => (entry.files().to_owned(), entry.files().join(signing::FILE)),
    };
    if checking.signature.is_none() && !usual.exists() {
        let failure = Failure::new(format!("`{word}` has no signature here"));
        return Err(failure.hint("`--signature FILE` names one").into());
    }
    let place = checking.signature.as_deref().unwrap_or(&usual);
    let signature = read(place)?;
    // Before hours of hashing.
    let refused = || format!("the signature `{}` of `{word}` is not accepted", place.display());
    signing::open(&signature, &trust).with_context(refused)?;
    let files = match &named {
        Named::Path(_) => files(&named, place)?,
        Named::Entry(entry) => verified(entry, place)?,
    };
    let signed = signing::verify(&signature, &trust, &folder, &files).with_context(refused)?;
    if let Named::Entry(entry) = &named {
        library::keep_signature(&library, entry, &signed.key, &signature);
    }
    Ok(signed)
}

/// The files of a model of the library that are to be signed, as they were found to be.
fn verified(entry: &Entry, signature: &Path) -> anyhow::Result<Vec<StoredFile>> {
    let mut faults = entry.verify(&Hashing::of(entry).watch())?;
    // The signature may lie beside the files without being one of the manifest's.
    faults.retain(|it| !(matches!(it.flaw, Flaw::Unnamed) && it.path == signature));
    if !faults.is_empty() {
        let name = entry.name().clone();
        return Err(repair::told(entry, Error::Damaged { name, faults }));
    }
    let files = entry.manifest.files.iter();
    Ok(files.filter(|it| it.path.0.as_str() != signing::FILE).cloned().collect())
}

/// The file, folder or model of the library that this names.
///
/// # Errors
///
/// If there is none.
pub(super) fn find(word: &str, library: &Library) -> anyhow::Result<Named> {
    if model::BUILT_IN == Some(word) {
        let failure = Failure::usage(format!("`{word}` is built into every `ingle`"));
        return Err(failure.hint("there is nothing to carry or to sign").into());
    }
    model::tell_both(word);
    if model::is_path(word)? {
        return Ok(Named::Path(word.into()));
    }
    if let Ok(reference) = word.parse::<Reference>()
        && !matches!(library.resolve(&reference)?, Resolved::Absent)
    {
        return Ok(Named::Entry(Box::new(library::entry(library, word)?)));
    }
    let failure = Failure::new(format!("there is neither a file nor a model `{word}`"));
    Err(failure.hint("`ingle list` names the models of the library").into())
}

/// The files of the model whose place nothing takes that is made of it.
pub(super) fn spared(named: &Named) -> Vec<PathBuf> {
    match named {
        Named::Path(path) => match Extent::of(path) {
            Extent::Files(files) => files,
            folder @ Extent::Folder(_) => {
                paths(&folder).into_iter().filter(|it| holds_weights(it, None)).collect()
            }
        },
        Named::Entry(entry) => {
            let files = entry.manifest.files.iter();
            let files = files.filter(|it| it.path.0.as_str() != signing::FILE);
            files.map(|it| it.path.0.below(entry.files())).collect()
        }
    }
}

/// Who signs, if anybody.
///
/// # Errors
///
/// If the key or the certificate is none, or they do not belong together.
pub(super) fn signer(making: &Making) -> anyhow::Result<Option<Signer>> {
    let Some(key) = &making.key else { return Ok(None) };
    let private = parsed(key, PrivateKey::from_pem)?;
    let chain = making.certificate.as_deref().map(|it| parsed(it, Chain::from_pem)).transpose()?;
    let signer = Signer::new(private, chain);
    signer.map(Some).with_context(|| format!("cannot sign with `{}`", key.display()))
}

/// Who is believed, if that was said.
///
/// # Errors
///
/// If the key or the certificates are none.
pub(super) fn trust(trusted: &Trusted) -> anyhow::Result<Option<Trust>> {
    Ok(match (&trusted.key, &trusted.certificate_chain) {
        (Some(key), _) => Some(Trust::Key(parsed(key, PublicKey::from_pem)?)),
        (None, Some(chain)) => Some(Trust::Certificates(parsed(chain, Chain::from_pem)?)),
        (None, None) => None,
    })
}

/// The files of the model as they are now, with their digests.
fn files(named: &Named, signature: &Path) -> anyhow::Result<Vec<StoredFile>> {
    match named {
        Named::Path(path) => {
            let extent = Extent::of(path);
            let bar = bar(size_of(&extent), "hashing");
            let files = extent.files(signature, &mut |n| bar.inc(n))?;
            bar.finish_and_clear();
            Ok(files)
        }
        Named::Entry(entry) => {
            let bar = bar(entry.manifest.size(), "hashing");
            let files = &entry.manifest.files;
            files.iter().try_for_each(|it| as_stored(entry, it, &mut |n| bar.inc(n)))?;
            bar.finish_and_clear();
            Ok(files.iter().filter(|it| it.path.0.as_str() != signing::FILE).cloned().collect())
        }
    }
}

/// An error unless the file is what the manifest says.
fn as_stored(
    entry: &Entry,
    file: &StoredFile,
    each: &mut dyn FnMut(u64),
) -> Result<(), bundle::Error> {
    let path = file.path.0.below(entry.files());
    let hashed = File::open(&path).and_then(|it| {
        Sha256Hex::of_all(it, |n| {
            each(n as u64);
            Ok(())
        })
    });
    let (found, expected) = match hashed {
        Ok((found, _)) => (found, file.sha256),
        Err(source) => return Err(bundle::Error::Io { action: "read", path, source }),
    };
    match found == expected {
        true => Ok(()),
        false => Err(bundle::Error::Changed { path, found, expected }),
    }
}

/// What a file or folder is called, wherever it is.
fn called(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    full.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Bytes of files, or about those of a folder: its bar may run over.
fn size_of(extent: &Extent) -> u64 {
    paths(extent).iter().filter_map(|it| it.metadata().ok()).map(|it| it.len()).sum()
}

/// The files, or what lies in the folder itself.
fn paths(extent: &Extent) -> Vec<PathBuf> {
    match extent {
        Extent::Folder(folder) => {
            folder.read_dir().into_iter().flatten().flatten().map(|it| it.path()).collect()
        }
        Extent::Files(files) => files.clone(),
    }
}

fn parsed<T>(path: &Path, parse: fn(&str) -> Result<T, signing::Error>) -> anyhow::Result<T> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    parse(&text).with_context(|| format!("cannot use `{}`", path.display()))
}

/// All of a small file.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|it| it.take(signing::MAX_BYTES).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => {
            let failure = Failure::new(format!("cannot read `{}`", path.display()));
            Err(anyhow::Error::from(error).context(match path.exists() {
                true => failure,
                false => failure.hint("look at its name and its folder, then say it again"),
            }))
        }
    }
}

/// The file gets its name when it is complete.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let mut temporary = tempfile::Builder::new();
    temporary.prefix(".ingle-").suffix(".tmp");
    #[cfg(unix)]
    temporary.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask
    let mut file = temporary.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|it| it.error)?;
    Ok(())
}
