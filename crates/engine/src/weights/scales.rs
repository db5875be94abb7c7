//! Scales that stand beside weights of NVFP4, as llama.cpp's converter writes them: `{name}.scale`, one
//! number for the whole of `{name}.weight`, or one for each expert of a stack.
//!
//! Beside them, `{name}.input_scale` is for activations that are rounded to 4 bits, too; here they are
//! not.

use kernels::{Format, Scale, Weight};
use loader::FileTensor;

use super::Weights;
use crate::LoadError;

impl Weights<'_> {
    /// Reads the scale of the tensor `name`, of which `all` were made.
    pub(super) fn scale(
        &mut self,
        name: &str,
        tensor: &FileTensor,
        all: &[Weight],
    ) -> Result<(), LoadError> {
        let Some(base) = name.strip_suffix(".weight").filter(|_| is_scaled(tensor)) else {
            return Ok(());
        };
        let n = if let [n, _, _] = tensor.shape[..] { n } else { 1 };
        // It is looked at although it changes nothing, so that one of another shape is found.
        self.numbers(&format!("{base}.input_scale"), n)?;
        let Some(numbers) = self.numbers(&format!("{base}.scale"), n)? else { return Ok(()) };
        let scale = match numbers[..] {
            [one] => Scale::All(one),
            _ => Scale::Each(self.computed(&numbers)?),
        };
        self.taken.scales.extend(all.iter().map(|w| (*w, scale)));
        Ok(())
    }

    /// Whether the tensor `{name}.weight` may have a scale of its own.
    pub(crate) fn has_scale(&self, name: &str) -> bool {
        let name = format!("{}{name}.weight", self.prefix);
        self.file.tensors.get(&name).is_some_and(is_scaled)
    }
}

/// Whether it is of a kind that has scales beside it.
fn is_scaled(tensor: &FileTensor) -> bool {
    tensor.format == Format::NVFP4
}
