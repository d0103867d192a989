"""A number of things in words, one of them too."""

from functools import partial

_MANY = {"is": "are", "was": "were", "has": "have"}


def counted(number: int, noun: str, verb: str = "", *, form: str = "") -> str:
    """`1 key`, `2 keys`; with a verb `1 batch is`, `2 batches are`. The noun may have words before
    it; `form` is how the number is written."""
    one = number == 1
    words = [format(number, form), noun if one else _plural(noun)]
    return " ".join([*words, verb if one else _MANY.get(verb, verb.removesuffix("s"))]).rstrip()


grouped = partial(counted, form=",")  # `1,000 keys`


def _plural(noun: str) -> str:
    return f"{noun}es" if noun.endswith(("ch", "sh", "s", "x")) else f"{noun}s"
