"""Recordings with what is said in them: a packaged corpus, a TFDS name, or users' tables of files.

A recording is a waveform, (samples,) int16 at the rate of the corpus, or features of it,
(frames, size) float32, where a corpus has nothing else.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.audio import files
from zoo.datasets import corpora
from zoo.datasets.corpus import Builder, Corpus, Examples, Kind, lowest_tenth, parted
from zoo.datasets.readers.left_out import FILES, LeftOut
from zoo.datasets.readers.tables import Row, read_table
from zoo.errors import MissingPackageError, UserError
from zoo.text.normalization import tidy

COLUMNS = ("audio", "text")

_THREADS = 4  # that read recordings; the library lets go of Python meanwhile


@dataclass(frozen=True)
class Utterances(Examples):
    """Recordings, what is said in each, and who speaks; "" where that is not known."""

    recordings: list[np.ndarray]
    texts: list[str]
    speakers: list[str]


SpeechData = Corpus[Utterances]


class Speech(Kind[Utterances, SpeechData]):
    """Corpora of audio, or of features, with a text or a class ("librispeech", "spoken_digit").

    Files are CSV, TSV or JSON Lines with the columns `audio`, the path of a recording from the
    folder of the table, and `text`, what is said in it; a column `speaker` may say who speaks
    (`readers.tables`, `zoo.audio.files`). Texts are made `tidy`, and of lower case. A recording
    that is missing, damaged or without a sound is named and left out; if most are, it is an error.

    Args:
        rate: samples a second, to which waveforms are resampled.
    """

    name = "speech"
    corpus = SpeechData

    def __init__(self, rate: int = files.RATE) -> None:
        self.rate = rate

    def carve(self, data: Utterances) -> tuple[Utterances, Utterances]:
        """Sets a tenth aside: the distinct recordings whose CRC-32 is lowest, rounded up."""
        contents = [recording.tobytes() for recording in data.recordings]
        aside = set(lowest_tenth(contents))
        return parted(data, [content in aside for content in contents])

    def _keys(self, builder: Builder) -> tuple[str, ...]:
        """The sound, the text or class, and the speaker if there is one."""
        kinds = corpora.tensorflow_datasets.supervised_kinds(builder)
        sounds = [key for key, kind in kinds.items() if kind in ("Audio", "Tensor")]
        texts = [key for key, kind in kinds.items() if kind in ("Text", "ClassLabel")]
        if len(sounds) != 1 or len(texts) != 1:
            raise corpora.tensorflow_datasets.refusal(builder, "recordings with what is said")
        every = corpora.tensorflow_datasets.feature_kinds(builder)
        speakers = [key for key in ("speaker", "speaker_id") if key in every]
        return (sounds[0], texts[0], *speakers[:1])

    def _read(
        self, builder: Builder, split: str, keys: tuple[str, ...], enough: int | None
    ) -> Utterances:
        sound, text, *speaker = keys
        features = builder.info.features
        names = getattr(features[text], "names", None)
        rate = getattr(features[sound], "sample_rate", None) or self.rate
        utterances = Utterances([], [], [])
        examples = builder.as_dataset(split=split).map(lambda e: {key: e[key] for key in keys})
        for example in examples.as_numpy_iterator():
            said = names[example[text]] if names else example[text].decode(errors="replace")
            recording = example[sound]
            if recording.ndim == 1:
                recording = _as_integers(files.resampled(_as_floats(recording), rate, self.rate))
            utterances.recordings.append(recording)
            utterances.texts.append(_said(said))
            utterances.speakers.append(_speaker(example[speaker[0]]) if speaker else "")
            if enough is not None and len(utterances) >= enough:
                break
        return utterances

    def _read_file(self, path: str | Path, labels: Sequence[str] | None) -> Utterances:
        rows = read_table(path, COLUMNS)
        folder = Path(path).absolute().parent
        _refuse_swapped(path, rows, folder)
        utterances = Utterances([], [], [])
        hint = ": mend the column 'audio', whose paths begin at the folder of the table"
        left_out = LeftOut("recordings", len(rows), FILES, hint)
        for row, found in zip(rows, self._recordings(rows, folder), strict=True):
            if isinstance(found, UserError):
                left_out.add(f"{path}: line {row.line}: {found}")
                continue
            utterances.recordings.append(found)
            utterances.texts.append(_said(row.fields["text"]))
            utterances.speakers.append(row.fields.get("speaker", "").strip())
        left_out.tell()
        return utterances

    def _recordings(self, rows: Sequence[Row], folder: Path) -> Iterator[np.ndarray | UserError]:
        def read(row: Row) -> np.ndarray | UserError:
            try:
                return _as_integers(files.read(folder / row.fields["audio"].strip(), self.rate))
            except MissingPackageError:
                raise
            except UserError as error:
                return error

        with ThreadPoolExecutor(_THREADS) as pool:
            yield from pool.map(read, rows)


def _refuse_swapped(path: str | Path, rows: Sequence[Row], folder: Path) -> None:
    first = rows[0].fields
    there = {name: (folder / first[name].strip()).is_file() for name in COLUMNS if first[name]}
    if there.get("text") and not there.get("audio"):
        raise UserError(f"{path}: the column 'text' holds paths: swap the names of the columns")


def _said(text: str) -> str:
    return tidy(text).lower()


def _speaker(value: bytes | np.integer) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _as_floats(samples: np.ndarray) -> np.ndarray:
    return samples.astype("float32") / files.SCALE


def _as_integers(waveform: np.ndarray) -> np.ndarray:
    """A waveform from -1 to 1 in half the bytes: an hour at 8 kHz takes 58 MB."""
    most = files.SCALE - 1
    return np.clip(np.round(waveform * files.SCALE), -files.SCALE, most).astype("int16")


def load(
    name: str | None = None, *, limit: int | None = None, rate: int = files.RATE
) -> SpeechData:
    """Loads a corpus by name: see `Kind.load`."""
    return Speech(rate).load(name, limit=limit)


def from_files(
    train: str | Path,
    validation: str | Path | None = None,
    test: str | Path | None = None,
    *,
    limit: int | None = None,
    rate: int = files.RATE,
) -> SpeechData:
    """Reads users' tables: see `Kind.from_files` and `Speech`."""
    return Speech(rate).from_files(train, validation, test, limit=limit)


def from_file(
    path: str | Path,
    labels: Sequence[str] | None = None,
    *,
    limit: int | None = None,
    rate: int = files.RATE,
) -> Utterances:
    """Reads one table: see `Kind.from_file` and `Speech`; nothing has labels here."""
    return Speech(rate).from_file(path, labels, limit=limit)


carve = Speech().carve
