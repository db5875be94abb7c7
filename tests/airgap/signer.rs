//! Policies that go by the signer: who signed is what a key says, not the library.

use std::fs;

use ingle_tests::{binary::Place, parrot};
use store::digest::Sha256Hex;

use super::policy::{key, with_policy};

/// A policy that allows what the holder of this key signed and nothing else.
fn of_signer(public: &str) -> String {
    let signer = Sha256Hex::of(&fs::read(key(public)).expect("a key of the tests"));
    format!(
        "version = 1\ndefault = \"deny\"\n[[rule]]\nname = \"ours\"\naction = \"allow\"\n\
         signer = [\"{signer}\"]\n"
    )
}

/// A site that allows what the holder of `p256.key` signed and nothing else; its library has such a
/// model, `parrot`, as it came in.
fn with_signed_model() -> Place {
    let place = with_policy(&of_signer("p256.pub"));
    for name in ["p256", "p384"] {
        let (bundle, private) = (format!("{name}.ingle"), key(&format!("{name}.key")));
        let told = place.run(&["export", "parrot.gguf", "-o", &bundle, "--key", &private]);
        assert!(told.starts_with("exit 0"), "{told}");
    }
    let told = place.run(&["import", "p256.ingle", "--key", &key("p256.pub")]);
    assert!(told.starts_with("exit 0"), "{told}");
    place
}

#[track_caller]
fn check_run(place: &Place, model: &str, is_allowed: bool) {
    let told = place.run(&["run", model, "--no-save", "hi"]);
    match is_allowed {
        true => assert!(told.contains("Hello there, friend!"), "{told}"),
        false => {
            let denied = format!("does not allow to load `{model}`: rule `default`");
            assert!(told.contains(&denied), "{told}");
        }
    }
}

#[test]
fn what_comes_in_by_its_signer_is_loaded_by_its_signer() {
    let place = with_signed_model();
    check_run(&place, "parrot", true);
    let told = place.run(&["policy", "check", "parrot"]);
    assert!(told.contains("provenance  signed") && told.contains("allowed by `ours`"), "{told}");
    let signed =
        "signed by      sha256:449f4a88ef7264f5b53dad92686f594cafd96f81e1fd1f1ad7003dd7f045c0d8";
    assert!(place.run(&["show", "parrot"]).contains(signed));
    for args in
        [&["import", "p256.ingle"][..], &["import", "p384.ingle", "--key", &key("p384.pub")]]
    {
        let told = place.run(args);
        assert!(told.contains("does not allow to import `parrot`: rule `default`"), "{told}");
    }
    // A copy has the same bytes; a path into the library is the model there; a file elsewhere was held
    // against nothing.
    assert!(place.run(&["cp", "parrot", "polly"]).starts_with("exit 0"));
    check_run(&place, "polly", true);
    check_run(&place, "ingle-home/models/local/parrot/default/parrot.gguf", true);
    check_run(&place, "./parrot.gguf", false);
    // What was lost comes back by checking it again.
    fs::remove_file(place.path().join("ingle-home/models/local/parrot/default/signatures.json"))
        .unwrap();
    check_run(&place, "parrot", false);
    let told = place.run(&["verify", "parrot", "--key", &key("p256.pub")]);
    assert!(told.starts_with("exit 0"), "{told}");
    check_run(&place, "parrot", true);
}

/// Whoever is refused hears of it; where it would change nothing, nobody does.
#[test]
fn a_signature_that_nobody_checked_is_told_of_where_it_could_count() {
    let place = with_signed_model();
    let told_of = |args: &[&str], way: &str| {
        let told = place.run(args);
        let note = format!(
            "note: `parrot` has a signature that was not checked; it counts if the policy knows its \
             key: `{way} --key KEY.pub`, or `--certificate-chain CA.pem`, checks it\nerror: this \
             site's policy"
        );
        assert!(told.starts_with("exit 1") && told.contains(&note), "{told}");
    };
    told_of(&["import", "p256.ingle"], "ingle import p256.ingle");
    told_of(&["policy", "check", "p256.ingle"], "ingle import p256.ingle");
    let untold = |args: &[&str]| {
        let told = place.run(args);
        assert!(told.starts_with("exit 1") && !told.contains("has a signature"), "{told}");
    };
    untold(&["import", "p384.ingle", "--key", &key("p384.pub")]);
    assert!(place.run(&["policy", "check", "parrot"]).starts_with("exit 0"));
    fs::remove_file(place.path().join("ingle-home/models/local/parrot/default/signatures.json"))
        .unwrap();
    told_of(&["policy", "check", "parrot"], "ingle verify parrot");
    let country = "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"countries\"\n\
                   action = \"deny\"\ncountry = [\"unknown\"]\n";
    place.file("ingle-home/policy.toml", country);
    untold(&["import", "p256.ingle"]);
    untold(&["policy", "check", "p256.ingle"]);
    untold(&["policy", "check", "parrot"]);
}

/// Who issued a certificate is a matter of `--certificate-chain`; what counts is whose key it is of.
#[test]
fn what_comes_in_by_a_certificate_is_loaded_by_its_key() {
    let place = with_policy(&of_signer("p256.pub"));
    let read = |name: &str| fs::read_to_string(key(name)).expect("a certificate of the tests");
    place.file("chain.pem", read("leaf.pem") + &read("middle.pem"));
    let (private, public, root) = (key("p256.key"), key("p256.pub"), key("root.pem"));
    let export = ["export", "parrot.gguf", "-o", "c.ingle", "--key", &private, "--certificate"];
    assert!(place.run(&[&export[..], &["chain.pem"]].concat()).starts_with("exit 0"));
    let signed = "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"signed\"\n\
                  action = \"deny\"\nprovenance-below = \"signed\"\n";
    let by_key = of_signer("p256.pub");
    for trusted in [["--certificate-chain", &root], ["--key", &public]] {
        for policy in [by_key.as_str(), signed] {
            place.file("ingle-home/policy.toml", policy);
            let told = place.run(&["import", "c.ingle"]);
            assert!(told.contains("does not allow to import `parrot`"), "{told}");
            let told = place.run(&[&["import", "c.ingle"][..], &trusted].concat());
            assert!(told.starts_with("exit 0"), "{told}");
            check_run(&place, "parrot", true);
            let told = place.run(&["policy", "check", "parrot"]);
            assert!(told.contains("provenance  signed"), "{told}");
            // What was lost comes back by checking it again.
            let kept = "ingle-home/models/local/parrot/default/signatures.json";
            fs::remove_file(place.path().join(kept)).unwrap();
            let told = place.run(&["run", "parrot", "--no-save", "hi"]);
            assert!(told.contains("does not allow to load `parrot`"), "{told}");
            let told = place.run(&[&["verify", "parrot"][..], &trusted].concat());
            assert!(told.starts_with("exit 0"), "{told}");
            check_run(&place, "parrot", true);
            assert!(place.run(&["rm", "-y", "parrot"]).starts_with("exit 0"));
        }
    }
    // An issuer that is trusted makes no signer of whoever it has given a certificate.
    place.file("ingle-home/policy.toml", of_signer("p384.pub"));
    let told = place.run(&["import", "c.ingle", "--certificate-chain", &root]);
    assert!(told.contains("does not allow to import `parrot`: rule `default`"), "{told}");
}

/// Whoever can write to the library can write what they like there: it makes nobody a signer.
#[test]
fn other_weights_are_not_signed_whatever_the_library_says() {
    let place = with_signed_model();
    let folder = place.path().join("ingle-home/models/local/parrot/default");
    let mut other = parrot::file();
    *other.last_mut().unwrap() ^= 1;
    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
    let [old, new] = [&parrot::file(), &other].map(|it| Sha256Hex::of(it).to_string());
    fs::write(folder.join("parrot.gguf"), &other).unwrap();
    fs::write(folder.join("manifest.json"), manifest.replace(&old, &new)).unwrap();
    assert!(place.run(&["verify", "parrot"]).starts_with("exit 0"), "as its manifest says");
    check_run(&place, "parrot", false);
    // Nor does the key of whoever changed it, which is another.
    let told = place.run(&["sign", "parrot", "--key", &key("p384.key")]);
    assert!(told.starts_with("exit 0"), "{told}");
    let theirs = key("p384.pub");
    let told = place.run(&["verify", "parrot", "--signature", "model.sig", "--key", &theirs]);
    assert!(told.starts_with("exit 0"), "{told}");
    check_run(&place, "parrot", false);
    let kept = folder.join("signatures.json");
    let text = fs::read_to_string(&kept).unwrap();
    let pem = |name| serde_json::to_string(&fs::read_to_string(key(name)).unwrap()).unwrap();
    assert!(text.contains(&pem("p384.pub")), "{text}");
    fs::write(kept, text.replace(&pem("p384.pub"), &pem("p256.pub"))).unwrap();
    check_run(&place, "parrot", false);
}
