"""What the takeover tests share."""

import pytest
from old_platform import OldPlatform


@pytest.fixture
def old(settings, clients) -> OldPlatform:
    return OldPlatform(settings, clients)
