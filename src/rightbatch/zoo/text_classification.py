"""Text classification: which of Jane Austen's six novels a passage is from; batches with padding.

At the settings below the goal takes about 25 s of one CPU thread; at four times the learning
rate 9 s.
"""

import re
from collections import Counter
from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset
from torchmetrics.classification import MulticlassAccuracy

from rightbatch.torch import Workload
from rightbatch.zoo.data.novels import TITLES, paragraphs

PADDING, UNKNOWN = 0, 1
LONGEST = 128
LEAST_OFTEN = 3
VALID_SHARE = 0.1

Example = tuple[torch.Tensor, int]
Batch = tuple[torch.Tensor, torch.Tensor]


class Passages(Dataset[Example]):
    """Passages as word numbers, each of its own length, and the novels they are from.

    Args:
        examples: (words, novel) pairs.
        ids: The number of each known word.
    """

    def __init__(self, examples: list[tuple[list[str], int]], ids: dict[str, int]) -> None:
        self.examples = [
            (torch.tensor([ids.get(word, UNKNOWN) for word in passage]), novel)
            for passage, novel in examples
        ]

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Example:
        return self.examples[index]


class Network(nn.Module):
    """A convolution over word embeddings, its maximum over the passage (Kim 2014)."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 64, padding_idx=PADDING)
        self.convolution = nn.Conv1d(64, 96, kernel_size=3, padding=1)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(96, len(TITLES))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits of the novels, (N, 6), for padded passages (N, longest)."""
        features = self.convolution(self.embedding(tokens).transpose(1, 2)).relu()
        features = features.masked_fill((tokens == PADDING).unsqueeze(1), 0.0)
        return self.output(self.dropout(features.amax(2)))  # type: ignore[no-any-return]


def collate(examples: list[Example]) -> Batch:
    """Passages padded to the longest of the batch, and their novels."""
    passages, novels = zip(*examples, strict=True)
    return pad_sequence(list(passages), batch_first=True), torch.tensor(novels)


def loss(net: nn.Module, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy."""
    tokens, novels = batch
    return nn.functional.cross_entropy(net(tokens), novels)


def adamw(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay."""
    return torch.optim.AdamW(parameters, lr=learning_rate)


def words(passage: str) -> list[str]:
    """The words of a passage in small letters, at most 128."""
    return re.findall(r"[a-z]+", passage.lower())[:LONGEST]


def workload() -> Workload:
    """Passages of six novels, AdamW."""
    novels = [[words(text) for text in paragraphs(name)] for name in TITLES]
    train, valid = [], []
    for number, passages in enumerate(novels):
        cut = round(len(passages) * (1 - VALID_SHARE))
        train += [(passage, number) for passage in passages[:cut] if passage]
        valid += [(passage, number) for passage in passages[cut:] if passage]
    counts = Counter(word for passage, _ in train for word in passage)
    known = [word for word, count in counts.items() if count >= LEAST_OFTEN]
    ids = {word: number for number, word in enumerate(known, start=UNKNOWN + 1)}

    return Workload(
        name="text-classification",
        model=lambda: Network(len(ids) + 2),
        train_data=Passages(train, ids),
        valid_data=Passages(valid, ids),
        collate=collate,
        length=[len(passage) for passage, _ in train],
        loss=loss,
        metric=MulticlassAccuracy(num_classes=len(TITLES), average="micro"),
        goal="accuracy >= 0.74",
        optimizer=adamw,
        batch_size=32,
        learning_rate=1e-3,
    )
