"""Which backend a workload's file wants Keras on, read without running it.

Keras reads KERAS_BACKEND once, as it is imported: mostly at the top of the very file whose workload
names a backend further down. So the name is looked for beforehand.
"""

import ast

_VARIABLE = "KERAS_BACKEND"


def named_backend(tree: ast.Module) -> str | None:
    """The one backend that a file names; None where it names none, or several.

    It is named by `Workload(backend="jax")` or by `os.environ["KERAS_BACKEND"] = "jax"`.
    """
    named = {*_of_workloads(tree), *_assigned(tree)}
    return named.pop() if len(named) == 1 else None


def picks_backend(tree: ast.Module) -> bool:
    """Whether a file sets KERAS_BACKEND in a way that only running it can tell."""
    spoken = sum(isinstance(n, ast.Constant) and n.value == _VARIABLE for n in ast.walk(tree))
    return spoken > len(_assigned(tree))


def _of_workloads(tree: ast.Module) -> list[str]:
    return [
        word.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Workload"
        for word in node.keywords
        if word.arg == "backend" and isinstance(word.value, ast.Constant)
        if isinstance(word.value.value, str)
    ]


def _assigned(tree: ast.Module) -> list[str]:
    return [
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        if ast.unparse(node.targets[0]).endswith(f"environ['{_VARIABLE}']")
        if isinstance(node.value.value, str)
    ]
