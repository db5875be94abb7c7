//! Leases of a small pool, by what they find and what they leave.

use super::*;

/// Runs `tokens` through the pool as a sequence does; gives what it found there.
fn run(blocks: &mut Blocks, tokens: &[u32]) -> usize {
    let (mut lease, reused) = blocks.open(tokens);
    blocks.extend(&mut lease, tokens.len()).expect("there is room");
    blocks.retain(lease, tokens);
    assert_eq!(blocks.in_use(), 0);
    reused
}

fn numbers(n: u32) -> Vec<u32> {
    (0..n).collect()
}

#[test]
fn the_next_turn_finds_all_of_the_last() {
    let mut blocks = Blocks::new(8, 4);
    assert_eq!(run(&mut blocks, &numbers(6)), 0);
    assert_eq!(run(&mut blocks, &numbers(11)), 6);
    assert_eq!(run(&mut blocks, &numbers(12)), 11);
    assert_eq!(run(&mut blocks, &numbers(13)), 12);
    assert_eq!(blocks.retained(), 4);
}

#[test]
fn the_last_token_is_computed_again() {
    let mut blocks = Blocks::new(8, 4);
    run(&mut blocks, &numbers(8));
    assert_eq!(run(&mut blocks, &numbers(8)), 4);
}

#[test]
fn another_end_shares_the_full_blocks_before_it() {
    let mut blocks = Blocks::new(8, 4);
    run(&mut blocks, &[0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(run(&mut blocks, &[0, 1, 2, 3, 4, 5, 6, 9, 9]), 4);
    assert_eq!(run(&mut blocks, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), 9, "the first is still there");
}

#[test]
fn live_sequences_share_what_is_published() {
    let mut blocks = Blocks::new(8, 4);
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
    let mut blocks = Blocks::new(8, 4);
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
    let mut blocks = Blocks::new(4, 2);
    run(&mut blocks, &[1, 1, 1]);
    run(&mut blocks, &[2, 2, 2]);
    run(&mut blocks, &[1, 1, 1, 1]);
    assert_eq!(run(&mut blocks, &[3, 3]), 0, "takes a block of the second");
    assert_eq!(run(&mut blocks, &[1, 1, 1, 1, 5]), 4);
    assert_eq!(blocks.in_use(), 0);
}

#[test]
fn what_is_in_use_is_never_taken() {
    let mut blocks = Blocks::new(3, 2);
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
