"""bictl trace at 61,443 records: a whole cold process, and one lookup where all is open.

python bench/trace.py [--records 61443] [--rounds 9]
"""

import argparse
import statistics
import sys

from common import machine, run, seconds, services, versions
from verify import fill

from bictl.clients import Clients
from bictl.settings import Settings
from bictl.trace import trace
from bictl.trace.key import Key
from bictl.trace.run import Asked, Limits


def main() -> None:
    """By key and by offset; offsets and keys differ from round to round."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=61_443)
    options.add_argument("--rounds", type=int, default=9)
    chosen = options.parse_args()
    print(machine(), versions("psycopg2-binary", "boto3", "kafka-python"), sep="; ")
    with services() as (settings, environment), Clients(settings) as clients:
        fill(settings, clients, chosen.records)
        picks = [
            chosen.records * (number + 1) // (chosen.rounds + 2) for number in range(chosen.rounds)
        ]
        cold("bictl trace --key", [["--key", str(pick)] for pick in picks], environment)
        cold("bictl trace --offset", [["--offset", f"0:{pick}"] for pick in picks], environment)
        cold("bictl --version", [[]] * chosen.rounds, environment)
        warm(settings, clients, "key", [Asked(key=Key(("ID",), (str(pick),))) for pick in picks])
        warm(settings, clients, "offset", [Asked(offset=pick) for pick in picks])


def cold(name: str, asked: list[list[str]], environment: dict[str, str]) -> None:
    """Seconds of a whole process, its start and every connection included."""
    taken = []
    for words in asked:
        arguments = ["trace", *words] if words else ["--version"]
        taken.append(run(sys.executable, "-m", "bictl", *arguments, env=environment)[0])
    print(f"{name}: {spread(taken)}, cold process")


def warm(settings: Settings, clients: Clients, name: str, asked: list[Asked]) -> None:
    """Seconds of one lookup on open connections."""
    table = settings.table("product")

    def look(one: Asked) -> None:
        found = trace(
            clients.reader,
            clients.objects,
            clients.database,
            table=table,
            asked=one,
            limits=Limits(max_lag=300),
            staging=f"{settings.dbt.view_schema}.{table.staging}",
            model=settings.embedding.model,
        )
        assert found.exit_code == 0, found.verdict

    look(asked[0])
    print(f"by {name}: {spread([seconds(lambda one=one: look(one)) for one in asked])}, warm")


def spread(taken: list[float]) -> str:
    """Median, least and most in milliseconds."""
    least, most = min(taken) * 1000, max(taken) * 1000
    return f"{statistics.median(taken) * 1000:.0f} ms ({least:.0f}-{most:.0f}, {len(taken)} runs)"


if __name__ == "__main__":
    main()
