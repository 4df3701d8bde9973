"""A browser without a window that walks between hosts: a jar of cookies for each, redirects followed by hand."""

import re
from urllib.parse import urljoin

from tests.login.gatehouse import call

__all__ = ["Walk"]

_URL = re.compile(r"(https?)://([^/]+)(/.*)?")
_COOKIE = re.compile(r"([^=]+)=([^;]*)(.*)")


class Walk:
    """Walks through the public listener of a home; `seen` are the addresses so far."""

    def __init__(self, home, cookie=None):
        self.home, self.jars, self.seen = home, {}, []
        self.own = home.house.settings.origin
        if cookie is not None:
            self.jar(self.own)["__Host-ostiary_session"] = cookie

    def jar(self, url):
        """The cookies of an address's host."""
        return self.jars.setdefault(_URL.fullmatch(url)[2], {})

    def go(self, url, method="GET", **headers):
        """One request; keeps the cookies that come back."""
        return self.home.run(self.going(url, method, **headers))

    async def going(self, url, method="GET", **headers):
        """The same, for those who walk in company."""
        _, host, path = _URL.fullmatch(url).groups()
        jar = self.jar(url)
        sent = {"host": host, "accept": "text/html"}
        if jar:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await call(self.home.application.public, method, path or "/", b"", sent)
        self.seen.append(url)
        for line in answer.headers.get("set-cookie", []):
            name, value, rest = _COOKIE.match(line).groups()
            if "max-age=0" in rest.lower():
                jar.pop(name, None)
            else:
                jar[name] = value
        return answer

    def follow(self, url, until="nowhere"):
        """Follow redirects; return the last address and answer, or the first address that holds `until`, not asked."""
        for _ in range(10):
            answer = self.go(url)
            if answer.status != 303:
                return url, answer
            url = urljoin(url, answer.header("location"))
            if until in url:
                return url, None
        raise AssertionError(f"round in circles: {self.seen}")
