//! A hub with TLS: who is believed to be it, and that nothing goes on without TLS.

use expect_test::expect;

use crate::{
    fake::{
        Fake, Repository, TOKEN,
        tls::{AUTHORITY, Certificate, STRANGER},
        trouble::Trouble,
    },
    scene::{NAME, files_below},
    stage::{Stage, repository},
};

/// A hub that shows `certificate`, on a machine that trusts `trusted` alone.
fn stage(certificate: Certificate, trusted: &str) -> Stage {
    let mut stage = Stage::with(Fake::secure(certificate));
    let file = stage.place.file("trusted.pem", trusted).display().to_string();
    stage.variables.push(("SSL_CERT_FILE", file));
    stage
}

/// Nothing was asked for, and nothing is there.
#[track_caller]
fn assert_nothing_came(stage: &Stage) {
    assert!(stage.fake.seen().is_empty());
    assert!(files_below(&stage.place.path().join("ingle-home")).is_empty());
}

#[test]
fn the_authority_that_ca_file_names_is_trusted_besides_the_others() {
    let stage = stage(Certificate::Right, STRANGER);
    stage.place.file("authority.pem", AUTHORITY);
    let told = stage.run(&["pull", NAME, "--ca-file", "authority.pem"]);
    assert!(told.contains("`org/model:Q4_K_M` is here;"), "{told}");
    let seen = stage.fake.seen();
    assert!(["hub", "store"].iter().all(|at| seen.iter().any(|it| it.at == *at)), "{seen:?}");
}

#[test]
fn the_authority_that_ssl_cert_file_names_is_trusted() {
    let stage = stage(Certificate::Right, AUTHORITY);
    let told = stage.run(&["pull", NAME]);
    assert!(told.contains("`org/model:Q4_K_M` is here;"), "{told}");
}

#[test]
fn a_file_of_authorities_that_is_not_there_is_named() {
    let mut stage = stage(Certificate::Right, AUTHORITY);
    stage.variables.push(("SSL_CERT_FILE", "none.pem".to_owned()));
    let told = stage.run(&["pull", NAME]);
    let error = told.lines().find(|it| it.starts_with("error: ")).expect("it fails");
    assert!(
        error.starts_with("error: cannot read certificates from ") && error.contains("none.pem")
    );
    assert!(told.contains("hint: name a file of certificates with `--ca-file` or SSL_CERT_FILE"));
    assert_nothing_came(&stage);
}

#[test]
fn a_server_for_which_nobody_vouches_is_refused() {
    let stage = stage(Certificate::Right, STRANGER);
    stage.check(
        &["pull", NAME],
        expect![[r#"
            exit 1
            -- stderr
            error: cannot make sure of `[HUB]`
              cause: its certificate is not trusted: no authority that is trusted here vouches for it

            hint: if that is a company's authority, as of a proxy that reads what is encrypted, name its certificate: `--ca-file FILE`, or SSL_CERT_FILE
        "#]],
    );
    assert_nothing_came(&stage);
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let stage = stage(Certificate::Elsewhere, AUTHORITY);
    stage.check(
        &["pull", NAME],
        expect![[r#"
            exit 1
            -- stderr
            error: cannot make sure of `[HUB]`
              cause: its certificate is for `elsewhere.example`

            hint: look at the address of the hub in `--mirror` or HF_ENDPOINT; if it is right, somebody on the way answers in the hub's place
        "#]],
    );
    assert_nothing_came(&stage);
}

#[test]
fn a_certificate_out_of_its_time_is_refused() {
    let expired = stage(Certificate::Expired, AUTHORITY);
    expired.check(
        &["pull", NAME],
        expect![[r#"
            exit 1
            -- stderr
            error: cannot make sure of `[HUB]`
              cause: its certificate has expired

            hint: look at this machine's clock; if it is right, whoever keeps that server has to renew its certificate
        "#]],
    );
    assert_nothing_came(&expired);
    let early = stage(Certificate::Early, AUTHORITY);
    early.check(
        &["pull", NAME],
        expect![[r#"
            exit 1
            -- stderr
            error: cannot make sure of `[HUB]`
              cause: its certificate is not valid yet

            hint: look at this machine's clock; if it is right, whoever keeps that server has to renew its certificate
        "#]],
    );
    assert_nothing_came(&early);
}

/// Neither the token nor anything else is sent where it could be read on the way.
#[test]
fn t22_a_redirect_does_not_lead_out_of_tls() {
    for path in ["/revision/", "/tree/", "/resolve/"] {
        let plain = Fake::new();
        let mut stage = stage(Certificate::Right, AUTHORITY);
        stage.variables.push(("HF_TOKEN", TOKEN.to_owned()));
        stage.fake.add(NAME, Repository { is_gated: true, ..repository() });
        stage.fake.trouble(path, usize::MAX, Trouble::Redirect(format!("{}{path}", plain.hub)));
        let told = stage.run(&["pull", NAME]);
        let refused = format!(
            "error: `[HUB]` sends us to `{}{path}`, which is no address, or not encrypted",
            plain.hub
        );
        assert!(told.starts_with(&format!("exit 1\n-- stderr\n{refused}\n")), "{told}");
        let bearer = format!("Bearer {TOKEN}");
        assert!(stage.fake.seen().iter().all(|it| it.token.as_ref() == Some(&bearer)));
        assert_eq!(plain.seen().len(), 0, "{path}");
    }
}
