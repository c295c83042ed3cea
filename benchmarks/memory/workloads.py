"""Six workloads for the memory benchmarks: synthetic data of the usual shapes, seeded.

What the examples hold does not matter for memory, so a small pool of random examples stands for a
training set that is large enough for memory, not data, to limit the batch at 8 GiB. The models have
few operations per byte they keep, so that a step near the limit stays affordable on a CPU.

    rightbatch memory benchmarks/memory/workloads.py:unet --memory-limit 2GiB
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.utils.data import Dataset

from rightbatch.torch import Workload

Batch = tuple[torch.Tensor, ...]

TRAIN_EXAMPLES = 400_000
VALID_EXAMPLES = 300
_POOL = 512
_PIXELS = 64
_SEQUENCE, _VOCABULARY = 128, 1000
_TEXT_SHORTEST, _TEXT_LONGEST = 8, 160
_ITEMS, _HISTORY = 500_000, 100


class Pool(Dataset[Batch]):
    """A data set of any length that repeats a few examples.

    Args:
        examples: The examples that are repeated.
        length: Number of examples it seems to have.
    """

    def __init__(self, examples: Sequence[Batch], length: int) -> None:
        self._examples = examples
        self._length = length

    def __len__(self) -> int:
        """Number of examples."""
        return self._length

    def __getitem__(self, index: int) -> Batch:
        """One example."""
        return self._examples[index % len(self._examples)]


class Residual(nn.Module):
    """A bottleneck of three convolutions around which the input goes, after He et al. 2016."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        narrow = outer // 4
        self.body = nn.Sequential(
            nn.Conv2d(inner, narrow, 1, bias=False),
            nn.BatchNorm2d(narrow),
            nn.ReLU(),
            nn.Conv2d(narrow, narrow, 3, stride, 1, bias=False),
            nn.BatchNorm2d(narrow),
            nn.ReLU(),
            nn.Conv2d(narrow, outer, 1, bias=False),
            nn.BatchNorm2d(outer),
        )
        same = inner == outer and stride == 1
        self.around = nn.Identity() if same else nn.Conv2d(inner, outer, 1, stride, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        return torch.relu(self.body(images) + self.around(images))


class UNet(nn.Module):
    """An encoder and a decoder joined at every scale, after Ronneberger et al. 2015."""

    def __init__(self, width: int = 8, depth: int = 3) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth)]
        self.down = nn.ModuleList(
            _double(inner, outer) for inner, outer in zip([3, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(outer, inner, 2, 2) for inner, outer in pairwise(widths)
        )
        self.join = nn.ModuleList(_double(2 * inner, inner) for inner in widths[:-1])
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """One logit per pixel."""
        kept: list[torch.Tensor] = []
        now = images
        for level, block in enumerate(self.down):
            now = block(nn.functional.max_pool2d(now, 2) if level else now)
            kept.append(now)
        for level in reversed(range(len(self.up))):
            now = self.join[level](torch.cat([self.up[level](now), kept[level]], 1))
        return self.head(now)


class LanguageModel(nn.Module):
    """A small nn.TransformerEncoder that predicts the next token."""

    def __init__(self, width: int = 64, layers: int = 2) -> None:
        super().__init__()
        self.tokens = nn.Embedding(_VOCABULARY, width)
        self.places = nn.Parameter(torch.zeros(_SEQUENCE, width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, 0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers)
        self.head = nn.Linear(width, _VOCABULARY)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits of the token after each one, shape (batch, time, vocabulary)."""
        length = tokens.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        hidden = self.tokens(tokens) + self.places[:length]
        return self.head(self.encoder(hidden, mask.to(hidden.device), is_causal=True))


class TextClassifier(nn.Module):
    """An LSTM over padded text whose states are averaged without the padding."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.tokens = nn.Embedding(_VOCABULARY, width, padding_idx=0)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits of the two classes."""
        states, _ = self.lstm(self.tokens(tokens))
        real = (tokens != 0).unsqueeze(2)
        return self.head((states * real).sum(1) / real.sum(1))


class Recommender(nn.Module):
    """A large table of items; the history of a user scores the next item."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.items = nn.Embedding(_ITEMS, width)
        self.attention = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
        self.head = nn.Sequential(nn.Linear(2 * width, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, history: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
        """One logit per user."""
        seen = nn.functional.dropout(self.items(history), 0.1, self.training)
        weights = self.attention(seen).softmax(1)
        user = (weights * seen).sum(1)
        return self.head(torch.cat([user, self.items(item)], 1)).squeeze(1)


def sgd(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum: one state per parameter."""
    return torch.optim.SGD(parameters, lr=learning_rate, momentum=0.9)


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Adam: two states per parameter."""
    return torch.optim.Adam(parameters, lr=learning_rate)


def plain_sgd(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Stochastic gradient descent without momentum: no state."""
    return torch.optim.SGD(parameters, lr=learning_rate)


def classification(net: nn.Module, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy of a class per example."""
    return cross_entropy(net(batch[0]), batch[1])


def segmentation(net: nn.Module, batch: Batch) -> torch.Tensor:
    """Mean binary cross-entropy over pixels."""
    return binary_cross_entropy_with_logits(net(batch[0]), batch[1])


def next_token(net: nn.Module, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy of the next token."""
    return cross_entropy(net(batch[0]).flatten(0, 1), batch[1].flatten())


def click(net: nn.Module, batch: Batch) -> torch.Tensor:
    """Mean binary cross-entropy of a click."""
    return binary_cross_entropy_with_logits(net(batch[0], batch[1]), batch[2])


def padded(examples: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Texts padded to the longest of the batch, and their classes."""
    texts = [text for text, _ in examples]
    labels = torch.stack([label for _, label in examples])
    return nn.utils.rnn.pad_sequence(texts, batch_first=True), labels


def text_length(example: tuple[torch.Tensor, torch.Tensor]) -> int:
    """Tokens of a text."""
    return len(example[0])


def cnn() -> Workload:
    """Image classification with convolutions and BatchNorm."""
    return _workload("cnn", _cnn, _images(), classification)


def resnet() -> Workload:
    """Image classification with residual blocks."""
    return _workload("resnet", _resnet, _images(), classification)


def unet() -> Workload:
    """Image segmentation with a U-Net."""
    return _workload("unet", UNet, _masks(), segmentation)


def transformer() -> Workload:
    """Language modelling with nn.TransformerEncoder."""
    return _workload("transformer", LanguageModel, _tokens(), next_token)


def lstm() -> Workload:
    """Classification of texts of very different lengths with an LSTM."""
    return _workload("lstm", TextClassifier, _texts(), classification, padded, text_length)


def embedding() -> Workload:
    """Click prediction from histories, with most parameters in one table."""
    return _workload("embedding", Recommender, _histories(), click)


FACTORIES = (cnn, resnet, unet, transformer, lstm, embedding)


def _workload(
    name: str,
    model: Callable[[], nn.Module],
    pool: list[Batch],
    loss: Callable[[nn.Module, Any], torch.Tensor],
    collate: Callable[[list[Any]], Any] | None = None,
    length: Callable[[Any], int] | None = None,
) -> Workload:
    def mean_loss(net: nn.Module, batches: list[Batch]) -> float:
        return sum(float(loss(net, batch)) for batch in batches) / len(batches)

    return Workload(
        name=name,
        model=model,
        train_data=Pool(pool, TRAIN_EXAMPLES),
        valid_data=Pool(pool, VALID_EXAMPLES),
        loss=loss,
        metric=mean_loss,
        goal="loss <= 0.1",
        optimizer=adam,
        optimizers={"adam": adam, "sgd": (sgd, 0.01), "plain-sgd": (plain_sgd, 0.01)},
        batch_size=32,
        learning_rate=1e-3,
        collate=collate,
        length=length,
        valid_batch_size=100,
    )


def _cnn() -> nn.Module:
    layers: list[nn.Module] = []
    for inner, outer in ((3, 8), (8, 16), (16, 32)):
        layers += [nn.Conv2d(inner, outer, 3, padding=1), nn.BatchNorm2d(outer), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


def _resnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        Residual(16, 32, 1),
        Residual(32, 32, 1),
        Residual(32, 64, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


def _double(inner: int, outer: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inner, outer, 3, padding=1),
        nn.BatchNorm2d(outer),
        nn.ReLU(),
        nn.Conv2d(outer, outer, 1),
        nn.BatchNorm2d(outer),
        nn.ReLU(),
    )


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _image() -> tuple[int, int, int]:
    return 3, _PIXELS, _PIXELS


def _images() -> list[Batch]:
    generator = _generator()
    images = torch.randn(_POOL // 4, *_image(), generator=generator)
    return list(zip(images, torch.randint(10, (len(images),), generator=generator), strict=True))


def _masks() -> list[Batch]:
    images = torch.randn(_POOL // 4, *_image(), generator=_generator())
    return [(image, (image[:1] > 0).float()) for image in images]


def _tokens() -> list[Batch]:
    rows = torch.randint(_VOCABULARY, (_POOL, _SEQUENCE + 1), generator=_generator())
    return [(row[:-1], row[1:]) for row in rows]


def _texts() -> list[Batch]:
    """Texts whose lengths are log-normal; one in the pool has the greatest length."""
    generator = _generator()
    lengths = torch.exp(3.6 + 0.6 * torch.randn(_POOL, generator=generator)).long()
    lengths = lengths.clamp(_TEXT_SHORTEST, _TEXT_LONGEST)
    lengths[0] = _TEXT_LONGEST
    classes = torch.randint(2, (_POOL,), generator=generator)
    return [
        (torch.randint(1, _VOCABULARY, (int(length),), generator=generator), label)
        for length, label in zip(lengths, classes, strict=True)
    ]


def _histories() -> list[Batch]:
    generator = _generator()
    histories = torch.randint(_ITEMS, (_POOL, _HISTORY), generator=generator)
    items = torch.randint(_ITEMS, (_POOL,), generator=generator)
    clicks = torch.randint(2, (_POOL,), generator=generator).float()
    return list(zip(histories, items, clicks, strict=True))
