//! The colours of `ingle fit`, which say nothing that words do not.

use super::screen::Terminal;
use crate::place;

#[test]
fn what_fits_is_green_where_there_are_colours() {
    let place = place();
    let plain: &[(&str, &str)] = &[("NO_COLOR", "1")];
    for (environment, is_green) in [(&[][..], true), (plain, false)] {
        let args = ["fit", "parrot.gguf", "--no-measure"];
        let terminal = Terminal::start(&place, &args, environment);
        terminal.wait_for("fits       yes, as F32 with 8,192 tokens of context");
        assert_eq!(terminal.is_green("yes, as F32"), is_green);
        assert!(!terminal.is_green("parrot.gguf"));
        assert_eq!(terminal.exit_code(), 0);
    }
}
