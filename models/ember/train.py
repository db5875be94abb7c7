"""Trains Ember: a small llama-like network, from random weights, on two CPU cores.

    python train.py WORK [--steps N] [--at-most N]

WORK is the folder into which `ember-forge corpus` wrote train.bin, held-out.bin and tokenizer.json. It
writes there checkpoint.pt (from which a second start goes on), loss.csv, loss.svg, report.json and
ember.safetensors, whose names and order of rows are GGUF's. The same seed gives the same losses.
Where the corpus was made with `--quiz`, it says in the end how many of those answers are right to the letter.
"""

import argparse
import csv
import glob
import json
import math
import os
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

SEED = 1
CONTEXT = 1024
SHAPE = dict(context=CONTEXT, width=256, hidden=768, layers=5, heads=4, kv_heads=2,
             rope_base=10000.0, norm_epsilon=1e-5)
HEAD = SHAPE["width"] // SHAPE["heads"]
VOCABULARY = 4096
BATCH = 2048         # tokens a step, at most
ASKED = 0.2          # what a token of a question counts at first, where one of an answer counts 1
PEAK_ADAM, PEAK_MUON = 3e-3, 1.5e-2
EVERY = 200          # steps between measurements and checkpoints
THREADS = 2


def fastest():
    """The type in which this processor multiplies faster: 16 bits take longer where only their names are there."""
    def seconds(kind):
        a, b, least = torch.randn(1800, 256).to(kind), torch.randn(256, 768).to(kind), math.inf
        for _ in range(30):
            begun = time.perf_counter()
            a @ b
            least = min(least, time.perf_counter() - begun)
        return least
    torch.set_num_threads(THREADS)
    return min((torch.bfloat16, torch.float32), key=seconds)


KIND = fastest()


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), SHAPE["norm_epsilon"])


class Matrix(nn.Module):
    """Weights alone: several of them are multiplied at once."""

    def __init__(self, rows, columns, deviation=0.02):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(rows, columns) * deviation)


def times(x, *matrices):
    """`x` times all of them, side by side."""
    return F.linear(x, torch.cat([it.weight for it in matrices]).to(KIND))


class Block(nn.Module):
    """Attention, then the gated feed-forward part, each around its norm."""

    def __init__(self):
        super().__init__()
        width, hidden, kv = SHAPE["width"], SHAPE["hidden"], HEAD * SHAPE["kv_heads"]
        last = 0.02 / math.sqrt(2 * SHAPE["layers"])
        self.attn_norm, self.ffn_norm = Norm(width), Norm(width)
        self.attn_q, self.attn_k, self.attn_v = Matrix(width, width), Matrix(kv, width), Matrix(kv, width)
        self.attn_output = Matrix(width, width, last)
        self.ffn_gate, self.ffn_up = Matrix(hidden, width), Matrix(hidden, width)
        self.ffn_down = Matrix(width, hidden, last)

    @torch.compile(dynamic=True)
    def forward(self, x, turn, mask):
        rows, n, width = x.shape
        heads, kv = SHAPE["heads"], SHAPE["kv_heads"]
        qkv = times(self.attn_norm(x), self.attn_q, self.attn_k, self.attn_v)
        qk, v = qkv.view(rows, n, heads + 2 * kv, HEAD).split([heads + kv, kv], 2)
        q, k = turned(qk, turn).transpose(1, 2).split([heads, kv], 1)
        k, v = (repeated(it, heads // kv) for it in (k, v.transpose(1, 2)))
        # Spelled out: rows are so short that this is faster than the fused kernel.
        scores = (q @ k.mT).float() * HEAD ** -0.5 + mask
        h = scores.softmax(-1).to(KIND) @ v
        x = x + times(h.transpose(1, 2).reshape(rows, n, width), self.attn_output)
        gate, up = times(self.ffn_norm(x), self.ffn_gate, self.ffn_up).chunk(2, -1)
        return x + times(F.silu(gate) * up, self.ffn_down)


def repeated(x, group):
    """Each head `group` times in a row."""
    return x[:, :, None].expand(-1, -1, group, -1, -1).flatten(1, 2)


def turned(x, turn):
    """Rotates halves; `exported` brings the rows into GGUF's order, which is pairs."""
    (cos, sin), (a, b) = turn, x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)


class Ember(nn.Module):
    def __init__(self):
        super().__init__()
        self.token_embd = Matrix(VOCABULARY, SHAPE["width"])
        self.blk = nn.ModuleList(Block() for _ in range(SHAPE["layers"]))
        self.output_norm = Norm(SHAPE["width"])
        speed = SHAPE["rope_base"] ** (-torch.arange(0, HEAD, 2) / HEAD)
        angle = torch.outer(torch.arange(CONTEXT).float(), speed)[:, None]
        self.cos, self.sin = angle.cos().to(KIND), angle.sin().to(KIND)

    def forward(self, ids, at):
        """The logits of the positions `at`, counted over all rows."""
        n = ids.shape[1]
        x = F.embedding(ids, self.token_embd.weight).to(KIND)
        mask = torch.full((n, n), -1e9).triu(1)
        for block in self.blk:
            x = block(x, (self.cos[:n], self.sin[:n]), mask)
        x = self.output_norm(x.flatten(0, 1).index_select(0, at))
        return times(x, self.token_embd)


@torch.compile(dynamic=True)
def surprise(logits, wanted):
    """The loss of each wanted token, in nats."""
    return F.cross_entropy(logits.float(), wanted, reduction="none")


class Muon(torch.optim.Optimizer):
    """Momentum whose every update is made orthogonal (Jordan et al., 2024), for matrices: those of one
    shape together."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, dict(lr=lr))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            shapes = {}
            for p in group["params"]:
                shapes.setdefault(p.shape, []).append(p)
            for (rows, columns), alike in shapes.items():
                grads = torch.stack([p.grad for p in alike])
                momentum = self.state[alike[0]].setdefault("momentum", torch.zeros_like(grads))
                momentum.lerp_(grads, 0.05)
                rate = group["lr"] * max(1, rows / columns) ** 0.5
                for p, update in zip(alike, orthogonal(grads.lerp_(momentum, 0.95))):
                    p.mul_(1 - group["lr"] * 0.05).add_(update, alpha=-rate)


@torch.compile(dynamic=False)
def orthogonal(g):
    """Four steps of Newton and Schulz towards the nearest matrices with equal singular values."""
    tall = g.shape[1] > g.shape[2]
    x = g.mT.to(KIND).contiguous() if tall else g.to(KIND)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(4):
        a = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(a, a, a, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    return (x.mT if tall else x).float()


class Tokens:
    """A file of conversations; each batch holds whole ones of about the same length, one a row."""

    def __init__(self, path, begin):
        self.raw = np.fromfile(path, dtype="<u2")
        starts = np.flatnonzero((self.raw & 0x7fff) == begin)
        ends = np.minimum(np.append(starts[1:], len(self.raw)), starts + CONTEXT)
        chance = np.random.default_rng(SEED)
        self.batches = [[]]
        for it in np.argsort(ends - starts + chance.random(len(starts))):
            if (len(self.batches[-1]) + 1) * (ends[it] - starts[it]) > BATCH:
                self.batches.append([])
            self.batches[-1].append((starts[it], ends[it]))
        self.batches = [it for it in self.batches if it]
        chance.shuffle(self.batches)

    def batch(self, nth):
        """Tokens, where there is a next one, that one, and whether it is Ember's to say."""
        rows = self.batches[nth % len(self.batches)]
        raw = np.zeros((len(rows), max(end - begin for begin, end in rows)), np.int64)
        for row, (begin, end) in zip(raw, rows):
            row[:end - begin] = self.raw[begin:end]
        raw = torch.from_numpy(raw)
        ids, said = raw & 0x7fff, raw[:, 1:] >> 15 == 1
        lengths = torch.tensor([end - begin for begin, end in rows])
        there = torch.arange(1, raw.shape[1]) < lengths[:, None]
        return ids[:, :-1], torch.nonzero(there.flatten()).flatten(), ids[:, 1:][there], said[there]


@torch.no_grad()
def examined(model, tokens, most):
    """The mean loss, and how many conversations are right to the letter."""
    total, count, right, rows = 0.0, 0, 0, 0
    for nth in range(min(most, len(tokens.batches))):
        ids, at, wanted, said = tokens.batch(nth)
        at, wanted = at[said], wanted[said]
        logits = model(ids, at)
        total += surprise(logits, wanted).sum().item()
        wrong = (at // ids.shape[1])[logits.argmax(-1) != wanted].unique()
        count, right, rows = count + len(wanted), right + len(ids) - len(wrong), rows + len(ids)
    return total / count, right / rows


def pace(step, steps):
    """Share of the peak rate: up over the first 100 steps, level, down to nothing over the last half."""
    return min(1.0, (step + 1) / 100, max(0.0, (steps - step) / (steps * 0.5)))


def asked(step, steps):
    """What a token of a question counts: ever less in the first half, nothing in the last."""
    return ASKED * max(0.0, 1 - step / (steps * 0.5))


def train(work, steps, at_most):
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    with open(os.path.join(work, "tokenizer.json")) as file:
        begin = next(it["id"] for it in json.load(file)["added_tokens"] if it["content"] == "<|begin|>")
    read = lambda name: Tokens(os.path.join(work, name), begin)
    learn, held_out = read("train.bin"), read("held-out.bin")
    model = Ember()
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embd" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim < 2 or "embd" in n]
    optimizers = [Muon(matrices, PEAK_MUON),
                  torch.optim.AdamW(others, PEAK_ADAM, betas=(0.9, 0.98), weight_decay=0.0, fused=True)]
    peaks = [PEAK_MUON, PEAK_ADAM]
    done, seen, seconds, curve = 0, 0, 0.0, []
    checkpoint = os.path.join(work, "checkpoint.pt")
    if os.path.exists(checkpoint):
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"]):
            optimizer.load_state_dict(state)
        done, seen, seconds, curve = (saved[it] for it in ("done", "seen", "seconds", "curve"))
        print(f"going on after step {done}")
    recent = []
    for step in range(done, steps):
        if step == done + at_most:
            return
        begun = time.perf_counter()
        ids, at, wanted, said = learn.batch(step)
        share = asked(step, steps)
        if share == 0.0:
            at, wanted, said = at[said], wanted[said], said[said]
        for optimizer, peak in zip(optimizers, peaks):
            for group in optimizer.param_groups:
                group["lr"] = peak * pace(step, steps)
        # A token weighs the same in every batch, however many are to be said in it.
        losses = surprise(model(ids, at), wanted)
        (torch.where(said, losses, share * losses).sum() / (BATCH / 2)).backward()
        nn.utils.clip_grad_norm_(others, 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        recent.append(losses[said].mean().item())
        seen += ids.numel()
        seconds += time.perf_counter() - begun
        if (step + 1) % 50 == 0:
            mean = sum(recent[-50:]) / len(recent[-50:])
            left = seconds / (step + 1) * (steps - step - 1)
            print(f"step {step + 1}/{steps}  loss {mean:.4f}  {seen / seconds:.0f} tokens/s  {left / 60:.0f} min left", flush=True)
        if (step + 1) % EVERY == 0 or step + 1 == steps:
            curve.append((step + 1, sum(recent) / len(recent), examined(model, held_out, 16)[0]))
            recent = []
            print(f"step {step + 1}  held-out loss {curve[-1][2]:.4f}", flush=True)
            saved = dict(model=model.state_dict(), optimizers=[it.state_dict() for it in optimizers],
                         done=step + 1, seen=seen, seconds=seconds, curve=curve)
            torch.save(saved, checkpoint + ".new")
            os.replace(checkpoint + ".new", checkpoint)
    for path in sorted(glob.glob(os.path.join(work, "quiz-*.bin"))):
        loss, right = examined(model, Tokens(path, begin), 1000)
        print(f"{os.path.basename(path)}  loss {loss:.3f}  right {right:.3f}", flush=True)
    finish(work, model, steps, seen, seconds, curve)


def exported(name, weights):
    """Weights in 32 bits; rows of queries and keys as GGUF's `llama` wants them, pair after pair."""
    if name.endswith(("attn_q.weight", "attn_k.weight")):
        weights = weights.view(-1, 2, HEAD // 2, weights.shape[1]).transpose(1, 2).reshape(weights.shape)
    return weights.float().contiguous()


def finish(work, model, steps, seen, seconds, curve):
    from safetensors.torch import save_file
    state = {name: exported(name, it) for name, it in model.state_dict().items()}
    save_file(state, os.path.join(work, "ember.safetensors"))
    report = dict(shape=SHAPE, steps=steps, tokens=seen, minutes=seconds / 60, held_out_loss=curve[-1][2], seed=SEED)
    with open(os.path.join(work, "report.json"), "w") as file:
        json.dump(report, file, indent=1)
    with open(os.path.join(work, "loss.csv"), "w", newline="") as file:
        csv.writer(file).writerows([("step", "training", "held_out"), *curve])
    with open(os.path.join(work, "loss.svg"), "w") as file:
        file.write(plot(curve))


def plot(curve):
    """Both losses over the steps, the losses on a scale of powers of two."""
    width, height, edge = 640, 320, 44
    top, bottom = math.log2(max(c[1] for c in curve)), math.log2(min(min(c[1:]) for c in curve))
    x = lambda step: edge + (width - 2 * edge) * step / curve[-1][0]
    y = lambda loss: edge + (height - 2 * edge) * (top - math.log2(loss)) / (top - bottom)
    line = lambda column, colour: '<polyline fill="none" stroke="%s" stroke-width="1.5" points="%s"/>' % (
        colour, " ".join(f"{x(c[0]):.1f},{y(c[column]):.1f}" for c in curve))
    text = lambda at_x, at_y, it, colour="#666": f'<text x="{at_x:.0f}" y="{at_y:.0f}" fill="{colour}">{it}</text>'
    ticks = [2.0 ** it for it in range(math.ceil(bottom), math.floor(top) + 1)]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        *(f'<path stroke="#ddd" d="M{edge} {y(it):.1f}H{width - edge}"/>' for it in ticks),
        *(text(4, y(it) + 4, f"{it:g}") for it in ticks),
        *(text(x(step) - 12, height - edge / 2, step) for step in range(0, curve[-1][0] + 1, max(100, curve[-1][0] // 5 // 100 * 100))),
        line(1, "#c2410c"), line(2, "#1d4ed8"),
        text(width - 230, 20, "training", "#c2410c"), text(width - 160, 20, "held out", "#1d4ed8"), text(width - 90, 20, "nats a token"),
        "</svg>", ""])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work")
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--at-most", type=int, default=10**9, help="end after so many, as if interrupted")
    options = parser.parse_args()
    train(options.work, options.steps, options.at_most)
