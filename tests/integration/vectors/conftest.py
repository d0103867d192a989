"""What the tests of embed and search share."""

import pytest
from shop import CREATE, Shop

from bictl.clients.encoder import open_encoder
from bictl.settings import Embedding


@pytest.fixture(scope="session")
def encoder():
    return open_encoder(Embedding())


@pytest.fixture
def shop(clients, settings, encoder):
    """A shop without products."""
    clients.database.execute("create extension if not exists vector")
    clients.database.script(CREATE)
    return Shop(clients, settings.table("product"), encoder, settings.dbt.view_schema)
