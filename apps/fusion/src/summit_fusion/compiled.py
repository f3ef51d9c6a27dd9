"""Machine code where numba is installed; the same functions run as plain Python where it is not."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

COMPILED: Final = find_spec("numba") is not None


def kernel(function: F) -> F:
    """Compile at the first call, keep the result on disk, release the interpreter lock while it runs."""
    if not COMPILED:
        return function
    compiled: F = import_module("numba").njit(cache=True, nogil=True, error_model="numpy")(function)
    return compiled


def inlined(function: F) -> F:
    """`kernel` that is copied into each kernel that calls it: passing arrays costs more than most small ones do."""
    if not COMPILED:
        return function
    compiled: F = import_module("numba").njit(nogil=True, error_model="numpy", inline="always")(function)
    return compiled
