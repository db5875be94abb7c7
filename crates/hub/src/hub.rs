//! The hub: all that can be asked of it.

use std::io::Read;

use store::{
    library::{Library, Staging, StoredFile},
    name::RepoId,
};

use crate::{
    Choice, Error, Kind, Online, RemoteFile, Revision, Settings, Snapshot, Token, Watch,
    client::Client,
    download::{self, Request},
    repository,
    safetensors::{INDEX, MAX_INDEX},
    tries::Tries,
};

/// A hub and its mirrors. Once somebody asked to stop, it connects to nobody any more.
pub struct Hub {
    settings: Settings,
    client: Client,
}

impl Hub {
    /// The hub that `settings` name; connects to nobody yet.
    ///
    /// # Errors
    ///
    /// If they name none, or there are no certificates to tell it by.
    pub fn new(settings: Settings, _: Online) -> Result<Self, Error> {
        let client = Client::new(&settings)?;
        Ok(Self { settings, client })
    }

    /// The same for who has this token.
    ///
    /// # Errors
    ///
    /// As [`Hub::new`].
    pub fn known_as(&self, token: Token) -> Result<Self, Error> {
        let settings = Settings { token: Some(token), ..self.settings.clone() };
        Ok(Self { client: Client::new(&settings)?, settings })
    }

    /// How it is reached.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// What `repository` is at `revision` now.
    ///
    /// # Errors
    ///
    /// If no mirror can be reached, or knows the repository and opens it.
    pub fn look(
        &self,
        repository: &RepoId,
        revision: &Revision,
        watch: &dyn Watch,
    ) -> Result<Snapshot, Error> {
        let mut tries = Tries::of_first(&self.settings, watch);
        let wanted = (repository, revision);
        self.client.interruptibly(watch, || {
            loop {
                match repository::look(&self.client, tries.endpoint(), wanted, watch) {
                    Ok(snapshot) => return Ok(snapshot),
                    Err(error) => tries.after(error)?,
                }
            }
        })
    }

    /// The model of `snapshot` whose format or file `wanted` names, or the usual one.
    ///
    /// # Errors
    ///
    /// If there is none, or several, or a part of it is missing.
    pub fn choose(
        &self,
        snapshot: &Snapshot,
        wanted: Option<&str>,
        watch: &dyn Watch,
    ) -> Result<Choice, Error> {
        let offer = snapshot.offer(wanted)?;
        let mut files = offer.files().to_vec();
        if offer.kind == Kind::Safetensors {
            let weights = snapshot.weights().expect("an offer of safetensors has weights");
            files.push(weights.clone());
            if weights.path.as_str() == INDEX {
                let index = self
                    .client
                    .interruptibly(watch, || self.whole(snapshot, weights, MAX_INDEX, watch))?;
                files.extend(snapshot.indexed(&index)?);
            }
            files.extend(snapshot.beside().cloned());
        }
        snapshot.choice(&offer, files, wanted)
    }

    /// Fetches the files of `choice` into `staging`, goes on where it was stopped, and checks them
    /// all. Those that are `kept` are there already and were held against their digests: nobody writes
    /// into them. The caller publishes the whole.
    ///
    /// # Errors
    ///
    /// If a file cannot be had or is not what the hub announced, or the disk refuses.
    pub fn download(
        &self,
        snapshot: &Snapshot,
        (choice, kept): (&Choice, &[StoredFile]),
        (library, staging): (&Library, &Staging),
        watch: &dyn Watch,
    ) -> Result<Vec<StoredFile>, Error> {
        self.client.interruptibly(watch, || {
            download::fetch(self, snapshot, (&choice.files, kept), (library, staging), watch)
        })
    }

    /// A small file, of at most `most` bytes, in memory, held against its digest: what it says is
    /// believed before anything else of the model is here.
    pub(crate) fn whole(
        &self,
        snapshot: &Snapshot,
        file: &RemoteFile,
        most: u64,
        watch: &dyn Watch,
    ) -> Result<Vec<u8>, Error> {
        let mut tries = Tries::new(&self.settings, watch, 0);
        if file.size > most {
            let host = tries.endpoint().url().authority();
            return Err(Error::TooLong { host, what: "a file", most, unit: "bytes" });
        }
        if file.size == 0 {
            return Ok(Vec::new());
        }
        loop {
            let request = Request { snapshot, file, begin: 0, end: file.size };
            let read = download::open(&self.client, tries.endpoint(), &request, watch).and_then(
                |answer| {
                    let host = answer.url.authority();
                    let (from, broken) = answer.reader(watch);
                    let mut bytes = Vec::new();
                    from.take(file.size).read_to_end(&mut bytes).map_err(broken)?;
                    let (found, expected) = (bytes.len() as u64, file.size);
                    if found < expected {
                        let path = file.path.to_string();
                        return Err(Error::Cut { host, path, found, expected });
                    }
                    download::check_bytes(file, &bytes)?;
                    Ok(bytes)
                },
            );
            match read {
                Ok(bytes) => return Ok(bytes),
                Err(error) => tries.after(error)?,
            }
        }
    }
}
