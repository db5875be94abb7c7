//! What `ingle doctor --airgap` says of itself.

use std::fs;

use chrono::{DateTime, Utc};
use ingle_tests::binary::ingle;
use serde_json::json;
use store::digest::Sha256Hex;

/// An officer files it: which machine and which program it is of, and whose signatures count.
#[test]
fn the_report_says_when_where_and_of_what_it_is() {
    let place = crate::place();
    let told = super::json(&place, &["doctor", "--airgap", "--json"], &[]);
    let made = DateTime::parse_from_rfc3339(told["made"].as_str().unwrap()).unwrap();
    let age = Utc::now().signed_duration_since(made);
    assert!((0..3600).contains(&age.num_seconds()), "{made}");
    let program = fs::read(ingle()).unwrap();
    let digest = Sha256Hex::of(&program).to_string();
    assert_eq!(told["program"]["sha256"], digest);
    assert_eq!(told["signers"], json!([]));
    let page = place.run(&["doctor", "--airgap"]);
    assert!(page.contains(&format!("\n  sha256        {digest}\n")), "{page}");
    assert!(page.contains("\n  signers       none: no rule asks for one\n"), "{page}");
    for (name, file) in [("host", "hostname"), ("kernel", "osrelease")] {
        let expected = fs::read_to_string(format!("/proc/sys/kernel/{file}")).ok();
        let expected = expected.map(|it| it.trim().to_owned());
        assert_eq!(told["machine"][name].as_str(), expected.as_deref(), "{name}");
        assert!(page.contains(expected.as_deref().unwrap_or("not known")), "{page}");
    }
    let key = "ab".repeat(32);
    let rule = format!("[[rule]]\nname = 'ours'\naction = 'allow'\nsigner = ['{key}']\n");
    let policy = format!("version = 1\ndefault = 'deny'\n{rule}");
    place.file("ingle-home/policy.toml", policy);
    let told = super::json(&place, &["doctor", "--airgap", "--json"], &[]);
    assert_eq!(told["signers"], json!([key]));
    let page = place.run(&["doctor", "--airgap"]);
    assert!(page.contains(&format!("\n  signers       {key}\n")), "{page}");
}
