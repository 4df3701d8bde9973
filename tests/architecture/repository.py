"""Laws of the repository: nothing that only one machine or one registry knows."""

import re

from tests.architecture.sources import at, committed

MACHINE = re.compile(r"(?<![\w.~$}-])/(?:work|root|home)/")
REGISTRY = re.compile(
    r"https?://(?:[\w.-]+\.)?(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|yarnpkg\.com|debian\.(?:org|net)|crates\.io|golang\.org)\b"
)
LOCKS = {"requirements.lock", "requirements-dev.lock"}


def machine_paths(root):
    """No absolute path of somebody's machine."""
    return search(root, MACHINE, "an absolute path of one machine")


def registry_hosts(root):
    """No address of a package registry: whoever installs has their own."""
    return search(root, REGISTRY, "the address of a package registry")


def lock_addresses(root):
    """The locks hold names, versions and hashes; no address at all."""
    return [finding for finding in search(root, re.compile("://"), "an address") if finding.split(":")[0] in LOCKS]


def search(root, pattern, text):
    """Findings for a pattern in everything that is committed."""
    found = []
    for path in committed(root):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        found += [at(root, path, number, text) for number, line in enumerate(lines, 1) if pattern.search(line)]
    return found


LAWS = [machine_paths, registry_hosts, lock_addresses]
