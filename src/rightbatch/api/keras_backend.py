"""The Keras backend that a workload's file names, read without running the file.

Keras reads KERAS_BACKEND once, on import, which is usually at the top of the very file whose
workload names a backend further down. So the name must be known beforehand.
"""

import ast

_VARIABLE = "KERAS_BACKEND"


def named_backend(tree: ast.Module) -> str | None:
    """The backend that a file names; None where it names none or several.

    A file names it by `Workload(backend="jax")` or `os.environ["KERAS_BACKEND"] = "jax"`.
    """
    of_workloads = (
        word.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Workload"
        for word in node.keywords
        if word.arg == "backend" and isinstance(word.value, ast.Constant)
        if isinstance(word.value.value, str)
    )
    named = {*of_workloads, *_assigned(tree)}
    return named.pop() if len(named) == 1 else None


def picks_backend(tree: ast.Module) -> bool:
    """Whether a file uses KERAS_BACKEND in a way that cannot be read without running it."""
    mentions = sum(isinstance(n, ast.Constant) and n.value == _VARIABLE for n in ast.walk(tree))
    return mentions > len(_assigned(tree))


def _assigned(tree: ast.Module) -> list[str]:
    """Backends assigned to the environment variable."""
    return [
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        if ast.unparse(node.targets[0]).endswith(f"environ['{_VARIABLE}']")
        if isinstance(node.value.value, str)
    ]
