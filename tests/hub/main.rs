//! Fetching from a hub: against a hub of our own on loopback, which speaks the real one's API and
//! does whatever can go wrong.
//!
//! `fake` is the hub and the store that it sends us to, `peers` has a server of models; `scene` has it with a library and who watches,
//! `around` what must stay as it is beside that, `stage` the program.
//!
//! Alone in its process: tenths of a second without a byte are silence here, and come by themselves
//! beside tests that compute.

mod around;
mod chosen;
mod command;
mod damaged;
mod denied;
mod fake;
mod honest;
mod hops;
mod hostile;
#[cfg(unix)]
mod killed;
mod kills;
mod looked;
mod mirrors;
mod peers;
mod resumed;
mod scene;
mod secure;
mod stage;
mod whole;
