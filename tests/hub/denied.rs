//! Who may have a model, and who is told the token.

use hub::{Error, Hub, Revision, Token, Visitor};
use ingle_tests::parrot;
use serde_json::json;

use crate::{
    fake::{COMMIT, Fake, Repository, TOKEN, trouble::Trouble},
    scene::{NAME, Scene, model, told},
};

fn gated(token: Option<&str>) -> Scene {
    let mut scene = Scene::new();
    scene.fake.add(NAME, Repository { is_gated: true, ..model() });
    scene.variables.extend(token.map(|it| ("HF_TOKEN", it.to_owned())));
    scene
}

#[test]
fn a_gated_repository_says_where_its_licence_is_accepted() {
    for (token, status, known) in
        [(None, 401, Visitor::Unknown), (Some("hf_wrong"), 403, Visitor::Known)]
    {
        let scene = gated(token);
        let error = scene.pull(None).unwrap_err();
        let Error::Denied { status: found, known: visitor, .. } = &error else {
            panic!("{}", told(&error))
        };
        assert_eq!((*found, *visitor), (status, known));
        let page = format!("{}/{NAME}", scene.fake.hub);
        assert!(error.hint().unwrap().contains(&page), "{error:?}");
        scene.assert_nothing_visible();
    }
}

#[test]
fn t22_the_token_goes_to_the_hub_and_nowhere_else() {
    let scene = gated(Some(TOKEN));
    let entry = scene.pull(None).unwrap();
    scene.assert_whole(&entry, &model());
    let seen = scene.fake.seen();
    assert!(seen.iter().any(|it| it.at == "store"));
    for request in &seen {
        assert_eq!(request.token.is_some(), request.at == "hub", "{request:?}");
    }
}

#[test]
fn t22_the_variable_s_token_goes_to_no_other_mirror() {
    let mut scene = gated(Some(TOKEN));
    let second = Fake::new();
    second.add(NAME, model());
    scene.variables.push(("HF_ENDPOINT", format!("{},{}", scene.fake.hub, second.hub)));
    scene.fake.trouble("signature", usize::MAX, Trouble::Status(500));
    let entry = scene.pull(None).unwrap();
    scene.assert_whole(&entry, &model());
    assert!(scene.fake.seen().iter().any(|it| it.token.is_some()));
    let seen = second.seen();
    assert!(!seen.is_empty() && seen.iter().all(|it| it.token.is_none()), "{seen:?}");
}

#[test]
fn t22_the_file_s_token_goes_to_no_mirror() {
    let mut scene = gated(None);
    std::fs::write(scene.folder.path().join("token"), TOKEN).unwrap();
    let second = Fake::new();
    second.add(NAME, Repository { is_gated: true, ..model() });
    scene.variables.push(("HF_ENDPOINT", format!("{},{}", scene.fake.hub, second.hub)));
    let error = scene.pull(None).unwrap_err();
    assert!(matches!(error, Error::Denied { known: Visitor::Unknown, .. }), "{}", told(&error));
    for fake in [&scene.fake, &second] {
        let seen = fake.seen();
        assert!(!seen.is_empty() && seen.iter().all(|it| it.token.is_none()), "{seen:?}");
    }
}

#[test]
fn t22_the_token_does_not_follow_the_api_to_another_host() {
    let scene = gated(Some(TOKEN));
    scene.fake.trouble("/revision/", 1, Trouble::Redirect(format!("{}/x", scene.fake.store)));
    let error = scene.pull(None).unwrap_err();
    assert!(matches!(error, Error::Status { status: 404, .. }), "{}", told(&error));
    let seen = scene.fake.seen();
    let to_store: Vec<_> = seen.iter().filter(|it| it.at == "store").collect();
    assert!(!to_store.is_empty() && to_store.iter().all(|it| it.token.is_none()), "{seen:?}");
}

#[test]
fn t22_the_token_is_in_no_message() {
    for trouble in [Trouble::Status(500), Trouble::Status(401), Trouble::Body("x".to_owned())] {
        let scene = gated(Some(TOKEN));
        scene.fake.trouble("/", usize::MAX, trouble);
        let error = scene.pull(None).unwrap_err();
        let notes = scene.watch.notes.lock().unwrap().join("\n");
        let all =
            format!("{} {error:?} {:?} {notes}", told(&error), scene.hub().unwrap().settings());
        assert!(!all.contains(TOKEN), "{all}");
    }
}

/// What it says is told, without that.
#[test]
fn t22_a_token_that_a_hub_repeats_is_in_no_message() {
    const OURS: &str = "hf_wrong";
    let sha = json!({ "sha": OURS }).to_string();
    let size = json!([{ "type": "file", "path": "m.gguf", "size": OURS, "oid": COMMIT }]);
    for (path, trouble, expected) in [
        ("/resolve/", Trouble::Header("x-error-message", format!("no {OURS} here")), "no [token]"),
        ("/resolve/", Trouble::Redirect(format!("ftp://a/{OURS}")), "`ftp://a/[token]`"),
        ("/revision/", Trouble::Body(sha), "`[token]` is no git commit"),
        ("/tree/", Trouble::Body(size.to_string()), "is no list of files"),
    ] {
        let scene = gated(Some(OURS));
        scene.fake.trouble(path, usize::MAX, trouble.clone());
        let error = scene.pull(None).unwrap_err();
        let notes = scene.watch.notes.lock().unwrap().join("\n");
        let all = format!("{} {error:?} {notes}", told(&error));
        assert!(all.contains(expected), "{trouble:?}: {all}");
        assert!(!all.contains(OURS), "{trouble:?}: {all}");
    }
}

/// Not even where the hub itself writes it into the address.
#[test]
fn t22_no_redirect_takes_the_token_along() {
    let scene = gated(Some(TOKEN));
    let to = format!("{}/x?token={TOKEN}", scene.fake.store);
    scene.fake.trouble("/resolve/", usize::MAX, Trouble::Redirect(to));
    let error = scene.pull(None).unwrap_err();
    let text = told(&error);
    assert!(text.ends_with("/x`, which is an address with the token in it"), "{text}");
    assert!(scene.fake.seen().iter().all(|it| it.at == "hub"));
}

/// Whoever has an address that a store signed has the file.
#[test]
fn t22_what_signs_an_address_is_in_no_message() {
    for to in ["ftp://a.example/f?X-Amz-Signature=secret", "http://me:secret@a.example/f#secret"] {
        let scene = Scene::new();
        scene.fake.trouble("/resolve/", usize::MAX, Trouble::Redirect(to.to_owned()));
        let error = scene.pull(None).unwrap_err();
        let notes = scene.watch.notes.lock().unwrap().join("\n");
        let all = format!("{} {error:?} {notes}", told(&error));
        assert!(all.contains("://a.example/f`, which is no address"), "{all}");
        assert!(!all.contains("secret"), "{all}");
    }
}

/// Everybody sees what a gated repository has, and is asked for a token at its first file.
#[test]
fn a_token_that_is_given_later_opens_the_repository() {
    let scene = gated(None);
    scene.fake.add(
        NAME,
        Repository { is_gated: true, ..Repository::new([("m-Q4_K_M.gguf", parrot::file())]) },
    );
    let hub = scene.hub().unwrap();
    let found = hub.look(&NAME.parse().unwrap(), &Revision::default(), &scene.watch).unwrap();
    assert!(found.card.is_gated);
    let choice = hub.choose(&found, None, &scene.watch).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let headers = |hub: &Hub| hub.headers(&found, &choice, folder.path(), &scene.watch);
    let error = headers(&hub).unwrap_err();
    let Error::Denied { known: Visitor::Unknown, is_gated: true, .. } = error else {
        panic!("{}", told(&error))
    };
    headers(&hub.known_as(Token::new(TOKEN).unwrap()).unwrap()).unwrap();
}

#[test]
fn a_token_that_is_not_valid_is_named_by_where_it_is_from() {
    let scene = gated(Some("hf_old"));
    scene.fake.trouble("/revision/", usize::MAX, Trouble::Status(401));
    let error = scene.pull(None).unwrap_err();
    let text = told(&error).replace(&scene.fake.hub[7..], "HUB");
    assert_eq!(text, "`HUB` says that the token from HF_TOKEN is not valid");
    assert!(error.hint().unwrap().contains("HF_TOKEN"));
    let mut scene = gated(None);
    scene.variables.push(("HF_TOKEN", "hf_one hf_two".to_owned()));
    let text = scene.pull(None).unwrap_err().to_string();
    assert!(text.starts_with("`HF_TOKEN` is ") && !text.contains("hf_one"), "{text}");
}

#[test]
fn what_there_is_not_is_named() {
    let scene = Scene::new();
    let look = |repository: &str, revision: &str| {
        let (repository, revision) = (repository.parse().unwrap(), revision.parse().unwrap());
        let error = scene.hub().unwrap().look(&repository, &revision, &scene.watch).unwrap_err();
        error.to_string().replace(&scene.fake.hub[7..], "HUB")
    };
    assert_eq!(look("org/none", "main"), "`HUB` has no repository `org/none`");
    assert_eq!(look(NAME, "v9"), "`HUB` has no revision `v9` of `org/model`");
    let error = scene.pull(Some("Q2_K")).unwrap_err();
    assert_eq!(error.to_string(), "`org/model` has no `Q2_K`");
    assert_eq!(error.hint().unwrap(), "`--quant` takes one of Q4_K_M, Q8_0");
}
