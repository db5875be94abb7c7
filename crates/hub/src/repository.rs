//! The hub's API: from a repository and a revision to a [`Snapshot`].
//!
//! ```text
//! GET /api/models/ORG/NAME/revision/REV           sha, gated, cardData, gguf
//! GET /api/models/ORG/NAME/tree/SHA?recursive=1   [{type, path, size, oid, lfs: {oid, size}}]
//!     Link: <…&cursor=C>; rel="next"              there is more
//! ```
//!
//! `lfs.oid` is the SHA-256 of a large file, `oid` git's SHA-1 of a small one.

use loader::SafeRelPath;
use serde::Deserialize;
use serde_json::Value;
use store::name::RepoId;

use crate::{
    Card, Endpoint, Error, Expected, RemoteFile, Revision, Snapshot, Url, Watch, client::Client,
    licence,
};

/// Pages of a thousand names or fewer: far above any repository of a model.
const MAX_PAGES: usize = 100;
/// Files, whatever the pages are.
const MAX_FILES: usize = 50_000;
/// Bytes of a file, so that all of them are a number.
const MAX_SIZE: u64 = 1 << 47;

/// What is read of a repository; everything else is left alone.
#[derive(Deserialize)]
struct Info {
    sha: String,
    #[serde(default)]
    gated: Value,
    #[serde(default, rename = "cardData")]
    card: Value,
    #[serde(default)]
    gguf: Value,
}

/// A line of the tree.
#[derive(Deserialize)]
struct Node {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    oid: String,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    oid: String,
    size: u64,
}

/// What `endpoint` says of the repository.
///
/// # Errors
///
/// If it cannot be reached, does not know the repository or does not open it, or says what cannot
/// be.
pub(crate) fn look(
    client: &Client,
    endpoint: &Endpoint,
    (repository, revision): (&RepoId, &Revision),
    watch: &dyn Watch,
) -> Result<Snapshot, Error> {
    let base = ["api", "models", repository.organisation(), repository.name()];
    let url = address(endpoint, repository, revision);
    let absent = format!("revision `{revision}` of `{repository}`");
    let (info, _): (Info, _) =
        client.json(endpoint, &url, (repository, "description of a repository", &absent), watch)?;
    let mut snapshot = Snapshot {
        repository: repository.clone(),
        revision: revision.clone(),
        commit: info.sha.parse()?,
        endpoint: endpoint.clone(),
        files: Vec::new(),
        refused: Vec::new(),
        card: info.card(),
    };
    let commit = snapshot.commit.to_string();
    let mut query = "recursive=true".to_owned();
    for _ in 0..MAX_PAGES {
        let url = endpoint.at_with(base.into_iter().chain(["tree", &commit]), &query);
        let (nodes, link): (Vec<Node>, _) =
            client.json(endpoint, &url, (repository, "list of files", &absent), watch)?;
        nodes.into_iter().try_for_each(|it| snapshot.add(it))?;
        if snapshot.files.len() + snapshot.refused.len() > MAX_FILES {
            return Err(too_long(endpoint, "the list of files", MAX_FILES as u64, "files"));
        }
        match link.as_deref().and_then(cursor) {
            None => return Ok(snapshot),
            Some(cursor) => query = format!("recursive=true&cursor={cursor}"),
        }
    }
    Err(too_long(endpoint, "the list of files", MAX_PAGES as u64, "pages"))
}

fn too_long(endpoint: &Endpoint, what: &'static str, most: u64, unit: &'static str) -> Error {
    Error::TooLong { host: endpoint.url().authority(), what, most, unit }
}

/// Where `endpoint` describes the repository.
fn address(endpoint: &Endpoint, repository: &RepoId, revision: &Revision) -> Url {
    let base = ["api", "models", repository.organisation(), repository.name()];
    endpoint.at(base.into_iter().chain(["revision", revision.as_str()]))
}

impl Snapshot {
    /// A name that cannot be stored is kept as that; nobody may ask for the file.
    fn add(&mut self, node: Node) -> Result<(), Error> {
        if node.kind != "file" {
            return Ok(());
        }
        let path = match node.path.parse::<SafeRelPath>() {
            Ok(path) => path,
            Err(why) => {
                self.refused.push(why);
                return Ok(());
            }
        };
        let (size, digest) = match node.lfs {
            Some(lfs) => (lfs.size, Expected::Sha256(lfs.oid.parse()?)),
            None => (node.size, Expected::GitBlob(node.oid.parse()?)),
        };
        if size > MAX_SIZE {
            return Err(too_long(&self.endpoint, "a file", MAX_SIZE, "bytes"));
        }
        self.files.push(RemoteFile { path, size, digest });
        Ok(())
    }
}

impl Info {
    fn card(&self) -> Card {
        let text = |key: &str| self.card[key].as_str().map(str::to_owned);
        let base_models = match &self.card["base_model"] {
            Value::String(one) => vec![one.clone()],
            Value::Array(all) => {
                all.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        };
        let id = match &self.card["license"] {
            Value::String(one) => Some(one.as_str()),
            Value::Array(all) => all.first().and_then(Value::as_str),
            _ => None,
        };
        Card {
            licence: id.map(|it| licence::expression(it, self.card["license_name"].as_str())),
            licence_link: text("license_link"),
            base_models,
            architecture: self.gguf["architecture"].as_str().map(str::to_owned),
            is_gated: !matches!(self.gated, Value::Null | Value::Bool(false)),
        }
    }
}

/// Where the next page begins. Nothing else of the link is used: it may name another server.
fn cursor(link: &str) -> Option<&str> {
    let next = link.split(',').find(|it| it.contains("rel=\"next\""))?;
    let (_, query) = next.trim().strip_prefix('<')?.split_once('>')?.0.split_once('?')?;
    let cursor = query.split('&').find_map(|it| it.strip_prefix("cursor="))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "%-._~=+/".contains(c);
    (!cursor.is_empty() && cursor.chars().all(plain)).then_some(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_a_cursor_and_no_address() {
        let link =
            "<https://evil.example/tree/main?recursive=true&cursor=ZXlK%3D&x=1>; rel=\"next\"";
        assert_eq!(cursor(link), Some("ZXlK%3D"));
        for none in
            ["", "<https://a/?cursor=a b>; rel=\"next\"", "<https://a/?cursor=x>; rel=\"prev\""]
        {
            assert_eq!(cursor(none), None, "{none}");
        }
    }

    /// `Repo::api_url` and `Repo::url_revision` of `hf-hub` 0.5, which it compiles with its transport
    /// alone: `{endpoint}/api/models/{id}/revision/{revision}`, where `%2F` is in the place of `/`.
    #[test]
    fn a_description_is_where_hf_hub_looks_for_it() {
        for (revision, id) in [("main", "gpt2/gpt2"), ("refs/pr/1", "org/a.b-c_d"), ("v1.0", "a/b")]
        {
            let theirs = revision.replace('/', "%2F");
            let theirs = format!("https://huggingface.co/api/models/{id}/revision/{theirs}");
            let (repository, revision) = (id.parse().unwrap(), revision.parse().unwrap());
            let ours = address(&Endpoint::usual(), &repository, &revision);
            assert_eq!(ours.to_string(), theirs);
        }
    }

    #[test]
    fn a_card_may_say_little_or_nonsense() {
        let card = |text: &str| serde_json::from_str::<Info>(text).unwrap().card();
        let whole = r#"{"sha": "x", "gated": "manual", "gguf": {"architecture": "llama"},
            "cardData": {"license": "other", "license_name": "my licence", "license_link": "L",
                         "base_model": ["a/b", "c/d"]}}"#;
        let expected = Card {
            licence: Some("LicenseRef-my-licence".to_owned()),
            licence_link: Some("L".to_owned()),
            base_models: vec!["a/b".to_owned(), "c/d".to_owned()],
            architecture: Some("llama".to_owned()),
            is_gated: true,
        };
        assert_eq!(card(whole), expected);
        assert_eq!(card(r#"{"sha": "x", "gated": false}"#), Card::default());
        assert_eq!(card(r#"{"sha": "x", "cardData": {"license": 7}}"#), Card::default());
    }
}
