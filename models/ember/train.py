"""Trains Ember: a small llama-like network, from random weights, on two CPU cores.

    python train.py WORK [--steps N] [--stop-at N]

WORK is the folder into which `ember-forge corpus` wrote train.bin and held-out.bin. It writes there
checkpoint.pt (from which a second start goes on), loss.csv, loss.svg, report.json and
ember.safetensors, whose names and order of rows are GGUF's. The same seed gives the same losses.
"""

import argparse
import csv
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
VOCABULARY = 4096
ROWS = 32            # sequences a step
SHORT, LONG = 256, 1024  # tokens a sequence; the last tenth of the steps sees the long ones
PEAK_ADAM, PEAK_MUON = 3e-3, 1.5e-2
EVERY = 100          # steps between measurements and checkpoints


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, SHAPE["norm_epsilon"])


def matrix(rows, columns):
    layer = nn.Linear(columns, rows, bias=False)
    nn.init.normal_(layer.weight, std=0.02)
    return layer


class Block(nn.Module):
    """Attention, then the gated feed-forward part, each around its norm."""

    def __init__(self):
        super().__init__()
        width, head = SHAPE["width"], SHAPE["width"] // SHAPE["heads"]
        self.attn_norm, self.ffn_norm = Norm(width), Norm(width)
        self.attn_q = matrix(head * SHAPE["heads"], width)
        self.attn_k = matrix(head * SHAPE["kv_heads"], width)
        self.attn_v = matrix(head * SHAPE["kv_heads"], width)
        self.attn_output = matrix(width, width)
        self.ffn_gate = matrix(SHAPE["hidden"], width)
        self.ffn_up = matrix(SHAPE["hidden"], width)
        self.ffn_down = matrix(width, SHAPE["hidden"])
        for last in (self.attn_output, self.ffn_down):
            last.weight.data /= math.sqrt(2 * SHAPE["layers"])

    def forward(self, x, turn):
        rows, n, width = x.shape
        h = self.attn_norm(x)
        heads = lambda it, n_heads: it.view(rows, n, n_heads, -1).transpose(1, 2)
        q = turned(heads(self.attn_q(h), SHAPE["heads"]), turn)
        k = turned(heads(self.attn_k(h), SHAPE["kv_heads"]), turn)
        v = heads(self.attn_v(h), SHAPE["kv_heads"])
        group = SHAPE["heads"] // SHAPE["kv_heads"]
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        h = F.scaled_dot_product_attention(q, k, v.to(q.dtype), is_causal=True)
        x = x + self.attn_output(h.transpose(1, 2).reshape(rows, n, width))
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


def turned(x, turn):
    """Rotates neighbouring pairs, GGUF's order for `llama`."""
    cos, sin = turn
    even, odd = x[..., 0::2].float(), x[..., 1::2].float()
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2).to(torch.bfloat16)


class Ember(nn.Module):
    def __init__(self):
        super().__init__()
        self.token_embd = nn.Embedding(VOCABULARY, SHAPE["width"])
        nn.init.normal_(self.token_embd.weight, std=0.02)
        self.blk = nn.ModuleList(Block() for _ in range(SHAPE["layers"]))
        self.output_norm = Norm(SHAPE["width"])
        head = SHAPE["width"] // SHAPE["heads"]
        speed = SHAPE["rope_base"] ** (-torch.arange(0, head, 2) / head)
        angle = torch.outer(torch.arange(CONTEXT).float(), speed)
        self.cos, self.sin = angle.cos(), angle.sin()

    def forward(self, ids, wanted):
        """The sum of the losses where `wanted`, and their number."""
        n = ids.shape[1] - 1
        x = self.token_embd(ids[:, :-1])
        for block in self.blk:
            x = block(x, (self.cos[:n], self.sin[:n]))
        x = self.output_norm(x)[wanted[:, 1:]]
        logits = F.linear(x, self.token_embd.weight)
        return F.cross_entropy(logits.float(), ids[:, 1:][wanted[:, 1:]], reduction="sum"), len(x)


class Muon(torch.optim.Optimizer):
    """Momentum whose every update is made orthogonal (Jordan et al., 2024), for matrices."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, dict(lr=lr))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                momentum = state.setdefault("momentum", torch.zeros_like(p))
                momentum.lerp_(p.grad, 0.05)
                update = orthogonal(p.grad.lerp(momentum, 0.95))
                p.mul_(1 - group["lr"] * 0.05)
                p.add_(update, alpha=-group["lr"] * max(1, p.shape[0] / p.shape[1]) ** 0.5)


def orthogonal(g):
    """Five steps of Newton and Schulz towards the nearest matrix with equal singular values."""
    x = g.bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.T if tall else x).float()


class Tokens:
    """A file of conversations in a row, cut into sequences in an order that the seed decides."""

    def __init__(self, path):
        self.raw = np.fromfile(path, dtype="<u2")

    def batch(self, step, rows, n):
        order = np.random.default_rng((SEED, step))
        begins = order.integers(0, len(self.raw) - n - 1, rows)
        return self.at(begins, n)

    def at(self, begins, n):
        raw = torch.from_numpy(np.stack([self.raw[b:b + n + 1] for b in begins]).astype(np.int64))
        return raw & 0x7fff, raw >> 15 == 1


@torch.no_grad()
def held_out_loss(model, tokens):
    total, count = 0.0, 0
    for begin in range(0, min(len(tokens.raw) - SHORT - 1, 64 * SHORT), 16 * SHORT):
        begins = [b for b in range(begin, begin + 16 * SHORT, SHORT) if b + SHORT < len(tokens.raw)]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss, n = model(*tokens.at(begins, SHORT))
        total, count = total + loss.item(), count + n
    return total / count


def pace(step, steps):
    """Share of the peak rate: up over the first 100 steps, level, down to nothing over the last half."""
    return min(1.0, (step + 1) / 100, max(0.0, (steps - step) / (steps * 0.5)))


def train(work, steps, stop_at):
    torch.manual_seed(SEED)
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    learn, held_out = (Tokens(os.path.join(work, it)) for it in ("train.bin", "held-out.bin"))
    model = Ember()
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embd" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim < 2 or "embd" in n]
    optimizers = [Muon(matrices, PEAK_MUON),
                  torch.optim.AdamW(others, PEAK_ADAM, betas=(0.9, 0.98), weight_decay=0.0)]
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
        if step == stop_at:
            return
        begun = time.perf_counter()
        n = LONG if step >= steps * 0.9 else SHORT
        ids, wanted = learn.batch(step, ROWS * SHORT // n, n)
        for optimizer, peak in zip(optimizers, peaks):
            for group in optimizer.param_groups:
                group["lr"] = peak * pace(step, steps)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss, count = model(ids, wanted)
        (loss / count).backward()
        nn.utils.clip_grad_norm_(others, 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        recent.append(loss.item() / count)
        seen += ids.numel()
        seconds += time.perf_counter() - begun
        if (step + 1) % 10 == 0:
            mean = sum(recent[-10:]) / 10
            left = seconds / (step + 1) * (steps - step - 1)
            print(f"step {step + 1}/{steps}  loss {mean:.4f}  {seen / seconds:.0f} tokens/s  {left / 60:.0f} min left", flush=True)
        if (step + 1) % EVERY == 0 or step + 1 == steps:
            curve.append((step + 1, sum(recent) / len(recent), held_out_loss(model, held_out)))
            recent = []
            print(f"step {step + 1}  held-out loss {curve[-1][2]:.4f}", flush=True)
            saved = dict(model=model.state_dict(), optimizers=[it.state_dict() for it in optimizers],
                         done=step + 1, seen=seen, seconds=seconds, curve=curve)
            torch.save(saved, checkpoint + ".new")
            os.replace(checkpoint + ".new", checkpoint)
    finish(work, model, steps, seen, seconds, curve)


def finish(work, model, steps, seen, seconds, curve):
    from safetensors.torch import save_file
    state = {name: it.float().contiguous() for name, it in model.state_dict().items()}
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
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--stop-at", type=int, help="end after so many steps, as if interrupted")
    options = parser.parse_args()
    train(options.work, options.steps, options.stop_at)
