"""Asks all tasks and `python -m zoo` what can be asked at once: python ask_for_help.py QUESTIONS.

QUESTIONS are a JSON list of command lines (lists of words, the module first). Prints a JSON object:
`answers`, a list of [code, standard output, standard error], and `modules`, all that were loaded.
"""

import contextlib
import io
import json
import runpy
import sys
from importlib.util import _LazyModule


def answer(module, *words):
    """What `python -m module words` returns and prints."""
    sys.argv = [module, *words]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code
    return code, out.getvalue(), err.getvalue()


if __name__ == "__main__":
    answers = [answer(*words) for words in json.loads(sys.argv[1])]
    # One that a lazy loader holds back is not loaded yet.
    loaded = [name for name, module in sys.modules.items() if type(module) is not _LazyModule]
    print(json.dumps({"answers": answers, "modules": loaded}))
