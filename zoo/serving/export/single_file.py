"""The folder of a format that holds a network in one file: the file and what it takes to use it.

Neither ONNX nor LiteRT has the operations that cut text into tokens or letters, so these files
begin at their ids; nor do they read videos, of which they begin at frames. Labels, and the
vocabulary of tokens, lie beside them, and a README with code that needs no TensorFlow.
"""

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from zoo import __version__
from zoo.errors import MissingPackageError, UserError
from zoo.genomics.alphabet import LETTERS
from zoo.networks.clips import CLIP
from zoo.predictors.dna_classifier import EXAMPLE, DnaClassifier
from zoo.predictors.folders import passing_folder
from zoo.predictors.text_classifier import TextClassifier
from zoo.predictors.video_classifier import VideoClassifier
from zoo.serving.export.formats import ExportError
from zoo.serving.export.network import Network, Run
from zoo.serving.export.readings import Converted, reading_of

VOCABULARY_NAME, LABELS_NAME = "vocabulary.txt", "labels.txt"
_TEMPLATES = Path(__file__).with_name("templates")  # of the README, one for each kind
_KINDS = ("text_classifier", "dna_classifier", "video_classifier")  # a probability for each label


class FileFormat(NamedTuple):
    """A format of one file."""

    folder: str  # beside the versions for TensorFlow Serving, which reads integers only
    file: str
    engine: str  # what runs it, in words
    packages: tuple[str, ...]  # the modules that only an export to this format needs
    convert: Callable[..., tuple[bytes, Run]]  # of the network and these modules
    batch: int | None  # rows that the network takes, None for any
    batches: tuple[int, ...]  # sizes of those that are compared with Keras
    # Of the README: what batches it takes, what to install, and the example's lines that import it
    # and that lead from `ids` to `probabilities`.
    rows: str
    package: str
    imports: str
    run: str
    # How `run` names inputs for the values of the example, in place of its `$inputs`.
    inputs: Callable[[Mapping[str, str]], str]


def write(
    file_format: FileFormat,
    predictor: Converted,
    name: str,
    folder: str | Path,
    overwrite: bool = False,
) -> Path:
    """As `zoo.serving.export`, for a format of one file: all of the folder or nothing."""
    if predictor.kind not in _KINDS:
        raise UserError(
            f"this format is written for models of kind {', '.join(_KINDS)} only, and this one is "
            f"of kind {predictor.kind}: export it as a saved_model"
        )
    for label in predictor.label_names:
        if len(label.splitlines()) != 1:
            raise UserError(f"the label {label!r} does not fit on a line of {LABELS_NAME}")
    place = Path(folder) / name / file_format.folder
    if os.path.lexists(place):
        _require_export(place, file_format, overwrite)
    content, difference = converted(file_format, predictor)
    try:
        with _appearing(place) as new:
            (new / file_format.file).write_bytes(content)
            if isinstance(predictor, TextClassifier):
                predictor.tokenizer.vocabulary.save(new / VOCABULARY_NAME)
            labels = "".join(f"{label}\n" for label in predictor.label_names)
            (new / LABELS_NAME).write_text(labels, encoding="utf-8")
            readme = _readme(file_format, predictor, name, difference)
            (new / "README.md").write_text(readme, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {place} ({error.strerror}): give another folder") from error
    return place


def converted(file_format: FileFormat, predictor: Converted) -> tuple[bytes, float]:
    """The content of a network's file, and its largest difference of a probability to Keras.

    Raises:
        MissingPackageError: a package is not installed.
        ExportError: the format cannot express the network, or answers otherwise than Keras.
    """
    try:
        modules = [importlib.import_module(module) for module in file_format.packages]
    except ImportError as error:
        raise MissingPackageError(error) from error
    network = Network(predictor, file_format.batch)
    try:
        content, run = file_format.convert(network, *modules)
    except Exception as error:  # converters raise whatever their handlers and passes do
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ExportError(
            f"not exported: {file_format.engine} cannot express this network ({reason})"
        ) from error
    return content, network.largest_difference(run, file_format.batches)


def _require_export(place: Path, file_format: FileFormat, overwrite: bool) -> None:
    if not overwrite:
        raise UserError(
            f"{place} is there already: give another name or folder, or ask to overwrite it"
        )
    if not (place / file_format.file).is_file():
        raise UserError(f"{place} is not an export, so it stays: give another name or folder")


@contextlib.contextmanager
def _appearing(place: Path) -> Iterator[Path]:
    """Context of a folder to fill, which then replaces `place` by a rename."""
    with passing_folder(place.parent, ".exporting-") as new:
        old = new.parent / "old"
        yield new
        if place.exists():
            place.rename(old)
        try:
            new.rename(place)
        except BaseException:
            if old.exists():
                old.rename(place)
            raise


def _readme(file_format: FileFormat, predictor: Converted, name: str, difference: float) -> str:
    template = (_TEMPLATES / f"{predictor.kind}.md.template").read_text(encoding="utf-8")
    names = [spec.name for spec in reading_of(predictor).specs(None)]
    values = names if isinstance(predictor, VideoClassifier) else ["ids"]
    given = file_format.inputs(dict(zip(names, values, strict=True)))
    run = Template(file_format.run).substitute(inputs=given)
    return Template(template).substitute(
        file_format._asdict() | {"run": run},
        name=name,
        version=__version__,
        difference=f"{difference:.0e}",
        **_of_kind(predictor),
    )


def _of_kind(predictor: Converted) -> dict[str, Any]:
    if isinstance(predictor, TextClassifier):
        return _of_texts(predictor)
    if isinstance(predictor, DnaClassifier):
        return {"letters": LETTERS, "example": EXAMPLE}
    shape = predictor.model.input[CLIP].shape[2:]
    values = "brightness from 0 to 255" if len(shape) > 1 else "coordinates"
    return {"shape": ", ".join(map(str, shape)), "values": values}


def _of_texts(predictor: TextClassifier) -> dict[str, str]:
    options = predictor.tokenizer.get_config()
    limit = options["max_length"]
    return {
        "lower": ".lower()" if options["lowercase"] else "",
        "kept": f"tokens[-{limit - 1}:]" if limit else "tokens",
    }
