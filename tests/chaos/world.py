"""A pipeline that can be put back to where it was: before each kill the same beginning."""

import json
import shutil
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import oracle
from databases import administer, drop_database
from environment import plain_environment
from forked import Forks

from bictl.settings import Settings

STRACE = ("strace", "-f", "-qq")
DYING = Path(__file__).with_name("dying")


@dataclass(frozen=True)
class Ended:
    """A command that ended, and what it wrote to its trace."""

    code: int
    said: str
    trace: list[list]


@dataclass
class World:
    """The systems and the state directory of one table, and copies of how they once were."""

    settings: Settings
    _kept: dict[str, dict] = field(default_factory=dict)
    _forks: Forks = field(default_factory=Forks)

    @cached_property
    def systems(self) -> oracle.Systems:
        return oracle.Systems(self.settings)

    @property
    def state_dir(self) -> Path:
        return self.settings.state_dir

    def bictl(self, *words: str, dies: dict | None = None) -> Ended:
        """Runs bictl as cron would; `dies` goes to the Python that dies."""
        trace = self._new_file("trace")
        (ended,) = self._run(words, 1, _dying(self.state_dir, trace, dies))
        return replace(ended, trace=[json.loads(line) for line in _taken(trace).splitlines()])

    def together(self, *words: str, count: int, has_locks: bool) -> list[Ended]:
        """So many of them started at once."""
        return self._run(words, count, {} if has_locks else {"WITHOUT_LOCKS": "1"})

    def under(self, *prefix: str, words: Sequence[str]) -> subprocess.CompletedProcess:
        """A start behind another program: `faketime … bictl …`."""
        return subprocess.run(
            [*prefix, sys.executable, "-m", "bictl", *words],
            env=self.environment,
            cwd=self.state_dir.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def count(self, call: str, *, words: Sequence[str]) -> int:
        """How many system calls of that name the busiest thread of a start makes: strace counts
        each thread's own."""
        trace = self._new_file("strace")
        done = self.under(*STRACE, "-e", f"trace={call}", "-o", str(trace), words=words)
        assert done.returncode in (0, 3), done.stderr
        return max(Counter(line.split()[0] for line in _taken(trace).splitlines()).values())

    def _run(self, words: Sequence[str], count: int, more: dict[str, str]) -> list[Ended]:
        outputs = [self._new_file("out") for _ in range(count)]
        codes = self._forks.run(
            list(words),
            environment={**self.environment, **more},
            cwd=self.state_dir.parent,
            outputs=outputs,
        )
        said = [_taken(output) for output in outputs]
        return [Ended(code, words, []) for code, words in zip(codes, said, strict=True)]

    def _new_file(self, kind: str) -> Path:
        return self.state_dir.parent / f"{uuid.uuid4().hex}.{kind}"

    @property
    def environment(self) -> dict[str, str]:
        plain = plain_environment()
        return plain | {
            "BICTL_CONFIG": str(self.settings.path),
            "BICTL_STATE_DIR": str(self.state_dir),
            "BICTL_INGEST_BATCH_RECORDS": "24",
        }

    def keep(self, name: str) -> None:
        """Remembers how everything is now."""
        template = f"{self.settings.postgres.dbname}_{len(self._kept)}"
        self._create(template, self.settings.postgres.dbname)
        directory = self.state_dir.with_name(f"state-{name}")
        shutil.copytree(self.state_dir, directory)
        self._kept[name] = {
            "database": template, "directory": directory, "objects": self.systems.objects()
        }  # fmt: skip

    def restore(self, name: str) -> None:
        """Makes everything what it was."""
        kept = self._kept[name]
        dbname = self.settings.postgres.dbname
        drop_database(self.settings, dbname)
        self._create(dbname, kept["database"])
        shutil.rmtree(self.state_dir)
        shutil.copytree(kept["directory"], self.state_dir)
        self.restore_objects(name)

    def restore_objects(self, name: str) -> None:
        """The same for the bucket alone."""
        kept, bucket, s3 = self._kept[name], self.settings.s3.bucket, self.systems.s3
        there = self.systems.objects()
        for key in there.keys() - kept["objects"].keys():
            s3.delete_object(Bucket=bucket, Key=key)
        for key, (body, metadata) in kept["objects"].items():
            if there.get(key) != (body, metadata):
                s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)

    def execute(self, *statements: str) -> None:
        """SQL by hand."""
        with self.systems.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def forget(self) -> None:
        """Drops the copies."""
        self._forks.close()
        for kept in self._kept.values():
            drop_database(self.settings, kept["database"])

    def _create(self, name: str, template: str) -> None:
        """Nobody may be in the template: what was killed leaves sessions for a moment."""
        administer(
            self.settings,
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            f" where datname = '{template}' and usename = current_user",
        )
        administer(self.settings, f"create database {name} template {template}")


def _dying(directory: Path, trace: Path, dies: dict | None) -> dict[str, str]:
    if dies is None:
        return {}
    wish = {"trace": str(trace), "directory": str(directory), **dies}
    return {"PYTHONPATH": str(DYING), "DIES": json.dumps(wish)}


def _taken(path: Path) -> str:
    """The text of a file that is there for one reading."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    path.unlink(missing_ok=True)
    return text
