"""What stands around the pipeline: runs, rights, clocks, locks, disks, certificates, passwords."""

import datetime
import json
import time
from contextlib import ExitStack, closing
from pathlib import Path

from catalogue import Truth, fault
from disks import small_disk
from faults_of_topics import carry_on

from bictl.ops.locks import stage_lock, topic_lock

DAY = 86_400  # seconds


@fault(
    "no full verdict was ever taken",
    violates="M3",
    repair=["bictl verify --table product"],
    level="quick",
)
def full_verdict_forgotten(bed):
    assert bed.execute("delete from bictl.run where command like 'verify%%'") > 0
    return Truth(state="warn", by=["M3"], said="no full verdict was ever complete")


# Runs --------------------------------------------------------------------------------------------


@fault("cron has stopped: no stage ran for a day", violates="M6", repair=[carry_on])
def nothing_runs(bed):
    bed.given["BICTL_VERIFY_RUN_EVERY"] = "3600"
    earlier = ", ".join(
        f"{name} = {name} - interval '1 day'"
        for name in ("started_at", "heartbeat_at", "finished_at")
    )
    bed.execute(f"update bictl.run set {earlier} where command not like 'verify%%'")
    stages = ["ingest", "load-bronze", "transform", "embed"]
    return Truth(state="fail", by=["M6"], keys=stages)


@fault(
    "a run of dbt was killed: its heartbeat stopped in the middle",
    violates="T1, failures 43",
    repair=["bictl transform --table product"],
    by_hand="bictl repair asks dbt as well; that it goes on by the plain command is the promise",
)
def heartbeat_stopped(bed):
    assert bed.execute(
        """insert into bictl.run (run_id, command, arguments, version, host, pid, started_at,
            heartbeat_at, status)
        select gen_random_uuid(), command, arguments, version, 'elsewhere', 1,
            now() - interval '1 hour', now() - interval '50 minutes', 'running'
        from bictl.run where command = 'transform' order by id desc limit 1"""
    )
    return Truth(state="warn", by=["T1"], said="was killed")


def broken_project(bed):
    """A copy of dbt's project whose model reads a table that is not there."""
    import shutil

    from bictl import assets

    directory = Path(bed.settings.state_dir) / "broken"
    shutil.copytree(assets.path("dbt"), directory)
    bed.ends.callback(shutil.rmtree, directory)
    (model,) = directory.rglob("stg_product.sql")
    model.write_text("select * from bronze.nowhere\n", encoding="utf-8")
    return str(directory)


def correct_the_model(bed):
    """correct the model"""
    del bed.given["BICTL_DBT_PROJECT_DIR"]


@fault(
    "dbt's last run failed; what the run before made still stands",
    violates="T1, failures 43",
    repair=[correct_the_model, "bictl transform --table product"],
)
def model_broken(bed):
    bed.given["BICTL_DBT_PROJECT_DIR"] = broken_project(bed)
    done = bed.bictl("transform", "--force")
    assert done.exit_code == 1, done
    return Truth(state="fail", by=["T1"], said="dbt's last run")


# Rights and passwords ----------------------------------------------------------------------------


def as_another(bed, *, until="infinity", rights=True):
    """bictl is another role from now on, with its own password."""
    name, password = f"{bed.settings.postgres.dbname}_role", "plain-words"
    bed.superuser(f"drop role if exists {name}")
    inherits = f"in role {bed.settings.postgres.user}" if rights else ""
    bed.superuser(
        f"create role {name} login password '{password}' valid until '{until}' {inherits}"
    )
    bed.ends.callback(bed.superuser, f"drop owned by {name}; drop role {name}")
    bed.given |= {"BICTL_POSTGRES_USER": name, "BICTL_POSTGRES_PASSWORD": password}
    return name


def as_before(bed):
    """renew the password, and tell bictl"""
    del bed.given["BICTL_POSTGRES_USER"], bed.given["BICTL_POSTGRES_PASSWORD"]


def days(count):
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=count)


@fault("the password of bictl's role ends tomorrow", violates="M5", repair=[as_before])
def password_ends(bed):
    as_another(bed, until=days(1))
    return Truth(state="fail", by=["M5"], keys=["the password of Postgres's role"])


@fault("the password of bictl's role has ended", violates="M5, failures 41", repair=[as_before])
def password_ended(bed):
    name = as_another(bed, until=days(-1))
    return Truth(state="unknown", by=["B1", "B3", "T2", "E1"], said=name)


def write_certificate(path, end):
    """A certificate that is good until then."""
    import trustme

    trustme.CA().issue_cert("bictl", not_after=end).cert_chain_pems[0].write_to_path(str(path))


def renew(bed):
    """renew the certificate"""
    write_certificate(bed.given["BICTL_KAFKA_SSL_CERTFILE"], days(300))


def _certificate(name, words, end, state):
    def damage(bed):
        path = Path(bed.settings.path).with_suffix(".pem")
        write_certificate(path, end())
        bed.given["BICTL_KAFKA_SSL_CERTFILE"] = str(path)
        return Truth(state=state, by=["M5"], keys=[f"a certificate in {path}"])

    damage.__name__ = f"certificate_{name}"
    damage.__module__ = __name__
    fault(f"bictl's certificate {words}", violates="M5", repair=[renew])(damage)


_certificate("ended", "has ended", lambda: days(-1), "fail")
_certificate("ends", "ends next week", lambda: days(7), "warn")


def grant(bed):
    """grant it again"""
    role = bed.given["BICTL_POSTGRES_USER"]
    bed.superuser(f"grant {bed.settings.postgres.user} to {role}")


@fault("bictl's role may not read any table any more", violates="B1", repair=[grant])
def grants_missing(bed):
    as_another(bed, rights=False)
    return Truth(state="unknown", by=["B1", "B3", "T2", "E1"], said="permission denied")


# Clocks, disks and locks -------------------------------------------------------------------------


def set_clock(bed):
    """set the clock by NTP"""
    bed.clock = ""


CLOCKS = ["Postgres's clock", "the object store's clock"]


@fault("this machine's clock is ahead", violates="M8, failures 37", repair=[set_clock])
def clock_ahead(bed):
    bed.clock = "+10m"
    return Truth(state="fail", by=["M8"], keys=CLOCKS)


@fault("this machine's clock is behind", violates="M8, failures 37", repair=[set_clock])
def clock_behind(bed):
    bed.clock = "-1m"
    return Truth(state="warn", by=["M8"], keys=CLOCKS)


def make_room(bed):
    """make room"""
    (Path(bed.given["BICTL_STATE_DIR"]) / "ballast").unlink()
    bed.given.pop("BICTL_STATE_DIR")


@fault("the disk of the state directory is full", violates="M4, failures 35", repair=[make_room])
def disk_full(bed):
    disk = bed.ends.enter_context(small_disk(64 << 20))
    (disk / "ballast").write_bytes(bytes(60 << 20))
    bed.given["BICTL_STATE_DIR"] = str(disk)
    return Truth(state="fail", by=["M4"], keys=["state directory"])


def end_the_holder(bed):
    """end the process that holds it"""
    bed.lock.close()


@fault("ingest's lock is held for days", violates="M9, failures 39", repair=[end_the_holder])
def topic_lock_stuck(bed):
    state_dir = Path(bed.settings.state_dir)
    bed.lock = bed.ends.enter_context(ExitStack())
    bed.lock.enter_context(topic_lock(state_dir, bed.table.topic, wait=0, command="ingest"))
    (path,) = [one for one in (state_dir / "locks").iterdir() if one.read_bytes()]
    holder = json.loads(path.read_bytes()) | {"since": time.time() - 3 * DAY}
    path.write_text(json.dumps(holder), encoding="utf-8")
    return Truth(state="fail", by=["M9"], keys=["ingest"])


@fault("embed's advisory lock is stuck", violates="M9, failures 39", repair=[end_the_holder])
def advisory_lock_stuck(bed):
    bed.given["BICTL_VERIFY_MAX_LOCK"] = "1"
    bed.lock = bed.ends.enter_context(ExitStack())
    holder = bed.lock.enter_context(closing(bed.clients.new_database()))
    bed.lock.enter_context(stage_lock(holder, "embed", "product", wait=0, command="embed"))
    began = (
        "select extract(epoch from clock_timestamp() - min(backend_start)) from pg_stat_activity"
    )
    while bed.value(f"{began} where application_name like 'bictl embed%%'") < 5:
        time.sleep(0.2)  # it is old by its connection's start, which nobody can shift
    return Truth(state="fail", by=["M9"], keys=["embed"])
