"""What dbt says of a run: its events, one JSON object a line (dbt-core's log-format json, v3)."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from bictl.errors import StageFailed

_STATES = {"success": "ok", "pass": "ok", "no-op": "ok", "warn": "warn", "skipped": "skipped"}
_FAILED = ("error", "fail", "runtime error", "skipped")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A model or a test: `state` is started, ok, warn, fail or skipped; `failures` are the rows
    that a test found; `file` is its compiled SQL; `models` are itself, or what the test is about.
    """

    name: str
    kind: str
    state: str
    index: int
    total: int
    seconds: float = 0.0
    failures: int = 0
    message: str = ""
    file: Path | None = None
    models: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Results:
    """What dbt wrote down of a run about one model: how many nodes ended, which of them failed."""

    at: datetime
    ended: int
    failed: tuple[str, ...] = ()


OnNode = Callable[[Node], None]


class Report:
    """The nodes of one run, from its events; `target` is where dbt wrote their SQL."""

    def __init__(self, target: Path, on_node: OnNode) -> None:
        self._target, self._on_node = target, on_node
        self._ended: dict[str, Node] = {}
        self._error = ""
        self.is_whole = False  # dbt ended by itself

    @property
    def nodes(self) -> list[Node]:
        """Those that ended, in the order of ending."""
        about = self._about()
        return [
            replace(node, models=(node.name,) if node.kind == "model" else about.get(unique_id, ()))
            for unique_id, node in self._ended.items()
        ]

    def read(self, line: bytes) -> None:
        """Takes in one line; what is not an event is left out."""
        try:
            event = json.loads(line)
            name, data = event["info"]["name"], event["data"]
        except (ValueError, KeyError, TypeError):
            return
        if name == "MainEncounteredError":
            self._error = str(data.get("exc") or event["info"]["msg"])
        elif name == "RunResultError":
            self._explain(data)
        elif "index" in data and "node_info" in data:
            self._node(data)

    def check(self, code: int, errors: Path) -> None:
        """Raises StageFailed unless dbt did its work: 0, or 1 where nodes failed."""
        self.is_whole = code >= 0
        if self._error or code not in {0, 1} or (code and not self._ended):
            said = self._error or _tail(errors) or f"dbt ended with exit code {code}"
            if code < 0:
                said = f"dbt was killed by signal {-code}"
            raise StageFailed(
                f"dbt failed: {_flat(said)}",
                hint=f"dbt's own words are in {errors.parent / 'logs' / 'dbt.log'} and {errors}",
            )

    def _about(self) -> dict[str, tuple[str, ...]]:
        """The models that each node depends on, from the manifest that dbt wrote; no node where
        there is none."""
        try:
            manifest = json.loads((self._target / "manifest.json").read_bytes())
            return {
                unique_id: tuple(
                    name.rpartition(".")[2]
                    for name in manifest["nodes"][unique_id]["depends_on"]["nodes"]
                    if name.startswith("model.")
                )
                for unique_id in self._ended
                if unique_id in manifest["nodes"]
            }
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _node(self, data: dict[str, Any]) -> None:
        info, status = data["node_info"], str(data.get("status") or "")
        started = info["node_status"] == "started"
        state = "started" if started else _STATES.get(info["node_status"], "fail")
        node = Node(
            name=info["node_name"],
            kind=info["resource_type"],
            state=state,
            index=data["index"],
            total=data["total"] if "total" in data else data.get("num_models", 0),
            seconds=float(data.get("execution_time") or 0),
            failures=int(data.get("num_failures") or 0),
            message=status,
            file=self._file(info) if state == "fail" else None,
        )
        if not started:
            self._ended[info["unique_id"]] = node
        self._on_node(node)

    def _explain(self, data: dict[str, Any]) -> None:
        """A failed node's message, which comes at the end of the run."""
        unique_id = data["node_info"]["unique_id"]
        if node := self._ended.get(unique_id):
            message = _flat(str(data["msg"]))
            self._ended[unique_id] = replace(node, message=message)

    def _file(self, info: dict[str, Any]) -> Path | None:
        """The SQL that ran: of a model in run/, of a test, which only reads, in compiled/."""
        folder = self._target / ("compiled" if info["resource_type"] == "test" else "run")
        return next(folder.rglob(Path(info["node_path"]).name), None)


def read_results(target: Path, model: str) -> Results | None:
    """What dbt wrote down of its last run there about a model and its tests; None where that run
    was not about it, or nothing was written."""
    try:
        found = json.loads((target / "run_results.json").read_bytes())
        at = datetime.fromisoformat(found["metadata"]["generated_at"].replace("Z", "+00:00"))
        ended = {one["unique_id"]: str(one["status"]) for one in found["results"]}
        nodes = json.loads((target / "manifest.json").read_bytes())["nodes"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    about = [unique_id for unique_id in ended if _is_about(nodes.get(unique_id, {}), model)]
    if not about:
        return None
    failed = [one for one in about if ended[one] in _FAILED]
    return Results(at=at, ended=len(about), failed=tuple(_bare(one) for one in failed))


def _is_about(node: dict[str, Any], model: str) -> bool:
    """Whether a node of the manifest is the model or one of its tests."""
    upstream = node.get("depends_on", {}).get("nodes", ())
    named = [name.rpartition(".")[2] for name in upstream if name.startswith("model.")]
    return node.get("name") == model or (node.get("resource_type") == "test" and model in named)


def _bare(unique_id: str) -> str:
    """`test.bictl.not_null_stg_product_name.b4d2` without what stands around its name."""
    return unique_id.split(".")[2]


def _tail(errors: Path) -> str:
    lines = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _flat(text: str) -> str:
    """On one line, without the last line that names the compiled file: it is said apart."""
    lines = [line.strip() for line in text.splitlines()]
    return ": ".join(
        line.rstrip(":") for line in lines if line and not line.startswith("compiled code at")
    )
