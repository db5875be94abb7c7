//! Chats through each way that files of real models come.

use crate::place;

#[test]
fn golden_chats_through_each_code_path() {
    let Some(golden) = ingle_tests::golden() else { return };
    let (place, families) = (place(), golden.join("families"));
    let skipped = |parts: &str| {
        format!("parts of the model that are not used: {parts}; it reads and writes text")
    };
    for (name, told) in [
        ("mistral_large2", None), // shards
        ("gemma3_4b", Some(skipped("`multi_modal_projector`, `vision_tower`"))),
        ("llama4_scout", Some(skipped("`multi_modal_projector`, `vision_model`"))),
        ("gpt_oss_mxfp4", None), // experts of MXFP4
        ("deepseek_v3", Some(skipped("`multi_token_prediction`"))),
    ] {
        let folder = families.join(name).display().to_string();
        let first = ["run", &folder, "--temp", "0", "-n", "8", "hello"];
        let found = place.run(&first);
        assert!(found.starts_with("exit 0"), "{name}: {found}");
        let said = |found: &str| found.split("-- stderr").next().map(str::to_owned);
        let warning = told.map(|it| format!("warning: {it}"));
        assert_eq!(warning.is_some(), found.contains("warning: "), "{name}: {found}");
        assert!(warning.is_none_or(|it| found.contains(&it)), "{name}: {found}");
        // Again, and after another message.
        assert_eq!(said(&place.run(&first)), said(&found), "{name}");
        let next = place.run(&["run", &folder, "--temp", "0", "-n", "8", "--resume", "and then?"]);
        assert!(next.starts_with("exit 0"), "{name}: {next}");
    }
}
