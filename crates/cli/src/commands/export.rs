//! `ingle export`: models in one file that is carried across a gap.
//!
//! What a bundle is, is in `store::bundle`.

use std::{
    env::{
        self,
        consts::{ARCH, OS},
    },
    num::NonZeroU64,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use store::{
    bundle::{self, Existing, Packed, Vouched, Written},
    disk::Disk,
    library::Library,
    name::Name,
};

use super::sign::{self, Named};
use crate::{
    args::{Export, Json},
    failure::Failure,
    library,
    numbers::size,
    output,
    settings::Site,
    terminal::{Interrupts, tell},
};

/// Writes the bundle.
pub(crate) fn run(args: Export) -> anyhow::Result<()> {
    let Export { models, output, split, with_binary, name, bom, yes, json, signature } = args;
    // Reads the user's own catalogue, too.
    Site::find()?;
    refuse(&models, output.as_deref(), name.as_ref(), bom)?;
    let existing = if yes { Existing::Replace } else { Existing::Keep };
    let there = output.as_deref().and_then(|it| match bom {
        true => it.exists().then(|| it.to_owned()),
        false => bundle::in_place(it),
    });
    if let (Some(path), Existing::Keep) = (there, existing) {
        return Err(bundle::Error::There { path }.into());
    }
    let signer = sign::signer(&signature)?;
    let library = library::library()?;
    let mut packed = all(&models, name.as_ref(), &library, output.as_deref())?;
    if let Some(signer) = &signer {
        packed.iter_mut().for_each(|it| it.sign(signer));
    }
    let notes = notes(&packed);
    notes.iter().for_each(|it| tell(format_args!("warning: {it}")));
    let output = match (bom, output) {
        (true, output) => return give_bom(&packed, output.as_deref(), existing, (json, &notes)),
        (false, output) => output.expect("the command line requires it"),
    };
    let program = with_binary.then(env::current_exe).transpose();
    let program = program.context("this program does not know where it lies")?;
    let platform = format!("{OS} {ARCH}");
    let bar = bar(packed.iter().map(Packed::size).fold(0, u64::saturating_add), "packing");
    let told: Vec<_> = packed.iter().map(|it| (it.name.clone(), it.size())).collect();
    let export = bundle::Export {
        models: packed,
        program: program.as_deref().map(|it| (it, platform.as_str())),
        split: split.map(NonZeroU64::get),
        existing,
    };
    let interrupts = Interrupts::watch();
    let written = bundle::export(&Disk::default(), &output, export, &mut |n| {
        bar.inc(n);
        if interrupts.asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    drop(interrupts);
    bar.finish_and_clear();
    let written = written?;
    if json.on {
        let parts: Vec<_> = written.parts.iter().map(|it| library::text(it)).collect();
        let models: Vec<_> =
            told.iter().map(|(name, bytes)| json!({"name": name, "bytes": bytes})).collect();
        return super::print_json(&json!({
            "parts": parts,
            "bytes": written.size, "index": written.index, "models": models, "warnings": notes,
            "program": written.program.map(
                |it| json!({"sha256": it.sha256, "platform": it.platform}),
            ),
        }));
    }
    super::print(&page(&written, &told))?;
    next(&written);
    Ok(())
}

/// What makes no sense, before anything is read.
fn refuse(
    models: &[String],
    output: Option<&Path>,
    name: Option<&Name>,
    bom: bool,
) -> anyhow::Result<()> {
    if models.len() > 1 && (name.is_some() || bom) {
        let flag = if bom { "--bom" } else { "--name" };
        let failure = Failure::usage(format!("`{flag}` is for one model, found {}", models.len()));
        return Err(failure.hint("give them one after the other").into());
    }
    if let Some(name) = name {
        library::refuse_name(name)?;
    }
    let Some(output) = output else { return Ok(()) };
    let folder = output.parent().filter(|it| !it.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|it| !it.is_dir()) {
        let failure = Failure::new(format!("there is no folder `{}`", folder.display()));
        return Err(failure.hint("make it, or name another").into());
    }
    if output.is_dir() {
        let message = format!("`{}` is a folder, expected the name of a file", output.display());
        let hint = format!("`-o {}`", output.join("models.ingle").display());
        return Err(Failure::usage(message).hint(hint).into());
    }
    Ok(output::refuse_device(output)?)
}

/// Each model once, however often it is named; none that `output` would take the place of.
fn all(
    words: &[String],
    name: Option<&Name>,
    library: &Library,
    output: Option<&Path>,
) -> anyhow::Result<Vec<Packed>> {
    let mut all: Vec<Packed> = Vec::new();
    for word in words {
        let named = sign::find(word, library)?;
        if let Some(output) = output {
            // What else is there was refused before, unless it may be replaced.
            output::refuse(output, sign::spared(&named).iter().map(PathBuf::as_path), true)?;
        }
        let model = pack(named, name.cloned())?;
        match all.iter().find(|it| it.name == model.name) {
            None => all.push(model),
            Some(twin) if twin.files().eq(model.files()) => {}
            Some(_) => {
                let failure = Failure::usage(format!("two models are called `{}`", model.name));
                return Err(failure.hint("pack one of them alone, `--name` renames it").into());
            }
        }
    }
    Ok(all)
}

fn pack(named: Named, name: Option<Name>) -> anyhow::Result<Packed> {
    match named {
        Named::Entry(entry) => {
            let mut packed = Packed::of(&entry);
            packed.name = name.unwrap_or(packed.name);
            Ok(packed)
        }
        Named::Path(path) => {
            let bar = bar(0, "hashing");
            let packed = Packed::from_path(&path, name, &mut |n| bar.inc(n));
            bar.finish_and_clear();
            Ok(packed?)
        }
    }
}

/// What the user may not expect.
fn notes(packed: &[Packed]) -> Vec<String> {
    let mut notes = Vec::new();
    for model in packed {
        if !model.has_licence_text() {
            notes.push(format!("no text of a licence goes with `{}`", model.name));
        }
        if model.vouched() == Vouched::Otherwise {
            notes.push(format!(
                "`{}` was signed by another name, or with other facts: `ingle import --key` refuses \
                 it; `ingle export --key` signs it again",
                model.name
            ));
        }
        notes.extend(left_out(model));
    }
    notes
}

/// The files of its folder that stay behind, if any do.
pub(super) fn left_out(model: &Packed) -> Option<String> {
    let names = model.left_out.iter().filter_map(|it| it.file_name());
    let names = names.map(|it| format!("`{}`", it.display())).collect::<Vec<_>>();
    (!names.is_empty()).then(|| format!("left out of `{}`: {}", model.name, names.join(", ")))
}

/// Writes the bill of materials of the model into a file, or prints it.
fn give_bom(
    packed: &[Packed],
    output: Option<&Path>,
    existing: Existing,
    (json, notes): (Json, &[String]),
) -> anyhow::Result<()> {
    let [model] = packed else { unreachable!("`refuse` lets one through") };
    let bytes = bundle::bom(model);
    let Some(output) = output else {
        return super::print(std::str::from_utf8(&bytes).expect("JSON is UTF-8"));
    };
    if output.exists() && existing == Existing::Keep {
        return Err(bundle::Error::There { path: output.to_owned() }.into());
    }
    sign::write(output, &bytes).with_context(|| format!("cannot write `{}`", output.display()))?;
    match json.on {
        true => super::print_json(&json!({
            "bom": library::text(output), "bytes": bytes.len(), "model": model.name, "warnings": notes,
        })),
        false => super::print(&format!("{:<15}{}\n", "file", output.display())),
    }
}

fn page(written: &Written, models: &[(Name, u64)]) -> String {
    let mut page = String::new();
    for part in &written.parts {
        page += &format!("{:<15}{}\n", "file", part.display());
    }
    for (name, bytes) in models {
        page += &format!("{:<15}{name}, {}\n", "model", size(*bytes));
    }
    page +=
        &format!("{:<15}{}\n{:<15}sha256:{}\n", "size", size(written.size), "index", written.index);
    if let Some(program) = &written.program {
        page += &format!("{:<15}sha256:{}\n", "program", program.sha256);
    }
    page
}

/// What to do on the other side.
fn next(written: &Written) {
    let Some(first) = written.parts.first() else { return };
    let name = first.file_name().unwrap_or_default().display();
    tell(format_args!("note: `ingle import {name}` takes it in on the other side"));
    if written.program.is_none() {
        return;
    }
    let command = match written.parts.len() {
        1 => format!("tar -xf {name} ingle"),
        _ => {
            let stem = first.with_extension("");
            let stem = stem.file_name().unwrap_or_default().display();
            format!("cat {stem}.* | tar -xf - ingle")
        }
    };
    tell(format_args!("note: `{command}` takes the program out there"));
    tell(
        "note: a program proves nothing of itself: before it runs there, compare its sha256 with \
         the one above, sent another way",
    );
}

/// A bar of bytes; 0 of an unknown number of them.
pub(super) fn bar(bytes: u64, what: &str) -> ProgressBar {
    let template = match bytes {
        0 => "{spinner} {prefix} {bytes}, {bytes_per_sec}",
        _ => "{prefix} {bar:32} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
    };
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style).with_prefix(what.to_owned())
}
