//! What comes of several requests that run beside one another.

use engine::{Engine, EventKind, Finish, Request, Usage};

/// What came of a request.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) ids: Vec<u32>,
    pub(crate) shifts: Vec<(usize, usize)>,
    pub(crate) finish: Finish,
}

/// Runs these beside one another.
pub(crate) fn run(engine: &mut Engine, requests: &[Request]) -> Vec<(Told, Usage)> {
    let submit = |it: &Request| engine.submit(it.clone()).expect("a sound request");
    let seqs: Vec<_> = requests.iter().map(submit).collect();
    let mut told: Vec<_> = seqs.iter().map(|_| (vec![], vec![], None)).collect();
    while !engine.is_idle() {
        for event in engine.step().expect("a step") {
            let of = seqs.iter().position(|it| *it == event.seq).expect("one of ours");
            match event.kind {
                EventKind::Token { id, .. } => told[of].0.push(id),
                EventKind::Shifted { dropped, kept } => told[of].1.push((dropped, kept)),
                EventKind::Finished(finish, usage) => told[of].2 = Some((finish, usage)),
                EventKind::Failed(error) => panic!("{error}"),
                EventKind::Prefilled { .. } | EventKind::Rest(_) => {}
            }
        }
    }
    let ended = told.into_iter().map(|(ids, shifts, ended)| {
        let (finish, usage) = ended.expect("it ended");
        (Told { ids, shifts, finish }, usage)
    });
    ended.collect()
}
