"""Laws of shape: names, sizes, package docstrings, shelves (docs/architecture.md, rules 1, 2, 4 and 6)."""

import ast
import math
import re
import statistics
import tomllib

from tests.architecture.sources import PYTHON_TREES, SOURCE_TREES, at, functions, length, modules, parse

DOCSTRING_LINES = 12
FILE_LINES, FILE_MEDIAN = 400, 120
FUNCTION_LINES, FUNCTION_P90, FUNCTION_MEDIAN = 50, 25, 8
NOT_NOUNS = {"utils", "util", "common", "helpers", "helper", "base", "manager", "managers", "misc"}
WITHOUT_SHELF = {"__init__", "__main__"}


def package_docstrings(root):
    """A package says what it owns, what it does not and who calls it, in at most 12 lines."""
    folders = {path.parent for path in modules(root, *SOURCE_TREES) if "migrations" not in path.parts}
    bare = sorted(folder for folder in folders if not (folder / "__init__.py").exists())
    found = [at(root, folder / "__init__.py", 1, "the folder has modules, but is no package") for folder in bare]
    for path in modules(root, *SOURCE_TREES):
        if path.name == "__init__.py":
            lines = len((ast.get_docstring(parse(path)) or "").splitlines())
            if not lines:
                found.append(at(root, path, 1, "the package does not open with a docstring"))
            elif lines > DOCSTRING_LINES:
                found.append(
                    at(
                        root,
                        path,
                        1,
                        f"the package's docstring has {lines} lines, more than {DOCSTRING_LINES}",
                    )
                )
    return found


def glossary_names(root):
    """Folders and files are nouns of the glossary."""
    found = []
    for path in modules(root, *PYTHON_TREES):
        words = {word for part in path.relative_to(root).with_suffix("").parts for word in part.split("_")}
        found += [at(root, path, 1, f"{word!r} is no noun of the glossary") for word in sorted(words & NOT_NOUNS)]
    return found


def file_sizes(root):
    """Files: none above 400 lines, median at most 120."""
    found = []
    for tree in SOURCE_TREES:
        sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules(root, tree)}
        found += [
            at(root, path, 1, f"{size} lines, more than {FILE_LINES}")
            for path, size in sizes.items()
            if size > FILE_LINES
        ]
        median = statistics.median(sizes.values()) if sizes else 0
        if median > FILE_MEDIAN:
            found.append(f"{tree}: half of the files have more than {FILE_MEDIAN} lines (median {median:g})")
    return found


def function_sizes(root):
    """Functions: none above 50 lines, nine of ten at most 25, half at most 8; the docstring is not counted."""
    found = []
    for tree in SOURCE_TREES:
        sizes = [(path, one, length(one)) for path in modules(root, tree) for one in functions(parse(path))]
        found += [
            at(root, path, one.lineno, f"{one.name} has {size} lines, more than {FUNCTION_LINES}")
            for path, one, size in sizes
            if size > FUNCTION_LINES
        ]
        found += spread(tree, sorted(size for _, _, size in sizes))
    return found


def spread(tree, sizes):
    """Findings about the distribution of function sizes."""
    if not sizes:
        return []
    median, p90 = statistics.median(sizes), sizes[math.ceil(0.9 * len(sizes)) - 1]
    found = []
    if median > FUNCTION_MEDIAN:
        found.append(f"{tree}: half of the functions have more than {FUNCTION_MEDIAN} lines (median {median:g})")
    if p90 > FUNCTION_P90:
        found.append(f"{tree}: more than one function in ten has over {FUNCTION_P90} lines (p90 {p90})")
    return found


def shelves(root):
    """Every folder and module at the top of the server has a shelf in pyproject.toml."""
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    known = {name for one in contracts for layer in one.get("layers", []) for name in re.findall(r"\w+", layer)}
    tops = {
        path.relative_to(root / "src/ostiary").parts[0].removesuffix(".py") for path in modules(root, "src/ostiary")
    }
    return [f"src/ostiary/{top}: stands on no shelf" for top in sorted(tops - known - WITHOUT_SHELF)]


LAWS = [package_docstrings, glossary_names, file_sizes, function_sizes, shelves]
