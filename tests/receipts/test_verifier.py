"""The stand-alone verifier: one file, on an interpreter that has no Ostiary, against exports that were tampered with."""

import ast
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ostiary.receipts import export
from ostiary.receipts.heads import signed_head, spell
from ostiary.receipts.sequencer import drain
from ostiary_client import verifier
from tests.receipts.tampering import Log

SOURCE = Path(verifier.__file__)


@pytest.fixture
def exported(anywhere, tmp_path):
    """An export of some twenty receipts, with an older head and a receipt whose text is not ASCII."""
    home = anywhere
    made = Export(home, tmp_path / "export.ndjson")
    for _ in range(5):
        home.open()
    made.older.write_text(made.head() + "\n")
    for number in range(5):
        home.open(f"user-é{number}")
    made.write()
    return made


class Export:
    """An export in a file, whose lines can be changed."""

    def __init__(self, home, path):
        self.home, self.path, self.older = home, path, path.with_name("heads")

    def settle(self):
        while self.home.house.vault.dialect != "sqlite" and self.home.act(drain):
            pass

    def head(self):
        self.settle()
        return self.home.read(lambda tx: spell(signed_head(tx, self.home.house.keyring)))

    def write(self, since=0):
        self.settle()
        house = self.home.house
        made = export.lines(house.vault, self.home.scope, house.keyring, since)
        self.lines = [json.loads(json.dumps(line)) for line in made]

    def verify(self, *words, capsys):
        self.path.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        code = verifier.main([str(self.path), *map(str, words)])
        out, err = capsys.readouterr()
        return code, out + err


def test_it_holds(exported, capsys):
    code, said = exported.verify("--head", exported.older, capsys=capsys)
    assert code == 0, said
    assert "keys   from the export itself: it agrees with itself, whoever made it" in said
    assert f"holds  {len(exported.lines) - 1} receipts" in said
    assert "and 1 older" in said


def test_it_runs_where_there_is_no_ostiary(exported, tmp_path):
    """The single file, copied, on an interpreter that sees `cryptography` and the standard library only."""
    exported.path.write_text("".join(json.dumps(line) + "\n" for line in exported.lines))
    away = tmp_path / "away"
    away.mkdir()
    (away / "verifier.py").write_text(SOURCE.read_text())
    for name in ("cryptography", "cffi", "_cffi_backend"):
        found = Path(find_spec(name).origin)
        found = found.parent if found.name == "__init__.py" else found
        (away / found.name).symlink_to(found)
    bare = f"import sys; sys.path.insert(0, {str(away)!r}); import verifier; sys.exit(verifier.main(sys.argv[1:]))"
    base = getattr(sys, "_base_executable", sys.executable)
    none = subprocess.run([base, "-I", "-S", "-c", "import ostiary"], capture_output=True, text=True, check=False)
    assert "No module named 'ostiary'" in none.stderr
    words = [base, "-I", "-S", "-c", bare, str(exported.path), "--head", str(exported.older)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("holds  ")


def test_the_package_runs_it_too(exported):
    exported.path.write_text("".join(json.dumps(line) + "\n" for line in exported.lines))
    for module in ("ostiary_client", "ostiary_client.verifier"):
        words = [sys.executable, "-m", module, str(exported.path)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), module


def test_it_is_short_and_stands_alone():
    text = SOURCE.read_text()
    assert len(text.splitlines()) < 200
    tree = ast.walk(ast.parse(text))
    names = [
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in tree
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    foreign = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert foreign == {"cryptography"}


def resign(line):
    foreign = Ed25519PrivateKey.from_private_bytes(bytes(32))
    line["actor"] = "operator:mallory"
    line["signature"] = foreign.sign(verifier._signed(line)).hex()


def drop(lines, place):
    del lines[place]


def drop_and_number(lines, place):
    del lines[place]
    for leaf, line in enumerate(lines[1:]):
        line["leaf"] = leaf


def swap(lines, place):
    lines[place], lines[place + 1] = lines[place + 1], lines[place]
    for leaf, line in enumerate(lines[1:]):
        line["leaf"] = leaf


def double(lines, place):
    lines.insert(place, dict(lines[place]))


def cut(lines):
    del lines[-3:]


def cut_and_counted(lines):
    del lines[-3:]
    lines[0]["count"] -= 3


CHANGES = {
    "altered": (lambda lines: lines[9].update(subject="ses-x"), "signature does not hold"),
    "reason added": (lambda lines: lines[9]["reasons"].append("x"), "signature does not hold"),
    "another tenant": (lambda lines: lines[9].update(tenant="other"), "signature does not hold"),
    "foreign key": (lambda lines: resign(lines[9]), "signature does not hold"),
    "unknown key": (lambda lines: lines[9].update(key="sk-x"), "nobody vouches for its key sk-x"),
    "removed": (lambda lines: drop(lines, 9), "stands where"),
    "removed and numbered anew": (lambda lines: drop_and_number(lines, 9), "not those over which"),
    "swapped": (lambda lines: swap(lines, 9), "not those over which"),
    "twice": (lambda lines: double(lines, 9), "stands where"),
    "cut": (cut, "the end is missing"),
    "cut and counted": (cut_and_counted, "the head speaks of"),
    "gone": (lambda lines: lines[9].update(missing=True), "gone when the export was made"),
    "head bent": (lambda lines: lines[0]["head"].update(root="00" * 32), "and does not hold"),
    "head of another size": (lambda lines: lines[0]["head"].update(size=3), "and does not hold"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_is_found(exported, case, capsys):
    act, words = CHANGES[case]
    act(exported.lines)
    code, said = exported.verify("--head", exported.older, capsys=capsys)
    assert (code, said.split()[0]) == (1, "WRONG"), said
    assert words in said


@pytest.mark.parametrize("column", [*verifier._BEFORE, "reasons", *verifier._AFTER])
def test_every_field_is_covered(exported, column, capsys):
    line = exported.lines[9]
    line[column] = ["x"] if column == "reasons" else (line[column] + 1 if column == "at" else line[column] + "x")
    assert exported.verify(capsys=capsys)[0] == 1


def test_an_older_head_of_another_log_is_found(exported, capsys):
    head = json.loads(exported.older.read_text())
    first = json.loads(json.dumps(exported.lines[0]["head"]))
    key = exported.home.house.keyring.find(head["key"])
    forged = head | {"root": first["root"]}
    covered = b"".join(
        verifier._netstring(str(forged[name]).encode()) for name in ("format", "size", "root", "at", "key")
    )
    forged["signature"] = Ed25519PrivateKey.from_private_bytes(key.secret).sign(covered).hex()
    exported.older.write_text(json.dumps(forged) + "\n")
    code, said = exported.verify("--head", exported.older, capsys=capsys)
    assert code == 1
    assert "not those over which the older head was signed" in said
    exported.older.write_text(json.dumps(forged) + "\n" + json.dumps(head) + "\n")
    assert "shown in two ways" in exported.verify("--head", exported.older, capsys=capsys)[1]


def test_a_head_beyond_the_export_means_that_it_is_cut(exported, capsys):
    exported.home.open()
    exported.older.write_text(exported.head() + "\n")
    code, said = exported.verify("--head", exported.older, capsys=capsys)
    assert code == 1
    assert "the export is cut, or older" in said


@pytest.mark.parametrize("change", [lambda _: "", lambda text: text.strip()[:-5]], ids=["empty", "torn"])
def test_a_head_that_was_asked_for_and_cannot_be_read_is_no_head_that_agrees(exported, change, capsys):
    """Whoever hands over --head asks for a cut tail: with none read, "holds" and exit code 0 say that there is none."""
    exported.home.open()
    exported.older.write_text(change(exported.head()))
    code, said = exported.verify("--head", exported.older, capsys=capsys)
    assert code != 0, said


@pytest.mark.parametrize("holds", ["", "{}\n", '{"keys": []}\n'], ids=["empty", "no key", "no keys"])
def test_a_file_of_keys_without_a_key_does_not_let_the_export_vouch_for_itself(exported, holds, capsys):
    pinned = exported.path.with_name("keys")
    pinned.write_text(holds)
    assert exported.verify("--keys", pinned, capsys=capsys)[0] == 2


def test_a_head_by_a_key_that_is_not_pinned_says_how_that_may_come(exported, capsys):
    pinned = exported.path.with_name("keys")
    pinned.write_text(json.dumps({"id": "sk-other", "tenant": "default", "public": "00" * 32}))
    code, said = exported.verify("--keys", pinned, capsys=capsys)
    assert (code, "after a rotation, get it by another way" in said) == (1, True)


def test_a_head_is_read_whatever_spaces_stand_around_it(exported, capsys):
    exported.older.write_text(exported.head().strip() + " \n")
    exported.home.open()
    code, said = exported.verify("--head", exported.older, capsys=capsys)
    assert (code, "1 older" in said) == (0, True)


def test_a_field_that_stands_twice_is_found(exported, capsys):
    """One reader takes the first, another the last: what is verified must be what everybody reads."""
    lines = [json.dumps(line) for line in exported.lines]
    lines[1] = '{"actor": "user-somebody-else", ' + lines[1][1:]
    exported.path.write_text("\n".join(lines) + "\n")
    assert verifier.main([str(exported.path)]) != 0, capsys.readouterr().out


def test_an_export_from_the_middle_proves_itself_too(exported, capsys):
    middle = exported.lines[10]["seq"]
    before = exported.lines[11:]
    exported.write(since=middle)
    assert exported.lines[1:] == before
    assert exported.lines[0]["count"] == len(before)
    assert exported.verify(capsys=capsys)[0] == 0
    assert exported.verify("--head", exported.older, capsys=capsys)[0] in {0, 1}
    exported.lines[0]["before"][0] = "00" * 32
    assert exported.verify(capsys=capsys)[0] == 1


def test_with_pinned_keys_a_log_that_somebody_made_up_does_not_hold(exported, tmp_path, capsys):
    keys = tmp_path / "keys"
    keys.write_text("".join(json.dumps(key) + "\n" for key in exported.lines[0]["keys"]))
    code, said = exported.verify("--keys", keys, capsys=capsys)
    assert (code, "keys   pinned" in said) == (0, True)
    keys.write_text(json.dumps(exported.lines[0]["keys"][0] | {"public": "11" * 32}) + "\n")
    assert exported.verify("--keys", keys, capsys=capsys)[0] == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        "nonsense",
        '{"format": "ostiary.export.v2"}',
        '{"format": "ostiary.export.v1"}',
        "[" * 100_000,
    ],
)
def test_what_is_no_export_is_said_so(tmp_path, text, capsys):
    path = tmp_path / "odd"
    path.write_text(text + "\n")
    assert verifier.main([str(path)]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("change", [{"first": -1}, {"before": 3}, {"keys": [{}]}, {"head": {}}, {"count": "x"}])
def test_an_odd_first_line_is_no_crash(exported, change, capsys):
    exported.lines[0].update(change)
    assert exported.verify(capsys=capsys)[0] in {1, 2}


def test_a_receipt_that_is_gone_is_exported_as_missing(exported, capsys):
    Log(exported.home).run("DELETE FROM receipts WHERE seq = 9")
    exported.write()
    assert exported.lines[9]["missing"] is True
    assert "gone when the export was made" in exported.verify(capsys=capsys)[1]
