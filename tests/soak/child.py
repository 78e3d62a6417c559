"""``python -m soak.child SCENARIO LIBRARY SECONDS SEED``: one scenario, whose counts are the last line that it prints."""

from __future__ import annotations

import json
import sys
import warnings

from soak.scenarios import SCENARIOS

if __name__ == "__main__":
    scenario, library, seconds, seed = sys.argv[1:]
    warnings.simplefilter("always")
    print(json.dumps(SCENARIOS[scenario](library, float(seconds), int(seed))))
