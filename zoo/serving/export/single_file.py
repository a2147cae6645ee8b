"""The folder of a format that holds a network in one file: the file and what it takes to use it.

Neither ONNX nor LiteRT has the operations that cut text into tokens, so these files begin at the
token ids. Vocabulary and labels lie beside them, and a README with code that needs no TensorFlow.
"""

import contextlib
import importlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import ModuleType

from zoo import __version__
from zoo.errors import MissingPackageError, UserError
from zoo.predictors.text_classifier import TextClassifier

VOCABULARY_NAME, LABELS_NAME, README_NAME = "vocabulary.txt", "labels.txt", "README.md"
_KINDS = ("text_classifier",)  # of predictors: ids in, one probability for each label out


@dataclass(frozen=True)
class FileFormat:
    """A format, as far as its folder and README go.

    Attributes:
        folder: its folder beside the versions for TensorFlow Serving, which reads integers only.
        file: the network's file there.
        rows: what batches it takes, in words.
        package: what the example installs.
        imports: the example's line that imports it.
        run: the example's lines from `ids` to `probabilities`.
    """

    folder: str
    file: str
    rows: str
    package: str
    imports: str
    run: str


def load_packages(*names: str) -> list[ModuleType]:
    """Imports what only an export to these formats needs.

    Raises:
        MissingPackageError: one is not installed.
    """
    try:
        return [importlib.import_module(name) for name in names]
    except ImportError as error:
        raise MissingPackageError(error) from error


def write(
    file_format: FileFormat,
    convert: Callable[[TextClassifier], tuple[bytes, float]],
    predictor: TextClassifier,
    name: str,
    folder: str | Path,
    overwrite: bool = False,
) -> Path:
    """As `zoo.serving.export`, for a format of one file: all of the folder or nothing.

    Args:
        file_format: how the folder looks.
        convert: gives the file's content, and its largest difference of a probability to Keras.
        predictor, name, folder, overwrite: as there.
    """
    if predictor.kind not in _KINDS:
        raise UserError(
            f"this format is written for models of kind {', '.join(_KINDS)} only, and this one is "
            f"of kind {predictor.kind}: export it as a saved_model"
        )
    for label in predictor.label_names:
        if len(label.splitlines()) != 1:
            raise UserError(f"the label {label!r} does not fit on a line of {LABELS_NAME}")
    place = Path(folder) / name / file_format.folder
    _require_free(place, file_format, overwrite)
    content, difference = convert(predictor)
    try:
        with _appearing(place) as new:
            (new / file_format.file).write_bytes(content)
            predictor.tokenizer.vocabulary.save(new / VOCABULARY_NAME)
            labels = "".join(f"{label}\n" for label in predictor.label_names)
            (new / LABELS_NAME).write_text(labels, encoding="utf-8")
            readme = _readme(file_format, predictor, name, difference)
            (new / README_NAME).write_text(readme, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {place} ({error.strerror}): give another folder") from error
    return place


def _require_free(place: Path, file_format: FileFormat, overwrite: bool) -> None:
    if not os.path.lexists(place):
        return
    if not overwrite:
        raise UserError(
            f"{place} is there already: give another name or folder, or ask to overwrite it"
        )
    if not (place / file_format.file).is_file():
        raise UserError(f"{place} is not an export, so it stays: give another name or folder")


@contextlib.contextmanager
def _appearing(place: Path) -> Iterator[Path]:
    """Context of a folder to fill, which then replaces `place` by a rename."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".exporting-") as temporary:
        new, old = Path(temporary) / "new", Path(temporary) / "old"
        new.mkdir()
        yield new
        if place.exists():
            place.rename(old)
        try:
            new.rename(place)
        except BaseException:
            if old.exists():
                old.rename(place)
            raise


def _readme(
    file_format: FileFormat, predictor: TextClassifier, name: str, difference: float
) -> str:
    options = predictor.tokenizer.get_config()
    limit = options["max_length"]
    return _README.substitute(
        vars(file_format),
        name=name,
        version=__version__,
        difference=f"{difference:.0e}",
        lower=".lower()" if options["lowercase"] else "",
        kept=f"tokens[-{limit - 1}:]" if limit else "tokens",
    )


_README = Template(r"""# $name

`$file`, exported by version $version of the zoo, computes in float32 and differs from the Keras
model by at most $difference in a probability.

- Input `token_ids`: int32 (batch, timesteps); $rows, any number of timesteps, 0 as padding on the
  right.
- Output `probabilities`: float32 (batch, labels), in the order of `labels.txt`.

The file cannot take strings: the format has no operations that cut text into tokens. A token's id
is its place in `vocabulary.txt`, from 0, and the code below gives the ids of the training. It needs
`pip install numpy regex $package`.

```python
import numpy as np
import regex
$imports

def lines(path):
    return open(path, encoding="utf-8").read().split("\n")[:-1]

labels = lines("labels.txt")
vocabulary = {token: i for i, token in enumerate(lines("vocabulary.txt"))}

def token_ids(text):
    text = regex.sub(r"(?i)<br\s*/?>|[\s\p{Z}\p{Cc}\u200B\uFEFF]+", " ", text)
    text = regex.sub("[’ʼ＇]", "'", text)$lower
    word = r"[\p{L}\p{M}\p{N}]+"
    tokens = regex.findall(rf"{word}(?:'{word})*|[^ ]", text)
    return [vocabulary.get(token, 1) for token in [*$kept, "<EOS>"]]

ids = np.array([token_ids("A moving, funny and beautifully acted film.")], dtype="int32")
$run
print(labels[probabilities[0].argmax()], probabilities[0].max())
```
""")
