"""Makes the small models of this folder and what they compute, in plain Python.

Written from the papers' and transformers' formulas, without any code of the engine, in double
precision. `python3 make.py` writes the same bytes each time. Layout as in the golden data:
families/<name>/{config.json,model.safetensors,expected.safetensors}.
"""

import json
import math
import pathlib
import random
import struct

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
    "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "vocab_size": 96,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "rms_norm_eps": 1e-5,
    "attention_bias": True, "mlp_bias": False, "tie_word_embeddings": False,
    "max_position_embeddings": 256, "rope_theta": 10000.0, "bos_token_id": 1, "eos_token_id": 2,
    "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                     "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
}
QWEN2 = {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu",
    "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "vocab_size": 96,
    "num_attention_heads": 4, "num_key_value_heads": 1, "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True, "max_position_embeddings": 256, "rope_theta": 1000000.0,
    "use_sliding_window": False, "sliding_window": 16, "max_window_layers": 2, "eos_token_id": 2,
}

DYNAMIC = {
    **LLAMA, "tie_word_embeddings": True, "max_position_embeddings": 36,
    "rope_scaling": {"rope_type": "dynamic", "factor": 2.0},
}


def bf16(x):
    """The nearest bfloat16, ties to even."""
    bits = struct.unpack("<I", struct.pack("<f", x))[0]
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def make_weights(c, rng):
    dim, hidden, vocab = c["hidden_size"], c["intermediate_size"], c["vocab_size"]
    head_dim = c.get("head_dim", dim // c["num_attention_heads"])
    q, kv = c["num_attention_heads"] * head_dim, c["num_key_value_heads"] * head_dim
    w = {}

    def put(name, rows, cols, scale, mean=0.0):
        w[name] = [[bf16(rng.gauss(mean, scale)) for _ in range(cols)] for _ in range(rows)]

    put("model.embed_tokens.weight", vocab, dim, 1.0)
    for i in range(c["num_hidden_layers"]):
        at = f"model.layers.{i}."
        put(at + "input_layernorm.weight", 1, dim, 0.2, 1.0)
        put(at + "post_attention_layernorm.weight", 1, dim, 0.2, 1.0)
        for name, rows, cols in [("q", q, dim), ("k", kv, dim), ("v", kv, dim), ("o", dim, q)]:
            put(f"{at}self_attn.{name}_proj.weight", rows, cols, 1.5 / math.sqrt(cols))
            if name != "o" or c.get("attention_bias"):
                put(f"{at}self_attn.{name}_proj.bias", 1, rows, 0.3)
        for name, rows, cols in [("gate", hidden, dim), ("up", hidden, dim), ("down", dim, hidden)]:
            put(f"{at}mlp.{name}_proj.weight", rows, cols, 1.5 / math.sqrt(cols))
    put("model.norm.weight", 1, dim, 0.2, 1.0)
    if not c["tie_word_embeddings"]:
        put("lm_head.weight", vocab, dim, 1.0 / math.sqrt(dim))
    return w


def matvec(w, name, x):
    bias = w.get(name + ".bias", [None])[0]
    y = [sum(a * b for a, b in zip(row, x)) for row in w[name + ".weight"]]
    return [a + b for a, b in zip(y, bias)] if bias else y


def rms_norm(w, name, x, eps):
    root = math.sqrt(sum(a * a for a in x) / len(x) + eps)
    return [a / root * b for a, b in zip(x, w[name + ".weight"][0])]


def frequencies(c, head_dim, length):
    """Those of a sequence of `length` tokens."""
    base, s = c["rope_theta"], c.get("rope_scaling")
    if s and s["rope_type"] == "dynamic":
        made_for = c["max_position_embeddings"]
        stretched = s["factor"] * max(length, made_for) / made_for - (s["factor"] - 1)
        base *= stretched ** (head_dim / (head_dim - 2))
    freqs = [base ** (-2 * j / head_dim) for j in range(head_dim // 2)]
    if not s or s["rope_type"] == "dynamic":
        return freqs
    old, low, high = (s[k] for k in
                      ("original_max_position_embeddings", "low_freq_factor", "high_freq_factor"))

    def scaled(f):
        wavelength = 2 * math.pi / f
        if wavelength < old / high:
            return f
        if wavelength > old / low:
            return f / s["factor"]
        smooth = (old / wavelength - low) / (high - low)
        return (1 - smooth) * f / s["factor"] + smooth * f

    return [scaled(f) for f in freqs]


def rope(head, position, freqs):
    """transformers' order: feature j turns with j + half."""
    half, out = len(freqs), list(head)
    for j, f in enumerate(freqs):
        cos, sin = math.cos(position * f), math.sin(position * f)
        out[j] = head[j] * cos - head[j + half] * sin
        out[j + half] = head[j + half] * cos + head[j] * sin
    return out


def heads(x, head_dim):
    return [x[i:i + head_dim] for i in range(0, len(x), head_dim)]


class Model:
    def __init__(self, config, weights):
        self.c, self.w = config, weights
        self.head_dim = config.get("head_dim", config["hidden_size"] // config["num_attention_heads"])
        self.cache = [([], []) for _ in range(config["num_hidden_layers"])]

    def attention(self, at, cache, x, position, freqs):
        q = [rope(h, position, freqs) for h in heads(matvec(self.w, at + "q_proj", x), self.head_dim)]
        k = [rope(h, position, freqs) for h in heads(matvec(self.w, at + "k_proj", x), self.head_dim)]
        cache[0].append(k)
        cache[1].append(heads(matvec(self.w, at + "v_proj", x), self.head_dim))
        out = []
        for i, head in enumerate(q):
            kv = i * len(k) // len(q)
            scores = [sum(a * b for a, b in zip(head, key[kv])) / math.sqrt(self.head_dim)
                      for key in cache[0]]
            shares = [math.exp(s - max(scores)) for s in scores]
            total = sum(shares)
            out += [sum(s * v[kv][d] for s, v in zip(shares, cache[1])) / total
                    for d in range(self.head_dim)]
        return matvec(self.w, at + "o_proj", out)

    def mlp(self, at, x):
        gate, up = matvec(self.w, at + "gate_proj", x), matvec(self.w, at + "up_proj", x)
        return matvec(self.w, at + "down_proj",
                      [g / (1 + math.exp(-g)) * u for g, u in zip(gate, up)])

    def step(self, token, length):
        """The logits after one more token, which came with others that make `length` tokens."""
        eps, w = self.c["rms_norm_eps"], self.w
        x, position = list(w["model.embed_tokens.weight"][token]), len(self.cache[0][0])
        freqs = frequencies(self.c, self.head_dim, length)
        for i, cache in enumerate(self.cache):
            at = f"model.layers.{i}."
            h = self.attention(at + "self_attn.", cache, rms_norm(w, at + "input_layernorm", x, eps), position, freqs)
            x = [a + b for a, b in zip(x, h)]
            h = self.mlp(at + "mlp.", rms_norm(w, at + "post_attention_layernorm", x, eps))
            x = [a + b for a, b in zip(x, h)]
        x = rms_norm(w, "model.norm", x, eps)
        return matvec(w, "lm_head" if "lm_head.weight" in w else "model.embed_tokens", x)


def run(config, weights, ids, n):
    """The logits of each position, `n` greedy tokens, their logits, and the smallest lead."""
    model = Model(config, weights)
    rows = [model.step(token, len(ids)) for token in ids]
    greedy, greedy_rows, gap = [], [], math.inf
    row = rows[-1]
    for i in range(n):
        greedy_rows.append(row)
        first, second = sorted(row, reverse=True)[:2]
        gap = min(gap, first - second)
        greedy.append(row.index(first))
        row = model.step(greedy[-1], len(ids) + i + 1)
    return rows, greedy, greedy_rows, gap


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, (kind, shape, raw) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def as_bf16(rows, vector):
    raw = b"".join(struct.pack("<f", x)[2:] for row in rows for x in row)
    return ("BF16", [len(rows[0])] if vector else [len(rows), len(rows[0])], raw)


def as_f32(rows):
    return ("F32", [len(rows), len(rows[0])], b"".join(struct.pack(f"<{len(r)}f", *r) for r in rows))


def as_ids(ids):
    return ("I64", [len(ids)], struct.pack(f"<{len(ids)}q", *ids))


def make(name, config, seed):
    rng = random.Random(seed)
    weights = make_weights(config, rng)
    folder = pathlib.Path(__file__).parent / "families" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    is_vector = lambda name: name.endswith("bias") or "norm" in name
    write_safetensors(folder / "model.safetensors",
                      {k: as_bf16(v, is_vector(k)) for k, v in weights.items()})
    out = {}
    for prompt, n in [("a", 12), ("b", 40), ("text", 7)]:
        ids = [1] + [rng.randrange(3, config["vocab_size"]) for _ in range(n - 1)]
        rows, greedy, greedy_rows, gap = run(config, weights, ids, 24)
        print(f"{name} {prompt}: smallest lead {gap:.4f}")
        assert gap > 0.01, "the greedy text must not hang on rounding; take another seed"
        out[f"{prompt}.input_ids"], out[f"{prompt}.greedy_ids"] = as_ids(ids), as_ids(greedy)
        if prompt != "text":
            out[f"{prompt}.logits"] = as_f32(rows)
        if prompt == "a":
            out["a.greedy_logits"] = as_f32(greedy_rows)
    write_safetensors(folder / "expected.safetensors", out)


if __name__ == "__main__":
    make("llama", LLAMA, 11)
    make("qwen2", QWEN2, 7)
    make("llama_dynamic", DYNAMIC, 5)
