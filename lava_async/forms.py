"""What users hold, as plain arrays: of numpy, torch, scipy, of any number type, and the classes of samples.

Every function that takes numbers reads them through :func:`plain`, so that a tensor in bfloat16, a sparse matrix or an
array that cannot be written to gives the same result as the plain array of the same numbers, or one error.
"""

from __future__ import annotations

import sys
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidType, InvalidValue

__all__ = ["EVENT_FIELDS", "class_labels", "plain"]

#: What errors call a tensor on torch's device "meta", which has a shape and no numbers.
META = "a tensor on the device meta"
#: Fields of structured events, as of tonic: pixel, time, polarity.
EVENT_FIELDS = ("x", "y", "t", "p")

T = TypeVar("T")


def plain(where: str, value: T) -> T | NDArray[Any] | list[Any]:
    """Return a value as numpy knows it, if it comes from elsewhere; anything else as it is.

    Parameters
    ----------
    where : str
        What errors call it.
    value : object
        A tensor of torch (of any type, layout and device, with or without gradient), a sparse matrix or array of scipy,
        a list of such, an array of numpy, or anything else.

    Returns
    -------
    object
        For torch and scipy an array of numpy, dense; types that numpy lacks become float32.

    Raises
    ------
    InvalidType
        If some entries of the array are masked, it has fields, as structured events have, or it is a tensor on torch's
        device "meta", which holds no numbers.

    Examples
    --------
    >>> import torch
    >>> plain("spikes", torch.tensor([[1, 0]], dtype=torch.bfloat16)).tolist()
    [[1.0, 0.0]]
    """
    if isinstance(value, (list, tuple)):
        return [plain(where, each) for each in value] if any(map(_from_elsewhere, value)) else value
    if _is_torch(value):
        return _of_torch(where, value)
    if _is_sparse(value):
        return _of_scipy(value)
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value):
            raise InvalidType(where, "masked entries", "an array without such; fill them, as with filled(0)")
        return value.data
    if isinstance(value, np.ndarray) and value.dtype.kind == "O" and any(map(_from_elsewhere, value.flat)):
        return plain(where, value.tolist())
    if isinstance(value, np.ndarray) and value.dtype.names is not None:
        raise InvalidType(
            where,
            f"events with the fields {', '.join(value.dtype.names)}",
            "an array of numbers; lava_async.data.own.from_events makes spikes of events",
        )
    if isinstance(value, np.ndarray) and value.dtype.kind == "V" and "float" in value.dtype.name:  # bfloat16 and others
        return value.astype(np.float32)
    return value


def class_labels(where: str, labels: object, n_classes: int | None = None) -> NDArray[np.int64]:
    """Return the class of each sample.

    Parameters
    ----------
    where : str
        What errors call the labels.
    labels : (B,) or (B, n) numbers
        Classes, integers of any number type, or one-hot rows: 1 in the column of the class, 0 elsewhere.
    n_classes : int, optional
        Number of classes.

    Returns
    -------
    (B,) int64

    Raises
    ------
    InvalidType, InvalidValue
        If these are no classes: fractions, several classes per sample, names, or numbers out of range.

    Examples
    --------
    >>> class_labels("labels", [[0, 1, 0], [1, 0, 0]]).tolist()
    [1, 0]
    """
    allowed = "classes, integers" + ("" if n_classes is None else f" in 0 .. {n_classes - 1}")
    labels = plain(where, labels)
    try:
        array = np.asarray(labels)
    except ValueError:  # rows of different lengths
        raise InvalidType(where, labels, f"{allowed}, one per sample, (B,), or one-hot rows (B, n)") from None
    if array.dtype.kind not in "biuf" and array.size:
        raise InvalidType(where, labels, f"{allowed}; number the classes from 0")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    elif array.ndim == 2:
        if not (((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all()):
            wrong = array[~(((array == 0) | (array == 1)).all(axis=1) & (array.sum(axis=1) == 1))][0]
            raise InvalidValue(where, wrong.tolist(), f"{allowed}, or one-hot rows: a single 1, else 0")
        array = array.argmax(axis=1)
    if array.ndim != 1:
        raise InvalidValue(f"{where}.shape", array.shape, "(B,), one class per sample, or one-hot rows (B, n)")
    if array.dtype.kind == "f":
        wrong = array[~np.isfinite(array) | (array != np.rint(array))]
        if wrong.size:
            raise InvalidValue(where, wrong[0].item(), f"{allowed}, no fractions")
    outside = (array < 0) | (array >= (2**31 if n_classes is None else n_classes))
    if outside.any():
        raise InvalidValue(where, array[outside][0].item(), allowed)
    return array.astype(np.int64)


def _from_elsewhere(value: Any) -> bool:
    """Tell whether numpy would not read this entry of a list as it should."""
    return (
        _is_torch(value)
        or _is_sparse(value)
        or (isinstance(value, np.ndarray) and value.dtype.kind == "V")
        or (isinstance(value, (list, tuple)) and any(map(_from_elsewhere, value[:1])))
    )


def _is_torch(value: Any) -> bool:
    torch = sys.modules.get("torch")  # What has no torch has no tensor.
    return torch is not None and isinstance(value, torch.Tensor)


def _is_sparse(value: Any) -> bool:
    return type(value).__module__.startswith("scipy.sparse") and hasattr(value, "toarray")


def _of_scipy(matrix: Any) -> NDArray[Any]:
    array: NDArray[Any] = matrix.toarray()
    return array


def _of_torch(where: str, tensor: Any) -> NDArray[Any]:
    torch = sys.modules["torch"]
    if tensor.device.type == "meta":
        raise InvalidType(where, META, "a tensor that holds numbers")
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_floating_point() and tensor.dtype not in (torch.float16, torch.float32, torch.float64):
        tensor = tensor.float()
    array: NDArray[Any] = tensor.numpy(force=True)
    return array
