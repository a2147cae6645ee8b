"""What a fresh process imports to load a model of each kind and to ask it."""

from support.predictor_case import CASES, FIRST_OF_EACH, made
from support.processes import run_script

from zoo.predictors import PREDICTORS, presets

_SCRIPT = """
import sys

absent = ("tensorflow_datasets", "matplotlib", "click")  # to import them would fail
sys.modules |= dict.fromkeys(absent)
import keras  # which brings some of the others along where they are installed

before = set(sys.modules)
import zoo

for folder, text in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    assert zoo.load(folder).predict([text])
others = {"rich", "sklearn", "seqeval", "sacrebleu", "zoo.evaluation.figures"}
unwanted = (others | {"zoo.evaluation.baselines", "zoo.application"}) & (set(sys.modules) - before)
assert not unwanted, unwanted
"""


def test_a_prediction_imports_nothing_of_training_evaluation_or_the_command_line(tmp_path):
    assert len(FIRST_OF_EACH) == len(PREDICTORS)
    arguments = []
    for name in FIRST_OF_EACH:
        presets.save(made(name), tmp_path / name, {})
        arguments += [tmp_path / name, CASES[name].inputs[0]]
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    run_script(script, *arguments)
