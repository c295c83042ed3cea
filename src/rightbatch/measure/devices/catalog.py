"""GPUs by name, for predictions without the device."""

import difflib

from rightbatch.errors import UsageError
from rightbatch.measure.ports import CUDA_CONTEXT_BYTES
from rightbatch.records import MemoryTarget

_WORKSPACE = (2 * 4096 + 8 * 16) * 2**10
_WORKSPACE_HOPPER = 8 * 4096 * 2**10
"""cuBLAS workspaces that PyTorch allocates, one per thread and stream: ":4096:2:16:8",
and 32 MiB from compute capability 9.0 on (aten/src/ATen/cuda/CublasHandlePool.cpp,
getChosenWorkspaceSize; NVIDIA's cuBLAS documentation, "cublasSetWorkspace")."""

_GIB_AS_REPORTED = {
    "t4": ("NVIDIA T4", 14.56, _WORKSPACE, "far3x in Zheng-Chong/CatVTON#133"),
    "l4": ("NVIDIA L4", 22.03, _WORKSPACE, "ArcInstitute/evo2#190"),
    "a10g": ("NVIDIA A10G", 22.06, _WORKSPACE, "messages of torch.OutOfMemoryError on an A10G"),
    "rtx3090": ("NVIDIA RTX 3090", 23.50, _WORKSPACE, "XChenZ/havatar#6"),
    "rtx4090": ("NVIDIA RTX 4090", 23.61, _WORKSPACE, "pinokiofactory/flux-webui#11"),
    "rtx5090": ("NVIDIA RTX 5090", 31.37, _WORKSPACE_HOPPER, "Wan-Video/Wan2.1#465"),
    "v100-32g": ("NVIDIA V100 32 GB", 31.74, _WORKSPACE, "haotian-liu/LLaVA#812"),
    "a100-40g": ("NVIDIA A100 40 GB", 39.50, _WORKSPACE, "TianheWu/CoSeR#10"),
    "l40": ("NVIDIA L40", 44.40, _WORKSPACE, "QwenLM/Qwen3-VL#2097"),
    "a100-80g": ("NVIDIA A100 80 GB", 79.14, _WORKSPACE, "lianqi1008/Control-GIC#6"),
    "h100": ("NVIDIA H100 80 GB", 79.11, _WORKSPACE_HOPPER, "vllm-project/vllm#27508"),
    "h200": ("NVIDIA H200", 139.72, _WORKSPACE_HOPPER, "messages of torch.OutOfMemoryError"),
}
"""Name -> (title, memory in GiB as the driver reports it to PyTorch, workspace, source). Drivers
report less than the nominal memory; where reports differ, the least is used."""

DEVICE_NAMES = tuple(_GIB_AS_REPORTED)


def device(name: str, most_bytes: int | None = None) -> MemoryTarget:
    """A GPU by name, such as "rtx4090", with all or part of its memory.

    Raises:
        UsageError: The name is not in the table.
    """
    plain = name.strip().lower().replace("_", "-").replace(" ", "")
    if plain not in _GIB_AS_REPORTED:
        near = difflib.get_close_matches(plain, DEVICE_NAMES, cutoff=0.5) or DEVICE_NAMES
        raise UsageError(
            f"Unknown GPU {name!r}; use {', '.join(near)}, or give the memory of another GPU as "
            "`device_memory`, such as 24GiB."
        )
    title, gib, workspace, _ = _GIB_AS_REPORTED[plain]
    total = int(gib * 2**30)
    total = total if most_bytes is None else min(total, most_bytes)
    return MemoryTarget(title, "cuda", total, CUDA_CONTEXT_BYTES, workspace)


def unnamed_gpu(total_bytes: int) -> MemoryTarget:
    """A GPU known only by its memory."""
    return MemoryTarget(
        f"a GPU with {total_bytes / 2**30:.4g} GiB",
        "cuda",
        total_bytes,
        CUDA_CONTEXT_BYTES,
        _WORKSPACE,
    )
