"""JSON Schemas of what is asked and answered, in the form that generated clients read well.

A component is named as a person would say it (`StartedEnvelope`), a request takes no other members, what may be left
out of a request says what it then is in words (generators take `default` for a promise that it is there), and of an
answer every member is there.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

import msgspec

__all__ = ["Schema", "schemas_of", "shape_of"]

Schema = dict[str, Any]

_PREFIX = "#/components/schemas/"
_REF = _PREFIX + "{name}"
_GENERIC = re.compile(r"(\w+)\[(\w+)\]")
_NOTHING: tuple[Any, ...] = (None, "", [], {})


def schemas_of(asked: Iterable[Any], answered: Iterable[Any]) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    """Return the schema of each of these structs, a reference; and all components that they lead to, by name."""
    requests, responses = list(asked), list(answered)
    structs = [*requests, *responses]
    schemas, components = msgspec.json.schema_components(structs, ref_template=_REF)
    names = {name: _name(name, shape) for name, shape in components.items()}
    found = dict(zip(structs, (_renamed(schema, names) for schema in schemas), strict=True))
    made = {names[name]: _renamed(shape, names) | {"title": names[name]} for name, shape in components.items()}
    asking = _reached([found[struct] for struct in requests], made)
    return found, {name: (_request if name in asking else _response)(shape) for name, shape in made.items()}


def shape_of(struct: Any) -> Schema:  # noqa: ANN401 - a msgspec struct type
    """Return the schema of one struct itself; what it refers to is named and not shown."""
    (schema,), components = msgspec.json.schema_components([struct], ref_template="{name}")
    names = {name: _name(name, shape) for name, shape in components.items()}
    shape: Schema = _renamed(components[schema["$ref"]], names, "")
    return shape


def _name(name: str, shape: Schema) -> str:
    """Return what a component is called: of `Envelope[Started]`, `StartedEnvelope`."""
    generic = _GENERIC.fullmatch(shape.get("title", ""))
    return generic[2] + generic[1] if generic else name


def _renamed(schema: Any, names: dict[str, str], prefix: str = _PREFIX) -> Any:  # noqa: ANN401 - JSON Schema is any value
    if isinstance(schema, list):
        return [_renamed(one, names, prefix) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _renamed(value, names, prefix) for key, value in schema.items()}
    if isinstance(schema.get("$ref"), str):
        made["$ref"] = prefix + names[schema["$ref"].removeprefix(prefix)]
    return made


def _reached(schema: Any, components: dict[str, Schema]) -> set[str]:  # noqa: ANN401 - JSON Schema is any value
    """Return the names of all components that a schema leads to."""
    names: set[str] = set()
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            name = str(one.get("$ref", "")).removeprefix(_PREFIX)
            if name and name not in names:
                names.add(name)
                waiting.append(components[name])
            waiting += [value for value in one.values() if isinstance(value, dict | list)]
    return names


def _request(shape: Schema) -> Schema:
    if "properties" not in shape:
        return shape
    return shape | {"properties": {name: _optional(inner) for name, inner in shape["properties"].items()}}


def _optional(schema: Schema) -> Schema:
    if "default" not in schema:
        return schema
    made = {key: value for key, value in schema.items() if key != "default"}
    if schema["default"] in _NOTHING:
        return made
    words = f"Left out, it is `{json.dumps(schema['default'])}`."
    return made | {"description": f"{made['description']}. {words}" if "description" in made else words}


def _response(shape: Schema) -> Schema:
    """Every member is there: the server leaves no default out."""
    if "properties" not in shape:
        return shape
    bare = {
        name: {key: value for key, value in inner.items() if key != "default"}
        for name, inner in shape["properties"].items()
    }
    return shape | {"properties": bare, "required": list(bare)}
