"""Print docs/webauthn-scorecard.md: `python -m tests.passkeys.scorecard > docs/webauthn-scorecard.md`."""

from collections import Counter

from ostiary.passkeys.ceremony import Fault
from tests.passkeys import hostile_authenticators, hostile_clients, hostile_keys, vectors, verdicts

HEAD = """\
# WebAuthn scorecard

Which ceremonies and signatures Ostiary accepts, which it refuses, and with which word. Made from the data of the tests
in `tests/passkeys` by `python -m tests.passkeys.scorecard`; a test fails when this page is not current, others when a
verdict here is not the verifier's. Where the verifier is stricter than the standard, and why:
[decision 5](decisions/0005-webauthn-verification.md).
"""


def table(head, rows):
    return [line(head), line("---" for _ in head), *map(line, rows), ""]


def line(cells):
    return "| " + " | ".join(cells) + " |"


def word(text):
    return text if text == verdicts.OK else f"`{text}`"


def w3c():
    """The tables of the W3C vectors: policies, verdicts, reasons."""
    yield '## W3C: the 15 ceremonies of Web Authentication Level 3, section "Test Vectors"\n'
    yield "Each verdict is given for each policy, first on the registration, then on the assertion under its key, as if"
    yield "that key were on file. No vector passes `default` as a registration: none has user verification, attestation"
    yield "`none` and no frame at once.\n"
    yield from table(["policy", "what it is"], [[f"`{name}`", said] for name, said in verdicts.POLICY_WORDS.items()])
    head = ["vector", "ceremony", *(f"`{name}`" for name in verdicts.POLICY_WORDS)]
    rows = []
    for title, row in verdicts.W3C.items():
        rows.append([title, "registration", *(word(new) for new, _ in row)])
        rows.append(["", "assertion", *(word(old) for _, old in row)])
    yield from table(head, rows)
    yield from table(["verdict", "because"], [[word(text), said] for text, said in verdicts.REASONS.items()])


def wycheproof():
    """The table of the Wycheproof files."""
    yield "## Wycheproof: signatures\n"
    yield "Every test of every group goes through the function that verifies assertions. A verdict counts when it is the"
    yield "file's: `valid` accepted, `invalid` refused. The files hold no `acceptable` test, so nothing is left to taste.\n"
    rows = []
    for name in vectors.WYCHEPROOF:
        rows += [[f"`{name}`", *row] for row in by_flag(vectors.wycheproof(name))]
    yield from table(["file", "flags", "tests", "valid, accepted", "invalid, refused", "otherwise"], rows)
    yield "RS256 is tried by the W3C vector above, by a second verifier and by hostile tests; there is no vendored file.\n"


def by_flag(tests):
    counts = {}
    for group, test in tests:
        said = (test["result"], vectors.accepted(group, test))
        counts.setdefault(", ".join(test["flags"]), Counter())[said] += 1
    for flags, seen in sorted(counts.items()):
        good, bad = seen["valid", True], seen["invalid", False]
        yield [flags, *map(str, (seen.total(), good, bad, seen.total() - good - bad))]


def hostile():
    """The list of lies."""
    cases = hostile_clients.CASES + hostile_authenticators.CASES + hostile_keys.CASES
    yield f"## Hostile ceremonies: {len(cases)} lies, {len(Fault)} words\n"
    yield "A passkey in software tells one lie at a time; without the lie the same ceremony is admitted.\n"
    rows = []
    for fault in Fault:
        lies = list(dict.fromkeys(case.name for case in cases if case.fault == fault))
        count = str(sum(case.fault == fault for case in cases))
        rows.append([f"`{fault.value}`", count, "; ".join(lies)])
    yield from table(["word", "tests", "lies"], rows)


def page():
    """The whole page."""
    return "\n".join([HEAD, *w3c(), *wycheproof(), *hostile()]).rstrip() + "\n"


if __name__ == "__main__":
    print(page(), end="")
