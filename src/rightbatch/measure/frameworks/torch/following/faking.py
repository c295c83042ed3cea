"""A model, its optimizer and its batches on tensors without data."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.torch.data import HOLDERS, rebuilt


class CannotGrow(Exception):
    """A batch whose tensors do not all have one row per example."""


class Faker:
    """Replaces tensors by fake ones, each storage and each parameter once.

    The model is built for real and replaced afterwards, as a model that copies layers during
    construction, such as nn.TransformerEncoder, cannot be built on fake tensors.
    """

    def __init__(self) -> None:
        self.mode = FakeTensorMode(allow_non_fake_inputs=True)
        self._made: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def tensor(self, real: torch.Tensor) -> torch.Tensor:
        """The fake tensor for a real one."""
        if id(real) not in self._made:
            fake: torch.Tensor = self.mode.from_tensor(real.detach())
            if isinstance(real, torch.nn.Parameter):
                fake = torch.nn.Parameter(fake, real.requires_grad)
            self._made[id(real)] = fake, real  # the real one stays alive, and its id unique
        return self._made[id(real)][0]

    def model(self, model: torch.nn.Module) -> None:
        """Replace every parameter and buffer of a model; shared ones stay shared."""
        for module in model.modules():
            tables: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
            for held in tables:
                for name, value in held.items():
                    if value is not None:
                        held[name] = self.tensor(value)
            if isinstance(module, torch.nn.RNNBase):
                module._init_flat_weights()  # its own list of parameters

    def optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Replace an optimizer's parameters and its initial state."""
        for group in optimizer.param_groups:
            group["params"] = [self.tensor(parameter) for parameter in group["params"]]
        for parameter, state in list(optimizer.state.items()):
            del optimizer.state[parameter]
            optimizer.state[self.tensor(parameter)] = {
                name: self.tensor(value) if isinstance(value, torch.Tensor) else value
                for name, value in state.items()
            }

    def same(self, batch: Any) -> Any:
        """A batch with every tensor replaced."""
        return tree_map_only(torch.Tensor, self.tensor, batch)

    def grown(self, batch: Any, count: int, size: int) -> Any:
        """A batch like one of `count` examples, but with `size` examples.

        Raises:
            CannotGrow: A tensor does not have one row per example, so its shape at another size is
                unknown.
        """
        if isinstance(batch, torch.Tensor):
            return self._grown_tensor(batch, count, size)
        plain = isinstance(batch, tuple | list) and not any(isinstance(v, HOLDERS) for v in batch)
        if plain and len(batch) == count:
            return type(batch)(batch[index % count] for index in range(size))
        return rebuilt(batch, lambda value: self.grown(value, count, size))

    def _grown_tensor(self, tensor: torch.Tensor, count: int, size: int) -> torch.Tensor:
        if size == count or tensor.ndim == 0:
            return self.tensor(tensor)
        if len(tensor) != count:
            raise CannotGrow
        with self.mode:
            return torch.empty((size, *tensor.shape[1:]), dtype=tensor.dtype)


class AnswerItems(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Supplies a number where the user's code reads the value of a fake tensor.

    Any number will do for a loss or a count that is only summed or logged. In training only floats
    are supplied, as integers and booleans may control the flow.

    Attributes:
        any_kind: Whether integers and booleans are supplied too.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.any_kind = False

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            dtype = args[0].dtype
            if dtype.is_floating_point:
                return 1.0
            if self.any_kind:
                return True if dtype is torch.bool else 1
        return func(*args, **(kwargs or {}))


@contextmanager
def as_on_cuda() -> Iterator[None]:
    """Run functions that keep less memory on CUDA than on the CPU as CUDA does.

    Dropout keeps one byte per element instead of a float (native_dropout, as on CUDA). Attention
    with dropout keeps no weight matrix, as CUDA's fused kernels include dropout; it is followed
    without dropout, for which the CPU has a fused kernel too.
    """
    names: Any = torch.nn.functional
    dropout: Callable[..., torch.Tensor] = names.dropout
    attention: Callable[..., torch.Tensor] = names.scaled_dot_product_attention

    def fused_dropout(
        input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> torch.Tensor:
        if training and 0 < p < 1 and not inplace:
            return torch.native_dropout(input, p, True)[0]
        return dropout(input, p, training, inplace)

    def fused_attention(
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        **more: Any,
    ) -> torch.Tensor:
        return attention(query, key, value, attn_mask, 0.0, is_causal, **more)

    names.dropout, names.scaled_dot_product_attention = fused_dropout, fused_attention
    try:
        yield
    finally:
        names.dropout, names.scaled_dot_product_attention = dropout, attention


def checkpoint_blocks(model: torch.nn.Module) -> None:
    """Make the repeated blocks of a model recompute their activations.

    Blocks are the members of the longest nn.Sequential or nn.ModuleList whose members have
    parameters and consist of several modules.

    Raises:
        UsageError: There are no such blocks.
    """
    lists = (torch.nn.Sequential, torch.nn.ModuleList)
    found = [module for module in model.modules() if isinstance(module, lists)]
    rows = [[child for child in each if _is_block(child)] for each in found]
    blocks = max(rows, key=len, default=[])
    if len(blocks) < 2:
        raise UsageError(
            "The model has no repeated blocks whose activations could be recomputed; put them in "
            "an nn.Sequential or nn.ModuleList."
        )
    for block in blocks:
        _checkpoint(block)


def _is_block(module: torch.nn.Module) -> bool:
    return any(True for _ in module.parameters()) and len(list(module.modules())) > 2


def _checkpoint(block: torch.nn.Module) -> None:
    from torch.utils.checkpoint import checkpoint

    forward = block.forward

    def recomputing(*args: Any, **kwargs: Any) -> Any:
        return checkpoint(forward, *args, use_reentrant=False, preserve_rng_state=False, **kwargs)

    block.forward = recomputing
