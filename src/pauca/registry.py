"""Names to things: discovery by package, parameters read from the constructor's signature.

A new strategy, learner, net or data set is one new file in the right package: importing the
package's modules registers what they define. Packages from outside register through entry points.
"""

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, MappingView, Set
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import walk_packages
from typing import Any, Generic, TypeVar

from pauca.errors import InputError, PaucaError, UnknownNameError, UsageError, shown

__all__ = ["Registry", "check_settings"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Registry(Generic[T]):
    """Makers of T by name.

    Args:
        kind: What the names stand for, in messages: ``"strategy"``.
        package: The package whose modules hold them; every module is imported at first use. Modules
            whose name starts with an underscore are passed over.
        plural: Name of the entry-point group ``pauca.<plural>`` that other packages may fill.
        context: Constructor arguments that are given by the program, not by settings.
        complete: Told a maker and its checked settings, returns them with what follows from others
            filled in; may refuse combinations. Applied twice it changes nothing more.
    """

    def __init__(
        self,
        kind: str,
        package: str,
        plural: str,
        context: frozenset[str] = frozenset(),
        complete: Callable[[Callable[..., T], dict[str, Any]], dict[str, Any]] | None = None,
    ):
        self.kind = kind
        self._complete = complete
        self._package = package
        self._plural = plural
        self._context = context
        self._makers: dict[str, Callable[..., T]] = {}
        self._discovered = False
        self._discovering = False
        self._lock = threading.RLock()

    def register(self, name: str) -> Callable[[F], F]:
        """Decorator: ``name`` stands for this class or function from now on."""

        def keep(maker: F) -> F:
            known = self._makers.get(name)
            if known is not None and _path(known) != _path(maker):
                raise InputError(
                    f"two things claim the {self.kind} name {name!r}",
                    expected=_path(known),
                    got=_path(maker),
                    todo="rename one of them",
                )
            self._makers[name] = maker
            return maker

        return keep

    def names(self) -> tuple[str, ...]:
        """Every known name, sorted."""
        self._discover()
        return tuple(sorted(self._makers))

    def get(self, name: str) -> Callable[..., T]:
        """What ``name`` stands for.

        Raises:
            UnknownNameError: nothing answers to it; names the nearest known one.
        """
        self._discover()
        if not isinstance(name, str) or name not in self._makers:
            raise UnknownNameError(self.kind, name, self._makers)
        return self._makers[name]

    def resolve(self, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Every setting of ``name``, defaults included, checked by name and type.

        Raises:
            UsageError: an unknown setting (the nearest known one is named), a missing one, or a
                value that does not fit the constructor's annotation.
        """
        maker = self.get(name)
        resolved = check_settings(f"{self.kind} {name!r}", self._settings(maker), params)
        return resolved if self._complete is None else self._complete(maker, resolved)

    def make(self, name: str, params: Mapping[str, Any], **context: Any) -> T:
        """Build ``name`` with its settings and what the program gives."""
        return self.get(name)(**self.resolve(name, params), **context)

    def _settings(self, maker: Callable[..., T]) -> dict[str, inspect.Parameter]:
        parameters = inspect.signature(maker, eval_str=True).parameters
        kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        return {
            key: parameter
            for key, parameter in parameters.items()
            if key not in self._context and parameter.kind not in kinds
        }

    def _discover(self) -> None:
        """Import everything once; other threads wait until all of it is there."""
        if self._discovered:
            return
        with self._lock:
            # met again by this thread, from a module that is being imported here
            if self._discovered or self._discovering:
                return
            self._discovering = True
            try:
                self._import()
                self._discovered = True
            finally:
                self._discovering = False

    def _import(self) -> None:
        package = import_module(self._package)
        for module in walk_packages(package.__path__, f"{self._package}."):
            if not module.name.rpartition(".")[2].startswith("_"):
                import_module(module.name)
        for point in entry_points(group=f"pauca.{self._plural}"):
            _load(point, self.kind)


def _load(point: EntryPoint, kind: str) -> None:
    """Import what another package brings: whatever goes wrong in there is told as its fault."""
    try:
        point.load()
    except PaucaError:
        raise
    except Exception as error:
        raise UsageError(
            f"another package brings a {kind} that cannot be imported",
            got=f"{type(error).__name__}: {error}",
            where=f"entry point {point.name} = {point.value}",
            todo="mend that package, update it or uninstall it",
        ) from error


def check_settings(
    what: str, settings: Mapping[str, inspect.Parameter], params: Mapping[str, Any]
) -> dict[str, Any]:
    """Every setting of something, defaults included, checked by name and type.

    Args:
        what: Whose settings, for messages: ``strategy 'margin'``.
        settings: By name, with annotation and default.
        params: The values that are given.

    Raises:
        UsageError: an unknown setting (the nearest known one is named), a missing one, or a value
            that does not fit its annotation.
    """
    for key in params:
        if key not in settings:
            raise UnknownNameError(f"setting of {what}", key, settings)
    return {
        key: _value(f"{what}, setting {key!r}", parameter, params)
        for key, parameter in settings.items()
    }


def _path(maker: Callable[..., Any]) -> str:
    return f"{maker.__module__}.{maker.__qualname__}"


def _value(where: str, parameter: inspect.Parameter, params: Mapping[str, Any]) -> Any:
    if parameter.name not in params:
        if parameter.default is inspect.Parameter.empty:
            raise UsageError("a setting is missing", where=where, todo="give it a value")
        return parameter.default
    # pydantic is imported here because it costs a third of start-up time
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        annotation = Any
    try:
        adapter = TypeAdapter(annotation, config=ConfigDict(strict=False, extra="forbid"))
    except Exception:  # a model or dataclass carries a configuration of its own
        adapter = TypeAdapter(annotation)
    given = params[parameter.name]
    if isinstance(given, Set | Iterator | MappingView):
        raise UsageError(
            "a value has no order of its own",
            expected="a list in the order that is meant",
            got=f"{type(given).__name__} {shown(given)}",
            where=where,
            todo="pass a list",
        )
    try:
        value = adapter.validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            first["msg"], got=shown(given), where=where, todo="correct its value"
        ) from None
    if isinstance(value, int) and value.bit_length() > 63:
        raise UsageError(
            "the number is too large",
            expected="a whole number of at most 64 bits",
            got=shown(value),
            where=where,
            todo="pass a smaller one",
        )
    # "5" is no number and true is none either, though pydantic would take them for one
    numeric = isinstance(given, str | bool) and isinstance(value, int | float)
    if numeric and type(given) is not type(value):
        raise UsageError(
            "the value has the wrong type",
            expected=type(value).__name__,
            got=shown(given),
            where=where,
            todo="correct its value",
        )
    return value
