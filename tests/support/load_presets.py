"""Run in a process of its own: loads presets and writes the probabilities that they give."""

import json
import sys
from pathlib import Path

import zoo

if __name__ == "__main__":
    results, texts, *folders = sys.argv[1:]
    given = [zoo.load(folder).probabilities(json.loads(texts)).tolist() for folder in folders]
    Path(results).write_text(json.dumps(given))
