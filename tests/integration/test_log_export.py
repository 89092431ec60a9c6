# SPDX-License-Identifier: Apache-2.0
"""cordon log export: what other systems are told of a session that really ran."""

import json
import unittest

from cordon_testing import CordonTest

# OCSF 1.8: what each class demands, beside what all do.
ALWAYS = {"activity_id", "category_uid", "class_uid", "type_uid", "time", "severity_id", "metadata"}
DEMANDED = {0: set(), 1001: {"actor", "device", "file"}, 1003: {"actor", "device", "kernel"},
            1007: {"actor", "device", "process"}, 4001: set(), 4002: {"http_request"}, 4003: {"query"},
            6003: {"actor", "api", "src_endpoint"}}
# and its objects
MEMBERS = {"file": {"name", "type_id"}, "kernel": {"name", "type_id"}, "process": {"pid"}, "api": {"operation"},
           "device": {"type_id"}, "connection_info": {"direction_id"}, "metadata": {"version", "product"}}
SCRIPT = """echo > made; mv made moved; chmod 600 moved; mkdir -p d; rm moved; cat /etc/hostname /none
unshare -U true; exec 3<>/dev/tcp/192.0.2.1/80"""


class Export(CordonTest):
    def export(self, record, *options, status=0):
        done = self.cordon("log", "export", *options, record)
        self.assertEqual(done.returncode, status, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    def session(self):
        self.run_in("bash", "-c", SCRIPT)
        return [json.loads(line) for line in self.record.read_bytes().splitlines()]

    def test_ocsf(self):
        lines = self.session()
        events, _ = self.export(self.record, "--format=ocsf")
        self.assertEqual(len(events), len(lines))
        for event, line in zip(events, lines):
            with self.subTest(kind=line["kind"]):
                self.check_class(event)
                self.assertEqual(event["unmapped"]["kind"], line["kind"])
                self.assertEqual(event["unmapped"].get("fields"), line.get("fields"))
                meta = event["metadata"]
                self.assertEqual((meta["version"], meta["uid"], meta["sequence"]), ("1.8.0", line["hash"], line["seq"]))
                self.assertEqual((meta.get("correlation_uid"), event["device"]["uid"]), (line.get("call"), line["session"]))
        self.assertEqual(self.export(self.record)[0], events)

    def check_class(self, event):
        for name in ALWAYS | DEMANDED[event["class_uid"]]:
            self.assertIn(name, event)
        for name, members in MEMBERS.items():
            self.assertLessEqual(members, set(event.get(name, members)), name)
        self.assertEqual(event["type_uid"], event["class_uid"] * 100 + event["activity_id"])
        self.assertEqual(event["category_uid"], event["class_uid"] // 1000)
        if event["activity_id"] == 99:
            self.assertTrue(event["activity_name"])
        if event["class_uid"] == 4001:
            self.assertTrue(event.get("dst_endpoint") or event.get("src_endpoint"))

    def test_what_was_refused(self):
        # Without a trace another rule is stricter: all labels count as set.
        line = next(e for e in self.session() if e["kind"] == "net.connect" and e["verdict"] == "deny")
        events, _ = self.export(self.record, "--verdict=deny")
        connect = [e for e in events if e["type_uid"] == 400101][0]
        self.assertEqual(connect["dst_endpoint"], {"ip": "192.0.2.1", "port": 80})
        self.assertEqual((connect["action_id"], connect["disposition_id"], connect["status_id"]), (2, 2, 2))
        self.assertEqual(connect["policy"], {"uid": line["rule"], "desc": line["because"]})
        rank = ["", "", "low", "medium", "high", "critical"].index(line["severity"])
        self.assertEqual((connect["severity_id"], connect["is_alert"]), (rank, True))

    def test_what_was_done(self):
        lines = self.session()
        events, _ = self.export(self.record)
        start = next(e for e in lines if e["kind"] == "session.start")
        if start["fields"]["trace"] != "on":
            self.skipTest("what a program did with files is told by the trace")
        work = str(self.work)
        files = {(e["activity_id"], e["file"]["path"], e.get("file_result", {}).get("path")) for e in events
                 if e["class_uid"] == 1001 and e["status_id"] == 1}
        self.assertLessEqual({(1, f"{work}/made", None), (5, f"{work}/made", f"{work}/moved"), (7, f"{work}/moved", None),
                              (1, f"{work}/d", None), (4, f"{work}/moved", None)}, files)
        failed = [e for e in events if e["class_uid"] == 1001 and e["file"]["path"] == "/none"]
        self.assertEqual([(e["status_id"], e["activity_id"]) for e in failed], [(2, 14)])
        commands = [e["process"].get("cmd_line") for e in events if e["type_uid"] == 100701]
        self.assertIn("mv made moved", commands)
        if start["fields"]["trace_backend"].startswith("tracepoint"):  # What the floor refuses comes to no security hook.
            self.assertIn("unshare", [e["kernel"]["name"] for e in events if e["class_uid"] == 1003])

    def of_lines(self, *events):
        """Of lines that are no record: they are exported all the same, and it is said that nothing proves them."""
        path = self.dir / "lines.jsonl"
        path.write_text("".join(json.dumps({"seq": i, "ts": i, "session": "s", **e}) + "\n" for i, e in enumerate(events)))
        return self.export(path, status=1)[0]

    def test_the_network(self):
        to = {"address": "198.18.0.9", "host": "a.example", "port": 80}
        http = {"protocol": "http", "method": "PUT", "url_path": "/x", "http_host": "a.example"}
        dns, request, tls, close, listen, unix = events = self.of_lines(
            {"kind": "net.dns", "fields": {"host": "a.example", "qtype": "AAAA"}, "verdict": "decoy", "rule": "r"},
            {"kind": "net.request", "pid": 7, "fields": {**to, **http}, "verdict": "deny", "enforced": False, "rule": "r"},
            {"kind": "net.request", "pid": 7, "fields": {**to, "protocol": "tls", "method": "", "sni": "a.example"}},
            {"kind": "net.close", "pid": 7, "fields": {**to, "bytes_out": 3, "bytes_in": 4, "duration_ms": 5, "result": 0}},
            {"kind": "net.listen", "pid": 7, "fields": {"address": "0.0.0.0", "host": "0.0.0.0", "port": 8, "protocol": "tcp"}},
            {"kind": "net.connect", "pid": 7, "fields": {"address": "", "host": "", "port": 0, "path": "/run/x", "protocol": "other"}})
        for event in events:
            self.check_class(event)
        self.assertEqual([e["type_uid"] for e in events], [400301, 400207, 400106, 400102, 400107, 400101])
        self.assertEqual(dns["query"], {"hostname": "a.example", "type": "AAAA"})
        self.assertEqual((dns["action_id"], dns["disposition_id"]), (2, 7))
        self.assertEqual(request["http_request"], {"http_method": "PUT", "url": {"hostname": "a.example", "path": "/x"}})
        self.assertEqual((request["action_id"], request["disposition_id"]), (1, 15))
        self.assertEqual(tls["dst_endpoint"], {"ip": "198.18.0.9", "hostname": "a.example", "port": 80})
        self.assertEqual((close["traffic"], close["duration"]), ({"bytes_out": 3, "bytes_in": 4}, 5))
        self.assertEqual(listen["src_endpoint"], {"ip": "0.0.0.0", "port": 8})
        self.assertEqual(unix["dst_endpoint"], {"name": "/run/x"})

    def test_what_is_not_there(self):
        """Fields that were too large are not on the record, and not every record is one."""
        kinds = ["exec", "proc.fork", "proc.call", "file.open", "file.change", "net.dns", "tool.call", "tool.result"]
        for fields in ({}, {"fields": {"oversize": 70000, "head": "x"}}, {"fields": []}, {"fields": {"path": 1, "op": None}}):
            events = self.of_lines(*({"kind": kind, **fields} for kind in kinds), {"kind": 3}, {"kind": None})
            self.assertEqual([(e["class_uid"], e["activity_name"]) for e in events], [(0, kind) for kind in kinds])

    def test_otel(self):
        lines = self.session()
        documents, _ = self.export(self.record, "--format=otel")
        self.assertEqual(len(documents), 1)
        [resource] = documents[0]["resourceSpans"]
        [span] = resource["scopeSpans"][0]["spans"]
        told = {a["key"]: a["value"]["stringValue"] for a in span["attributes"]}
        self.assertEqual(span["name"], "execute_tool run")
        self.assertEqual((told["gen_ai.operation.name"], told["gen_ai.tool.name"]), ("execute_tool", "run"))
        refused = [e["rule"] for e in lines if e.get("verdict") == "deny"]
        self.assertEqual((told["gen_ai.tool.call.id"], told["cordon.refused_by"]), ("c1", refused[-1]))
        self.assertRegex(span["traceId"], "^[0-9a-f]{32}$")
        self.assertRegex(span["spanId"], "^[0-9a-f]{16}$")
        by_kind = {e["kind"]: e for e in lines}
        took = int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])
        self.assertEqual(took, by_kind["tool.result"]["ts"] - by_kind["tool.call"]["ts"])
        spoken = [e for e in lines if e.get("rule")]
        self.assertEqual([dict((a["key"], a["value"].get("stringValue")) for a in e["attributes"])["cordon.event"]
                          for e in span["events"]], [e["hash"] for e in spoken if "call" in e])

    def test_a_call_without_a_result(self):
        lines = self.session()
        cut = self.dir / "cut.jsonl"
        end = next(i for i, e in enumerate(lines) if e["kind"] == "tool.result")
        cut.write_bytes(b"".join(self.record.read_bytes().splitlines(keepends=True)[:end]))
        documents, said = self.export(cut, "--format=otel")
        self.assertIn(b"no session.end", said)
        [span] = documents[0]["resourceSpans"][0]["scopeSpans"][0]["spans"]
        told = {a["key"]: a["value"]["stringValue"] for a in span["attributes"]}
        self.assertEqual((span["status"]["code"], told["error.type"]), (2, "refused"))

    def test_a_line_that_was_changed(self):
        self.session()
        changed = self.dir / "changed.jsonl"
        changed.write_bytes(self.record.read_bytes().replace(b"192.0.2.1", b"192.0.2.2"))
        self.assertIn(b"what follows is not proven", self.export(changed, status=1)[1])

    def test_what_is_wrong(self):
        done = self.cordon("log", "export", "--format=xml", self.record)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"xml is no format: ocsf, otel", done.stderr)
        done = self.cordon("log", "show", "--verdict=pass", self.record)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"pass is no verdict: allow, log, throttle, redact, ask, decoy, deny, kill", done.stderr)


if __name__ == "__main__":
    unittest.main()
