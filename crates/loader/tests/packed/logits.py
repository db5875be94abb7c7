"""What transformers computes with the dequantised weights of `fp8_deepseek`: `logits.safetensors`.

    python3 logits.py       # needs torch, transformers 5.24.0, safetensors; after make.py

The weights are rounded to BF16, as the published code does it, and multiplied in float64.
"""

import json
import pathlib

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import DeepseekV3Config, DeepseekV3ForCausalLM

FOLDER, BLOCK = pathlib.Path(__file__).parent / "fp8_deepseek", 128
IDS = [1, 5, 90, 33, 17, 64, 2, 8, 71]

config = json.loads((FOLDER / "config.json").read_text())
del config["quantization_config"], config["architectures"]
config = DeepseekV3Config(**config)
config._attn_implementation = config._experts_implementation = "eager"
model = DeepseekV3ForCausalLM(config).double().eval()

stored, weights = safe_open(FOLDER / "model.safetensors", "pt"), {}
for name in stored.keys():
    if name.endswith("_inv") or ".layers.2." in name:
        continue
    weight = stored.get_tensor(name)
    if weight.dtype == torch.float8_e4m3fn:
        scale = stored.get_tensor(f"{name}_scale_inv").double()
        scale = scale.repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)
        scale = scale[: weight.shape[0], : weight.shape[1]]
        weight = (weight.double() * scale).float().bfloat16()
    weights[name] = weight.double()
experts = "model.layers.1.mlp.experts."
take = lambda part: torch.stack([weights.pop(f"{experts}{i}.{part}_proj.weight") for i in range(2)])
weights[f"{experts}gate_up_proj"] = torch.cat([take("gate"), take("up")], 1)
weights[f"{experts}down_proj"] = take("down")
model.load_state_dict(weights)
with torch.no_grad():
    logits = model(torch.tensor([IDS])).logits[0].float().contiguous()
save_file({"logits": logits}, FOLDER / "logits.safetensors")
