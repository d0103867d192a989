"""Mistakes made real: each function makes one, gives what its texts name, and undoes it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import servers
from connect_replay import Replay

from bictl.settings import Settings

Names = Iterator[dict[str, str]]


def s3_with_tls(settings: Settings, tmp_path: Path) -> Names:
    context = servers.Authority(tmp_path).context("127.0.0.1")
    with servers.tls_before(settings.s3.endpoint_url.removeprefix("http://"), context) as port:
        yield {"s3_tls": f"127.0.0.1:{port}"}


def a_worker(settings: Settings, tmp_path: Path) -> Names:
    replay = Replay()
    with ExitStack() as stack:
        stack.callback(replay.close)
        yield {"connect": replay.url.removeprefix("http://")}


def a_broker_that_advertises_its_container(settings: Settings, tmp_path: Path) -> Names:
    with servers.broker(advertised="kafka:29092") as address:
        yield {"broker": address}
