//! Who may have a model, and who is told the token.

use hub::{Error, Token, Visitor};

use crate::{
    fake::{Repository, TOKEN},
    scene::{NAME, Scene, model, told},
    trouble::Trouble,
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

#[test]
fn a_token_that_is_given_later_opens_the_repository() {
    let scene = gated(None);
    let hub = scene.hub().unwrap().known_as(Token::new(TOKEN).unwrap()).unwrap();
    let found = hub.look(&NAME.parse().unwrap(), &hub::Revision::default(), &scene.watch).unwrap();
    assert!(found.card.is_gated);
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
