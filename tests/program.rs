//! The program as people meet it: what it says (`cli`), what it keeps (`library`) and carries to
//! another machine (`bundle`), what it shows at a terminal (`terminal`), and how it holds where nothing
//! may leave (`airgap`).

#[cfg(unix)]
mod airgap;
mod bundle;
mod cli;
mod library;
#[cfg(unix)]
mod terminal;

use ingle_tests::{binary::Place, parrot};

/// A folder with the scripted model as `parrot.gguf`.
fn place() -> Place {
    let place = Place::new();
    place.file("parrot.gguf", parrot::file());
    place
}
