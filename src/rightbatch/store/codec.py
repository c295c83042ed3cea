"""Records to JSON and back, without loss.

The JSON is strict: floats that are not finite become the strings "NaN", "Infinity" and
"-Infinity". Probes and results carry a stable tag, `kind`. Reading ignores unknown fields, which a
newer minor version may have written, and uses the default of a missing field.
"""

import math
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import cache
from typing import Any, TypeVar

from cattrs import BaseValidationError, Converter, transform_error
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from rightbatch.errors import StoreError
from rightbatch.records import (
    KINDS,
    Probe,
    Remark,
    Result,
    Settings,
    Status,
    Study,
    Value,
    WorkloadReference,
)

_Record = TypeVar("_Record")
_Plain = TypeVar("_Plain", bool, int, str)

_RENAMED: dict[type, dict[str, str]] = {Settings: {"learning_rate": "learning_rates"}}
"""Names of fields in earlier versions."""
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_LATEST = 2.0**37
"""Seconds since 1970: the year 6325."""
_PLAIN: dict[type, str] = {bool: "bool", int: "whole number", str: "str"}
"""Types that JSON has too, in words."""


def dump(record: object) -> dict[str, Any]:
    """A record (`Study`, `Trial`, `Recording`, `Fits`, `Advice` ...) as strict JSON data.

    A workload's pickled factory is left out.
    """
    return _converter().unstructure(record)  # type: ignore[no-any-return]


def load(record_type: type[_Record], data: object) -> _Record:
    """The record that `dump` made `data` from.

    Args:
        record_type: Type of the record.
        data: JSON data; unknown fields are ignored.

    Raises:
        StoreError: The data is not such a record; the message says what is wrong, and where.
    """
    name = record_type.__name__
    if not isinstance(data, dict):
        raise StoreError(f"This is not a {name}: {data!r:.40} is not a JSON object.")
    try:
        record = _converter().structure(data, record_type)
    except BaseValidationError as error:
        reason = transform_error(error, path=name, format_exception=_in_words)[0]
        raise StoreError(f"This is not a {name}: {reason}.") from None
    if isinstance(record, Study) and not 0 <= record.created < _LATEST:
        raise StoreError(f"This is not a {name}: {record.created} is no time @ Study.created.")
    return record


@cache
def _converter() -> Converter:
    converter = Converter(unstruct_collection_overrides={tuple: list})
    converter.register_unstructure_hook(float, _dump_float)
    converter.register_structure_hook(float, _load_float)
    for plain in _PLAIN:
        converter.register_structure_hook(plain, _load_plain)
    converter.register_unstructure_hook(Status, lambda status: status.value)
    converter.register_structure_hook(Status, lambda value, _: Status(value))
    converter.register_unstructure_hook(
        WorkloadReference,
        make_dict_unstructure_fn(WorkloadReference, converter, pickled=override(omit=True)),
    )
    converter.register_unstructure_hook(Remark, _dump_remark)
    converter.register_structure_hook(Remark, _load_remark)
    converter.register_structure_hook(
        Remark | None,
        lambda data, _: None if data in (None, "") else _load_remark(data, Remark),
    )
    converter.register_unstructure_hook_factory(
        lambda record: isinstance(record, type) and issubclass(record, Probe | Result),
        lambda record: _dump_tagged(converter, record),
    )
    converter.register_structure_hook_func(
        lambda record: record in (Probe, Result),
        lambda data, base: converter.structure(data, _tagged(data, base)),
    )
    converter.register_structure_hook_factory(
        lambda record: is_dataclass(record) and record not in (Probe, Result, Remark),
        lambda record: _read_object(converter, record),
    )
    return converter


def _dump_tagged(converter: Converter, record: type) -> Callable[[Any], dict[str, Any]]:
    """A function that dumps a probe or result with the tag of its kind."""
    if record in (Probe, Result):
        return lambda value: converter.unstructure(value, type(value))
    plain: Callable[[Any], dict[str, Any]] = make_dict_unstructure_fn(record, converter)
    own = next(tag for tag, kind in KINDS.items() if record in (kind, kind.result))
    return lambda value: {**plain(value), "kind": own}


def _tagged(data: object, base: type[Probe | Result]) -> type[Probe | Result]:
    """The class named by the tag of the data."""
    if not isinstance(data, dict):
        raise TypeError(f"{data!r:.40} is not a JSON object")
    kind = KINDS[data["kind"]]
    return kind if base is Probe else kind.result


def _read_object(
    converter: Converter, record: type[_Record]
) -> Callable[[object, object], _Record]:
    """A function that loads a record, whose fields may have names of earlier versions."""
    read = make_dict_structure_fn(record, converter)
    names = _RENAMED.get(record, {})

    def from_object(data: object, _: object) -> _Record:
        if not isinstance(data, dict):
            raise TypeError(f"{data!r:.40} is not a JSON object")
        return read({str(names.get(name, name)): data[name] for name in data}, record)

    return from_object


def _dump_remark(remark: Remark) -> dict[str, Any]:
    return {"code": remark.code, "values": {name: _plain(value) for name, value in remark.values}}


def _plain(value: Value) -> object:
    if isinstance(value, Remark):
        return _dump_remark(value)
    if isinstance(value, float):
        return _dump_float(value)
    return list(value) if isinstance(value, tuple) else value


def _load_remark(data: object, _: object) -> Remark:
    if isinstance(data, str):  # the sentence itself, as earlier versions stored it
        return Remark.of("text", text=data)
    if not isinstance(data, dict):
        raise TypeError(f"{data!r:.40} is not a remark")
    values = {name: _value(value) for name, value in dict(data.get("values", {})).items()}
    return Remark.of(_load_plain(data["code"], str), **values)


def _value(value: object) -> Value:
    if isinstance(value, dict):
        return _load_remark(value, Remark)
    if isinstance(value, list):
        return tuple(v if isinstance(v, int) else str(v) for v in value)
    if isinstance(value, str):
        return _NOT_FINITE.get(value, value)
    if value is None or isinstance(value, int | float):
        return value
    raise TypeError(f"{value!r:.40} cannot be a value of a remark")


def _dump_float(value: float) -> float | str:
    if math.isfinite(value):
        return float(value)
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _load_float(value: object, _: object) -> float:
    if isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise TypeError(f"{value!r:.40} is not a number")


def _load_plain(value: object, kind: type[_Plain]) -> _Plain:
    if isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
        return value
    raise TypeError(f"{value!r:.40} is not a {_PLAIN[kind]}")


def _in_words(error: BaseException, _: type | None) -> str:
    return f"{error} is missing or unknown" if isinstance(error, KeyError) else str(error)
