"""The folder of a format that holds a network in one file: the file and what it takes to use it.

Neither ONNX nor LiteRT has the operations that cut text into tokens or letters, so these files
begin at their ids; those of video begin at frames, those of speech at waveforms. Labels or tags,
and vocabularies or an alphabet, lie beside them, and a README with code that needs no TensorFlow.
"""

import contextlib
import importlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from zoo import __version__
from zoo.errors import MissingPackageError, UserError
from zoo.genomics.alphabet import LETTERS
from zoo.networks.clips import CLIP, MASK
from zoo.predictors.dna_classifier import EXAMPLE
from zoo.predictors.entity_tagger import CHARACTERS_NAME, WORDS_NAME, EntityTagger
from zoo.predictors.folders import passing_folder
from zoo.predictors.language_model import LanguageModel
from zoo.predictors.speech_recognizer import ALPHABET_NAME
from zoo.predictors.text_classifier import TextClassifier
from zoo.predictors.video_classifier import VideoClassifier
from zoo.serving.export.formats import ExportError
from zoo.serving.export.language_network import LanguageNetwork
from zoo.serving.export.network import FileNetwork, Network, Run
from zoo.serving.export.speech_network import AUDIO, LENGTH, SpeechNetwork
from zoo.serving.export.tagger_network import TaggerNetwork
from zoo.text.token_features import SHAPES
from zoo.text.token_spans import CORRECTIONS, token_pattern

VOCABULARY_NAME, LABELS_NAME, TAGS_NAME = "vocabulary.txt", "labels.txt", "tags.txt"
_TEMPLATES = Path(__file__).with_name("templates")  # of the README, one for each kind
OF_LABELS = ("text_classifier", "dna_classifier", "video_classifier")
"""The kinds of predictors of one probability for each label."""


class FileFormat(NamedTuple):
    """A format of one file."""

    folder: str  # beside the versions for TensorFlow Serving, which reads integers only
    file: str
    engine: str  # what runs it, in words
    packages: tuple[str, ...]  # the modules that only an export to this format needs
    kinds: tuple[str, ...]  # of predictors
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
    predictor: Any,
    name: str,
    folder: str | Path,
    overwrite: bool = False,
) -> Path:
    """As `zoo.serving.export`, for a format of one file: all of the folder or nothing."""
    if predictor.kind not in file_format.kinds:
        raise UserError(
            f"this format is written for models of kind {', '.join(file_format.kinds)} only, and "
            f"this one is of kind {predictor.kind}: export it as a saved_model"
        )
    contents = _CONTENTS[predictor.kind]
    files = contents.files(predictor)
    place = Path(folder) / name / file_format.folder
    if os.path.lexists(place):
        _require_export(place, file_format, overwrite)
    content, difference = converted(file_format, predictor)
    try:
        with _appearing(place) as new:
            (new / file_format.file).write_bytes(content)
            for file, lines in files.items():
                text = "".join(f"{line}\n" for line in lines)
                (new / file).write_text(text, encoding="utf-8")
            readme = _readme(file_format, predictor, name, difference)
            (new / "README.md").write_text(readme, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {place} ({error.strerror}): give another folder") from error
    return place


def converted(file_format: FileFormat, predictor: Any) -> tuple[bytes, float]:
    """The content of a network's file, and its largest difference of a probability to Keras.

    Raises:
        MissingPackageError: a package is not installed.
        ExportError: the format cannot express the network, or answers otherwise than Keras.
    """
    try:
        modules = [importlib.import_module(module) for module in file_format.packages]
    except ImportError as error:
        raise MissingPackageError(error) from error
    network = _CONTENTS[predictor.kind].network(predictor, file_format.batch)
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


def _readme(file_format: FileFormat, predictor: Any, name: str, difference: float) -> str:
    template = (_TEMPLATES / f"{predictor.kind}.md.template").read_text(encoding="utf-8")
    contents = _CONTENTS[predictor.kind]
    given = file_format.inputs(contents.values)
    return Template(template).substitute(
        file_format._asdict() | {"run": Template(file_format.run).substitute(inputs=given)},
        name=name,
        version=__version__,
        difference=f"{difference:.0e}",
        **contents.fields(predictor),
    )


class _Contents(NamedTuple):
    """What the folder of a kind of predictor holds.

    Attributes:
        network: of the predictor and the number of rows, the network.
        files: the lines of the files beside the network, by name.
        values: what the example of the README gives for each input.
        fields: of the README.
    """

    network: Callable[..., FileNetwork]
    files: Callable[[Any], dict[str, Sequence[str]]]
    values: dict[str, str]
    fields: Callable[[Any], dict[str, str]]


def _labels(predictor: Any) -> dict[str, Sequence[str]]:
    for label in predictor.label_names:
        if len(label.splitlines()) != 1:
            raise UserError(f"the label {label!r} does not fit on a line of {LABELS_NAME}")
    return {LABELS_NAME: predictor.label_names}


def _of_texts(predictor: TextClassifier) -> dict[str, str]:
    options = predictor.tokenizer.get_config()
    limit = options["max_length"]
    return {
        "lower": ".lower()" if options["lowercase"] else "",
        "kept": f"tokens[-{limit - 1}:]" if limit else "tokens",
    }


def _of_tags(predictor: EntityTagger) -> dict[str, str]:
    def pattern(of_re2: str) -> str:  # as Python's `regex` has it
        return re.sub(r"\\x\{(\w+)\}", r"\\u\1", of_re2)

    shapes = ((t.name, ("batch", "timesteps", *t.shape[2:])) for t in predictor.model.inputs)
    return {
        "inputs": ", ".join(f"`{name}` ({', '.join(map(str, shape))})" for name, shape in shapes),
        "token": repr(pattern(token_pattern(predictor.context == "document"))),
        "corrections": repr([(pattern(wrong), right) for wrong, right in CORRECTIONS]),
        "shapes": repr([shape for _, shape in SHAPES]),
        "longest": str(predictor.encoder.longest_word),
    }


def _of_states(predictor: LanguageModel) -> dict[str, str]:
    return {
        "states": ", ".join(f"`{name}`" for name in predictor.model.input if name != "token_ids"),
        "start": str(predictor.tokenizer.start_id),
        "direction": " It reads texts from right to left." if predictor.tokenizer.backward else "",
        "tokens": "tokens[::-1]" if predictor.tokenizer.backward else "tokens",
        "between": '""' if predictor.level == "character" else '" "',
    }


def _of_clips(predictor: VideoClassifier) -> dict[str, str]:
    shape = predictor.model.input[CLIP].shape[2:]
    values = "brightness from 0 to 255" if len(shape) > 1 else "coordinates"
    return {"shape": ", ".join(map(str, shape)), "values": values}


_CONTENTS = {
    "text_classifier": _Contents(
        Network,
        lambda p: {**_labels(p), VOCABULARY_NAME: p.tokenizer.vocabulary.tokens},
        {"token_ids": "ids"},
        _of_texts,
    ),
    "dna_classifier": _Contents(
        Network, _labels, {"token_ids": "ids"}, lambda _: {"letters": LETTERS, "example": EXAMPLE}
    ),
    "entity_tagger": _Contents(
        TaggerNetwork,
        lambda p: {
            TAGS_NAME: p.tag_names,
            WORDS_NAME: p.encoder.words.tokens,
            CHARACTERS_NAME: p.encoder.characters.tokens,
        },
        {},
        _of_tags,
    ),
    "language_model": _Contents(
        LanguageNetwork,
        lambda p: {VOCABULARY_NAME: p.tokenizer.vocabulary.tokens},
        {},
        _of_states,
    ),
    "video_classifier": _Contents(Network, _labels, {CLIP: CLIP, MASK: MASK}, _of_clips),
    "speech_recognizer": _Contents(
        SpeechNetwork,
        lambda p: {ALPHABET_NAME: p.tokenizer.vocabulary.tokens},
        {AUDIO: AUDIO, LENGTH: LENGTH},
        lambda p: {"rate": str(p.features.rate), "hop": str(p.features.hop * p.subsampling)},
    ),
}
