//! `ingle audit`: whether the log of who had which models, and did what with them, is as it was
//! written.

use std::path::PathBuf;

use serde_json::json;
use store::{audit, policy::Policy};

use crate::{
    admission,
    args::{Audit, AuditVerb, VerifyAudit},
    failure::Failure,
    settings::Site,
};

/// Does what the verb after `audit` says.
pub(crate) fn run(args: Audit) -> anyhow::Result<()> {
    match args.verb {
        AuditVerb::Verify(args) => verify(args),
    }
}

fn verify(args: VerifyAudit) -> anyhow::Result<()> {
    let VerifyAudit { path, head, json } = args;
    let place = match &path {
        Some(path) => path.clone(),
        None => usual()?,
    };
    let checked = match place.is_dir() || path.is_none() {
        true => audit::verify(&place, head)?,
        false => audit::verify_file(&place, head)?,
    };
    if json.on {
        return super::print_json(
            &json!({"log": place.display().to_string(), "whole": true, "checked": checked}),
        );
    }
    let audit::Checked { entries, events, first, from, to, last } = checked;
    let events: Vec<_> = events.iter().map(|(event, n)| format!("{n} {event}")).collect();
    let older = match first {
        1 => String::new(),
        n => format!("entries before {n} are not here\n"),
    };
    super::print(&format!(
        "{}: {entries} entries, unbroken, from {from} to {to}\n{}\n{older}head {last}\n",
        place.display(),
        events.join(", ")
    ))
}

/// Where the log of this user lies.
fn usual() -> anyhow::Result<PathBuf> {
    let site = Site::find()?;
    let policy = Policy::in_force(&site.home).map_err(|error| {
        let own = admission::log_place(&site, None);
        let folder = if own.is_dir() { own.display().to_string() } else { "FOLDER".to_owned() };
        let named = format!("`ingle audit verify {folder}` looks at the log there");
        let hint = error.hint().map_or_else(|| named.clone(), |it| format!("{it}; {named}"));
        let failure = Failure::new("the policy, which says where the audit log lies, is of no use");
        anyhow::Error::from(error).context(failure.hint(hint))
    })?;
    Ok(admission::log_place(&site, policy.as_ref()))
}
