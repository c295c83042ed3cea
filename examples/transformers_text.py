"""Which library is a sentence of documentation about? Transformers' Trainer, variable length.

    rightbatch tune examples/transformers_text.py:workload --budget 3m
    python examples/transformers_text.py                               # trains as before

The lines marked `rightbatch` are all that it takes. The text is what NumPy, SciPy and PyTorch say
about themselves, so that nothing is downloaded; the model is a small BERT, trained from scratch.
"""

import inspect
import re
import tempfile
from collections import Counter

import numpy as np
import scipy.stats
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

import rightbatch.transformers  # rightbatch

LIBRARIES = {"NumPy": np, "SciPy": scipy.stats, "PyTorch": torch}
EACH = 1200
"""Sentences of each library."""


def sentences(module) -> list[str]:
    """Sentences of 5 to 12 words from the documentation of a module, each once."""
    found = set()
    for name in dir(module):
        text = inspect.getdoc(getattr(module, name)) or ""
        found |= {" ".join(s.split()).lower() for s in re.split(r"(?<=[.:])\s|\n\s*\n", text)}
    return sorted(s for s in found if 5 <= len(s.split()) <= 12 and ">>>" not in s)


def words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text)


def load():
    """The tokenizer, and the examples to train on and to evaluate with."""
    shuffle = np.random.default_rng(0).permutation
    chosen = [shuffle(sentences(module))[:EACH].tolist() for module in LIBRARIES.values()]
    texts = [text for some in chosen for text in some]
    counts = Counter(word for text in texts for word in words(text))
    vocabulary = ["[PAD]", "[UNK]", *(word for word, _ in counts.most_common(4000))]
    model = models.WordLevel({w: i for i, w in enumerate(vocabulary)}, unk_token="[UNK]")
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]"
    )
    tokens = tokenizer(texts, truncation=True, max_length=16)["input_ids"]
    rows = [{"input_ids": ids, "labels": i // EACH} for i, ids in enumerate(tokens)]
    rows = [rows[i] for i in shuffle(len(rows))]
    return tokenizer, rows[500:], rows[:500]


def make_trainer() -> Trainer:
    tokenizer, train, valid = load()
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=16, num_labels=len(LIBRARIES),
    )  # fmt: skip
    return Trainer(
        model_init=lambda: BertForSequenceClassification(config),
        args=TrainingArguments(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=16,
            gradient_accumulation_steps=2,
            per_device_eval_batch_size=64,
            learning_rate=2e-3,
            weight_decay=0.01,
            num_train_epochs=4,
            warmup_steps=0.1,
            report_to="none",
            save_strategy="no",
        ),
        train_dataset=train,
        eval_dataset=valid,
        processing_class=tokenizer,  # pads a batch to its longest sentence
        compute_metrics=accuracy,
    )


def accuracy(prediction) -> dict[str, float]:
    return {"accuracy": (prediction.predictions.argmax(-1) == prediction.label_ids).mean()}


def workload():  # rightbatch
    goal = "eval_accuracy >= 0.7"  # rightbatch
    return rightbatch.transformers.workload(make_trainer(), goal=goal)  # rightbatch


if __name__ == "__main__":
    set_seed(0)
    trainer = make_trainer()
    trainer.train()
    print(trainer.evaluate())
