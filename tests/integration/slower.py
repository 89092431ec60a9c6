# SPDX-License-Identifier: Apache-2.0
"""By how much limits of time are longer, and rounds fewer, on an emulated machine; as tests/support/slower.h."""

import os

SLOWER = max(1, min(100, int(os.environ.get("CORDON_TEST_SLOWER", "1"))))
