"""A store that refuses, cuts its answers off, or does not keep its promises: nothing is lost, taken
twice or believed that is not so."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from between import Answer, Meddle, Pass, Request, cut_after, honest, refusal
from cron_stages import COUNT
from scene import BATCH, is_loaded
from servers import careless_store

from bictl.bronze import load
from bictl.clients import Clients
from bictl.errors import BictlError, StageFailed, Unreachable
from bictl.ingest import ingest
from bictl.settings import Ingest, Settings

pytestmark = pytest.mark.timeout(600)  # the scene is made within the first test


TRIES = 4  # of one request
CUTS = {"first byte": 1, "middle": 120, "last byte": -1}
OTHERS = pytest.mark.outages  # the suite takes the first of each, `make outages` all
REFUSALS = [
    (503, "SlowDown"),
    pytest.param(500, "InternalError", marks=OTHERS),
    pytest.param(503, "ServiceUnavailable", marks=OTHERS),
    pytest.param(429, "", marks=OTHERS),
]
PLACES = [
    "middle",
    pytest.param("first byte", marks=OTHERS),
    pytest.param("last byte", marks=OTHERS),
]


@pytest.fixture
def store(scene):
    yield scene.store
    scene.store.meddle = honest
    scene.store.asked.clear()


@pytest.fixture
def at(scene, store) -> Callable[[Settings], Settings]:
    """The settings of a pipeline whose store stands behind the meddling server."""

    def lead(settings: Settings) -> Settings:
        return replace(settings, s3=replace(settings.s3, endpoint_url=f"http://{store.address}"))

    return lead


def run_ingest(settings: Settings, *, batch: int = BATCH):
    with Clients(settings, timeout=5) as clients:
        return ingest(
            clients.reader,
            clients.objects,
            table=settings.table("product"),
            limits=Ingest(batch_records=batch),
            run="test",
        )


def run_load(settings: Settings):
    with Clients(settings, timeout=5) as clients:
        table = settings.table("product")
        return load(clients.objects, clients.database, table=table, run="test")


STAGES = {"ingest": ("produced", run_ingest), "load-bronze": ("sealed", run_load)}


def each(wanted: Callable[[Request], bool], change: Callable[[Answer], Answer], *, times: int):
    """What is wanted has its answer changed, each request so often before it comes whole."""
    seen: Counter[tuple[str, str]] = Counter()

    def meddle(request: Request, ask: Pass) -> Answer:
        seen[request.method, request.path] += 1
        if wanted(request) and seen[request.method, request.path] <= times:
            return change(ask())
        return ask()

    return meddle


def refusing(status: int, code: str, *, times: int) -> Meddle:
    """Each request is refused so often before the store hears of it."""
    seen: Counter[tuple[str, str]] = Counter()

    def meddle(request: Request, ask: Pass) -> Answer:
        seen[request.method, request.path] += 1
        return refusal(status, code) if seen[request.method, request.path] <= times else ask()

    return meddle


def is_put(request: Request) -> bool:
    return request.method == "PUT" and request.key.endswith(".jsonl.gz")


def is_get(request: Request) -> bool:
    return request.method == "GET" and request.key.endswith(".jsonl.gz")


def bronze_count(settings: Settings) -> int:
    with Clients(settings) as clients:
        return clients.database.value("select count(*) from bronze.product_cdc")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("status", "code"), REFUSALS)
def test_a_passing_refusal_is_waited_out(scene, store, at, status, code, stage):
    begins, run = STAGES[stage]
    with scene.pipeline(begins) as settings:
        store.meddle = first_requests(refusing(status, code, times=2), most=2)
        assert run(at(settings)).exit_code == 0
        store.meddle = honest


def first_requests(meddle: Meddle, *, most: int) -> Meddle:
    """Meddles with the first so many batches' requests only: each costs its pauses."""
    touched: set[str] = set()

    def limited(request: Request, ask: Pass) -> Answer:
        if (is_put(request) or is_get(request)) and (
            request.path in touched or len(touched) < most
        ):
            touched.add(request.path)
            return meddle(request, ask)
        return ask()

    return limited


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("status", "code"), REFUSALS)
def test_a_lasting_refusal_ends_after_a_few_tries_that_grow_apart(
    scene, store, at, status, code, stage
):
    begins, run = STAGES[stage]
    with scene.pipeline(begins) as settings:
        store.meddle = lambda request, ask: (
            refusal(status, code) if is_put(request) or is_get(request) else ask()
        )
        with pytest.raises(Unreachable) as caught:
            run(at(settings))
        assert caught.value.hint
        tries = Counter(one.path for one in store.asked if is_put(one) or is_get(one))
        assert set(tries.values()) == {TRIES}
        assert sum(tries.values()) <= 2 * TRIES  # one object is prepared ahead
        times = [one.at for one in store.asked if one.path == next(iter(tries))]
        gaps = [after - before for before, after in pairwise(times)]
        assert all(gap > 0.002 for gap in gaps), gaps
        assert len({round(gap, 3) for gap in gaps}) == len(gaps), f"no jitter: {gaps}"
        assert bronze_count(settings) == 0


@pytest.mark.outages
@pytest.mark.parametrize("place", PLACES)
def test_a_put_whose_answer_is_cut_was_stored_and_is_adopted(scene, store, at, place):
    """The store has the object, the writer never heard: the next try finds it and takes it."""
    with scene.pipeline("produced") as settings:
        store.meddle = first_requests(
            each(is_put, lambda answer: cut_after(answer, CUTS[place]), times=1), most=3
        )
        assert run_ingest(at(settings)).exit_code == 0
        store.meddle = honest
        puts = Counter(one.path for one in store.asked if is_put(one))
        assert sorted(puts.values()) == [*[1] * (COUNT // BATCH - 3), 2, 2, 2]
        is_loaded(settings)


@pytest.mark.parametrize("place", PLACES)
def test_a_batch_whose_bytes_do_not_all_arrive_is_read_again(scene, store, at, place):
    with scene.pipeline("sealed") as settings:
        store.meddle = first_requests(
            each(is_get, lambda answer: cut_after(answer, CUTS[place]), times=2), most=2
        )
        assert run_load(at(settings)).exit_code == 0
        assert bronze_count(settings) == COUNT


@pytest.mark.outages
@pytest.mark.parametrize("place", PLACES)
def test_a_batch_that_never_arrives_whole_is_not_loaded_and_ends_in_time(scene, store, at, place):
    with scene.pipeline("sealed") as settings:
        store.meddle = each(is_get, lambda answer: cut_after(answer, CUTS[place]), times=TRIES**2)
        with pytest.raises(Unreachable):
            run_load(at(settings))
        tries = Counter(one.path for one in store.asked if is_get(one))
        assert max(tries.values()) <= TRIES * TRIES
        assert bronze_count(settings) == 0
        store.meddle = honest
        is_loaded(settings)


def shortened(answer: Answer) -> Answer:
    """Less than there is, and the length that goes with it: nobody notices on the way."""
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def test_a_body_that_is_shorter_than_it_was_sealed_is_never_loaded(scene, store, at):
    with scene.pipeline("sealed") as settings:
        store.meddle = each(is_get, shortened, times=10**6)
        with pytest.raises(StageFailed) as caught:
            run_load(at(settings))
        assert caught.value.hint
        assert bronze_count(settings) == 0
        store.meddle = honest
        is_loaded(settings)


@pytest.mark.parametrize("whole", [True, False], ids=["with its metadata", "body alone"])
def test_the_body_of_another_object_is_never_loaded(scene, store, at, whole):
    with scene.pipeline("sealed") as settings:
        other: list[Answer] = []

        def meddle(request: Request, ask: Pass) -> Answer:
            answer = ask()
            if not is_get(request):
                return answer
            other.append(answer)
            return other[0] if whole else replace(answer, body=other[0].body)

        store.meddle = meddle
        with pytest.raises(BictlError) as caught:
            run_load(at(settings))
        assert caught.value.exit_code in (1, 6)
        assert caught.value.hint
        assert bronze_count(settings) == BATCH  # the one that was asked for
        store.meddle = honest
        is_loaded(settings)


def test_a_listing_that_hides_the_newest_batches_costs_a_look_and_nothing_else(scene, store, at):
    """The next key follows from the chain, is taken, and what stands there is compared."""
    hidden = re.compile(rb"<Contents>(?:(?!</Contents>).)*</Contents>", re.S)

    def meddle(request: Request, ask: Pass) -> Answer:
        answer = ask()
        if "list-type=2" not in request.path:
            return answer
        found = [one for one in hidden.findall(answer.body) if b".jsonl.gz" in one]
        body = answer.body
        for one in found[-3:]:
            body = body.replace(one, b"")
        return replace(answer, body=body)

    with scene.pipeline("sealed") as settings:
        with Clients(settings) as clients:
            before = [info.key for info in clients.objects.list("")]
        store.meddle = meddle
        assert run_ingest(at(settings)).exit_code == 0
        assert run_load(at(settings)).exit_code == 0
        store.meddle = honest
        with Clients(settings) as clients:
            assert [info.key for info in clients.objects.list("")] == before
        is_loaded(settings)


@pytest.fixture
def forgetful(scene, store) -> Iterator[None]:
    """Behind the meddling server stands a store that does not know If-None-Match."""
    kept = store.service
    with careless_store(without="conditions") as url:
        store.service = url.removeprefix("http://")
        yield
    store.service = kept


@pytest.mark.outages
def test_where_if_none_match_is_ignored_a_lost_answer_does_no_harm(scene, store, forgetful, at):
    with scene.pipeline("produced") as settings:
        store.meddle = each(is_put, lambda answer: cut_after(answer, 0), times=1)
        assert run_ingest(at(settings)).exit_code == 0
        assert run_ingest(at(settings), batch=7).records == 0
        is_loaded(at(settings))


@pytest.mark.outages
def test_where_if_none_match_is_ignored_two_runs_that_cut_differently_lose_nothing(
    scene, store, forgetful, at
):
    """The first one overwrites what the second sealed meanwhile; what both hold is the same."""
    overtaken: list[Request] = []

    def meddle(request: Request, ask: Pass) -> Answer:
        if is_put(request) and not overtaken:
            overtaken.append(request)
            run_ingest(at(settings), batch=25)  # between the other's look and its first PUT
        return ask()

    with scene.pipeline("produced") as settings:
        store.meddle = meddle
        run_ingest(at(settings))
        is_loaded(at(settings))
