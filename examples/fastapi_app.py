"""A service behind Ostiary: `.venv/bin/uvicorn examples.fastapi_app:app --port 9000`, with `make run` beside it.

`make dev` brings FastAPI and uvicorn; anywhere else it is `pip install '.[client]' fastapi uvicorn`.

Sign in at http://localhost:8080, then open http://localhost:9000: cookies know no ports, so the browser shows this
service the session of the same host. The service learns an opaque caller, and never who it is.
"""

from fastapi import FastAPI, Request

from ostiary_client.caller import Caller
from ostiary_client.middleware import Ostiary, requires

service = FastAPI()


@service.get("/")
async def hello(request: Request) -> dict[str, str]:
    """Anybody may come here."""
    found = request.scope["ostiary"]
    return {"caller": found.reference if isinstance(found, Caller) else "nobody"}


@service.get("/mine")
@requires()
async def mine(request: Request) -> dict[str, str]:
    """Only a living session; one that was ended is refused at its next request."""
    return {"kept for": request.scope["ostiary"].reference}


app = Ostiary(service, service="default")
