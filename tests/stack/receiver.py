"""Receives alerts as a pager would: prints each as one line of JSON."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        sys.stdout.write(self.rfile.read(int(self.headers["Content-Length"])).decode().replace("\n", " ") + "\n")
        sys.stdout.flush()
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing but alerts."""


HTTPServer(("0.0.0.0", 9000), Receiver).serve_forever()
