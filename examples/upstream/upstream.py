#!/usr/bin/env python3
"""The smallest application behind Vestibule: it shows who the proxy's headers say you are.

    python3 examples/upstream/upstream.py [PORT]        # 127.0.0.1:9000 unless said otherwise

/headers answers every header as it came, as JSON: the place to look when something is missing.
It listens on this machine alone: whoever can reach it past the proxy can be anyone in it.
"""
import html
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

NAMES = ["User", "Id", "Name", "Account", "Role", "Assurance"]


class Application(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def answer(self):
        body_bytes = len(self.read_body())
        if self.path.split("?")[0] == "/headers":
            seen = {"method": self.command, "target": self.path, "headers": self.headers.items(),
                    "body_bytes": body_bytes}
            self.send("application/json", json.dumps(seen))
        else:
            # Values are percent-encoded UTF-8: decode once, then escape for where they are shown.
            who = {name: html.escape(unquote(self.headers.get(f"Remote-{name}", ""))) for name in NAMES}
            rows = "".join(f"<tr><th>Remote-{name}<td>{value}" for name, value in who.items())
            self.send("text/html", f"<!doctype html><html lang=en><title>Demo application</title>"
                      f"<h1>Hello {who['Name']}</h1><table>{rows}</table>")

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # Trailers are not headers, whatever they are called.
        return body

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def send(self, kind, text):
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9000
    print(f"http://127.0.0.1:{port}", flush=True)
    ThreadingHTTPServer(("127.0.0.1", port), Application).serve_forever()
