"""Makes the JSON Schema of descriptions from the model, so that it cannot say anything else.

python tools/schema.py            # writes it
python tools/schema.py --check    # exits with 1 if it is not up to date
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from engine.description import schema

PATH = Path(__file__).parent.parent / "engine" / "description" / "schema.json"


def main() -> int:
    text = json.dumps(schema.make(), indent=2, ensure_ascii=False) + "\n"
    if "--check" in sys.argv:
        is_stale = not PATH.exists() or PATH.read_text(encoding="utf-8") != text
        if is_stale:
            print("engine/description/schema.json is not up to date: run tools/schema.py")
        return int(is_stale)
    PATH.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
