"""Planning on one thread: its matrices are small, and training may need the other cores."""

from threadpoolctl import threadpool_limits


def one_thread() -> threadpool_limits:
    """A context in which NumPy and SciPy use one thread of this process."""
    return threadpool_limits(limits=1, user_api="blas")
