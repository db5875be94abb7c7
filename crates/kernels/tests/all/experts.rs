//! Mixtures of experts and other operations with answers worked out by hand, on every backend.

use kernels::{
    Act, Attn, Backend, Batch, Bytes, CacheFormat, CacheSpec, Format, GroupScore, Groups, Linear,
    LowRank, Plan, Router, Scale, Scoring, Shape, Span, Table, TableRows, Tensor, Weigh, Weight,
    WeightSpec,
    cpu::{Config, Cpu, Isa},
    reference::Reference,
};

fn weight(b: &mut dyn Backend, [n, rows, cols]: [usize; 3], numbers: &[f32]) -> Weight {
    let bytes = Bytes::new(Format::F32.encode(numbers));
    b.upload(&WeightSpec { n, rows, cols, format: Format::F32 }, &[bytes]).expect("they fit")
}

/// What `record` gives for rows of one sequence, on each backend.
#[track_caller]
fn check(
    x: &[&[f32]],
    want: &[f32],
    record: impl Fn(&mut Plan, &mut dyn Backend, Tensor) -> Tensor,
) {
    let cpus = Isa::ALL.iter().filter(|isa| isa.is_available());
    let cpus = cpus.map(|&isa| Cpu::new(Config { isa, ..Config::detect() }).expect("available"));
    let mut all: Vec<Box<dyn Backend>> = vec![Box::new(Reference::default())];
    all.extend(cpus.map(|cpu| Box::new(cpu) as Box<dyn Backend>));
    for b in &mut all {
        let mut p = Plan::new();
        let input = p.input(x[0].len());
        let y = record(&mut p, &mut **b, input);
        p.port(y);
        let mut batch = Batch::default();
        batch.push(0, &vec![0; x.len()], Table(vec![vec![0, 1, 2]]));
        let id = b.load(&p, Shape { rows: 9, ..batch.shape() }).expect("small");
        b.write(id, input, &x.concat()).expect("the rows of the batch");
        b.run(id, &batch).expect("a sound batch");
        let name = b.info().name.clone();
        let see = &mut |y: &[f32]| {
            let near = y.iter().zip(want).all(|(y, want)| (y - want).abs() < 1e-6);
            assert!(y.len() == want.len() && near, "{name}: {y:?}, expected {want:?}");
        };
        b.read(id, y, see).expect("the run succeeded");
    }
}

const SOFTMAX: Router = Router {
    k: 2,
    scoring: Scoring::Softmax,
    bias: None,
    groups: None,
    renormalise: false,
    scale: 1.0,
    expert_scale: None,
    weigh: Weigh::Results,
};

/// The weight of each of four experts, 0 if it is not chosen: expert `e` gives a 1 in column `e`.
#[track_caller]
fn check_weights(x: [f32; 4], bias: Option<[f32; 4]>, router: Router, want: [f32; 4]) {
    check_scaled(x, [bias, None], router, want);
}

/// The same, with the numbers of experts that choose, and those that scale.
#[track_caller]
fn check_scaled(x: [f32; 4], numbers: [Option<[f32; 4]>; 2], router: Router, want: [f32; 4]) {
    check(&[&x], &want, |p, b, scores| {
        let [bias, expert_scale] = numbers.map(|it| it.map(|it| weight(b, [1, 1, 4], &it)));
        let r = p.route(scores, &Router { bias, expert_scale, ..router });
        let ones: Vec<f32> = (0..16).map(|i| if i % 5 == 0 { 1.0 } else { 0.0 }).collect();
        let l =
            Linear { w: weight(b, [4, 4, 4], &[0.0; 64]), bias: Some(weight(b, [4, 1, 4], &ones)) };
        let y = p.expert_linear(scores, r, &l);
        p.expert_sum(y, r)
    });
}

/// Logarithms, so that softmax gives shares.
fn ln(x: [f32; 4]) -> [f32; 4] {
    x.map(f32::ln)
}

#[test]
fn weights_are_shares_of_all_or_of_the_chosen() {
    let x = ln([1.0, 4.0, 2.0, 3.0]);
    check_weights(x, None, SOFTMAX, [0.0, 0.4, 0.0, 0.3]);
    let of_chosen = [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0];
    check_weights(x, None, Router { renormalise: true, ..SOFTMAX }, of_chosen);
    check_weights(x, None, Router { scoring: Scoring::SoftmaxOfChosen, ..SOFTMAX }, of_chosen);
    check_weights(x, None, Router { scale: 10.0, k: 1, ..SOFTMAX }, [0.0, 4.0, 0.0, 0.0]);
}

#[test]
fn of_equal_experts_the_first_are_chosen() {
    check_weights([7.0; 4], None, SOFTMAX, [0.25, 0.25, 0.0, 0.0]);
}

#[test]
fn a_bias_chooses_and_does_not_weigh() {
    let ln_3 = 3.0f32.ln();
    let sigmoid = Router { scoring: Scoring::Sigmoid, ..SOFTMAX };
    let bias = Some([0.0, -1.0, 1.0, 0.1]);
    check_weights([0.0, ln_3, -ln_3, 0.0], bias, sigmoid, [0.0, 0.0, 0.25, 0.5]);
}

#[test]
fn experts_are_chosen_from_the_best_groups() {
    let x = ln([5.0, 1.0, 4.5, 4.5]);
    let groups = |score| Router { groups: Some(Groups { n: 2, used: 1, score }), ..SOFTMAX };
    check_weights(x, None, groups(GroupScore::Largest), [5.0 / 15.0, 1.0 / 15.0, 0.0, 0.0]);
    check_weights(x, None, groups(GroupScore::TwoLargest), [0.0, 0.0, 0.3, 0.3]);
}

#[test]
fn weights_are_scaled_by_expert() {
    let scale = Some([10.0, 2.0, 10.0, 4.0]);
    let router = Router { renormalise: true, ..SOFTMAX };
    let want = [0.0, 8.0 / 7.0, 0.0, 12.0 / 7.0];
    check_scaled(ln([1.0, 4.0, 2.0, 3.0]), [None, scale], router, want);
}

/// The first has a neighbour that counts; the second, without the first, has none.
#[test]
fn the_sparse_mixer_looks_at_near_ones_only() {
    let router = Router { scoring: Scoring::SparseMixer { jitter: 0.01 }, ..SOFTMAX };
    let first = 1.0 / (1.0 + (-0.01f32).exp());
    check_weights([0.5, 1.0, -1.0, 0.99], None, router, [0.0, first, 0.0, 1.0]);
}

#[test]
fn inputs_are_weighed_where_the_router_says_so() {
    let ln_3 = 3.0f32.ln();
    let router = Router { k: 1, scoring: Scoring::Sigmoid, weigh: Weigh::Inputs, ..SOFTMAX };
    // Expert 1 doubles its input, which is weighed with 0.75, and adds 1.
    check(&[&[0.0, ln_3]], &[1.0, 1.5 * ln_3 + 1.0], |p, b, x| {
        let r = p.route(x, &router);
        let w = weight(b, [2, 2, 2], &[1.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 2.0]);
        let bias = Some(weight(b, [2, 1, 2], &[1.0; 4]));
        let y = p.expert_linear(x, r, &Linear { w, bias });
        p.expert_sum(y, r)
    });
}

/// Expert 1 gives twice its input, scaled by 10, and adds 1; what an adapter adds is not scaled.
#[test]
fn weights_of_experts_are_scaled_and_biases_are_not() {
    let router = Router { k: 1, scoring: Scoring::SoftmaxOfChosen, ..SOFTMAX };
    for (adapted, want) in [(false, [41.0, 61.0]), (true, [44.0, 64.0])] {
        check(&[&[2.0, 3.0]], &want, |p, b, x| {
            let r = p.route(x, &router);
            let w = weight(b, [2, 2, 2], &[1.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 2.0]);
            let bias = Some(weight(b, [2, 1, 2], &[1.0; 4]));
            p.scale_weight(w, Scale::Each(weight(b, [1, 1, 2], &[5.0, 10.0])));
            if adapted {
                let (a, b) =
                    (weight(b, [2, 1, 2], &[0.0, 1.0, 0.0, 1.0]), weight(b, [2, 2, 1], &[1.0; 4]));
                p.adapt(w, LowRank { a, b, scale: 1.0 });
            }
            let y = p.expert_linear(x, r, &Linear { w, bias });
            p.expert_sum(y, r)
        });
    }
}

/// With a bias, together with others, and as a table.
#[test]
fn weights_are_scaled_and_biases_are_not() {
    let scaled = |p: &mut Plan, b: &mut dyn Backend| {
        let w = weight(b, [1, 2, 2], &[1.0, 1.0, 1.0, -1.0]);
        p.scale_weight(w, Scale::All(3.0));
        Linear { w, bias: Some(weight(b, [1, 1, 2], &[1.0, 2.0])) }
    };
    check(&[&[5.0, 2.0]], &[22.0, 11.0], |p, b, x| {
        let l = scaled(p, b);
        p.linear(x, &l)
    });
    // Beyond 0 it is nearly the number itself, and what it multiplies has 1 added.
    let act = Act::ClampedSilu { alpha: 100.0, limit: 100.0 };
    check(&[&[5.0, 2.0]], &[22.0 * 13.0, 11.0 * 18.0], |p, b, x| {
        let (gate, up) = (scaled(p, b), scaled(p, b));
        let up = Linear { bias: Some(weight(b, [1, 1, 2], &[-9.0, 8.0])), ..up };
        p.gated(x, &gate, &up, act)
    });
    check(&[&[5.0, 2.0]], &[3.0, 3.0], |p, b, _| {
        let table = scaled(p, b).w;
        p.embed(table, 1.0)
    });
}

#[test]
fn heads_have_matrices_of_their_own() {
    check(&[&[1.0, 2.0, 3.0, 4.0]], &[3.0, 7.0 * 10.0], |p, b, x| {
        let w = weight(b, [2, 1, 2], &[1.0, 1.0, 10.0, 10.0]);
        p.head_linear(x, w)
    });
}

/// The first head's adapter looks at its first number, the second's at its second.
#[test]
fn what_is_added_to_heads_has_matrices_of_its_own() {
    let want = [3.0 + 2.0 * 5.0 * 1.0, 7.0 * 10.0 + 2.0 * 7.0 * 4.0];
    check(&[&[1.0, 2.0, 3.0, 4.0]], &want, |p, b, x| {
        let w = weight(b, [2, 1, 2], &[1.0, 1.0, 10.0, 10.0]);
        let down = weight(b, [2, 1, 2], &[1.0, 0.0, 0.0, 1.0]);
        let up = weight(b, [2, 1, 1], &[5.0, 7.0]);
        p.adapt(w, LowRank { a: down, b: up, scale: 2.0 });
        p.head_linear(x, w)
    });
}

/// Row 0 of the table is 1, 2; what is looked up is scaled by 3, with what is added, and the product with
/// the table, which is 3, 7, stays what it is.
#[test]
fn rows_of_tables_are_added_to_and_products_with_them_are_not() {
    let want = [3.0 * (1.0 + 2.0 * 5.0) + 3.0, 3.0 * (2.0 + 2.0 * 50.0) + 7.0];
    check(&[&[1.0, 1.0]], &want, |p, b, x| {
        let table = weight(b, [1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let (rows, up) = (weight(b, [1, 2, 1], &[5.0, 0.0]), weight(b, [1, 2, 1], &[1.0, 10.0]));
        p.adapt_table(table, TableRows { rows, up, scale: 2.0 });
        let row = p.embed(table, 3.0);
        let product = p.linear(x, &Linear { w: table, bias: None });
        p.add(row, product)
    });
}

/// Keys are zeros, so that all places that a row sees count alike, and so does a sink of 0.
#[test]
fn sinks_take_a_share_and_chunks_begin_anew() {
    let attend = |sinks: Option<f32>, want: [f32; 5]| {
        check(&[&[8.0], &[4.0], &[2.0], &[1.0], &[6.0]], &want, |p, b, x| {
            let format = CacheFormat::F32;
            let spec =
                CacheSpec { group: 0, k_cols: 1, v_cols: 1, blocks: 3, block_len: 4, format };
            let c = b.new_cache(&spec).expect("small");
            let zero = Linear { w: weight(b, [1, 1, 1], &[0.0]), bias: None };
            let k = p.linear(x, &zero);
            p.store(c, k, Some(x));
            let (span, softcap) = (Span::Chunk(3), None);
            let sinks = sinks.map(|sink| weight(b, [1, 1, 1], &[sink]));
            p.attend(x, c, &Attn { head_dim: 1, v_dim: 1, scale: 1.0, span, softcap, sinks })
        });
    };
    attend(None, [8.0, 6.0, 14.0 / 3.0, 1.0, 3.5]);
    attend(Some(0.0), [4.0, 4.0, 3.5, 0.5, 7.0 / 3.0]);
    attend(Some(3.0f32.ln()), [2.0, 12.0 / 5.0, 14.0 / 6.0, 0.25, 7.0 / 5.0]);
}
