"""Language modelling: the next character of Jane Austen's novels, a small transformer.

At the settings below the goal takes about 30 s of one CPU thread.
"""

import math
from collections.abc import Iterable

import torch
from torch import nn

from rightbatch.torch import Workload
from rightbatch.zoo.data.novels import TITLES, novel

CONTEXT = 64
WIDTH, HEADS, BLOCKS, NEIGHBOURS = 64, 4, 2, 4
VALID_SHARE = 0.005


class Block(nn.Module):
    """Causal self-attention and a feed-forward layer, each after a norm (Radford et al. 2019)."""

    def __init__(self) -> None:
        super().__init__()
        self.before_attention, self.before_layer = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.project, self.join = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.layer = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, context, width) to the same."""
        heads = self.project(self.before_attention(x)).unflatten(2, (3, HEADS, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.join(mixed.transpose(1, 2).flatten(2))
        return x + self.layer(self.before_layer(x))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Characters embedded with those before them and their places, blocks, logits."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.characters = nn.Embedding(characters, WIDTH)
        self.neighbours = nn.Conv1d(WIDTH, WIDTH, NEIGHBOURS)
        self.places = nn.Parameter(0.02 * torch.randn(CONTEXT, WIDTH))
        self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)), nn.LayerNorm(WIDTH))
        self.output = nn.Linear(WIDTH, characters)

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        """Logits (N, context, characters) of the character after each."""
        before = nn.functional.pad(self.characters(text).transpose(1, 2), (NEIGHBOURS - 1, 0))
        embedded = self.neighbours(before).transpose(1, 2) + self.places[: text.shape[1]]
        return self.output(self.blocks(embedded))  # type: ignore[no-any-return]


def loss(net: nn.Module, batch: tuple[torch.Tensor]) -> torch.Tensor:
    """Mean cross-entropy of the next character, in nats."""
    text = batch[0].long()
    return nn.functional.cross_entropy(net(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())


def bits_per_character(net: nn.Module, batches: list[tuple[torch.Tensor]]) -> float:
    """Mean cross-entropy of the next character over all validation windows, in bits."""
    nats = sum(float(loss(net, batch)) * len(batch[0]) for batch in batches)
    return nats / sum(len(batch[0]) for batch in batches) / math.log(2)


def adamw(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay, betas as language models use them."""
    return torch.optim.AdamW(parameters, lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.1)


def windows(text: str, alphabet: str) -> torch.Tensor:
    """Codes of CONTEXT + 1 characters each; one begins with the last of the one before."""
    number = {character: place for place, character in enumerate(alphabet)}
    codes = torch.tensor([number[character] for character in text], dtype=torch.uint8)
    return codes.unfold(0, CONTEXT + 1, CONTEXT)


def workload() -> Workload:
    """Six novels in windows of 64 characters, AdamW."""
    texts = [novel(name) for name in TITLES]
    alphabet = "".join(sorted(set("".join(texts))))
    cuts = [round(len(text) * (1 - VALID_SHARE)) for text in texts]
    train = torch.cat([windows(t[:cut], alphabet) for t, cut in zip(texts, cuts, strict=True)])
    valid = torch.cat([windows(t[cut:], alphabet) for t, cut in zip(texts, cuts, strict=True)])
    return Workload(
        name="language-model",
        model=lambda: Transformer(len(alphabet)),
        train_data=(train,),
        valid_data=(valid,),
        loss=loss,
        metric=bits_per_character,
        goal="bits per character <= 2.4",
        optimizer=adamw,
        batch_size=32,
        learning_rate=2e-3,
        clip_norm=1.0,
    )
