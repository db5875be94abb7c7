//! llama.cpp's cache: one folder, whose files are called `org_repo_file.gguf`, with beside them
//! `manifest=org=repo=tag.json`. Newer versions keep their models in the cache of the hub.

use std::path::Path;

use super::{Piece, Program, Survey, names_in, pieces_in, sets::Folder};

pub(super) fn survey(cache: &Path, survey: &mut Survey) {
    let names = names_in(cache, survey);
    let repositories: Vec<[&str; 2]> = names.iter().filter_map(|it| repository(it)).collect();
    let mut rest = pieces_in(cache, survey);
    for [organisation, name] in repositories {
        // Names have underscores, too: without the manifest, nobody knows where one ends.
        let prefix = format!("{organisation}_{name}_");
        let files = rest.extract_if(.., |it| it.path.0.as_str().starts_with(&prefix)).collect();
        folder(cache, Some(organisation), name, files).survey(survey);
    }
    for (stem, files) in by_stem(rest) {
        folder(cache, None, &stem, files).survey(survey);
    }
}

fn folder(cache: &Path, publisher: Option<&str>, model: &str, files: Vec<Piece>) -> Folder {
    let (program, root) = (Program::LlamaCpp, cache.to_owned());
    let called = publisher.map_or_else(|| "cache".to_owned(), |it| format!("{it}/{model}"));
    let publisher = publisher.map(str::to_owned);
    Folder { program, called, publisher, model: model.to_owned(), root, files }
}

/// `org` and `repo` of `manifest=org=repo=tag.json`.
fn repository(file: &str) -> Option<[&str; 2]> {
    let parts: Vec<&str> = file.strip_prefix("manifest=")?.splitn(3, '=').collect();
    let &[organisation, name, _] = parts.as_slice() else { return None };
    Some([organisation, name])
}

/// Files that nothing is known of: each name without its shard is a model of its own.
fn by_stem(files: Vec<Piece>) -> Vec<(String, Vec<Piece>)> {
    let mut stems: Vec<(String, Vec<Piece>)> = Vec::new();
    for piece in files {
        let Some(stem) = piece.path.0.as_str().strip_suffix(".gguf") else { continue };
        let stem = super::sets::shard(stem).map_or(stem, |it| it.0).to_owned();
        match stems.iter_mut().find(|it| it.0 == stem) {
            Some(known) => known.1.push(piece),
            None => stems.push((stem, vec![piece])),
        }
    }
    stems
}
