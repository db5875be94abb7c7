//! What proves and limits what is done here: the site's policy, the audit log, the sandbox.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Deserialize;
use store::{digest::Sha256Hex, policy::At};

use super::{Hub, Json, Model, text};
use crate::sandbox::Mode;

#[derive(Debug, Args)]
#[command(after_help = "\
A policy is a TOML file of rules about models, by publisher, creator, lineage, country, licence,
format, digest, signer and provenance. In force is the first of these:
  /etc/ingle/policy.toml        the machine's, which nobody overrides
  policy.toml in INGLE_HOME     with `policy.pub`, a public key, beside it
  the file that INGLE_POLICY names
  policy.toml in INGLE_HOME
A key at /etc/ingle/policy.pub must have signed whatever is in force. Ingle has no rule of its own.

A model counts as signed if `ingle import` or `ingle verify` accepted its signature, by `--key` or
`--certificate-chain`. It counts by the key that made it; of a certificate, that is the key in it,
whoever issued it, with the fingerprint of `openssl x509 -in CERT -noout -pubkey | sha256sum`.
Under the machine's policy and under a signed one, a signature counts only if a rule names its key,
and the user's `catalogue.toml` does not count; one beside that policy does, with a signature where
the policy has one.")]
pub(crate) struct Policy {
    #[command(subcommand)]
    pub(crate) verb: PolicyVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    /// Say which policy is in force, who vouches for it, and what its rules are
    Show {
        #[command(flatten)]
        json: Json,
    },
    /// Say what each rule says of a model; exit code 1 if it is denied
    Check(CheckPolicy),
    /// Sign a policy: writes FILE.sig, as `openssl dgst -sha256 -sign KEY` does
    Sign(SignPolicy),
    /// Print an example to begin from; without a name, list them
    Example {
        /// `origin` or `licence`
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Of a model that is not on this machine, the header is read from the hub; of those of a bundle, what
it says of them.")]
pub(crate) struct CheckPolicy {
    #[command(flatten)]
    pub(crate) model: Model,
    /// What is to be done with it: `fetch`, `import`, `load` or `serve` [default: load; with a model of
    /// the hub, fetch; with a bundle, import]
    #[arg(long, value_name = "WHAT", value_parser = time)]
    pub(crate) at: Option<At>,
    #[command(flatten)]
    pub(crate) json: Json,
    /// How a model that is not on this machine is looked at.
    #[command(flatten, next_help_heading = "Hub")]
    pub(crate) hub: Hub,
}

#[derive(Debug, Args)]
pub(crate) struct SignPolicy {
    /// The policy
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// A private key of P-256, as PEM
    #[arg(long, value_name = "KEY")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The log says who fetched, imported, adopted, loaded or removed which model when, what the policy said,
and how many tokens were read and written; never what. INGLE_AUDIT=1, or `audit = true` in the settings
file, begins it, in the folder `audit` beside the chats or where the policy's `audit-folder` says;
`audit-months` says how long it is kept (6, and not less). Who can write all of its files can begin it
anew: only `--head`, with a digest that was noted elsewhere, shows that.")]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) verb: AuditVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// Find a line that was changed, removed or moved; exit code 1 if there is one
    Verify(VerifyAudit),
}

#[derive(Debug, Args)]
pub(crate) struct VerifyAudit {
    /// The folder of a log, or one file of it [default: the log of this user]
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// Also require the entry with this digest, which was noted elsewhere
    #[arg(long, value_name = "SHA256")]
    pub(crate) head: Option<Sha256Hex>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
One screen: the system, the processor and its slow cores, the kernels of each weight format, memory
and limits, power, GPUs, the library, network, sandbox, policy; then what is broken or could be
better, with what to do. What the system does not tell is `unknown`. No model's bytes are read:
`ingle verify --all` does that. Exit code 1 if something is broken, which warnings are not.")]
pub(crate) struct Doctor {
    /// Instead, what keeps this program from a network: the build, the sandbox (tried), sockets, policy, audit
    /// log
    #[arg(long)]
    pub(crate) airgap: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// What a process with a model gives up, and keeps.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Confine {
    /// What is given up once the model is open: `off` nothing, `best` what the system can hold a
    /// process to (on Linux sockets, other programs, other files), `required` that or nothing is
    /// done [default: best]
    #[arg(long, value_name = "LEVEL")]
    #[serde(deserialize_with = "text::one")]
    pub(crate) sandbox: Option<Mode>,
    /// Let the sandbox read below this folder, too; may be given several times
    #[arg(long, value_name = "DIR")]
    pub(crate) allow_read: Vec<PathBuf>,
}

impl Confine {
    /// These, and where they say nothing, those of `file`.
    pub(crate) fn or(self, file: Self) -> Self {
        let allow_read = [file.allow_read, self.allow_read].concat();
        Self { sandbox: self.sandbox.or(file.sandbox), allow_read }
    }
}

/// Reads what is to be done with a model.
fn time(text: &str) -> Result<At, String> {
    let found = At::ALL.into_iter().find(|it| it.verb() == text);
    found.ok_or_else(|| "expected `fetch`, `import`, `load` or `serve`".to_owned())
}
