"""Serves `/metrics`, `/healthz` and `/readyz` on a port of their own, from threads of their own.

They answer even while a handler blocks the event loop, which is when they are needed. Off by default; not
part of the public API, because what they show is for operators only.
"""

import json
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, NamedTuple

from toril.domain.errors import SettingsError
from toril.telemetry.progress import Progress

_PATIENCE = 5.0
"""Seconds that a client has for its request, and for taking the answer."""

_TEXT, _JSON = "text/plain; charset=utf-8", "application/json"


class Answer(NamedTuple):
    """What a path is answered with."""

    status: int
    body: bytes
    media_type: str = _JSON


def listen(host: str, ports: range) -> socket.socket:
    """Return a socket that listens on the first of these ports that is free.

    Raises:
        SettingsError: none is; the message says why.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last: OSError | None = None
    for port in ports:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()
        except OSError as error:
            listener.close()
            last = error
        else:
            return listener
    shown = f"{ports[0]}" if len(ports) == 1 else f"{ports[0]}-{ports[-1]}"
    raise SettingsError(
        f"Metrics can't be served on {host}:{shown}: {(last and last.strerror) or last}.",
        field="TORIL_METRICS_PORT",
        hint="Choose another port, or a range of which the first free one is taken, such as 9100-9109.",
    ) from last


class Probes:
    """The server.

    Args:
        listener: from `listen`; closed by `stop`.
        exposition: returns the metrics and their media type for an Accept header.
        progress: the process' loops.
        wedged_after: seconds after which an event loop that doesn't move never will.
    """

    def __init__(
        self,
        listener: socket.socket,
        exposition: Callable[[str], tuple[bytes, str]],
        progress: Progress,
        *,
        wedged_after: float,
    ) -> None:
        self._exposition = exposition
        self._progress = progress
        self._wedged_after = wedged_after
        self._server = _Server(listener, self.answer)
        self._thread = threading.Thread(target=self._server.serve_forever, name="probes", daemon=True)
        host, port = listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more; takes up to half a second."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, accept: str) -> Answer:
        """Return the answer to a GET of `path`."""
        match path.partition("?")[0]:
            case "/metrics":
                return Answer(200, *self._exposition(accept))
            case "/healthz":
                return self._alive()
            case "/readyz":
                return self._ready()
        return Answer(404, b"Here are /metrics, /healthz and /readyz.\n", _TEXT)

    def _alive(self) -> Answer:
        silence = self._progress.event_loop.silence()
        wedged = silence is not None and silence.seconds >= self._wedged_after
        return _json({"status": "wedged" if wedged else "ok"}, ok=not wedged)

    def _ready(self) -> Answer:
        silences = self._progress.silences()
        ok = not any(silence.overdue for silence in silences)
        loops = [
            {"name": each.loop, "silent": round(each.seconds, 3), "limit": each.limit, "ok": not each.overdue}
            for each in silences
        ]
        return _json({"status": "ok" if ok else "degraded", "loops": loops}, ok=ok)


def _json(value: dict[str, Any], *, ok: bool) -> Answer:
    return Answer(200 if ok else 503, json.dumps(value).encode())


class _Server(ThreadingMixIn, TCPServer):
    daemon_threads = True

    def __init__(self, listener: socket.socket, answer: Callable[[str, str], Answer]) -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.answer = answer

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hung up."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE

    def do_GET(self) -> None:
        answer = self.server.answer(self.path, self.headers.get("Accept", ""))
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def version_string(self) -> str:
        return "toril"

    def log_message(self, *_: object) -> None:
        """Write no access log."""
