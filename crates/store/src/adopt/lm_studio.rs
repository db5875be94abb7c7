//! LM Studio: `publisher/model/` with GGUF files, or with a checkpoint of safetensors.

use std::path::Path;

use super::{Program, Survey, names_in, pieces_in, sets::Folder};

pub(super) fn survey(models: &Path, survey: &mut Survey) {
    for publisher in names_in(models, survey) {
        for model in names_in(&models.join(&publisher), survey) {
            let root = models.join(&publisher).join(&model);
            let files = pieces_in(&root, survey);
            let called = format!("{publisher}/{model}");
            let publisher = Some(publisher.clone());
            Folder { program: Program::LmStudio, called, publisher, model, root, files }
                .survey(survey);
        }
    }
}
