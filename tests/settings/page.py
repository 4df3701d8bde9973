"""Print docs/settings.md: `python -m tests.settings.page > docs/settings.md`."""

from ostiary.aliases import ALIASES
from ostiary.settings import KEYS

HEAD = """\
# Settings

Each key is read from the environment as `OSTIARY_<KEY>`, or from `ostiary.toml` in lower case. The environment wins. The file is looked
for in the working folder; `OSTIARY_CONFIG` names another one, which must then be there. A relative path is taken from the working
folder. A key that does not exist stops the start and names its nearest neighbour; so does a value that cannot be read. Made from
the code by `python -m tests.settings.page`; a test fails when this page is not current, others when a key does not do what its
last column says.
"""

TAIL = """\
A duration is a number with `ms`, `s`, `m`, `h` or `d`; a bare number counts seconds. A switch is `true` or `false`. In the file, a list
may be an array:

```toml
origin = "https://id.example.test"
trusted_proxies = ["10.0.0.0/8", "192.0.2.7"]
session_idle_timeout = "30m"
session_bind_user_agent = true
```

What contradicts itself stops the start too: a retention below the longest life of a session or a token, an internal address beyond loopback, one port for
both listeners, a key-encryption key inside the data folder, an http origin beyond localhost.
"""

OTHERS = """
## Other names
The environment names of the source's authsession, so that its deployment starts unchanged. They are read from the environment only, and win
over the file. A key that is set by two names which differ stops the start; so does an `AUTHSESSION_…` that is not here. Durations may be
written as Go does (`1.5s`). An address of a service beyond this machine must be https here.

| name | key | remark |
| --- | --- | --- |
"""


def page():
    """The whole page."""
    rows = [f"| `{name}` | {shown(key.default)} | {key.meaning} | {key.effect} |" for name, key in KEYS.items()]
    table = "\n".join([HEAD, "| key | default | meaning | effect |", "| --- | --- | --- | --- |", *rows, "", TAIL])
    others = [f"| `{name}` | {shown(alias.key)} | {alias.remark or '–'} |" for name, alias in ALIASES.items()]
    return table + OTHERS + "\n".join([*others, ""])


def shown(default):
    """A default in a cell."""
    return f"`{default}`" if default else "–"


if __name__ == "__main__":
    print(page(), end="")
