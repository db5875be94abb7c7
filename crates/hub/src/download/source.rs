//! Asks for bytes of a file of a repository, and holds what the hub says of it against what it said
//! before.

use store::digest::{CommitHex, Sha256Hex};

use crate::{
    Endpoint, Error, Expected, RemoteFile, Snapshot, Url, Watch,
    client::{Answer, Client, Said},
};

/// Bytes of a file.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) file: &'a RemoteFile,
    pub(crate) begin: u64,
    /// After the last; more than `begin`.
    pub(crate) end: u64,
}

/// Asks `endpoint` for them; the answer's body begins with them.
///
/// # Errors
///
/// If they cannot be had, what the headers say is not of this file at this commit, or `watch` says to
/// stop.
pub(crate) fn open(
    client: &Client,
    endpoint: &Endpoint,
    request: &Request<'_>,
    watch: &dyn Watch,
) -> Result<Answer, Error> {
    request.send(client, endpoint, &request.address(endpoint), watch)
}

impl Request<'_> {
    /// Where `endpoint` has the file.
    fn address(&self, endpoint: &Endpoint) -> Url {
        let Snapshot { repository, commit, .. } = self.snapshot;
        let commit = commit.to_string();
        let base = [repository.organisation(), repository.name(), "resolve", &commit];
        endpoint.at(base.into_iter().chain(self.file.path.as_str().split('/')))
    }

    /// Asks for them at `url`, where `endpoint` says that the file is.
    ///
    /// # Errors
    ///
    /// As [`open`].
    pub(super) fn send(
        &self,
        client: &Client,
        endpoint: &Endpoint,
        url: &Url,
        watch: &dyn Watch,
    ) -> Result<Answer, Error> {
        let Self { snapshot, file, begin, end } = *self;
        let is_whole = begin == 0 && end == file.size;
        let answer = client.get(endpoint, url, (!is_whole).then_some((begin, end)), watch)?;
        let absent = format!("file `{}` in `{}`", file.path, snapshot.repository);
        let token = client.token_for(endpoint);
        let answer = answer.granted(endpoint, &snapshot.repository, &absent, token)?;
        self.check_said(endpoint, &answer.said)?;
        match answer.status {
            206 => self.check_range(&answer)?,
            _ if is_whole => self.check_length(&answer)?,
            _ => {
                let (host, path) = (answer.url.authority(), file.path.to_string());
                return Err(Error::NoParts { host, path, begin, end });
            }
        }
        Ok(answer)
    }

    /// What the hub itself says of the file.
    fn check_said(&self, endpoint: &Endpoint, said: &Said) -> Result<(), Error> {
        let contradiction = |what: &str, found: &str, expected: String| Error::Contradiction {
            host: endpoint.url().authority(),
            what: format!("{what} of `{}`", self.file.path),
            found: found.chars().take(100).collect(),
            expected,
        };
        let commit = self.snapshot.commit;
        if let Some(found) = &said.commit
            && found.parse::<CommitHex>() != Ok(commit)
        {
            return Err(contradiction("the commit", found, commit.to_string()));
        }
        if let (Some(found), Expected::Sha256(expected)) = (&said.etag, self.file.digest) {
            let bare = found.strip_prefix("W/").unwrap_or(found).trim_matches('"');
            if bare.parse::<Sha256Hex>() != Ok(expected) {
                return Err(contradiction("the sha256", found, expected.to_string()));
            }
        }
        match &said.size {
            Some(found) if found.parse::<u64>() != Ok(self.file.size) => {
                Err(contradiction("the size", found, self.file.size.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// `bytes 0-99/1000` must be what was asked for.
    fn check_range(&self, answer: &Answer) -> Result<(), Error> {
        let found = answer.header("content-range").unwrap_or_default();
        let range = format!("bytes {}-{}/", self.begin, self.end - 1);
        let size = self.file.size.to_string();
        match found.strip_prefix(&range) {
            Some(total) if total == size || total == "*" => Ok(()),
            _ => Err(Error::Contradiction {
                host: answer.url.authority(),
                what: format!("the range of `{}`", self.file.path),
                found,
                expected: range + &size,
            }),
        }
    }

    fn check_length(&self, answer: &Answer) -> Result<(), Error> {
        let (found, expected) = (answer.header("content-length"), self.file.size.to_string());
        match found {
            Some(found) if found != expected => Err(Error::Contradiction {
                host: answer.url.authority(),
                what: format!("the length of `{}`", self.file.path),
                found,
                expected,
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Card, Revision};

    /// `ApiRepo::url` of `hf-hub` 0.5, which it compiles with its transport alone:
    /// `{endpoint}/{id}/resolve/{revision}/{path}`. It leaves a path as it is; what is no part of an
    /// address is encoded here.
    #[test]
    fn a_file_is_where_hf_hub_looks_for_it() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let snapshot = Snapshot {
            repository: "org/model".parse().unwrap(),
            revision: Revision::default(),
            commit: commit.parse().unwrap(),
            endpoint: Endpoint::usual(),
            files: Vec::new(),
            refused: Vec::new(),
            card: Card::default(),
        };
        for (path, theirs) in [
            ("model.safetensors", "model.safetensors"),
            ("onnx/model_q4.onnx", "onnx/model_q4.onnx"),
            ("a folder/m#1.gguf", "a%20folder/m%231.gguf"),
        ] {
            let digest = Expected::Sha256(Sha256Hex::of(b""));
            let file = RemoteFile { path: path.parse().unwrap(), size: 1, digest };
            let request = Request { snapshot: &snapshot, file: &file, begin: 0, end: 1 };
            let ours = request.address(&Endpoint::usual()).to_string();
            assert_eq!(ours, format!("https://huggingface.co/org/model/resolve/{commit}/{theirs}"));
        }
    }
}
