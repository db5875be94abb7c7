//! What this program would do with a network, if it was asked to: nothing before `pull`, and nothing
//! at all in a build without network code.

use serde::Serialize;

/// How the hub is reached.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Network {
    /// Whether code that opens connections is linked.
    pub(super) linked: bool,
    /// The variable that forbids connections.
    pub(super) offline: Option<&'static str>,
    /// The hub, and its mirrors.
    pub(super) hubs: Vec<String>,
    /// Whether there is a token for gated models.
    pub(super) token: bool,
    /// Variables about proxies, and what they say without names and passwords.
    pub(super) proxies: Vec<(&'static str, String)>,
    /// The file with the certificates to trust in the place of the system's.
    pub(super) certificates: Option<String>,
}

#[cfg(feature = "hub")]
pub(super) use linked::find;
#[cfg(not(feature = "hub"))]
pub(super) use missing::find;

#[cfg(feature = "hub")]
mod linked {
    use std::env;

    use hub::{Error, Online, Settings};

    use super::Network;

    const PROXIES: [(&str, &str); 4] = [
        ("HTTPS_PROXY", "https_proxy"),
        ("HTTP_PROXY", "http_proxy"),
        ("ALL_PROXY", "all_proxy"),
        ("NO_PROXY", "no_proxy"),
    ];

    /// As the environment says.
    ///
    /// # Errors
    ///
    /// If a variable says what cannot be.
    pub(crate) fn find() -> Result<Network, Error> {
        of(&|name| env::var_os(name).map(|it| it.to_string_lossy().into_owned()))
    }

    fn of(variable: &dyn Fn(&str) -> Option<String>) -> Result<Network, Error> {
        let offline = match Online::ask(None, variable) {
            Err(Error::Offline { by }) => Some(by),
            Err(error) => return Err(error),
            Ok(_) => None,
        };
        let settings = Settings::find(variable)?;
        settings.endpoints.iter().try_for_each(|it| settings.proxies.check(it))?;
        let set = |name: &str| variable(name).filter(|it| !it.trim().is_empty());
        let proxies = PROXIES.into_iter().filter_map(|(upper, lower)| {
            let text = set(upper).or_else(|| set(lower))?;
            Some((upper, without_password(text.trim())))
        });
        Ok(Network {
            linked: true,
            offline,
            hubs: settings.endpoints.iter().map(ToString::to_string).collect(),
            token: settings.token.is_some(),
            proxies: proxies.collect(),
            certificates: set("SSL_CERT_FILE"),
        })
    }

    /// An address without what stands before an `@`: a name, and perhaps a password.
    fn without_password(text: &str) -> String {
        let Some((before, host)) = text.rsplit_once('@') else { return text.to_owned() };
        match before.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://{host}"),
            None => host.to_owned(),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[track_caller]
        fn check(set: &[(&str, &str)]) -> Network {
            let variable = |name: &str| {
                let found = set.iter().find(|it| it.0 == name);
                // No token of whoever runs this.
                found.map(|it| it.1.to_owned()).or((name == "HF_HOME").then(|| "/none".to_owned()))
            };
            of(&variable).unwrap()
        }

        #[test]
        fn what_the_environment_says_is_told_without_secrets() {
            let found = check(&[
                ("https_proxy", "http://me:p@ss@proxy.example:3128"),
                ("NO_PROXY", "localhost,.example"),
                ("HF_TOKEN", "hf_secret"),
                ("HF_ENDPOINT", "https://mirror.example/hf"),
                ("INGLE_OFFLINE", "1"),
            ]);
            let proxies = [
                ("HTTPS_PROXY", "http://proxy.example:3128".to_owned()),
                ("NO_PROXY", "localhost,.example".to_owned()),
            ];
            assert_eq!(found.proxies, proxies);
            assert_eq!(found.hubs, ["https://mirror.example/hf"]);
            assert_eq!((found.token, found.offline), (true, Some("INGLE_OFFLINE")));
            let text = serde_json::to_string(&found).unwrap();
            assert!(!text.contains("secret") && !text.contains("p@ss"), "{text}");
        }

        #[test]
        fn without_variables_the_usual_hub_is_asked() {
            let found = check(&[]);
            assert_eq!(found.hubs, ["https://huggingface.co"]);
            assert_eq!((found.token, found.offline), (false, None));
            assert!(found.proxies.is_empty());
        }
    }
}

#[cfg(not(feature = "hub"))]
mod missing {
    use std::convert::Infallible;

    use super::Network;

    /// No variable means anything to a build without network code.
    pub(crate) fn find() -> Result<Network, Infallible> {
        Ok(Network::default())
    }
}
