//! The `ingle` binary under test: run in a folder of its own, told as one text.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use tempfile::TempDir;

/// The binary of this build: `cargo test` makes it for the tests of its package.
///
/// # Panics
///
/// If it is not there, since a test of another package asks.
pub fn ingle() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let test = env::current_exe().expect("a test is a file");
        // target/PROFILE/deps/TEST
        let profile = test.ancestors().nth(2).expect("tests lie in `deps`");
        let built = profile.join(format!("ingle{}", env::consts::EXE_SUFFIX));
        assert!(built.is_file(), "no `{}`: `cargo test -p ingle-cli` makes it", built.display());
        built
    })
}

/// A folder to run the binary in, with a home of its own and no settings from outside.
pub struct Place {
    dir: TempDir,
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// An empty one.
    ///
    /// # Panics
    ///
    /// If there is no room for it.
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file into it.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("it is below the folder")).expect("a folder");
        fs::write(&path, bytes).expect("a file");
        path
    }

    /// Environment variables of the binary: everything that could change what it says is set.
    pub fn environment(&self) -> Vec<(String, String)> {
        let foreign = |name: &str| name.starts_with("INGLE_") || name == "NO_COLOR";
        let mut all: Vec<_> = env::vars().filter(|(name, _)| !foreign(name)).collect();
        all.retain(|(name, _)| name != "VISUAL" && name != "EDITOR" && name != "XDG_RUNTIME_DIR");
        let home = self.path().join("ingle-home").display().to_string();
        for (name, value) in
            [("INGLE_HOME", home.as_str()), ("INGLE_ISA", "scalar"), ("INGLE_THREADS", "2")]
        {
            all.push((name.to_owned(), value.to_owned()));
        }
        all
    }

    /// Runs `ingle` with these arguments and without input.
    pub fn run(&self, args: &[&str]) -> String {
        self.run_with(args, b"", &[])
    }

    /// Runs `ingle`; gives the exit code, standard output and standard error as one text, in
    /// which this folder is `[DIR]`.
    ///
    /// # Panics
    ///
    /// If it cannot be run.
    pub fn run_with(&self, args: &[&str], input: &[u8], environment: &[(&str, &str)]) -> String {
        let output = self.output(args, input, environment);
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            // Of the kernel that the test runs on; what is confined is tested in `airgap`.
            let of_kernel =
                |it: &&str| it.starts_with("warning: the sandbox is not whole: this kernel");
            let text: String = text.split_inclusive('\n').filter(|it| !of_kernel(it)).collect();
            text.replace(&self.path().display().to_string(), "[DIR]")
        };
        let mut told = match output.status.code() {
            Some(code) => format!("exit {code}\n"),
            None => format!("{}\n", output.status),
        };
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            let text = text(bytes);
            if !text.is_empty() {
                told += &format!("-- {name}\n{text}");
                if !text.ends_with('\n') {
                    told += "(no line end)\n";
                }
            }
        }
        told
    }

    /// The same as it is.
    ///
    /// # Panics
    ///
    /// If it cannot be run.
    pub fn output(&self, args: &[&str], input: &[u8], environment: &[(&str, &str)]) -> Output {
        let mut child = Command::new(ingle())
            .args(args)
            .env_clear()
            .envs(self.environment())
            .envs(environment.iter().copied())
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`ingle` starts");
        let mut stdin = child.stdin.take().expect("it was piped");
        // A run that fails early does not read its input.
        let _ = stdin.write_all(input);
        drop(stdin);
        child.wait_with_output().expect("`ingle` ends")
    }
}
