//! Serves folders as repositories, as the hub of the tests does, until it is ended:
//!
//! ```text
//! cargo run -p ingle-cli --example hub -- ORG/NAME=FOLDER…
//! HF_ENDPOINT=… ingle pull ORG/NAME
//! ```

#![expect(dead_code, reason = "the tests use the rest of their hub")]

mod fake;

use std::{env, fs, io, path::Path, thread};

use fake::{Fake, Repository};

fn main() -> io::Result<()> {
    let fake = Fake::new();
    for arg in env::args().skip(1) {
        let (name, folder) = arg.split_once('=').expect("ORG/NAME=FOLDER");
        let mut files = Vec::new();
        read(Path::new(folder), "", &mut files)?;
        fake.add(name, Repository::new(files));
    }
    #[expect(clippy::print_stdout, reason = "whoever started it wants to know where it is")]
    {
        println!("HF_ENDPOINT={}", fake.hub);
    }
    loop {
        thread::park();
    }
}

/// All files below `folder`, by their paths with `prefix` before them.
fn read(folder: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{prefix}{name}");
        match path.is_dir() {
            true => read(&path, &format!("{name}/"), files)?,
            false => files.push((name, fs::read(&path)?)),
        }
    }
    Ok(())
}
