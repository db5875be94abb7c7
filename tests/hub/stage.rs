//! A hub with the scripted model, and the program beside it.

use expect_test::Expect;
use ingle_tests::{binary::Place, parrot};

use crate::{
    fake::{Fake, Repository},
    scene::{NAME, noise},
};

pub(crate) struct Stage {
    pub(crate) fake: Fake,
    pub(crate) place: Place,
    /// Set besides those that find the fake.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(Fake::new())
    }

    pub(crate) fn with(fake: Fake) -> Self {
        fake.add(NAME, repository());
        Self { fake, place: Place::new(), variables: Vec::new() }
    }

    /// With nothing of whoever runs this that could change what is said.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let home = self.place.path().join("no-token").display().to_string();
        let mut all = self.place.environment();
        let usual = [
            ("HF_ENDPOINT", self.fake.hub.clone()),
            ("HF_HOME", home),
            ("HF_TOKEN", String::new()),
            ("HTTP_PROXY", String::new()),
            ("http_proxy", String::new()),
            ("HTTPS_PROXY", String::new()),
            ("https_proxy", String::new()),
            ("ALL_PROXY", String::new()),
            ("all_proxy", String::new()),
            ("SSL_CERT_DIR", String::new()),
        ];
        for (name, value) in usual.into_iter().chain(self.variables.clone()) {
            all.retain(|it| it.0 != name);
            all.push((name.to_owned(), value));
        }
        all
    }

    /// What it says, without what differs from run to run.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let environment = self.environment();
        let environment: Vec<_> =
            environment.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let told = self.place.run_with(args, b"", &environment);
        let told = told.replace(&self.fake.hub, "[HUB]").replace(self.fake.authority(), "[HUB]");
        let steady = |line: &str| match line.strip_suffix(" are free here") {
            Some(rest) => rest.rsplit_once(", ").map_or(rest, |it| it.0).to_owned() + "\n",
            None => line.to_owned() + "\n",
        };
        told.lines().map(steady).collect()
    }

    /// What it prints as JSON.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        let told = self.run(args);
        let json = told.split("-- stdout\n").nth(1).unwrap_or_default();
        let json = json.split("-- stderr\n").next().unwrap_or_default();
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {told}"))
    }

    #[track_caller]
    pub(crate) fn check(&self, args: &[&str], expected: Expect) {
        expected.assert_eq(&self.run(args));
    }
}

/// The scripted model, and one that is none.
pub(crate) fn repository() -> Repository {
    Repository::new([
        ("LICENSE", b"do what you like\n".to_vec()),
        ("m-F16.gguf", noise(1, 5000)),
        ("m-Q4_K_M.gguf", parrot::file()),
    ])
}
