"""Between a handler's arguments and its payload: checks both ways against the signature.

One msgspec Struct and one decoder are built per handler, when it is decorated; decoding a payload then costs
a microsecond or two. The Struct is only the decoder's plan: handlers get plain keyword arguments.
"""

import enum
from collections.abc import Mapping
from math import isfinite
from typing import Any

import msgspec
from msgspec.structs import asdict

from toril.domain.errors import InvalidInput
from toril.sdk import models
from toril.sdk.encoding import encode_json
from toril.sdk.problems import explain
from toril.sdk.signature import REQUIRED, Parameter, Signature


class PayloadCodec:
    """Encodes and decodes the payloads of one handler.

    Args:
        name: the handler's name, as the payload's schema will be titled.
        signature: what the handler takes.

    Raises:
        TypeError: a parameter has a type, or a combination of types, that can't be read from JSON.
    """

    __slots__ = ("_decoder", "_extras", "_fields", "_positional", "struct")

    def __init__(self, name: str, signature: Signature) -> None:
        self.struct = payload_struct(name, signature)
        self._decoder = msgspec.json.Decoder(self.struct, dec_hook=models.from_builtins)
        self._extras = _Extras(signature) if signature.extra else None
        self._fields = tuple(parameter.name for parameter in signature.parameters)
        self._positional = signature.positional

    def decode(self, payload: str) -> dict[str, Any]:
        """Return the keyword arguments that `payload`, JSON text, stands for.

        Raises:
            InvalidInput: with code `invalid_payload` or `invalid_json`, and the path of the field.
        """
        try:
            arguments: dict[str, Any] = asdict(self._decoder.decode(payload))
        except Exception as error:  # dataclasses and models run code of their own, which may raise anything
            raise explain(error, self._fields) from error
        if self._extras is not None:
            arguments.update(self._extras.decode(payload))
        return arguments

    def encode(self, arguments: Mapping[str, Any]) -> str:
        """Return `arguments` as a payload, once it is sure that the handler can be called with it.

        Raises:
            InvalidInput: see `decode`; also for what the record can't hold (see `check_json_text`).
        """
        try:
            payload = encode_json(arguments, "payload")
        except InvalidInput:
            for name, value in arguments.items():
                encode_json(value, f"payload.{name}")
            raise
        self.decode(payload)
        return payload

    def by_name(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by name.

        Raises:
            InvalidInput: more positional arguments than parameters, or one given twice.
        """
        if not args:
            return kwargs
        if len(args) > len(self._positional):
            raise InvalidInput(
                f"payload: takes {len(self._positional)} arguments by position, {len(args)} given",
                code="invalid_payload",
                field="payload",
                hint="pass arguments by name",
            )
        named = dict(zip(self._positional, args, strict=False))
        twice = next((name for name in named if name in kwargs), None)
        if twice is not None:
            raise InvalidInput(
                f"payload.{twice}: given twice",
                code="invalid_payload",
                field=f"payload.{twice}",
                hint="pass it by position or by name",
            )
        return named | kwargs


class _Extras:
    """Decodes what `**kwargs` takes: the fields that are no parameters."""

    __slots__ = ("_decoder", "_known", "_split")

    def __init__(self, signature: Signature) -> None:
        kind = signature.extra.annotation if signature.extra else Any
        self._known = frozenset(parameter.name for parameter in signature.parameters)
        self._split = msgspec.json.Decoder(dict[str, msgspec.Raw])
        self._decoder = msgspec.json.Decoder(kind, dec_hook=models.from_builtins)

    def decode(self, payload: str) -> dict[str, Any]:
        fields = self._split.decode(payload)
        return {name: self._value(name, raw) for name, raw in fields.items() if name not in self._known}

    def _value(self, name: str, raw: msgspec.Raw) -> Any:
        try:
            return self._decoder.decode(raw)
        except Exception as error:
            raise explain(error, (), root=f"payload.{name}") from error


def arguments_of(payload: object) -> dict[str, Any]:
    """Return a payload that was given as a mapping: the handler's arguments by name; None means no arguments.

    Raises:
        InvalidInput: it is something else.
    """
    if payload is None:
        return {}
    if isinstance(payload, Mapping):
        return dict(payload)
    raise InvalidInput(
        f"payload: can't be a {type(payload).__name__}",
        code="invalid_payload",
        field="payload",
        hint="give the handler's arguments by name, as a dict",
    )


def payload_struct(name: str, signature: Signature) -> type[msgspec.Struct]:
    """Return the Struct whose fields are the parameters of `signature`."""
    return msgspec.defstruct(
        name,
        [_field(parameter) for parameter in signature.parameters],
        forbid_unknown_fields=signature.extra is None,
        kw_only=True,
        gc=False,
    )


def _field(parameter: Parameter) -> tuple[str, Any] | tuple[str, Any, Any]:
    if parameter.default is REQUIRED:
        return parameter.name, parameter.annotation
    default = parameter.default
    if _is_simple(default):
        return parameter.name, parameter.annotation, default
    # The function's own default object, as in a plain call; msgspec would refuse or copy a mutable one.
    return parameter.name, parameter.annotation, msgspec.field(default_factory=lambda: default)


def _is_simple(default: object) -> bool:
    if isinstance(default, float):
        return isfinite(default)
    return default is None or isinstance(default, bool | int | str | enum.Enum)
