"""A YAML file to values of a given shape: every mistake in it is named by its path, no secret is shown.

`msgspec` stops at the first mistake of a file; here each key is converted by itself, so that all are found at once.
"""

import re
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin

import msgspec
import yaml

from ges_exporter.errors import ConfigError, printable

S = TypeVar("S", bound=msgspec.Struct)

_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<broken>\$\{)")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


class FromEnvironment(str):
    """A text with something from the environment in it: it may stand where a number is wanted."""

    __slots__ = ()


class _Unresolved(str):
    """A text that names a variable nobody set: that has been noted, and nothing more is to be said of it."""

    __slots__ = ()


class Mistakes:
    """The mistakes of one file, gathered while it is read."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: list[str] = []

    def add(self, path: str, what: str) -> None:
        """Note, once, what is wrong at a path such as `projects[0].auth`."""
        line = f"{printable(path)}: {what}" if path else what
        if line not in self.lines:
            self.lines.append(line)

    def add_as_a_whole(self, path: str, what: str) -> None:
        """Note what is wrong at a path, unless it may come of a mistake further inside, which has been noted."""
        if not any(line.startswith(f"{path}.") for line in self.lines):
            self.add(path, what)

    def raise_if_any(self) -> None:
        """End the reading where something was wrong.

        Raises:
            ConfigError: with a line for each mistake.
        """
        if self.lines:
            raise ConfigError(self.file, self.lines)


class _Loader(yaml.SafeLoader):
    """Refuses a key given twice, of which PyYAML would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """Make a mapping of a node."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is not None and key in seen:
                problem = f"the key {printable(key)} is given twice: leave one of them"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, shape: type[S], environ: Mapping[str, str], mistakes: Mistakes) -> S:
    """Read a file into a shape, as far as it can be read.

    A value that is wrong is noted and becomes None, so that the caller can go on and find the other mistakes: a shape
    that is read so says of each field without a default that it may be None.

    Args:
        path: the file.
        shape: what it should hold.
        environ: where `${NAME}` is looked up.
        mistakes: where to note what is wrong; the caller may add to it what the shape cannot tell.

    Raises:
        ConfigError: the file cannot be read at all, or holds no mapping.
    """
    document = _load(path, mistakes)
    try:
        document = _substitute(document, "", environ, mistakes)
        found = _convert_struct({} if document is None else document, shape, "", mistakes)
    except RecursionError:
        _stop(mistakes, "holds an anchor that contains itself: write it out")
    if not isinstance(found, shape):
        raise ConfigError(mistakes.file, mistakes.lines)
    return found


def _load(path: Path, mistakes: Mistakes) -> Any:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        _stop(mistakes, f"cannot be read: {error.strerror}")
    except ValueError:
        _stop(mistakes, "is not UTF-8 text")
    try:
        return yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        # What PyYAML quotes may be part of a secret that was not quoted in the file.
        problem = error.problem or "is not YAML"
        own = isinstance(error, yaml.constructor.ConstructorError) and "given twice" in problem
        _stop(mistakes, where + (problem if own else _QUOTED.sub("…", problem)))
    except (yaml.YAMLError, ValueError):
        _stop(mistakes, "is not YAML: it holds characters or values that YAML does not allow")
    except RecursionError:
        _stop(mistakes, "is nested too deep")


def _stop(mistakes: Mistakes, what: str) -> NoReturn:
    raise ConfigError(mistakes.file, [printable(what)])


def _substitute(node: Any, path: str, environ: Mapping[str, str], mistakes: Mistakes) -> Any:
    if isinstance(node, dict):
        return {key: _substitute(value, _join(path, key), environ, mistakes) for key, value in node.items()}
    if isinstance(node, list):
        return [_substitute(value, f"{path}[{index}]", environ, mistakes) for index, value in enumerate(node)]
    if not isinstance(node, str) or "${" not in node:
        return node

    resolved = True

    def value_of(match: re.Match[str]) -> str:
        nonlocal resolved
        name = match["name"]
        if match["broken"]:
            resolved = False
            mistakes.add(path, "holds ${ that is no ${NAME}: write $${ for a literal ${")
        elif name and name not in environ:
            resolved = False
            mistakes.add(path, f"the environment variable {name} is not set: set it, or write $${{ for a literal ${{")
        return "${" if not name else environ.get(name, "")

    text = _VARIABLE.sub(value_of, node)
    return FromEnvironment(text) if resolved else _Unresolved()


def _convert(node: Any, kind: Any, path: str, mistakes: Mistakes) -> Any:
    """Return the node as the kind, or None where it is not; then what is wrong has been noted."""
    alternatives = [a for a in get_args(kind) if a is not types.NoneType] if _is_union(kind) else [kind]
    only = alternatives[0] if len(alternatives) == 1 else None
    if isinstance(node, _Unresolved):
        return None
    if isinstance(only, type) and issubclass(only, msgspec.Struct):
        return _convert_struct(node, only, path, mistakes)
    if get_origin(only) is not tuple:
        return _convert_scalar(node, kind, path, mistakes)
    if not isinstance(node, list):
        mistakes.add(path, f"is {_name_of(node)}: should be a list")
        return None
    item = get_args(only)[0]
    return tuple(_convert(value, item, f"{path}[{index}]", mistakes) for index, value in enumerate(node))


def _convert_scalar(node: Any, kind: Any, path: str, mistakes: Mistakes) -> Any:
    from_environment = isinstance(node, FromEnvironment)
    try:
        return msgspec.convert(str(node) if from_environment else node, kind, strict=not from_environment)
    except msgspec.ValidationError as error:
        # It begins with what was expected, and shows the value only where a word was to be one of a few.
        what = str(error).replace("`", "").replace(" | null", "")
        choices = [word for a in get_args(kind) if get_origin(a) is Literal for word in get_args(a)]
        if choices and isinstance(node, str):
            what = f"is {printable(node)}: should be {' or '.join(choices)}"
        elif _wants_text(kind) and isinstance(node, int | float | bool):
            what += " (put it in quotes)"
        mistakes.add(path, what[0].lower() + what[1:])
        return None


def _convert_struct(node: Any, shape: type[msgspec.Struct], path: str, mistakes: Mistakes) -> Any:
    if not isinstance(node, dict):
        mistakes.add(path, f"is {_name_of(node)}: should be a mapping with the keys {_keys_of(shape)}")
        return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    for key, value in node.items():
        if key not in fields:
            # A key without a value may be a piece of a secret that held a comma: {password: a, b}.
            shown = f"unknown key {printable(key)}" if value is not None else "a key that is unknown and has no value"
            mistakes.add(path, f"{shown}: the keys here are {_keys_of(shape)}")
    values = {}
    for key, field in fields.items():
        if node.get(key) is not None:
            value = _convert(node[key], field.type, _join(path, key), mistakes)
            if value is not None or field.required:
                values[field.name] = value
        elif field.required:
            mistakes.add(_join(path, key), "is missing: it has no default")
            values[field.name] = None
    return shape(**values)


def _wants_text(kind: Any) -> bool:
    return kind is str or any(_wants_text(argument) for argument in get_args(kind))


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, types.UnionType}


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _keys_of(shape: type[msgspec.Struct]) -> str:
    return ", ".join(_names(shape))


def _names(shape: type[msgspec.Struct]) -> Iterator[str]:
    return (field.encode_name for field in msgspec.structs.fields(shape))


def _name_of(node: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", FromEnvironment: "text", type(None): "empty"}
    return names.get(type(node), "a number or a date")
