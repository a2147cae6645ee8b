"""What a fresh process imports to load a model and to ask it."""

from support.predictor_case import CASES, made
from support.processes import run_script

from zoo.predictors import presets

_NOT_FOR_INFERENCE = (
    *("tensorflow_datasets", "matplotlib", "click", "rich"),
    *("sklearn", "seqeval", "sacrebleu"),
    *("zoo.evaluation.figures", "zoo.evaluation.baselines", "zoo.application"),
)

_SCRIPT = """
import sys
import keras  # which brings some of these along where they are installed

before = set(sys.modules)
import zoo

for folder, text in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    assert zoo.load(folder).predict([text])
unwanted = set({modules}) & (set(sys.modules) - before)
assert not unwanted, unwanted
"""


def test_a_prediction_imports_nothing_of_training_evaluation_or_the_command_line(tmp_path):
    arguments, kinds = [], set()
    for name, case in CASES.items():
        if made(name).kind not in kinds:
            kinds.add(made(name).kind)
            presets.save(made(name), tmp_path / name, {})
            arguments += [tmp_path / name, case.inputs[0]]
    assert len(kinds) == 5
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT.format(modules=_NOT_FOR_INFERENCE))
    run_script(script, *arguments)
