//! Leases of a small pool, by what they find and what they leave.

use kernels::CacheFormat;

use super::{layout::Group, *};

/// Pools of groups that look back like this and have so many blocks.
fn pools(groups: &[(Span, usize)], block_len: usize) -> Blocks {
    let group = |&(span, blocks)| Group { span, numbers: 1, blocks };
    let groups = groups.iter().map(group).collect();
    let format = CacheFormat::F32;
    Blocks::new(&Layout { groups, ..Layout::new([], (block_len, format), |_| 0) })
}

fn full(blocks: usize, block_len: usize) -> Blocks {
    pools(&[(Span::Full, blocks)], block_len)
}

/// Runs `tokens` through the pool as a sequence does; gives what it found there.
fn run(blocks: &mut Blocks, tokens: &[u32]) -> usize {
    let (mut lease, reused) = blocks.open(tokens);
    go_on(blocks, &mut lease, reused, tokens.len());
    blocks.retain(lease, tokens);
    assert_eq!(blocks.in_use(), 0);
    reused
}

/// Computes the places up to `end`, one a step, where `past` are there; every one that a row sees
/// must have a block. Gives the most blocks that the sequence had at a time.
fn go_on(blocks: &mut Blocks, lease: &mut Lease, past: usize, end: usize) -> usize {
    let steps = (past..end).map(|at| {
        blocks.extend(lease, at + 1).expect("there is room");
        for (pool, table) in blocks.pools.iter().zip(&lease.table.0) {
            let seen = &table[pool.span.first(at as u32) as usize / blocks.block_len..];
            assert!(seen.iter().all(|&it| it != NONE && pool.is_used(it)), "place {at}: {table:?}");
        }
        let held = lease.table.0.iter().flatten().filter(|&&it| it != NONE).count();
        blocks.trim(lease, at + 1);
        held
    });
    steps.max().unwrap_or(0)
}

fn numbers(n: u32) -> Vec<u32> {
    (0..n).collect()
}

#[test]
fn the_next_turn_finds_all_of_the_last() {
    let mut blocks = full(8, 4);
    assert_eq!(run(&mut blocks, &numbers(6)), 0);
    assert_eq!(run(&mut blocks, &numbers(11)), 6);
    assert_eq!(run(&mut blocks, &numbers(12)), 11);
    assert_eq!(run(&mut blocks, &numbers(13)), 12);
    assert_eq!(blocks.retained(), 4);
}

#[test]
fn the_last_token_is_computed_again() {
    let mut blocks = full(8, 4);
    run(&mut blocks, &numbers(8));
    assert_eq!(run(&mut blocks, &numbers(8)), 4);
}

#[test]
fn another_end_shares_the_full_blocks_before_it() {
    let mut blocks = full(8, 4);
    run(&mut blocks, &[0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(run(&mut blocks, &[0, 1, 2, 3, 4, 5, 6, 9, 9]), 4);
    assert_eq!(run(&mut blocks, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), 9, "the first is still there");
}

#[test]
fn live_sequences_share_what_is_published() {
    let mut blocks = full(8, 4);
    let tokens = numbers(10);
    let (mut a, _) = blocks.open(&tokens);
    let (mut b, _) = blocks.open(&tokens);
    for lease in [&mut a, &mut b] {
        blocks.extend(lease, 10).expect("there is room");
    }
    assert_eq!(blocks.in_use(), 6);
    blocks.publish(&mut a, &tokens);
    blocks.publish(&mut b, &tokens);
    assert_eq!(blocks.in_use(), 4, "two shared, one partial each");
    assert_eq!(a.table.0[0][..2], b.table.0[0][..2]);
    assert_ne!(a.table.0[0][2], b.table.0[0][2]);
    let (c, reused) = blocks.open(&tokens);
    assert_eq!(reused, 8);
    for lease in [a, b, c] {
        blocks.release(lease);
    }
    assert_eq!((blocks.in_use(), blocks.retained()), (0, 2));
}

#[test]
fn a_taken_over_block_is_not_found_by_others() {
    let mut blocks = full(8, 4);
    run(&mut blocks, &numbers(6));
    let (a, reused) = blocks.open(&numbers(9));
    assert_eq!(reused, 6);
    let (b, reused) = blocks.open(&numbers(9));
    assert_eq!(reused, 4);
    blocks.release(a);
    blocks.release(b);
}

#[test]
fn the_least_recently_used_goes_first() {
    let mut blocks = full(4, 2);
    run(&mut blocks, &[1, 1, 1]);
    run(&mut blocks, &[2, 2, 2]);
    run(&mut blocks, &[1, 1, 1, 1]);
    assert_eq!(run(&mut blocks, &[3, 3]), 0, "takes a block of the second");
    assert_eq!(run(&mut blocks, &[1, 1, 1, 1, 5]), 4);
    assert_eq!(blocks.in_use(), 0);
}

#[test]
fn what_is_in_use_is_never_taken() {
    let mut blocks = full(3, 2);
    let (mut a, _) = blocks.open(&[1, 2, 3]);
    blocks.extend(&mut a, 3).expect("there is room");
    blocks.publish(&mut a, &[1, 2, 3]);
    let (mut b, _) = blocks.open(&[7, 7, 7]);
    let error = blocks.extend(&mut b, 3).expect_err("one block is left");
    assert_eq!(error, Error::CacheFull { in_use: 3, blocks: 3 });
    blocks.release(b);
    let (c, reused) = blocks.open(&[1, 2, 9]);
    assert_eq!(reused, 2);
    blocks.release(a);
    blocks.release(c);
    assert_eq!((blocks.in_use(), blocks.retained()), (0, 1));
}

#[test]
fn a_window_holds_as_many_blocks_as_it_sees() {
    let mut blocks = pools(&[(Span::Window(6), 5)], 4);
    let (mut lease, _) = blocks.open(&numbers(1000));
    assert_eq!(go_on(&mut blocks, &mut lease, 0, 1000), 4);
    assert_eq!((blocks.in_use(), blocks.retained()), (3, 0));
    blocks.release(lease);
    assert_eq!(blocks.in_use(), 0);
}

#[test]
fn after_a_window_the_next_turn_goes_on_at_the_end() {
    for groups in [&[(Span::Window(6), 6)][..], &[(Span::Full, 16), (Span::Window(6), 6)]] {
        let mut blocks = pools(groups, 4);
        assert_eq!(run(&mut blocks, &numbers(30)), 0);
        assert_eq!(run(&mut blocks, &numbers(41)), 30, "{groups:?}");
        assert_eq!(run(&mut blocks, &numbers(45)), 41, "{groups:?}");
        assert_eq!(run(&mut blocks, &numbers(45)), 44, "the last token is computed again");
        // Place 12 sees places from 7 on, and the window has passed those.
        assert_eq!(run(&mut blocks, &numbers(13)), 0, "{groups:?}");
    }
}

#[test]
fn what_a_prompt_ended_with_outlives_a_short_answer() {
    let mut blocks = pools(&[(Span::Full, 32), (Span::Window(6), 8)], 4);
    let (mut lease, _) = blocks.open(&numbers(22));
    go_on(&mut blocks, &mut lease, 0, 22);
    blocks.publish(&mut lease, &numbers(22));
    go_on(&mut blocks, &mut lease, 22, 33);
    blocks.retain(lease, &numbers(33));
    let mut again = numbers(22);
    again.extend([99; 5]);
    let (lease, reused) = blocks.open(&again);
    assert_eq!(reused, 20);
    // The next row is at place 20 and sees places from 15 on.
    let [all, window] = &lease.table.0[..] else { panic!("a table a group") };
    assert!(all.iter().all(|&it| it != NONE));
    assert_eq!(
        window.iter().map(|&it| it != NONE).collect::<Vec<_>>(),
        [false, false, false, true, true]
    );
    blocks.release(lease);
    assert_eq!(blocks.in_use(), 0);
}

#[test]
fn sequences_share_windows_and_one_may_lack_what_the_other_has() {
    let mut blocks = pools(&[(Span::Window(6), 16), (Span::Window(100), 16)], 4);
    let tokens = numbers(20);
    let (mut a, _) = blocks.open(&tokens);
    let (mut b, _) = blocks.open(&tokens);
    go_on(&mut blocks, &mut a, 0, 12);
    blocks.publish(&mut a, &tokens[..12]);
    go_on(&mut blocks, &mut b, 0, 20);
    blocks.publish(&mut b, &tokens);
    assert_eq!(a.table.0[1][..3], b.table.0[1][..3]);
    assert!(!a.table.0[0].contains(&NONE));
    assert_eq!(b.table.0[0][..3], [NONE, NONE, a.table.0[0][2]]);
    let (c, reused) = blocks.open(&tokens);
    assert_eq!(reused, 16);
    for lease in [a, b, c] {
        blocks.release(lease);
    }
    assert_eq!(blocks.in_use(), 0);
    assert_eq!(run(&mut blocks, &[7; 60]), 0, "takes what nobody uses");
}

#[test]
fn nodes_that_hold_nothing_go() {
    let mut blocks = pools(&[(Span::Window(6), 6)], 4);
    for salt in 0..100 {
        assert_eq!(run(&mut blocks, &[salt; 60]), 0);
    }
    assert!(blocks.tree.len() <= 2 * 15, "{} nodes for two prompts", blocks.tree.len());
}

#[test]
fn no_block_is_lost_and_none_is_shared_by_chance() {
    let mut seed = 1u64;
    let mut random = |n: u32| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 40) as u32 % n
    };
    let groups = [(Span::Full, 40), (Span::Window(5), 20), (Span::Window(9), 24)];
    for groups in [&groups[..], &groups[1..]] {
        let mut blocks = pools(groups, 4);
        let mut live: Vec<(Lease, Vec<u32>, usize)> = vec![];
        for _ in 0..3000 {
            match random(4) {
                0 if live.len() < 3 => {
                    let n = 1 + random(30);
                    let tokens: Vec<u32> =
                        (0..n).map(|i| if i < 12 { 0 } else { random(2) }).collect();
                    let (lease, reused) = blocks.open(&tokens);
                    live.push((lease, tokens, reused));
                }
                1 | 2 if !live.is_empty() => {
                    let i = random(live.len() as u32) as usize;
                    let (lease, tokens, past) = &mut live[i];
                    if *past == tokens.len() && tokens.len() < 52 {
                        tokens.push(random(2));
                    }
                    let end = (*past + 1 + random(6) as usize).min(tokens.len());
                    go_on(&mut blocks, lease, *past, end);
                    *past = end;
                    if end == tokens.len() {
                        blocks.publish(lease, tokens);
                        blocks.trim(lease, end);
                    }
                }
                3 if !live.is_empty() => {
                    let (lease, tokens, past) =
                        live.swap_remove(random(live.len() as u32) as usize);
                    blocks.retain(lease, &tokens[..past]);
                }
                _ => {}
            }
            // A block of two sequences holds what both have there.
            for (a, b) in live.iter().zip(live.iter().skip(1)) {
                for (x, y) in a.0.table.0.iter().zip(&b.0.table.0) {
                    for (i, (x, y)) in x.iter().zip(y).enumerate().filter(|(_, (x, y))| x == y) {
                        let same = a.1[..(i + 1) * 4] == b.1[..(i + 1) * 4];
                        assert!(*x == NONE && *y == NONE || same, "block {i} of both is {x}");
                    }
                }
            }
        }
        live.into_iter().for_each(|(lease, ..)| blocks.release(lease));
        assert_eq!(blocks.in_use(), 0);
        assert!(blocks.retained() > 0);
    }
}

/// A group that sees everything, and slots for states.
fn recurrent(blocks: usize, slots: usize) -> Blocks {
    let groups = vec![Group { span: Span::Full, numbers: 1, blocks }];
    let (block_len, format) = (4, CacheFormat::F32);
    let layout = Layout::new([], (block_len, format), |_| 0).with_slots(1, slots);
    Blocks::new(&Layout { groups, ..layout })
}

/// Runs the chunks of `tokens` that end at these places; gives what was found of them. Every slot
/// that a chunk starts from must be the one that the place before it was kept in.
fn run_chunks(blocks: &mut Blocks, tokens: &[u32], ends: &[usize]) -> usize {
    let (mut lease, reused) = blocks.open(tokens);
    let mut past = reused;
    let mut kept = None;
    for &end in ends.iter().filter(|&&it| it > reused) {
        blocks.extend(&mut lease, end).expect("there is room");
        let mut batch = Batch::default();
        blocks.push(&mut batch, &mut lease, past, &tokens[past..end]);
        assert_eq!(batch.from[0] == NONE, past == 0);
        assert!(kept.is_none_or(|it| it == batch.from[0]), "{past}..{end}");
        kept = batch.keep.last().copied();
        assert_ne!(kept, Some(NONE));
        let places = batch.keep.iter().zip(past + 1..).filter(|it| *it.0 != NONE);
        let known = [end, (end - 1) / 4 * 4, past.next_multiple_of(4)];
        assert!(places.map(|it| it.1).all(|it| known.contains(&it)), "{past}..{end}");
        lease.table = batch.tables.remove(0);
        blocks.trim(&mut lease, end);
        assert!(blocks.pools[1].in_use() <= 2, "{past}..{end}");
        past = end;
    }
    blocks.retain(lease, tokens);
    assert_eq!(blocks.in_use(), 0);
    reused
}

#[test]
fn a_state_is_found_where_it_was_kept() {
    let mut blocks = recurrent(64, 9);
    assert_eq!(run_chunks(&mut blocks, &numbers(22), &[12, 22]), 0);
    let other = |n: u32| numbers(n).into_iter().chain([99; 9]).collect::<Vec<_>>();
    assert_eq!(run_chunks(&mut blocks, &other(22), &[31]), 22, "where the last turn ended");
    assert_eq!(run_chunks(&mut blocks, &other(21), &[30]), 20, "after its last whole block");
    assert_eq!(run_chunks(&mut blocks, &other(19), &[28]), 0, "states within a chunk do not last");
}

#[test]
fn a_state_is_that_after_all_of_its_tokens() {
    let mut blocks = recurrent(64, 9);
    run_chunks(&mut blocks, &numbers(8), &[8]);
    assert_eq!(run_chunks(&mut blocks, &numbers(6), &[6]), 4);
    assert_eq!(run_chunks(&mut blocks, &numbers(7), &[7]), 6);
    assert_eq!(run_chunks(&mut blocks, &numbers(11), &[11]), 8);
}

#[test]
fn the_oldest_states_go_first_and_all_else_is_computed_again() {
    let mut blocks = recurrent(64, 6);
    for salt in 0..20 {
        let tokens: Vec<u32> = numbers(10).iter().map(|it| it + 100 * salt).collect();
        assert_eq!(run_chunks(&mut blocks, &tokens, &[10]), 0);
        let next: Vec<u32> = tokens.iter().copied().chain([7; 3]).collect();
        assert_eq!(run_chunks(&mut blocks, &next, &[13]), 10);
    }
    assert_eq!(run_chunks(&mut blocks, &numbers(13), &[13]), 0);
}

#[test]
fn one_sequence_that_decodes_holds_two_slots() {
    let mut blocks = recurrent(64, slots_for(1, 0, 4));
    let (mut lease, _) = blocks.open(&numbers(60));
    for (past, end) in std::iter::once((0, 14)).chain((14..60).map(|it| (it, it + 1))) {
        blocks.extend(&mut lease, end).expect("there is room");
        assert!(blocks.pools[1].in_use() <= 3, "{past}..{end}");
        blocks.trim(&mut lease, end);
        assert!(blocks.pools[1].in_use() <= 2, "{past}..{end}");
    }
    blocks.release(lease);
    assert_eq!(blocks.in_use(), 0);
}

/// What was guessed rightly is computed again beside what follows it, for all at once.
#[test]
fn sequences_that_are_all_far_ahead_have_slots() {
    for ahead in [0, 3, 4, 20] {
        let mut blocks = recurrent(64, slots_for(4, ahead, 4));
        let mut leases: Vec<_> = (0..4).map(|it| blocks.open(&[it; 40]).0).collect();
        for lease in &mut leases {
            blocks.extend(lease, 8).expect("there is room");
            blocks.trim(lease, 8);
        }
        for lease in &mut leases {
            let own = 8 + ahead + 1;
            blocks.extend_ahead(lease, own, 0).unwrap_or_else(|it| panic!("{ahead} ahead: {it}"));
        }
        leases.into_iter().for_each(|it| blocks.release(it));
        assert_eq!(blocks.in_use(), 0);
    }
}
