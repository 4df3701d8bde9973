"""Which files the laws look at, and how they are read. Every law takes the root of a checkout and returns findings."""

import ast
import subprocess
from pathlib import Path

SOURCE_TREES = ("src/ostiary", "src/ostiary_client")
PYTHON_TREES = ("src", "tests", "bench", "examples")
SKIPPED = {".git", ".venv", ".lock-venv", "__pycache__", "node_modules"}


def modules(root, *trees):
    """The Python files of these trees, in a fixed order."""
    return [path for tree in trees for path in sorted((root / tree).rglob("*.py"))]


def parse(path):
    """The syntax tree of one file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def at(root, path, line, text):
    """One finding, written so that an editor can jump to it."""
    return f"{path.relative_to(root)}:{line}: {text}"


def functions(tree):
    """Every function of a module, nested ones too."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def documented(node):
    """The node of the docstring, or None."""
    first = node.body[0] if node.body else None
    is_text = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return first if is_text else None


def length(function):
    """The lines of a function, docstring and decorators not counted."""
    docstring = documented(function)
    hidden = docstring.end_lineno - docstring.lineno + 1 if docstring else 0
    return function.end_lineno - function.lineno + 1 - hidden


def committed(root):
    """The files that git tracks or would take, as paths; without git, everything but environments."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    asked = subprocess.run(command, cwd=root, capture_output=True, check=False) if (root / ".git").exists() else None
    if asked is not None and asked.returncode == 0:
        names = [root / name for name in asked.stdout.decode().split("\0") if name]
    else:
        names = [path for path in sorted(root.rglob("*")) if not SKIPPED & set(path.relative_to(root).parts)]
    return [path for path in names if path.is_file()]


def plant(root, files):
    """Write a small tree: a table of path and text."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Path(root)
