"""Writes docs/configuration.md from the structs of the server's configuration, or checks that it is in step.

Usage:
    python scripts/generate_configuration_reference.py            write docs/configuration.md
    python scripts/generate_configuration_reference.py --check    fail if it differs from what would be written
"""

import argparse
import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from gistwire_server.config import ServerConfig
from msgspec.inspect import (
    BoolType,
    CustomType,
    DictType,
    EnumType,
    Field,
    FloatType,
    IntType,
    LiteralType,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "configuration.md"
SOURCES = ("models", "indexer", "server", "client")

VARIABLES = {
    "GISTWIRE_API_KEY": "API key or token of commands that connect to a server (`--api-key-file` goes before it).",
    "GISTWIRE_API_KEY_FILE": "File with it: `--api-key-file`.",
    "GISTWIRE_CA_FILE": "Certificates that sign the server's: `--ca-file`.",
    "GISTWIRE_CLIENT_CERTIFICATE": "Certificate of the client, for mutual TLS: `--client-certificate`.",
    "GISTWIRE_CLIENT_KEY": "Its private key: `--client-key`.",
    "GISTWIRE_DATA_DIR": "Folder of the embedded index: `--data-dir`.",
    "GISTWIRE_ELASTICSEARCH_API_KEY": "API key of the cluster, where `elasticsearch.api_key_file` names none.",
    "GISTWIRE_ELASTICSEARCH_PASSWORD": "Password of the cluster, where `elasticsearch.password_file` names none.",
    "GISTWIRE_KEYS_FILE": "File of the API keys that a server takes: `gistwire keys --file`.",
    "GISTWIRE_TARGET": "Server that commands connect to: `--target`.",
    "GISTWIRE_TENANT": "Tenant that commands are about: `--tenant`.",
    "GISTWIRE_TLS": "Whether commands connect with TLS: `--tls`.",
    "GISTWIRE_TRITON_HOME": "Folder of the Triton server that `gistwire models serve` runs; else the user's cache.",
    "GISTWIRE_TRITON_PATH": "In Triton: folders in which the models look for Python packages, joined as in `PATH`.",
}
"""Environment variables that the code reads; `main` fails where this list and the code differ."""

HEADER = """\
# Configuration

<!-- Written by scripts/generate_configuration_reference.py from the code; change the docstrings there. -->

`gistwire serve --config gistwire.toml` reads a TOML file with the settings below. All have defaults, except that a
file must say `data_dir`. A setting that does not exist, or a value out of bounds, is refused at the start, by name.
Options of `gistwire serve` go before the file. A file that a setting names for a secret holds nothing else.

A configuration for production is in [deployment.md](deployment.md).
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file.

    Attributes:
        path: its name with those of the tables around it; empty for the top.
        repeated: whether there may be any number of them.
        info: the struct that it is read into.
    """

    path: tuple[str, ...]
    repeated: bool
    info: StructType

    @property
    def title(self) -> str:
        """Its head in the file."""
        name = ".".join(self.path)
        return f"[[{name}]]" if self.repeated else f"[{name}]"


def tables(table: Table) -> Iterator[Table]:
    """Yields a table and those inside it, outer ones first."""
    yield table
    for field in table.info.fields:
        found = _struct_of(field.type)
        if found is not None:
            info, repeated = found
            yield from tables(Table((*table.path, field.encode_name), repeated, info))


def reference() -> str:
    """Returns the whole reference."""
    top = type_info(ServerConfig)
    if not isinstance(top, StructType):
        raise TypeError("the configuration is not a struct")
    found = list(tables(Table((), repeated=False, info=top)))
    parts = [HEADER]
    for table in found:
        heading = "At the top of the file" if not table.path else f"`{table.title}`"
        text = f"## {heading}\n\n"
        if table.path:
            text += f"{_markdown(inspect.getdoc(table.info.cls) or '')}\n\n"
        parts.append(text + "\n".join(_rows(table)) + "\n")
    parts.append(_variables())
    return "\n".join(parts)


def field_docstrings(cls: type) -> dict[str, str]:
    """Returns the text under each field of a class, by the field's name."""
    [definition] = ast.parse(inspect.getsource(cls)).body
    if not isinstance(definition, ast.ClassDef):
        raise TypeError(f"{cls} is no class")
    found: dict[str, str] = {}
    for statement, following in zip(definition.body, definition.body[1:], strict=False):
        match statement, following:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = inspect.cleandoc(text)
    return found


def _rows(table: Table) -> Iterator[str]:
    texts = field_docstrings(table.info.cls)
    inner = [field for field in table.info.fields if _struct_of(field.type) is not None]
    simple = [field for field in table.info.fields if _struct_of(field.type) is None]
    if simple:
        yield "| setting | value | default | meaning |"
        yield "|---|---|---|---|"
    for field in simple:
        text = texts.get(field.name)
        if text is None:
            raise ValueError(f"{table.info.cls.__name__}.{field.name} has no docstring")
        cells = (f"`{field.encode_name}`", _value(field.type), _default(field), _markdown(text))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    if inner:
        yield ""
        yield "Tables inside:"
        yield ""
    for field in inner:
        found = _struct_of(field.type)
        text = texts.get(field.name) or (inspect.getdoc(found[0].cls) if found else None) or ""
        title = Table((*table.path, field.encode_name), bool(found and found[1]), table.info).title
        needed = " Required." if field.required else ""
        yield f"- `{title}`: {_markdown(text)}{needed}"


def _struct_of(kind: Type) -> tuple[StructType, bool] | None:
    """The struct that a table is read into, and whether there may be several; None for a simple value."""
    match kind:
        case StructType():
            return kind, False
        case UnionType(types=types):
            structs = [each for each in types if isinstance(each, StructType)]
            return (structs[0], False) if structs else None
        case VarTupleType(item_type=StructType() as item):
            return item, True
    return None


def _value(kind: Type) -> str:
    """What may be written, in words."""
    match kind:
        case UnionType(types=types):
            return _value(next(each for each in types if not isinstance(each, NoneType)))
        case BoolType():
            return "boolean"
        case IntType():
            return "integer" + _bounds(kind)
        case FloatType():
            return "number" + _bounds(kind)
        case StrType(pattern=str(pattern)):
            return f"string like `{pattern}`"
        case StrType():
            return "string"
        case LiteralType(values=values):
            return ", ".join(f"`{json.dumps(value)}`" for value in values)
        case EnumType(cls=cls):
            return ", ".join(f"`{json.dumps(member.value)}`" for member in cls)
        case VarTupleType(item_type=item, min_length=least):
            some = "at least one" if least else "any number"
            return f"list of {_value(item)}, {some}"
        case DictType(value_type=item):
            return f"table of {_value(item)} by name"
        case CustomType(cls=cls) if issubclass(cls, Path):
            return "path"
    raise TypeError(f"no words for {kind}")


def _bounds(kind: IntType | FloatType) -> str:
    signs = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
    found = [f"{sign} {getattr(kind, name):,}" for name, sign in signs if getattr(kind, name) is not None]
    return f", {' and '.join(found)}" if found else ""


def _default(field: Field) -> str:
    if field.required:
        return "required"
    value: Any = field.default
    if value is msgspec.NODEFAULT:
        value = field.default_factory()
    if value is None:
        return "none"
    return f"`{json.dumps(msgspec.to_builtins(value, enc_hook=str), ensure_ascii=False)}`"


def _markdown(text: str) -> str:
    """A docstring as one line of Markdown."""
    return re.sub(r"\s+", " ", text.replace("``", "`")).strip()


def _variables() -> str:
    lines = ["## Environment", "", "| variable | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {VARIABLES[name]} |" for name in sorted(VARIABLES)]
    return "\n".join(lines) + "\n"


def _check_variables() -> None:
    """Ends the program if VARIABLES is not what the code reads."""
    pattern = re.compile(r"\bGISTWIRE_[A-Z_]*[A-Z]\b")
    read = {
        name
        for source in SOURCES
        for path in (ROOT / source).rglob("*.py")
        for name in pattern.findall(path.read_text(encoding="utf-8"))
    }
    if read != VARIABLES.keys():
        differing = ", ".join(sorted(read ^ VARIABLES.keys()))
        sys.exit(f"generate_configuration_reference: VARIABLES and the code differ in {differing}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the reference, or checks it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="fail if the file differs from what would be written"
    )
    parser.add_argument("--output", type=Path, default=REFERENCE, help="the file")
    options = parser.parse_args(arguments)
    _check_variables()
    text = reference()
    if not options.check:
        options.output.write_text(text, encoding="utf-8")
    elif not options.output.is_file() or options.output.read_text(encoding="utf-8") != text:
        sys.exit(
            f"{options.output} is not what the code says; run python scripts/generate_configuration_reference.py"
        )


if __name__ == "__main__":
    main()
