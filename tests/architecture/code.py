"""Laws of code: what may stand where (docs/architecture.md, rules 5, 7, 8, 18, 19, 24 and 25)."""

import ast
import re
import tokenize

from tests.architecture.sources import (
    PYTHON_TREES,
    SOURCE_TREES,
    at,
    documented,
    functions,
    length,
    modules,
    parse,
)

HANDLER_LINES = 15
OURS = {"ostiary", "ostiary_client"}
SQL = re.compile(r"\s*(?:SELECT\s|INSERT\s|UPDATE\s|DELETE\s+(?:FROM\b|$)|PRAGMA\s)")
DIRECTIVE = re.compile(r"#\s*(?:(?:ruff:\s*|flake8:\s*)?noqa|type:\s*ignore|mypy:\s*ignore-errors|nosec)\b")
CODED = re.compile(
    r"#\s*(?:(?:ruff:\s*|flake8:\s*)?noqa:\s*[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*|type:\s*ignore\[[\w\s,-]+\]|nosec:?\s+B\d+(?:[,\s]+B\d+)*)"
)
STATEFUL = re.compile(
    r"(?:(?:asyncio|threading|multiprocessing)\.\w*(?:Lock|Event|Queue|Semaphore|Condition|Thread)"
    r"|(?:\w+\.)*(?:create_engine|Engine|ThreadPoolExecutor|(?:Async)?Client|(?:Async)?Connection)|sqlite3\.connect|psycopg\.connect)"
)
DECLARED = {
    "App",
    "Index",
    "MetaData",
    "NewType",
    "Operation",
    "ParamSpec",
    "Statement",
    "Table",
    "TypeVar",
    "TypeVarTuple",
}
ENVIRONMENT_METHODS = {"setenv", "delenv"}


def local_imports(root):
    """Imports of ours stand at the top of the file."""
    found = []
    for path in modules(root, *SOURCE_TREES):
        for function in functions(parse(path)):
            named = [node for node in ast.walk(function) if imported(node) & OURS]
            found += [at(root, path, node.lineno, f"{function.name} imports ours inside itself") for node in named]
    return found


def imported(node):
    """The top packages that an import statement names."""
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    return {name.split(".")[0] for name in names}


def environment(root):
    """The environment is read in one file."""
    found = []
    for path in modules(root, *SOURCE_TREES):
        if path != root / "src/ostiary/settings.py":
            nodes = [node for node in ast.walk(parse(path)) if reads_environment(node)]
            found += [at(root, path, node.lineno, "reads the environment; only settings.py does") for node in nodes]
    return found


def reads_environment(node):
    """Whether this node is os.environ, os.getenv or an import of them."""
    words = {"environ", "environb", "getenv", "getenvb"}
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(alias.name in words for alias in node.names)
    return (
        isinstance(node, ast.Attribute)
        and node.attr in words
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    )


def sql_places(root):
    """SQL stands in files named store.py and in storage/, nowhere else."""
    found = []
    for path in modules(root, *SOURCE_TREES):
        inside = path.relative_to(root / "src").parts
        if path.name == "store.py" or inside[:2] == ("ostiary", "storage"):
            continue
        found += [at(root, path, line, text) for line, text in spoken_sql(parse(path))]
    return found


def spoken_sql(tree):
    """Lines of a module that import SQLAlchemy or hold an SQL text."""
    prose = {
        id(documented(node).value)
        for node in ast.walk(tree)
        if hasattr(node, "body") and is_scope(node) and documented(node)
    }
    for node in ast.walk(tree):
        if "sqlalchemy" in imported(node):
            yield node.lineno, "imports sqlalchemy"
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in prose
            and SQL.match(node.value)
        ):
            yield node.lineno, "holds SQL"


def is_scope(node):
    """Whether a node may open with a docstring."""
    return isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)


def private_stores(root):
    """A store belongs to its feature; others ask the service. Only the composition root may name it."""
    found = []
    for path in modules(root, "src/ostiary"):
        here = ".".join(path.relative_to(root / "src").with_suffix("").parts)
        for node in ast.walk(parse(path)):
            owners = {name.removesuffix(".store") for name in dotted(node) if name.endswith(".store")}
            foreign = sorted(owner for owner in owners if not here.startswith(f"{owner}.") and here != "ostiary.app")
            found += [at(root, path, node.lineno, f"uses the store of {owner}; ask its service") for owner in foreign]
    return found


def dotted(node):
    """The full names that an import statement may bring: modules, and members that may be modules."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return set()


def exported_names(root):
    """`__all__` is sorted and every name in it exists."""
    found = []
    for path in modules(root, *SOURCE_TREES):
        tree = parse(path)
        for node in tree.body:
            if isinstance(node, ast.Assign) and [getattr(target, "id", None) for target in node.targets] == ["__all__"]:
                names = ast.literal_eval(node.value)
                absent = [] if "__getattr__" in bound(tree) else sorted(set(names) - bound(tree) - beside(path))
                found += [
                    at(root, path, node.lineno, f"__all__ names {name!r}, which does not exist") for name in absent
                ]
                if list(names) not in (sorted(names), sorted(names, key=by_kind)):
                    found.append(at(root, path, node.lineno, "__all__ is not sorted"))
    return found


def by_kind(name):
    """The order of ruff's RUF022: constants, classes, the rest."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def bound(tree):
    """Names that a module binds at its top level."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names | {node.name for node in tree.body if hasattr(node, "name")}


def beside(path):
    """Submodules of a package, which its `__all__` may name."""
    return {one.stem for one in path.parent.iterdir()} if path.name == "__init__.py" else set()


def suppressions(root):
    """Every suppression carries its code and, after it, its reason."""
    found = []
    for path in modules(root, *PYTHON_TREES):
        with path.open("rb") as file:
            comments = [token for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT]
        for token in comments:
            if DIRECTIVE.search(token.string):
                rest = CODED.sub("", token.string)
                if DIRECTIVE.search(rest):
                    found.append(at(root, path, token.start[0], "a suppression without a code"))
                elif len(re.findall(r"[^\W\d_]{2,}", rest)) < 2:
                    found.append(at(root, path, token.start[0], "a suppression without a reason on its line"))
    return found


def handlers(root):
    """A handler that an Operation names decodes, calls once and encodes: at most 15 lines, no `if`."""
    found = []
    for path in modules(root, *SOURCE_TREES):
        if path.name == "routes.py":
            tree = parse(path)
            names = {name for node in ast.walk(tree) for name in named_handlers(node)}
            for function in (one for one in functions(tree) if one.name in names):
                if length(function) > HANDLER_LINES:
                    found.append(
                        at(
                            root,
                            path,
                            function.lineno,
                            f"the handler {function.name} has {length(function)} lines",
                        )
                    )
                if any(isinstance(node, ast.If | ast.IfExp | ast.Match) for node in ast.walk(function)):
                    found.append(
                        at(
                            root,
                            path,
                            function.lineno,
                            f"the handler {function.name} decides; a rule belongs below",
                        )
                    )
    return found


def named_handlers(node):
    """The function names that a call of Operation is given as its handler."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Operation":
        return [word.value.id for word in node.keywords if word.arg == "handler" and isinstance(word.value, ast.Name)]
    return []


def instances(root):
    """No module keeps an instance or a container to be filled; constants and declarations are fine."""
    found = []
    for path in modules(root, *SOURCE_TREES):
        for node in parse(path).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                name = getattr(target, "id", "")
                if name and not name.startswith("__") and is_instance(name, node.value):
                    found.append(at(root, path, node.lineno, f"{name} is an instance kept by a module; pass it in"))
    return found


def is_instance(name, value):
    """A modest guess: empty containers, locks and connections always, other objects where the name is no constant."""
    if isinstance(value, ast.Dict | ast.List):
        return not ast.unparse(value).strip("{}[]")
    if not isinstance(value, ast.Call):
        return False
    called = ast.unparse(value.func)
    last = called.split(".")[-1].split("[")[0]
    empty = last in {"dict", "list", "set", "deque", "defaultdict"} and not value.args
    made = last[:1].isupper() and last not in DECLARED and not name.isupper()
    return empty or bool(STATEFUL.fullmatch(called)) or made


def patching(root):
    """Fakes are passed in: a test changes nothing but the environment."""
    found = []
    for path in modules(root, "tests"):
        nodes = [node for node in ast.walk(parse(path)) if patches(node)]
        found += [at(root, path, node.lineno, "patches; pass a fake in") for node in nodes]
    return found


def patches(node):
    """Whether this node is a mock, or a monkeypatch of anything but the environment."""
    if isinstance(node, ast.ImportFrom | ast.Import):
        named = ast.unparse(node)
        return (
            "unittest.mock" in named or "pytest_mock" in named or bool(re.search(r"unittest import .*\bmock\b", named))
        )
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "monkeypatch":
        return node.attr not in ENVIRONMENT_METHODS
    return isinstance(node, ast.arg) and node.arg == "mocker"


LAWS = [
    local_imports,
    environment,
    sql_places,
    private_stores,
    exported_names,
    suppressions,
    handlers,
    instances,
    patching,
]
