//! What a model is, before it is fetched: the headers of its weights alone, in files that are as
//! long as the real ones and have holes where the weights would be. The loader opens them as it
//! opens any model.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use loader::gguf;

use crate::{
    Choice, Error, Hub, Kind, RemoteFile, Snapshot, Watch,
    client::Answer,
    download::{self, Request},
    tries::Tries,
};

/// Longest small file that is fetched whole.
const MAX_SMALL: u64 = 64 << 20;
/// Longest header of a safetensors file.
const MAX_HEADER: u64 = 100_000_000;

impl Hub {
    /// Fetches the headers of `choice` into the empty folder `folder`, and returns what to open
    /// there. Whoever reads weights from it reads zeros.
    ///
    /// # Errors
    ///
    /// If a file cannot be had, or is no model, all together are longer than the settings let them be,
    /// or the disk refuses.
    pub fn headers(
        &self,
        snapshot: &Snapshot,
        choice: &Choice,
        folder: &Path,
        watch: &dyn Watch,
    ) -> Result<PathBuf, Error> {
        self.client()
            .interruptibly(watch, || self.fetch_headers(snapshot, choice, folder, watch))?;
        Ok(choice.main.as_ref().map_or_else(|| folder.to_owned(), |it| it.below(folder)))
    }

    fn fetch_headers(
        &self,
        snapshot: &Snapshot,
        choice: &Choice,
        folder: &Path,
        watch: &dyn Watch,
    ) -> Result<(), Error> {
        let shards: Vec<_> = choice.shards().cloned().collect();
        let mut left = self.settings().headers;
        for file in &shards {
            left -= self.header(snapshot, file, (choice.kind, folder), left, watch)?;
        }
        if choice.kind == Kind::Safetensors {
            let is_small = |it: &&RemoteFile| it.size <= MAX_SMALL && !shards.contains(it);
            for file in choice.files.iter().filter(is_small) {
                let bytes = self.whole(snapshot, file, MAX_SMALL.min(left), watch)?;
                left = left.saturating_sub(bytes.len() as u64);
                let path = file.path.below(folder);
                let mut to = create(&path)?;
                to.write_all(&bytes).map_err(Error::io("write", path))?;
            }
        }
        Ok(())
    }

    /// Fetches the header of `file`, of at most `left` bytes; how many those were. So many of its first
    /// bytes are asked for as hold most headers, and more only where they do not: a proxy on the way
    /// that looks at everything first would have all of the weights come.
    fn header(
        &self,
        snapshot: &Snapshot,
        file: &RemoteFile,
        (kind, folder): (Kind, &Path),
        left: u64,
        watch: &dyn Watch,
    ) -> Result<u64, Error> {
        let path = file.path.below(folder);
        let mut tries = Tries::new(self.settings(), watch, 0);
        let first = file.size.min(self.settings().part.get());
        let mut end = first;
        loop {
            let to = create(&path)?;
            let request = Request { snapshot, file, begin: 0, end };
            let copied = download::open(self.client(), tries.endpoint(), &request, watch)
                .and_then(|answer| self.copied(answer, &request, (kind, &to), left, watch));
            match copied {
                Ok(Some(bytes)) => {
                    let sized = to.set_len(file.size).map(|()| bytes);
                    return sized.map_err(Error::io("make a file as long as", path));
                }
                Ok(None) => end = file.size.min(end.saturating_mul(4)),
                // Whoever sends no parts sends the whole.
                Err(Error::NoParts { .. }) => end = file.size,
                Err(error) => {
                    tries.after(error)?;
                    // Another may be asked now, who sends parts.
                    end = first;
                }
            }
        }
    }

    /// Copies the header that `answer` begins with, of at most `left` bytes; how many those were,
    /// nothing if it goes on behind what was asked for.
    fn copied(
        &self,
        answer: Answer,
        request: &Request<'_>,
        (kind, to): (Kind, &File),
        left: u64,
        watch: &dyn Watch,
    ) -> Result<Option<u64>, Error> {
        let (host, file) = (answer.url.authority(), request.file);
        let (from, broken) = answer.reader(watch);
        let mut asked = from.take(request.end);
        match copy(kind, &mut asked, to, left) {
            Ok(Some(bytes)) => Ok(Some(bytes)),
            Ok(None) => Err(Error::TooLong {
                host,
                what: "the sum of a model's headers",
                most: self.settings().headers,
                unit: "bytes",
            }),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(Error::File {
                path: file.path.to_string(),
                what: "model that can be read",
                source: error.into(),
            }),
            Err(_) if asked.limit() == 0 && request.end < file.size => Ok(None),
            Err(error) => Err(broken(error)),
        }
    }
}

/// How many bytes the header has; nothing if those are more than `left`.
fn copy(kind: Kind, from: impl Read, mut to: &File, left: u64) -> io::Result<Option<u64>> {
    let mut from = io::BufReader::new(from).take(left);
    let copied = match kind {
        Kind::Gguf => {
            let mut to = io::BufWriter::new(to);
            gguf::copy_header(&mut from, &mut to).and_then(|_| to.flush())
        }
        Kind::Safetensors => copy_safetensors(&mut from, &mut to),
    };
    match copied {
        Ok(()) => Ok(Some(left - from.limit())),
        // Nothing more was let through, whatever comes.
        Err(_) if from.limit() == 0 => Ok(None),
        Err(error) => Err(error),
    }
}

fn copy_safetensors(mut from: impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut len = [0; 8];
    from.read_exact(&mut len)?;
    to.write_all(&len)?;
    let len = u64::from_le_bytes(len);
    if len > MAX_HEADER {
        let why = format!("its header has {len} bytes, at most {MAX_HEADER} are read");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    match io::copy(&mut from.take(len), to)? == len {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A file in a folder of its own, which this makes; what was there is dropped.
fn create(path: &Path) -> Result<File, Error> {
    let above = path.parent().unwrap_or(path);
    std::fs::create_dir_all(above).map_err(Error::io("make the folder", above))?;
    File::create(path).map_err(Error::io("write", path))
}
