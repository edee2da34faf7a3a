"""Writes model folders for tests: the real architectures in small, tokenizers of our own.

DeepSeek-OCR comes without weights: vLLM fills it with random numbers (`load_format="dummy"`).
Llama comes with weights that make it say one sentence, so that its answer can be compared.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

BAR, SPACE = "\uff5c", "\u2581"
START = f"<{BAR}begin{SPACE}of{SPACE}sentence{BAR}>"
END = f"<{BAR}end{SPACE}of{SPACE}sentence{BAR}>"
PAD = f"<{BAR}{SPACE}pad{SPACE}{BAR}>"
THINK = ("<think>", "</think>")
OCR_TOKENS = (
    *("<image>", "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<|grounding|>"),
    *("<td>", "</td>", "<tr>", "</tr>"),
)
HIDDEN = 128
LLAMA_VOCABULARY = 320
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|User|>' if m['role'] == 'user' else '<|Assistant|>' }}{{ m['content'] }}"
    "{% endfor %}{% if add_generation_prompt %}<|Assistant|><think>\n{% endif %}"
)


def write_deepseek_ocr(folder: Path, full_size: bool = False) -> Path:
    """DeepSeek-OCR: a small decoder behind the full vision towers, whose size is in vLLM's code.

    Args:
        folder: Where to write.
        full_size: Write the decoder's real sizes too (for measurements on a GPU).
    """
    language = _decoder(full_size)
    config = {
        **language,
        "architectures": ["DeepseekOCRForCausalLM"],
        "model_type": "deepseek_vl_v2",
        "candidate_resolutions": [[1024, 1024]],
        "global_view_pos": "head",
        "tile_tag": "2D",
        "language_config": language,
        "projector_config": {
            "input_dim": 2048,
            "model_type": "mlp_projector",
            "n_embed": language["hidden_size"],
            "projector_type": "linear",
        },
        "vision_config": {"image_size": 1024, "model_name": "deeplip_b_l", "model_type": "vision"},
    }
    size = language["vocab_size"]
    return _write(folder, config, OCR_TOKENS, at=128815 if full_size else size - len(OCR_TOKENS))


def write_llama(folder: Path, says: Sequence[str]) -> Path:
    """A Llama of two thin layers with a chat template that opens `<think>`.

    Args:
        folder: Where to write.
        says: What it answers to anything, character by character; special tokens stand alone.
            No character may come twice: each word of it follows from the one before.
    """
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "bos_token_id": 0,
        "eos_token_id": 1,
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "intermediate_size": 2 * HIDDEN,
        "max_position_embeddings": 2048,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "vocab_size": LLAMA_VOCABULARY,
    }
    tokens = (*THINK, "<|User|>", "<|Assistant|>")
    _write(folder, config, tokens, at=300, chat_template=CHAT_TEMPLATE)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    chain = [number for part in ("\n", *says, END) for number in tokenizer.encode(part).ids]
    save_file(_parrot(chain), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _parrot(chain: Sequence[int]) -> dict[str, np.ndarray]:
    """Weights that follow each token of the chain with the next one, whatever came before.

    The layers add nothing to a token's embedding, and the head of each token is the embedding
    of its predecessor: of random vectors, only the equal one is near.
    """
    embeddings = np.random.default_rng(0).standard_normal((LLAMA_VOCABULARY, HIDDEN))
    head = np.zeros_like(embeddings)
    head[list(chain[1:])] = embeddings[list(chain[:-1])]
    weights = {"model.embed_tokens": embeddings, "lm_head": head, "model.norm": np.ones(HIDDEN)}
    for layer in ("model.layers.0", "model.layers.1"):
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            weights[f"{layer}.self_attn.{name}"] = np.zeros((HIDDEN, HIDDEN))
        for name in ("gate_proj", "up_proj"):
            weights[f"{layer}.mlp.{name}"] = np.zeros((2 * HIDDEN, HIDDEN))
        weights[f"{layer}.mlp.down_proj"] = np.zeros((HIDDEN, 2 * HIDDEN))
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{layer}.{name}"] = np.ones(HIDDEN)
    return {f"{name}.weight": np.ascontiguousarray(w, np.float32) for name, w in weights.items()}


def _decoder(full_size: bool) -> dict[str, Any]:
    """Sizes of the mixture-of-experts decoder; the real ones are those of the model's config."""
    sizes = {
        "hidden_size": 1280,
        "intermediate_size": 6848,
        "moe_intermediate_size": 896,
        "n_routed_experts": 64,
        "num_experts_per_tok": 6,
        "num_attention_heads": 10,
        "num_key_value_heads": 10,
        "num_hidden_layers": 12,
        "vocab_size": 129280,
        "torch_dtype": "bfloat16",
    }
    small = {
        "hidden_size": HIDDEN,
        "intermediate_size": 2 * HIDDEN,
        "moe_intermediate_size": HIDDEN,
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "num_hidden_layers": 2,
        "vocab_size": 320,
        "torch_dtype": "float32",
    }
    return {
        "architectures": ["DeepseekV2ForCausalLM"],
        "bos_token_id": 0,
        "eos_token_id": 1,
        "first_k_dense_replace": 1,
        "kv_lora_rank": None,
        "lm_head": True,
        "max_position_embeddings": 8192,
        "n_group": 1,
        "n_shared_experts": 2,
        "q_lora_rank": None,
        "qk_nope_head_dim": 0,
        "qk_rope_head_dim": 0,
        "rm_head": False,
        "topk_group": 1,
        "topk_method": "greedy",
        "use_mla": False,
        "v_head_dim": 0,
        **(sizes if full_size else small),
    }


def _write(
    folder: Path, config: dict[str, Any], tokens: tuple[str, ...], at: int, chat_template: str = ""
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    special = {0: START, 1: END, 2: PAD, **dict(enumerate(tokens, start=at))}
    _tokenizer(special, max(special) + 1).save(str(folder / "tokenizer.json"))
    files = {
        "config.json": config,
        "generation_config.json": {"bos_token_id": 0, "eos_token_id": 1},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": START,
            "eos_token": END,
            "pad_token": PAD,
            "model_max_length": config["max_position_embeddings"],
            **({"chat_template": chat_template} if chat_template else {}),
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
    return folder


def _tokenizer(special: dict[int, str], size: int) -> Tokenizer:
    """One token for every byte from 3 on, the special tokens, and fillers between them."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = {3 + index: letter for index, letter in enumerate(letters)} | special
    vocabulary = {names.get(number, f"filler{number}"): number for number in range(size)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    # R1 parts reasoning from answers by tokens that are not special, else decoding drops them.
    for token in special.values():
        added = AddedToken(token, special=token not in THINK, normalized=False)
        tokenizer.add_tokens([added])
    return tokenizer
