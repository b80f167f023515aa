"""Writes two tiny random Llamas with tokenizer and chat template, and three random LoRA adapters of the first.
usage: make-models.py FOLDER   (FOLDER/base, FOLDER/candidate, FOLDER/lora-{sql,tweet,legal})"""
import sys, torch
from pathlib import Path
from tokenizers import Tokenizer, models, pre_tokenizers, decoders, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from peft import LoraConfig, get_peft_model

out = Path(sys.argv[1])
words = "the quick brown fox jumps over a lazy dog and then asks what SQL query would count rows per user in table orders where price is more than ten euros please answer in short sentences 0123456789 äöü ß 你好 世界 🚀 ".split(" ")
corpus = [" ".join(words[(i * k) % len(words)] for i in range(40)) for k in range(1, 60)]
tok = Tokenizer(models.BPE())
tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tok.decoder = decoders.ByteLevel()
tok.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=512, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<s>", "</s>", "<|im_start|>", "<|im_end|>"]))
fast = PreTrainedTokenizerFast(tokenizer_object=tok, bos_token="<s>", eos_token="</s>", pad_token="</s>")
fast.chat_template = (
    "{% if tools %}<|im_start|>tools\n{% for t in tools %}{{ t | tojson }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
for name, seed in (("base", 1), ("candidate", 2)):
    torch.manual_seed(seed)
    config = LlamaConfig(vocab_size=len(fast), hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=4096, initializer_range=0.3, bos_token_id=0, eos_token_id=1, tie_word_embeddings=False)
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(out / name)
    fast.save_pretrained(out / name)
for seed, name in enumerate(("sql", "tweet", "legal")):
    torch.manual_seed(100 + seed)
    base = LlamaForCausalLM.from_pretrained(out / "base", dtype=torch.bfloat16)
    get_peft_model(base, LoraConfig(r=8, lora_alpha=64, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"], init_lora_weights=False, task_type="CAUSAL_LM")).save_pretrained(out / f"lora-{name}")
print(*sorted(p.name for p in out.iterdir()))
