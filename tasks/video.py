"""What happens in a video: many-to-one.

python -m tasks.video                             train on drawn hand movements, test, save
python -m tasks.video predict clip.mp4 other.webm use the model that ships
python -m tasks.video predict clip.mp4 --timeline clip.png
python -m tasks.video train --data videos/        a folder with a folder of videos for each class
python -m tasks.video --help
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zoo
from zoo.application import (
    Card,
    ClassificationTask,
    Published,
    Rows,
    TrainingOptions,
    files,
    option,
)
from zoo.application.classification import LABELLED
from zoo.application.command_line import run
from zoo.application.options import ModelOptions
from zoo.errors import UserError
from zoo.video.suffixes import SUFFIXES


@dataclass
class Options(TrainingOptions):
    """What `train` takes."""

    units: int = 48
    dropout: float = 0.3
    epochs: int = 150
    patience: int = 60
    monitor: str = option("loss", choices=("loss", "accuracy"))
    batch_size: int = 16
    learning_rate: float = 3e-3
    warm_up: float = 0.1
    pooling: str | None = option(
        None,
        "How the steps become one vector.",
        choices=("max", "mean", "mean-max", "last", "attention"),
        shown="mean-max of frames, max of coordinates",
    )
    encoder: str = option(
        "convolution",
        "What reads a frame: a small network, or MobileNetV2 as it was trained on ImageNet, which "
        "Keras downloads.",
        choices=("convolution", "mobilenet"),
    )
    filters: str = option(
        "8,16,32", "Features of each convolution of the small network.", what="list of numbers"
    )
    width: int = option(64, "Size of the vector of a frame.", least=1)
    convolution: int = option(
        9,
        "Frames, or moments, that a convolution over time before the recurrence sees; 0 for none.",
        least=0,
    )
    differences: bool | None = option(
        None,
        "Show the small network what has changed since the frame before.",
        shown="on for the small network",
    )
    augment: float = option(
        1.0, "How much clips are turned, shifted, stretched and sped up in training.", least=0
    )
    size: int | None = option(
        None, "Rows and columns of a frame.  [default: 64, or as a corpus has it]", least=8
    )
    channels: str | None = option(
        None,
        "1 for gray, 3 for colours.  [default: 3, or as a corpus has it]",
        choices=("1", "3"),
    )
    frames: int | None = option(
        None,
        "Most frames of a clip, evenly; of 1 nothing is recurrent.  [default: 32, or all of a "
        "packaged corpus]",
        least=1,
    )
    rate: float | None = option(
        None, "Frames a second.  [default: as many as --frames says]", above=0
    )

    def resolve(self) -> None:
        small = self.encoder == "convolution"
        if self.differences and not small:
            raise UserError("--differences are of the small network: leave them out")
        if self.differences is None:
            self.differences = small
        _filters(self.filters)


def _filters(words: str) -> tuple[int, ...]:
    try:
        found = tuple(int(word) for word in words.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise UserError(f"--filters {words}: give numbers with commas between, such as 8,16,32")
    return found


@dataclass
class PredictOptions(ModelOptions):
    """What `predict` takes."""

    timeline: str | None = option(
        None, "PNG of what the model makes of the first clip, frame by frame.", file=True
    )


class Video(ClassificationTask):
    """Classification of clips with a recurrent network; any number of classes."""

    name = "video"
    summary = "What happens in a video: a recurrent classifier of frames, many-to-one."
    corpus = "video"
    files = "a folder of folders of videos, or a table with the columns file and label"
    dataset = "libras"
    predictor = "video_classifier"
    preset = "video_bilstm_libras"
    options = Options
    predict_options = PredictOptions
    rows = Rows("file", LABELLED, whole=SUFFIXES)
    predicted_together = 32
    card = Card(
        stand_in="clip.mp4",
        limits=(
            "Tested on clips like those it was trained on: filmed, or drawn, in the same way. "
            "`familiar` tells only which have fewer or more frames.",
            "Every clip gets one of the labels, whatever happens in it.",
            "Not a means of judging people by how they move, nor an interpreter of sign languages.",
        ),
        published={
            "ucf101": (Published("LRCN, RGB frames (Donahue et al. 2015)", "0.682 to 0.712"),),
        },
    )

    def load_data(self, options: Any) -> Any:
        corpus, more = zoo.datasets.video, {"limit": options.limit}
        more["sampling"] = self._sampling(options)
        if options.data:
            return corpus.from_files(options.data, options.validation, options.test, **more)
        return corpus.load(options.dataset or self.dataset, **more)

    def _sampling(self, options: Options) -> Any:
        """What is kept of a video; None for the default of the corpus."""
        given: dict[str, Any] = {
            "size": options.size and (options.size, options.size),
            "channels": options.channels and int(options.channels),
            "frames": options.frames,
            "rate": options.rate,
        }
        given = {name: value for name, value in given.items() if value is not None}
        if not given:
            return None
        name = options.dataset or self.dataset
        packaged = not options.data and name.partition("/")[0] in zoo.datasets.corpora.PACKAGED
        usual = zoo.video.Sampling(channels=1) if packaged else zoo.datasets.video.SAMPLING
        if options.rate and not options.frames:
            usual = dataclasses.replace(usual, frames=None)
        return dataclasses.replace(usual, **given)

    def load_test(self, predictor: Any, options: Any, metrics: dict[str, Any]) -> tuple[Any, str]:
        corpus, more = zoo.datasets.video, {"limit": options.limit}
        if predictor.coordinates is None:
            more["sampling"] = predictor.sampling
        if options.data:
            return corpus.from_file(options.data, predictor.label_names, **more), options.data
        name = options.dataset or metrics.get("dataset", self.dataset)
        data = corpus.load(name, **more)
        self.check_labels(predictor, data)
        return data.test, name

    def build(self, data: Any, options: Options) -> Any:
        *size, channels = data.train.clips[0].shape[1:]
        sampling = None
        if not size and not options.convolution:
            raise UserError("coordinates are read by a convolution: give --convolution 1 or more")
        encoder: Any = zoo.networks.Paths(channels, options.convolution)
        if size:
            kind, filters = options.encoder, _filters(options.filters)
            encoder = zoo.networks.Clips(
                tuple(size),
                channels,
                options.width,
                filters,
                bool(options.differences),
                kind,
                options.convolution,
            )
            longest = max(zoo.datasets.batches.clips.lengths_of(data.train.clips))
            kept = self._sampling(options) or zoo.video.Sampling(frames=longest)
            sampling = dataclasses.replace(kept, size=tuple(size), channels=channels)
        model = zoo.networks.many_to_one(
            encoder,
            len(data.label_names),
            **options.recurrence(),
            bidirectional=options.bidirectional,
            pooling=options.pooling or ("mean-max" if size else "max"),
            embedding_dropout=0.0,
            dropout=options.dropout,
            name=self.name,
        )
        return zoo.predictors.VideoClassifier(model, data.label_names, sampling)

    def batches(self, predictor: Any, examples: Any, options: Options, shuffle: bool) -> Any:
        return predictor.batches(
            examples.clips,
            examples.labels,
            options.batch_size,
            shuffle=shuffle,
            seed=options.seed,
            augment=options.augment if shuffle else 0.0,
        )

    def evaluate(self, predictor: Any, examples: Any) -> dict[str, Any]:
        return predictor.evaluate(examples.clips, examples.labels)

    def details(self, metrics: dict[str, Any]) -> str:
        names = {
            "one_frame": "one frame alone",
            "bag": "all frames without their order",
            "path": "the path in its order, by a support vector machine",
        }
        figures = (
            f"{words} {metrics[f'baseline_{view}_accuracy']:.4f}"
            for view, words in names.items()
            if f"baseline_{view}_accuracy" in metrics
        )
        told = "; ".join(figures)
        return f"Accuracy of simple models: {told}." if told else ""

    def fit_baseline(self, data: Any, options: Options) -> Any:
        return zoo.evaluation.baselines.ClipBaselines.fit(data.train.clips, data.train.labels)

    def load_baseline(self, path: Path, predictor: Any) -> Any:
        return zoo.evaluation.baselines.ClipBaselines.load(path)

    def expand(self, inputs: Iterable[str]) -> Iterable[str]:
        return files.names(inputs)

    def of_row(self, predictor: Any, row: Any) -> str:
        if predictor.coordinates is not None:
            raise UserError("this model reads coordinates, and no files: predict them from Python")
        return files.of_row(row)

    def predict(self, predictor: Any, inputs: list[str], options: Any) -> list[dict[str, Any]]:
        if predictor.coordinates is not None:
            return predictor.predict(inputs)  # which says what it takes in place of files
        clips = files.read_each(inputs, lambda name: zoo.video.read(name, predictor.sampling))
        read = [clip for clip in clips if not isinstance(clip, str)]
        found = files.predictions(clips, predictor.predict(read))
        if options is not None and options.timeline:
            frames, probabilities = predictor.timeline(inputs[0])
            names = predictor.label_names
            zoo.evaluation.figures.timeline(frames, probabilities, names, options.timeline)
            by_label = dict(zip(names, probabilities.T.tolist(), strict=True))
            found[0]["timeline"] = {"frames": frames.tolist(), "probabilities": by_label}
            options.timeline = None  # it is of the first clip alone
        return found

    def show(self, prediction: dict[str, Any]) -> str:
        if "error" in prediction:
            return f"{'error':>14}  {prediction['error']}"
        return f"{prediction['label']:>8} {prediction['probability']:.3f}  {prediction['input']}"


if __name__ == "__main__":
    run(Video())
