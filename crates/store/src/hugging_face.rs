//! The folder that Hugging Face's own programs share: the models that they fetched, and the token of
//! this machine's user.
//!
//! What is where in it is for the crate `hf-hub` to say. It is asked for places alone, and for those
//! of names that passed our own checks: it joins whatever it is given to paths, follows what stands in
//! a file of `refs`, knows neither `XDG_CACHE_HOME` nor `HF_HUB_CACHE`, and panics where there is no
//! home folder.

use std::path::{Path, PathBuf};

use hf_hub::Cache;

/// The file that holds the token: in `HF_HOME`, else in `huggingface` of the user's cache folder.
/// Nothing where neither `variable` nor `home` say where that is.
pub fn token_file(
    home: Option<&Path>,
    variable: impl Fn(&str) -> Option<PathBuf>,
) -> Option<PathBuf> {
    cache(home, variable).map(|it| it.token_path())
}

/// The folder of the models: `HF_HUB_CACHE`, else beside the token.
pub(crate) fn models(
    home: Option<&Path>,
    variable: impl Fn(&str) -> Option<PathBuf>,
) -> Option<PathBuf> {
    variable("HF_HUB_CACHE").or_else(|| Some(cache(home, &variable)?.path().clone()))
}

fn cache(home: Option<&Path>, variable: impl Fn(&str) -> Option<PathBuf>) -> Option<Cache> {
    // Python's programs take this folder on every system.
    let caches = || variable("XDG_CACHE_HOME").or_else(|| Some(home?.join(".cache")));
    let own = variable("HF_HOME").or_else(|| Some(caches()?.join("huggingface")))?;
    Some(Cache::new(own.join("hub")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], token: &str, folder: &str) {
        let value =
            |name: &str| variables.iter().find(|it| it.0 == name).map(|it| PathBuf::from(it.1));
        let home = Some(Path::new("/h"));
        assert_eq!(token_file(home, value).as_deref(), Some(Path::new(token)), "{variables:?}");
        assert_eq!(models(home, value).as_deref(), Some(Path::new(folder)), "{variables:?}");
    }

    #[test]
    fn variables_say_where_it_is() {
        let hub = "/h/.cache/huggingface/hub";
        check(&[], "/h/.cache/huggingface/token", hub);
        check(&[("HF_HOME", "/hf")], "/hf/token", "/hf/hub");
        check(&[("XDG_CACHE_HOME", "/x")], "/x/huggingface/token", "/x/huggingface/hub");
        check(&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/hf")], "/hf/token", "/hf/hub");
        // The models may lie elsewhere; the token does not go with them.
        check(&[("HF_HUB_CACHE", "/m")], "/h/.cache/huggingface/token", "/m");
        check(&[("HF_HUB_CACHE", "/m"), ("HF_HOME", "/hf")], "/hf/token", "/m");
        assert_eq!(token_file(None, |_| None), None);
        assert_eq!(models(None, |_| None), None);
    }
}
