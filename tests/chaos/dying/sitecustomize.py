"""A Python that dies (SIGKILL) at one of its own I/O calls: on PYTHONPATH of a test's subprocess.

`DIES` is a JSON object: `trace` names a file that is appended to, `directory` the state directory
whose files count. Without `label` every point is written to the trace, one a line; with `label`,
`nth` (from 0) and `moment` (before, inside, after) the process dies there and writes that alone.

A point is a call at the seam to a vendor's package, or to the files of the state directory. It is
named by what it does and counted by its name: threads may change the order of different points,
not of equal ones. dbt's process is a Python too; its points begin with `dbt `.
"""

import builtins
import importlib.abc
import importlib.util
import io
import json
import os
import re
import signal
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_VARYING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\bt?[0-9a-f]{12,64}\b|\b\d{3,4}\b"
    r"|(?<=_)[0-9a-f]{8}\b"
)


class Points:
    """Counts the points of this process; at the one that is meant it ends."""

    def __init__(self, wish):
        self._target = (wish.get("label"), wish.get("nth"), wish.get("moment"))
        self.directory = wish["directory"] + "/"
        self._trace = os.open(wish["trace"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._write, self._counts, self._lock = os.write, Counter(), threading.Lock()
        self._prefix = "dbt " if any("dbt.cli" in word for word in sys.orig_argv) else ""

    def begin(self, what, *moments):
        """One more point; what to call at each of its moments."""
        label = self._prefix + " ".join(_VARYING.sub("*", what).split())[:100]
        with self._lock:
            nth, self._counts[label] = self._counts[label], self._counts[label] + 1
        if self._target[0] is None:
            line = json.dumps([label, nth, ["before", *moments, "after"]])
            self._write(self._trace, f"{line}\n".encode())
        return lambda moment: self._die_if((label, nth, moment))

    def _die_if(self, point):
        if point == self._target:
            self._write(self._trace, (json.dumps(point) + "\n").encode())
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def at(self, what):
        """Before and after a call, whether it succeeds or not."""
        moment = self.begin(what)
        moment("before")
        try:
            yield
        finally:
            moment("after")

    def file(self, path):
        """The path within the state directory, or None."""
        if isinstance(path, int):
            try:
                path = str(Path(f"/proc/self/fd/{path}").readlink())
            except OSError:
                return None
        path = os.fsdecode(path)
        return path.removeprefix(self.directory) if path.startswith(self.directory) else None


def patch_files(points):
    def wrap(module, name, *, is_point=lambda *_: True):
        call = getattr(module, name)

        def dying(path, *rest, **named):
            inside = points.file(path)
            if inside is None or not is_point(*rest, *named.values()):
                return call(path, *rest, **named)
            with points.at(f"file {name} {inside}"):
                return call(path, *rest, **named)

        setattr(module, name, dying)

    wrap(os, "open", is_point=lambda *rest: rest and rest[0] & _WRITES)
    for name in ("write", "pwrite", "ftruncate", "fsync", "replace", "rename", "unlink", "mkdir"):
        wrap(os, name)

    wrap(io, "open", is_point=lambda *rest: rest and set("wax+") & set(str(rest[0])))
    builtins.open = io.open


def patch_botocore(points, module):
    import http.client

    putting = threading.local()
    call, send = module.URLLib3Session.send, http.client.HTTPConnection.send

    def dying_call(self, request):
        path = request.url.partition("://")[2].partition("/")[2].partition("&")[0]
        is_put = request.method == "PUT" and bool(request.body)
        moment = points.begin(f"s3 {request.method} {path}", *(["inside"] if is_put else []))
        putting.moment = moment if is_put else None
        moment("before")
        try:
            return call(self, request)
        finally:
            putting.moment = None
            moment("after")

    def dying_send(self, data):
        """Half of the body, so that the server has begun to read it, and then the end."""
        moment = getattr(putting, "moment", None)
        if moment is None or bytes(data)[:5] == b"PUT /":
            return send(self, data)
        half = len(data) // 2
        send(self, bytes(data)[:half])
        moment("inside")
        return send(self, bytes(data)[half:])

    module.URLLib3Session.send = dying_call
    http.client.HTTPConnection.send = dying_send


def patch_kafka(points, module):
    call = module.KafkaConnection._send_request

    def dying(self, request, **options):
        moment = points.begin(f"kafka {type(request).__name__}")
        moment("before")
        future = call(self, request, **options)
        future.add_both(lambda *_: moment("after"))
        return future

    module.KafkaConnection._send_request = dying


def patch_psycopg2(points, module):
    import psycopg2.extensions as extensions

    connect = module.connect

    class HalfFile:
        """Gives or takes a few bytes of a COPY, and then may be the end."""

        def __init__(self, file, moment):
            self._file, self._moment, self._moved = file, moment, 0

        def read(self, size=-1):
            if self._moved:
                self._moment("inside")
            piece = self._file.read(min(size, 4096) if size > 0 else 4096)
            self._moved += len(piece)
            return piece

        readline = read

        def write(self, data):
            written = self._file.write(data)
            self._moment("inside")
            return written

    class Cursor(extensions.cursor):
        def execute(self, query, parameters=None):
            text = query if isinstance(query, str) else query.as_string(self)
            with points.at(f"postgres {text}"):
                return super().execute(query, parameters)

        def copy_expert(self, query, file, size=8192):
            text = query if isinstance(query, str) else query.as_string(self)
            moment = points.begin(f"postgres {text}", "inside")
            moment("before")
            try:
                return super().copy_expert(query, HalfFile(file, moment), size)
            finally:
                moment("after")

    class Connection(extensions.connection):
        def commit(self):
            with points.at("postgres .commit()"):
                return super().commit()

        def rollback(self):
            with points.at("postgres .rollback()"):
                return super().rollback()

    def dying(*words, **options):
        with points.at("postgres connect"):
            return connect(*words, connection_factory=Connection, cursor_factory=Cursor, **options)

    module.connect = dying


class Patched(importlib.abc.MetaPathFinder):
    """Patches a vendor's module as soon as it is imported."""

    def __init__(self, points):
        self._points = points
        self.patches = {
            "botocore.httpsession": patch_botocore,
            "kafka.net.connection": patch_kafka,
            "psycopg2": patch_psycopg2,
        }

    def find_spec(self, name, path=None, target=None):
        patch = self.patches.pop(name, None)
        if patch is None:
            return None
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            patch(self._points, module)

        spec.loader.exec_module = exec_module
        return spec


def patch_loaded():
    """The same for modules that were there before."""
    finder = next(one for one in sys.meta_path if isinstance(one, Patched))
    for name in list(finder.patches):
        if name in sys.modules:
            finder.patches.pop(name)(_points, sys.modules[name])


if "DIES" in os.environ:
    _points = Points(json.loads(os.environ["DIES"]))
    patch_files(_points)
    sys.meta_path.insert(0, Patched(_points))
