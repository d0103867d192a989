import pytest
from connect_replay import Replay

from bictl.clients.connect import ConnectWorker
from bictl.settings import Connect


@pytest.fixture
def replay():
    found = Replay()
    yield found
    found.close()


@pytest.fixture
def worker(replay: Replay) -> ConnectWorker:
    return ConnectWorker(Connect(url=replay.url), timeout=1.0)
