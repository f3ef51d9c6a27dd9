"""A gateway that stands in for the real one: a command finds it through a state folder of its own."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from summit_cli import endpoints_file
from summit_cli.endpoints_file import Endpoints


class StandIn(BaseHTTPRequestHandler):
    """A subclass says what it answers; ``asked`` is what it was asked."""

    asked: list[Any]

    def answer(self, status: int, body: object) -> None:
        """``body`` as JSON, bytes as they are, None as nothing."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def standing_in(gateway: type[StandIn], folder: Path) -> Iterator[Path]:
    """The folder, as ``SUMMIT_STATE_DIR`` takes it, while the gateway answers."""
    gateway.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), gateway)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    (folder / "admin.key").write_text("the-key\n")
    url = f"http://127.0.0.1:{server.server_port}"
    made = Endpoints(
        gateway=url,
        nats="",
        postgres="",
        services={"api-gateway": url},
        admin_key_file=str(folder / "admin.key"),
        pid=os.getpid(),
    )
    endpoints_file.write(folder / "endpoints.json", made)
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()
