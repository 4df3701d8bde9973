"""The pages and the files they load: read once at build, then only looked up.

Nothing here knows a rule: a page is a template and the values it was given. A value that a template wants
and was not given is an error (`StrictUndefined`), never an empty place.
"""

import datetime as dt
import hashlib
import re
from importlib import resources

import jinja2
import msgspec

__all__ = ["Asset", "Pages"]

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
# NOTE: an import inside a module must carry the version too, or a cached old module would meet a new one.
_IMPORT = re.compile(rb'from "\./([a-z-]+\.js)";')


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One static file. `url` changes whenever `body` does, so a versioned answer may be cached for ever."""

    name: str
    body: bytes
    content_type: str
    version: str

    @property
    def etag(self) -> str:
        """The strong entity tag, quoted as RFC 9110, section 8.8.3 wants it."""
        return f'"{self.version}"'

    @property
    def url(self) -> str:
        """The path and version under which pages refer to the file."""
        return f"/static/{self.name}?v={self.version}"


class Pages:
    """All templates, compiled, and all static files, hashed. Build it once; it may be shared by threads.

    `site` is the name that people see at the door. A broken template or an import of a missing module fails
    here, not in front of a person.
    """

    def __init__(self, site: str = "Ostiary") -> None:
        """Read and compile everything."""
        self.assets = _assets(_files())
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("ostiary.console"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(site=site, static=self._url)
        self._environment.filters["utc"] = _utc
        self._templates = {
            name.removesuffix(".html"): self._environment.get_template(name)
            for name in self._environment.list_templates()
        }

    def render(self, template: str, /, **context: object) -> str:
        """Give the page `template` (a name without folder or ending) as HTML.

        A value that the template wants and `context` lacks raises jinja2.UndefinedError.
        """
        return self._templates[template].render(context)

    def _url(self, name: str) -> str:
        return self.assets[name].url


def _files() -> dict[str, bytes]:
    folder = resources.files("ostiary.console") / "static"
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}


def _assets(files: dict[str, bytes]) -> dict[str, Asset]:
    """Hash every file after the versions of what it imports were written into it (imports have no cycle)."""
    done: dict[str, Asset] = {}

    def make(name: str) -> Asset:
        if name not in done:
            body = _IMPORT.sub(lambda found: _versioned(make(found[1].decode())), files[name])
            done[name] = Asset(
                name=name,
                body=body,
                content_type=_TYPES[name.rpartition(".")[2]],
                version=hashlib.sha256(body).hexdigest()[:16],
            )
        return done[name]

    for name in sorted(files):
        make(name)
    return done


def _versioned(asset: Asset) -> bytes:
    return f'from "./{asset.name}?v={asset.version}";'.encode()


def _utc(value: str) -> str:
    """Write an RFC 3339 time for a reader whose zone the server does not know."""
    moment = dt.datetime.fromisoformat(value).astimezone(dt.UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"
