import json, uuid
from bictl.verify.present import as_memory
from bictl.records import Range
from bictl.ingest.acks import generation_ack, write_ack

B = "bronze.product_cdc"

def show(report):
    print(report.state, report.exit_code, report.complete, report.headline)
    for c in report.checks:
        if c.state != "ok":
            print("  ", c.id, c.state, c.message, "|", c.hint)

def remember(p, report):
    p.execute("insert into bictl.run (run_id,command,arguments,version,host,pid,status,finished_at,result,exit_code) values (%s,'verify','{}','0','h',1,'ok',now(),%s,0)", str(uuid.uuid4()), json.dumps(as_memory(report)))

def test_s1(pipeline):
    n = pipeline.execute(f"update {B} set cdc_payload = jsonb_set(cdc_payload, '{{payload,before}}', '{{\"ID\": 77}}') where kafka_offset = 7")
    print("edited", n)
    show(pipeline.verify(level="deep"))
    pipeline.execute(f"update {B} set kafka_timestamp = now() where kafka_offset = 8")
    show(pipeline.verify(level="deep"))

def test_s2(pipeline):
    keys = [k for k in pipeline.keys() if "partition=00001" in k]
    first = keys[0]
    print(first, pipeline.value(f"select array_agg((kafka_partition,kafka_offset)::text) from {B} where cdc_payload->'payload'->'source'->>'snapshot' in ('first','first_in_data_collection')"))
    pipeline.objects.delete(first)
    pipeline.execute(f"delete from {B} where batch_file = %s", first)
    pipeline.execute("delete from bictl.object_ledger where object_key = %s", first)
    show(pipeline.verify(level="deep"))

def test_s3(pipeline):
    r = pipeline.verify()
    show(r)
    remember(pipeline, r)
    q = pipeline.verify(level="quick")
    show(q)
    # more arrives? nothing; now lose a partition's newest row
    pipeline.objects.delete(pipeline.keys()[-1])
    show(pipeline.verify(level="quick"))

def test_s4(empty_pipeline, write):
    p = empty_pipeline
    key = json.dumps({"ID": 1}).encode()
    val = json.dumps({"op": "c", "source": {"snapshot": "false", "ts_ms": 1}, "after": {"ID": 1}}).encode()
    write(p, [(key, val, 1715680000000, 0)] * 10)
    p.seal(0, 10, offsets=[0, 1, 2, 5, 9])
    p.load()
    show(p.verify())
    show(p.verify(level="quick"))

def test_s5(empty_pipeline, write):
    p = empty_pipeline
    key = json.dumps({"ID": 1}).encode()
    val = json.dumps({"op": "c", "source": {"snapshot": "false", "ts_ms": 1}, "after": {"ID": 1}}).encode()
    write(p, [(key, val, 1715680000000, 0)] * 10)
    life = p.generation() + "-1"
    # the old life held more
    from types import SimpleNamespace as N
    old = [N(offset=i, timestamp=1715680000000, key=key, value=val, headers=()) for i in range(20)]
    p.seal_records(old, 0, 20, partition=0, generation=p.generation(), number=0)
    p.load()
    show(p.verify())
    write_ack(p.objects, p.table.prefix, generation_ack(life, reason="r", person="p"))
    p.seal(0, 10, generation=life, number=1)
    p.load()
    show(p.verify())
