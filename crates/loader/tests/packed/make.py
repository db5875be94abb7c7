"""Makes small checkpoints in the layouts of FP8, GPTQ and AWQ, and what their weights are.

Written from the published layouts, with numpy alone: DeepSeek-V3's `weight_scale_inv` of blocks,
`weight_scale` of a tensor or of rows, AutoGPTQ's and AutoAWQ's words of eight numbers. The
dequantiser of each layout is the line that makes `truth`. `python3 make.py` writes the same bytes
each time: NAME/{config.json,model.safetensors,expected.safetensors}; the latter has two of the
matrices in F32.
"""

import json
import pathlib
import struct

import numpy as np

HIDDEN, INNER, VOCAB, GROUP = 64, 64, 16, 32
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
    "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": 1,
    "vocab_size": VOCAB, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
    "rms_norm_eps": 1e-5, "tie_word_embeddings": True, "max_position_embeddings": 64,
    "rope_theta": 10000.0,
}
MATRICES = {
    "self_attn.q_proj": (64, HIDDEN), "self_attn.k_proj": (32, HIDDEN),
    "self_attn.v_proj": (32, HIDDEN), "self_attn.o_proj": (HIDDEN, 64),
    "mlp.gate_proj": (INNER, HIDDEN), "mlp.up_proj": (INNER, HIDDEN),
    "mlp.down_proj": (HIDDEN, INNER),
}
COMPARED = ["self_attn.q_proj", "mlp.down_proj"]
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


def bf16(x):
    bits = np.asarray(x, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def e4m3_numbers():
    bits = np.arange(256)
    exponent, fraction = bits >> 3 & 15, bits & 7
    sub = fraction * 2.0**-9
    normal = (1 + fraction / 8) * 2.0 ** (exponent - 7.0)
    x = np.where(exponent == 0, sub, normal) * np.where(bits >> 7, -1, 1)
    x[[0x7F, 0xFF]] = np.nan
    return x


def fp8(rng, shape, scales, name):
    """`scales(rows, cols)` gives the scale tensor and its value for each weight."""
    bits = rng.integers(0, 256, shape).astype(np.uint8)
    bits[bits & 0x7F == 0x7F] = 0x12
    scale, each = scales(rng, *shape)
    truth = (e4m3_numbers()[bits] * each).astype(np.float32)
    return {"weight": ("F8_E4M3", bits), name: ("F32", scale)}, truth


def blocks(rng, rows, cols, block=(48, 32)):
    n = -(-rows // block[0]), -(-cols // block[1])
    scale = rng.uniform(0.001, 0.004, n).astype(np.float32)
    return scale, scale.repeat(block[0], 0).repeat(block[1], 1)[:rows, :cols].astype(np.float64)


def one(rng, rows, cols):
    scale = rng.uniform(0.001, 0.004, ()).astype(np.float32)
    return scale, np.full((rows, cols), scale, np.float64)


def by_row(rng, rows, cols):
    scale = rng.uniform(0.001, 0.004, (rows, 1)).astype(np.float32)
    return scale, scale.repeat(cols, 1).astype(np.float64)


def words(nibbles, order):
    """Eight numbers along the last axis in a word: number order[i] in nibble i."""
    eights = nibbles.reshape(*nibbles.shape[:-1], -1, 8).astype(np.uint32)
    return sum(eights[..., at] << np.uint32(4 * i) for i, at in enumerate(order)).view(np.int32)


def gptq(rng, shape, symmetric, act_order, less_one=1):
    out, inp = shape
    q = rng.integers(0, 16, (inp, out))
    groups = inp // GROUP
    zero = np.full((groups, out), 8) if symmetric else rng.integers(1, 16, (groups, out))
    scale = rng.uniform(0.01, 0.05, (groups, out)).astype(np.float16)
    index = np.arange(inp) // GROUP
    if act_order:
        index = rng.permutation(index)
    truth = (scale.astype(np.float64)[index] * (q - zero[index])).T
    return {
        "qweight": ("I32", np.ascontiguousarray(words(q.T, range(8)).T)),
        "qzeros": ("I32", words(zero - less_one, range(8))),
        "scales": ("F16", scale), "g_idx": ("I32", index.astype(np.int32)),
    }, truth.astype(np.float32)


def awq(rng, shape):
    out, inp = shape
    q, groups = rng.integers(0, 16, (inp, out)), inp // GROUP
    zero = rng.integers(0, 16, (groups, out))
    scale = rng.uniform(0.01, 0.05, (groups, out)).astype(np.float16)
    index = np.arange(inp) // GROUP
    truth = (scale.astype(np.float64)[index] * (q - zero[index])).T
    return {
        "qweight": ("I32", words(q, AWQ_ORDER)), "qzeros": ("I32", words(zero, AWQ_ORDER)),
        "scales": ("F16", scale),
    }, truth.astype(np.float32)


def write(path, tensors):
    header, data = {}, b""
    for name, (dtype, x) in tensors.items():
        raw = x.tobytes()
        header[name] = {"dtype": dtype, "shape": list(x.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def make(name, how, pack):
    rng = np.random.default_rng(list(name.encode()))
    folder = pathlib.Path(__file__).parent / name
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(
        json.dumps(CONFIG | {"quantization_config": how}, indent=1) + "\n")
    plain = lambda *shape: ("BF16", bf16(rng.normal(0, 0.5, shape)))
    tensors = {
        "model.embed_tokens.weight": plain(VOCAB, HIDDEN), "model.norm.weight": plain(HIDDEN),
        "model.layers.0.input_layernorm.weight": plain(HIDDEN),
        "model.layers.0.post_attention_layernorm.weight": plain(HIDDEN),
    }
    expected = {}
    for stem, shape in MATRICES.items():
        stem = f"model.layers.0.{stem}"
        packed, truth = pack(rng, shape)
        tensors |= {f"{stem}.{last}": it for last, it in packed.items()}
        if stem.removeprefix("model.layers.0.") in COMPARED:
            expected[f"{stem}.weight"] = ("F32", truth)
    write(folder / "model.safetensors", dict(sorted(tensors.items())))
    write(folder / "expected.safetensors", expected)


FOUR = {"bits": 4, "group_size": GROUP}
make("fp8_block", {"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3",
                   "weight_block_size": [48, 32]},
     lambda rng, shape: fp8(rng, shape, blocks, "weight_scale_inv"))
make("fp8_tensor", {"quant_method": "fp8", "activation_scheme": "static"},
     lambda rng, shape: fp8(rng, shape, one, "weight_scale"))
make("fp8_row", {"quant_method": "fbgemm_fp8"},
     lambda rng, shape: fp8(rng, shape, by_row, "weight_scale"))
make("gptq", FOUR | {"quant_method": "gptq", "desc_act": False, "sym": True},
     lambda rng, shape: gptq(rng, shape, True, False))
make("gptq_act_order", FOUR | {"quant_method": "gptq", "desc_act": True, "sym": False},
     lambda rng, shape: gptq(rng, shape, False, True))
make("gptq_v2", FOUR | {"quant_method": "gptq", "sym": False, "checkpoint_format": "gptq_v2"},
     lambda rng, shape: gptq(rng, shape, False, False, 0))
make("awq", FOUR | {"quant_method": "awq", "version": "gemm", "zero_point": True}, awq)


# DeepSeek V3 as it is published, with more than a block of 128 in the rows of latents and in both
# directions of experts, and a layer that predicts a further token. All that is multiplied with is FP8,
# but the router, the head and what is that layer's alone.
DEEPSEEK = {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "hidden_act": "silu",
    "hidden_size": 16, "intermediate_size": 24, "moe_intermediate_size": 144, "num_hidden_layers": 2,
    "num_nextn_predict_layers": 1, "first_k_dense_replace": 1, "moe_layer_freq": 1, "vocab_size": 96,
    "num_attention_heads": 2, "num_key_value_heads": 2, "q_lora_rank": 16, "kv_lora_rank": 16,
    "qk_nope_head_dim": 64, "qk_rope_head_dim": 8, "v_head_dim": 16, "n_routed_experts": 2,
    "n_shared_experts": 1, "num_experts_per_tok": 1, "n_group": 1, "topk_group": 1,
    "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": True,
    "routed_scaling_factor": 2.5, "rms_norm_eps": 1e-6, "tie_word_embeddings": False, "ep_size": 1,
    "attention_bias": False, "max_position_embeddings": 256, "rope_theta": 10000,
    "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
                            "weight_block_size": [128, 128]},
}


def deepseek():
    rng, c = np.random.default_rng(128), DEEPSEEK
    folder = pathlib.Path(__file__).parent / "fp8_deepseek"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(c, indent=1) + "\n")
    dim, heads, rope = c["hidden_size"], c["num_attention_heads"], c["qk_rope_head_dim"]
    nope, v, q_rank, rank = (c[it] for it in ("qk_nope_head_dim", "v_head_dim", "q_lora_rank", "kv_lora_rank"))
    attention = {
        "q_a_proj": (q_rank, dim), "q_b_proj": (heads * (nope + rope), q_rank),
        "kv_a_proj_with_mqa": (rank + rope, dim), "kv_b_proj": (heads * (nope + v), rank),
        "o_proj": (dim, heads * v),
    }
    mlp = lambda inner: {"gate_proj": (inner, dim), "up_proj": (inner, dim), "down_proj": (dim, inner)}
    scales = lambda rng, rows, cols: blocks(rng, rows, cols, (128, 128))
    tensors, truths = {}, {}

    def plain(name, *shape, around=0.0):
        tensors[f"model.{name}.weight"] = "BF16", bf16(rng.normal(around, 0.3, shape))

    def matrices(stem, shapes):
        for name, shape in shapes.items():
            packed, truths[f"{stem}.{name}"] = fp8(rng, shape, scales, "weight_scale_inv")
            tensors.update({f"model.{stem}.{name}.{last}": it for last, it in packed.items()})

    plain("embed_tokens", c["vocab_size"], dim)
    plain("norm", dim, around=1.0)
    tensors["lm_head.weight"] = "BF16", bf16(rng.normal(0, 0.3, (c["vocab_size"], dim)))
    for n in range(3):
        stem = f"layers.{n}"
        matrices(f"{stem}.self_attn", attention)
        norms = {"input_layernorm": dim, "post_attention_layernorm": dim,
                 "self_attn.q_a_layernorm": q_rank, "self_attn.kv_a_layernorm": rank}
        for name, width in norms.items():
            plain(f"{stem}.{name}", width, around=1.0)
        if n == 0:
            matrices(f"{stem}.mlp", mlp(c["intermediate_size"]))
            continue
        for part in ("experts.0", "experts.1", "shared_experts"):
            matrices(f"{stem}.mlp.{part}", mlp(c["moe_intermediate_size"]))
        plain(f"{stem}.mlp.gate", 2, dim)
        bias = rng.normal(0, 0.1, 2).astype(np.float32)
        tensors[f"model.{stem}.mlp.gate.e_score_correction_bias"] = "F32", bias
    for name, shape in {"embed_tokens": (96, dim), "shared_head.head": (96, dim), "eh_proj": (dim, 2 * dim),
                        "enorm": (dim,), "hnorm": (dim,), "shared_head.norm": (dim,)}.items():
        plain(f"layers.2.{name}", *shape)
    stacked = lambda name: np.stack([truths[f"layers.1.mlp.experts.{i}.{name}"] for i in range(2)])
    expected = {
        "blk.0.attn_q_b.weight": truths["layers.0.self_attn.q_b_proj"],
        "blk.0.attn_kv_b.weight": truths["layers.0.self_attn.kv_b_proj"],
        "blk.1.attn_kv_a_mqa.weight": truths["layers.1.self_attn.kv_a_proj_with_mqa"],
        "blk.1.ffn_gate_exps.weight": stacked("gate_proj"),
        "blk.1.ffn_down_exps.weight": stacked("down_proj"),
        "blk.1.ffn_up_shexp.weight": truths["layers.1.mlp.shared_experts.up_proj"],
    }
    write(folder / "model.safetensors", dict(sorted(tensors.items())))
    write(folder / "expected.safetensors", {name: ("BF16", bf16(it)) for name, it in expected.items()})


deepseek()
