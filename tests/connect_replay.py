"""A Kafka Connect worker that gives the answers which a real one once gave, over real HTTP."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SAVED = Path(__file__).parent / "fixtures" / "connect"
# What a worker's Jetty answers before its own paths are known (seen on 3.9.1).
STARTING = (
    404,
    "text/html;charset=iso-8859-1",
    b"<html><head><title>Error 404 Not Found</title></head><body>HTTP ERROR 404</body></html>",
)


def saved(name: str) -> dict[str, Any]:
    """One saved answer: request, status, body (or the exception of a client that waited)."""
    return json.loads((SAVED / f"{name}.json").read_text())


class Replay:
    """A worker on a free loopback port; unknown paths are answered as a real worker does."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, str, bytes] | None]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.sent: list[tuple[str, Any]] = []  # the bodies of changes, by method and path
        self.hanging = threading.Event()  # a request that is never answered came
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def give(self, *names: str, path: str | None = None) -> "Replay":
        """Answers with saved files, each under its own request's path unless `path` is given; one
        that is no GET stands under `METHOD path`."""
        for name in names:
            answer = saved(name)
            method, own = answer["request"]["method"], answer["request"]["path"]
            place = path or (own if method == "GET" else f"{method} {own}")
            if "exception" in answer:
                self.hang(place)
            else:
                self.say(place, answer["status"], answer["body"])
        return self

    def say(self, path: str, status: int, body: object) -> None:
        """Answers with JSON; several answers for one path come one after the other."""
        self.raw(path, status, "application/json", json.dumps(body).encode())

    def raw(self, path: str, status: int, kind: str, body: bytes) -> None:
        self.answers.setdefault(path, []).append((status, kind, body))

    def hang(self, path: str) -> None:
        """Takes the request and never answers."""
        self.answers.setdefault(path, []).append(None)

    def connector(
        self,
        status: str,
        *,
        offsets: object = None,
        config: Mapping[str, str] | None = None,
        topic: str = "cord.public.product",
        **changes: object,
    ) -> None:
        """One connector whose status is a saved one, in the overview and by its name."""
        body = saved(status)["body"] | changes
        info = saved("connector_info")["body"] | {"name": body["name"]}
        info |= {"config": dict(config)} if config else {}
        path = f"/connectors/{body['name']}"
        overview = {body["name"]: {"status": body, "info": info}}
        self.say("/connectors?expand=status&expand=info", 200, overview)
        self.say("/connectors", 200, [body["name"]])
        self.say(path, 200, info)
        self.say(f"{path}/status", 200, body)
        self.say(f"{path}/offsets", 200, {"offsets": offsets or []})
        self.say(f"{path}/topics", 200, {body["name"]: {"topics": [topic]}})

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        replay = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self._change("PUT")

            def do_POST(self) -> None:
                self._change("POST")

            def do_DELETE(self) -> None:
                self._change("DELETE")

            def _change(self, method: str) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                replay.sent.append((f"{method} {self.path}", json.loads(body or b"null")))
                self._answer(f"{method} {self.path}")

            def do_GET(self) -> None:
                replay.asked.append((self.path, dict(self.headers)))
                self._answer(self.path)

            def _answer(self, place: str) -> None:
                answers = replay.answers.get(place)
                if answers is None:
                    missing = saved("bad_path")
                    answer = (
                        missing["status"],
                        "application/json",
                        json.dumps(missing["body"]).encode(),
                    )
                else:
                    answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if answer is None:
                    replay.hanging.set()
                    replay._closing.wait()
                    return
                status, kind, body = answer
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
