"""A model folder with the sizes of DeepSeek-R1-Distill-Llama-8B and without weights."""

from __future__ import annotations

from pathlib import Path

LLAMA_8B = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "attention_bias": False,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "head_dim": 128,
    "hidden_act": "silu",
    "hidden_size": 4096,
    "initializer_range": 0.02,
    "intermediate_size": 14336,
    "max_position_embeddings": 131072,
    "mlp_bias": False,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {
        "factor": 8.0,
        "high_freq_factor": 4.0,
        "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192,
        "rope_type": "llama3",
    },
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "vocab_size": 128256,
}
"""DeepSeek-R1-Distill-Llama-8B, except for the ids of the first and last token of a text."""


def write_model(folder: Path) -> Path:
    """Write a model folder with the real sizes, a tokenizer of bytes and no weights."""
    if not (folder / "tokenizer_config.json").exists():
        from tests.integration.vllm import models

        tokens = (*models.THINK, "<|User|>", "<|Assistant|>")
        models._write(folder, LLAMA_8B, tokens, at=128000, chat_template=models.CHAT_TEMPLATE)
    return folder
