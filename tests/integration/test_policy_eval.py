# SPDX-License-Identifier: Apache-2.0
"""`cordon policy eval` from outside: what it prints, its exit status, and variables of every type."""

import json
import subprocess
import unittest

from cordon_testing import CORDON, SLOWER


def run(*arguments, stdin=""):
    return subprocess.run(
        [CORDON, "policy", *arguments], capture_output=True, text=True, input=stdin, timeout=60 * SLOWER
    )


class Eval(unittest.TestCase):
    def value(self, expression, *variables):
        options = [word for v in variables for word in ("--var", v)]
        r = run("eval", *options, expression)
        self.assertEqual((r.returncode, r.stderr), (0, ""), r.stdout)
        return r.stdout.rstrip("\n")

    def test_each_type_is_printed_as_the_page_says(self):
        for expression, printed in {
            "-3": '{"type": "int", "value": -3}',
            "9223372036854775807": '{"type": "int", "value": 9223372036854775807}',
            "18446744073709551615u": '{"type": "uint", "value": 18446744073709551615}',
            "1.0": '{"type": "double", "value": 1.0}',
            "0.1": '{"type": "double", "value": 0.1}',
            "1e300": '{"type": "double", "value": 1e+300}',
            "-(0.0)": '{"type": "double", "value": -0.0}',
            "0.0 / 0.0": '{"type": "double", "value": "NaN"}',
            "-1.0 / 0.0": '{"type": "double", "value": "-Infinity"}',
            "true": '{"type": "bool", "value": true}',
            "null": '{"type": "null", "value": null}',
            r"'ä\"\\\n\x00'": r'{"type": "string", "value": "ä\"\\\u000a\u0000"}',
            r"b'\x00\xff'": '{"type": "bytes", "value": "AP8="}',
            "b''": '{"type": "bytes", "value": ""}',
            "duration('-1500ms')": '{"type": "duration", "value": "-1.5s"}',
            "timestamp(1)": '{"type": "timestamp", "value": "1970-01-01T00:00:01Z"}',
            "type(1u)": '{"type": "type", "value": "uint"}',
            "optional.none()": '{"type": "optional_type", "value": null}',
            "optional.of(null)": '{"type": "optional_type", "value": '
            '{"type": "null", "value": null}}',
            "[1, []]": '{"type": "list", "value": [{"type": "int", "value": 1}, '
            '{"type": "list", "value": []}]}',
            "{1u: 'a'}": '{"type": "map", "value": [{"key": {"type": "uint", "value": 1}, '
            '"value": {"type": "string", "value": "a"}}]}',
        }.items():
            with self.subTest(expression):
                self.assertEqual(self.value(expression), printed)
                # what is printed can be given back
                again = self.value("x", "x:typed=" + printed) if "\\u0000" not in printed else printed
                self.assertEqual(again, printed)

    def test_variables(self):
        for variable, claim in {
            "x=9223372036854775807": "x == 9223372036854775807 && type(x) == int",
            "x=1.0": "type(x) == double",
            "x=1e2": "x == 100 && type(x) == double",
            'x={"n":[1,"2,3",{"k\\"4":-5}],"o":6}': "x.n[0] + x.n[2]['k\"4'] + x.o == 2",
            "x=null": "x == null",
            "x:uint=18446744073709551615": "x == 18446744073709551615u && type(x) == uint",
            'x:int="-9223372036854775808"': "x < -9223372036854775807",
            "x:double=1": "type(x) == double",
            'x:double="Infinity"': "x == 1.0 / 0.0",
            'x:bytes="AP8="': r"x == b'\x00\xff'",
            'x:duration="1h"': "x.getMinutes() == 60",
            'x:timestamp="2024-02-29T00:00:00Z"': "x.getDate() == 29",
            'x:type="google.protobuf.Duration"': "x == type(duration('1s'))",
            "x:list(uint)=[1,2]": "x.all(i, type(i) == uint)",
            'x:map(int,list(double))={"1":[2]}': "type(x[1][0]) == double && 1 in x",
            'x:map(bool,string)={"true":"a"}': "x[true] == 'a'",
            'x:optional_type={"a":[1]}': "x.a[0].value() == 1",
            "x:optional_type(uint)=null": "!x.hasValue()",
            "x:list(optional_type(uint))=[1,null]": "[?x[0], ?x[1]] == [1] && type(x[0].value()) == uint",
            "a.b.x=3": "a.b.x == 3",
        }.items():
            with self.subTest(variable):
                self.assertEqual(self.value(claim, variable), '{"type": "bool", "value": true}')
        r = run("eval", "--container", "p.q", "--var=p.x=1", "--var=x=2", "[x, .x] == [1, 2]")
        self.assertEqual(r.stdout, '{"type": "bool", "value": true}\n')

    def test_types_are_checked_before_it_runs_if_asked(self):
        mixed = "true || 1 + 'a' == 2"
        self.assertEqual(self.value(mixed), '{"type": "bool", "value": true}')
        for option in ("--check", "--type"):
            r = run("eval", option, mixed)
            self.assertEqual(r.returncode, 2)
            reason = "found no matching overload for '_+_' applied to '(int, string)'"
            self.assertEqual(
                json.loads(r.stdout), {"error": reason, "line": 1, "column": 11}
            )
            self.assertEqual(
                r.stderr, f"expression:1:11: {reason}\n    {mixed}\n    {'^':>11}\n"
            )
        r = run("eval", "--check", "[1, 2].map(x, x + 1)")
        self.assertIn('{"type": "int", "value": 3}', r.stdout)
        for variable, expression, printed in (
            ("x:map(string, list(uint))", "x", "map(string, list(uint))"),
            ("x:list", "x[0]", "dyn"),
            ("x:any", "x.y", "dyn"),
            ("x:duration", "[x + x, null]", "list(duration)"),
            ("x=[1,2]", "x", "list(dyn)"),
            ("x:typed=" + '{"type":"int","value":1}', "x", "int"),
            ('x:typed={"type":"optional_type","value":null}', "x.?a", "optional_type(dyn)"),
            ("x:list(int)=[1]", "x.map(i, i > 0)", "list(bool)"),
            ("x:null", "x", "null"),
            ("x:optional_type(map(string, list(int)))", "x.a[0]", "optional_type(int)"),
            ("x:list(optional_type)", "x", "list(optional_type(dyn))"),
            ("x:null=null", "type(x)", "type(null)"),
        ):
            with self.subTest(variable):
                r = run("eval", "--type", "--var", variable, expression)
                self.assertEqual((r.returncode, r.stdout), (0, f'{{"type": "{printed}"}}\n'))
        r = run("eval", "--check", "--var=x:string=\"a\"", "x > 1")
        self.assertEqual(r.returncode, 2)
        r = run("eval", "--var=x:int", "x > 1")
        self.assertEqual(r.returncode, 1)
        self.assertIn("declared, but has no value", r.stdout)

    def test_wrong_variables(self):
        for variable in (
            "x", "x=", "x={", "1x=1", "x:int=1.5", "x:int=true", "x:uint=-1", "x:bytes=\"*\"",
            "x:duration=1", "x:duration=\"1\"", "x:timestamp=\"now\"", "x:list=1", "x:map=[]",
            "x:map(int)={}", "x:nosuch=1", "x:list(nosuch)=[]", "x:list(int=[]", "x:int)=1",
            "x:map(double,int)={}", "x:", "x:" + "list(" * 70 + "int" + ")" * 70, "x:string=1", "x:typed=1", "x=9223372036854775808",
            'x:typed={"type":"map","value":[{"key":{"type":"double","value":1},'
            '"value":{"type":"int","value":1}}]}',
            'x:map(int,int)={"1":1,"01":1}', 'x:typed={"type":"list(int)","value":[]}',
            'x:optional_type(int)="a"', "x:optional_type(int=1", 'x:typed={"type":"optional_type"}',
            "x:" + "optional_type(" * 60 + "int" + ")" * 60 + "=1",
        ):  # fmt: skip
            with self.subTest(variable):
                r = run("eval", "--var", variable, "1")
                self.assertEqual((r.returncode, r.stdout), (2, ""))
                self.assertIn("cordon", r.stderr)

    def test_errors_and_exit_status(self):
        r = run("eval", "1 +\n ä")
        self.assertEqual(r.returncode, 2)
        self.assertEqual(
            json.loads(r.stdout), {"error": "unexpected character", "line": 2, "column": 2}
        )
        self.assertEqual(r.stderr, "expression:2:2: unexpected character\n     ä\n     ^\n")
        r = run("eval", "'ä' == 'ä' && 1 / 0 == 1")
        self.assertEqual(r.returncode, 1)
        self.assertEqual(
            json.loads(r.stdout), {"error": "division by zero", "line": 1, "column": 17}
        )
        r = run("eval", "nosuch || f(1)")
        self.assertEqual((r.returncode, json.loads(r.stdout)["column"]), (1, 1))
        for arguments in ((), ("eval",), ("nosuch",), ("eval", "1", "2"), ("eval", "--var", "x=1")):
            with self.subTest(arguments):
                r = run(*arguments)
                self.assertEqual((r.returncode, r.stdout), (2, ""))
                self.assertTrue(r.stderr)
        self.assertIn("no option --json", run("eval", "1", "--json").stderr)
        for arguments in (("--help",), ("eval", "--help")):
            r = run(*arguments)
            self.assertEqual((r.returncode, r.stderr), (0, ""))
            self.assertIn("Usage: cordon policy", r.stdout)

    def test_an_expression_may_begin_with_a_minus_or_come_from_standard_input(self):
        self.assertEqual(self.value("-(42)"), '{"type": "int", "value": -42}')
        self.assertEqual(self.value("--3"), '{"type": "int", "value": 3}')
        r = run("eval", "--", "--var")
        self.assertEqual(r.returncode, 2)
        r = run("eval", "-", stdin="'a\0b'.size()\n")
        self.assertEqual((r.returncode, r.stdout), (0, '{"type": "int", "value": 3}\n'))
        r = run("eval", "-", stdin="1" + " " * 20000)
        self.assertEqual(r.returncode, 2)
        self.assertIn("longer than 16384 bytes", r.stdout)

    def test_zones_of_the_host(self):
        hours = "timestamp('2024-07-01T00:00:00Z').getHours('%s')"
        self.assertEqual(self.value(hours % "+02:00"), '{"type": "int", "value": 2}')
        for name in ("../../etc/passwd", "/etc/localtime", "", "No/Where", "Europe/Berlin\\x00"):
            r = run("eval", hours % name)
            self.assertEqual(r.returncode, 1, name)
            self.assertIn("unknown time zone", r.stdout)
        berlin = run("eval", hours % "Europe/Berlin")
        if berlin.returncode == 0:  # where zones are installed
            self.assertEqual(berlin.stdout, '{"type": "int", "value": 2}\n')

    def test_what_would_be_endless_ends(self):
        many = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
        long = "(" + " + ".join([many] * 6) + ")"
        loops = f"{long}.all(a, {long}.all(b, {long}.all(c, {long}.all(d, true))))"
        r = run("eval", loops)
        self.assertEqual(r.returncode, 1)
        self.assertRegex(r.stdout, "more (steps|memory)")
        r = run("eval", "[0]" + ".map(x, [x, x])" * 40)
        self.assertEqual(r.returncode, 1)
        self.assertIn("16 MiB", r.stdout)


if __name__ == "__main__":
    unittest.main()
