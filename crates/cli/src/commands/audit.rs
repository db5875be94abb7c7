//! `ingle audit`: whether the log of who had which models, and did what with them, is as it was
//! written.

use serde_json::json;
use store::{audit, policy::Policy};

use crate::{
    admission,
    args::{Audit, AuditVerb, VerifyAudit},
    settings::Site,
};

/// Does what the verb after `audit` says.
pub(crate) fn run(args: Audit) -> anyhow::Result<()> {
    match args.verb {
        AuditVerb::Verify(args) => verify(args),
    }
}

fn verify(args: VerifyAudit) -> anyhow::Result<()> {
    let VerifyAudit { file, head, json } = args;
    let place = match &file {
        Some(file) => file.clone(),
        None => {
            let site = Site::find()?;
            let policy = Policy::in_force(&site.home)?;
            admission::log_place(&site, policy.as_ref())
        }
    };
    let checked = match place.is_dir() || file.is_none() {
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
