"""Texts a second: bictl's encoder against `model.encode(text)` one at a time, on the same texts.

    python bench/embed.py [--texts 400] [--rounds 3]

Both models are loaded and warm before the first measurement.
"""

import argparse

import numpy as np
from catalogue import products
from common import machine, pairs, versions

from bictl.clients import model_files
from bictl.clients.encoder import open_encoder
from bictl.settings import Embedding


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--texts", type=int, default=400)
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    texts = [". ".join(part for part in product[1:4] if part) for product in products(chosen.texts)]
    ours, model = open_encoder(Embedding()), _sentence_transformer()
    difference = np.abs(ours.encode(texts[:50]) - model.encode(texts[:50])).max()
    found = pairs(
        lambda: ours.encode(texts),
        lambda: [model.encode(text) for text in texts],
        rounds=chosen.rounds,
    )
    print(machine())
    print(versions("onnxruntime", "sentence-transformers", "torch", "tokenizers", "numpy"))
    lengths = [len(text.split()) for text in texts]
    print(f"{len(texts)} texts of {sum(lengths) / len(lengths):.0f} words; "
          f"the vectors differ by {difference:.1e} at most")  # fmt: skip
    print(found.line("embed", baseline="model.encode(text) one at a time"))
    best = ", ".join(f"{len(texts) / one:.0f}" for one in found.ours)
    slow = ", ".join(f"{len(texts) / one:.0f}" for one in found.baseline)
    print(f"texts a second: {best} against {slow}")


def _sentence_transformer() -> object:
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    model = SentenceTransformer(str(model_files.folder()), device="cpu", local_files_only=True)
    model.encode("warm")
    return model


if __name__ == "__main__":
    main()
