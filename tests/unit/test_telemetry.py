"""Nothing that bictl uses reports to its makers."""

import os
import subprocess
import sys


def test_the_encoder_leaves_no_telemetry_behind(tmp_path):
    """onnxruntime keeps a device id and its events in the home before it sends them."""
    script = """
from bictl.clients.encoder import open_encoder
from bictl.settings import Embedding
assert open_encoder(Embedding()).encode(["a pump"]).shape == (1, 384)
import onnxruntime
"""
    environment = {key: value for key, value in os.environ.items() if "TELEMETRY" not in key}
    subprocess.run(
        [sys.executable, "-c", script],
        env=environment | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        check=True,
    )
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []
