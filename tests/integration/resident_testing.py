# SPDX-License-Identifier: Apache-2.0
"""What the tests of the resident supervisor share."""

import json

from cordon_testing import TRACE, CordonTest


class ResidentTest(CordonTest):
    def setUp(self):
        super().setUp()
        self.use_resident()

    def status(self):
        return json.loads(self.cordon("serve", "--status", "--json").stdout)

    def place(self):
        return self.dir / "state/resident"

    def pid(self):
        return self.status()["pid"]

    def served(self):
        return self.status()["served"]

    def run_quietly(self, *command, options=(), **kwargs):
        return self.cordon("run", "-q", "--trace", TRACE, "-w", self.work, *options, "--", *command, **kwargs)
