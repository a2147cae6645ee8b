"""The video task: its options, what is kept of a video, one frame alone, and timelines."""

from typing import ClassVar

import matplotlib.image
import numpy as np
import pytest
from support.clips import motions, written
from support.command_lines import assert_refused, options_of
from support.task_case import CASES, TaskTests

import zoo
from tasks.video import Video
from zoo.datasets import video
from zoo.video import Sampling, write


@pytest.fixture(autouse=True)
def _clips_are_kept_for_these_tests_only(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp() / "clips"
    monkeypatch.setattr(video, "_cache", lambda: folder)


class TestVideo(TaskTests):
    case = CASES["video"]
    refused: ClassVar = {
        "train --data={data} --limit=1": "all of one class",
        "train --data={data} --filters=8,x": "--filters 8,x: give numbers",
        "train --data={data} --encoder=mobilenet --differences": "leave them out",
        "train --data={data} --size=4": "--size",
        "train --data={data} --channels=2": "--channels",
        "train --dataset=libras --rate=5": "does not tell the times of frames",
        "train --dataset=gun_point --frames=5": "has coordinates and no frames",
        "predict missing.mp4": "missing.mp4: there is no such file",
        "predict empty.json": "empty.json: the file is empty",
        "predict clip.mp4 --timeline nowhere/a.png": "cannot be written",
    }

    def test_what_a_clip_is_called_as_it_goes_on_is_drawn(self, verb, tmp_path):
        picture = tmp_path / "timeline.png"
        found = verb("predict", *written(), "--timeline", picture, "--json").json["predictions"]
        assert matplotlib.image.imread(picture).ndim == 3
        line = found[0]["timeline"]
        assert line["frames"] == [1, 2, 3, 4, 5]
        assert set(line["probabilities"]) == {"left", "right"}
        last = line["probabilities"][found[0]["label"]][-1]
        assert last == pytest.approx(found[0]["probability"], abs=1e-5)
        assert "timeline" not in found[1]

    def test_the_network_is_that_of_the_options(self, built):
        words = ("--encoder=convolution", "--differences", "--filters=3,4", "--pooling=max")
        predictor, batches = built(*words, "--cell=gru", "--no-bidirectional", "--augment=0")
        features = predictor.model.get_layer("frame_features")
        assert (features.filters, features.differences, features.width) == ((3, 4), True, 4)
        assert predictor.sampling == Sampling((8, 8), 1, frames=5)
        assert type(batches).__name__ == "ClipBatches"
        assert type(built("--augment=0.5")[1]).__name__ == "MappedBatches"

    def test_of_one_frame_nothing_is_recurrent(self, built):
        """One-to-one: the recurrent weights change nothing."""
        predictor, batches = built("--frames=1")
        (inputs, _), *_ = batches.dataset(0).as_numpy_iterator()
        assert inputs["clip"].shape[1] == 1
        before = predictor.predict(written())
        for weight in predictor.model.get_layer("recurrence").trainable_weights:
            if "recurrent_kernel" in weight.path:
                weight.assign(weight + 1)
        assert predictor.predict(written()) == before

    def test_figures_of_models_that_see_no_order_stand_beside(self, trained):
        metrics = trained.metrics
        views = [metrics[f"baseline_{view}_accuracy"] for view in ("one_frame", "bag")]
        assert metrics["baseline_accuracy"] == max(views)
        assert f"one frame alone {views[0]:.4f}" in (trained.model / "README.md").read_text()


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ((), None),
        (("--size=12",), Sampling((12, 12), 1)),
        (("--frames=1",), Sampling(None, 1, 1)),
        (("--data=x", "--rate=5"), Sampling((64, 64), 3, None, 5.0)),
        (("--data=x", "--rate=5", "--frames=9"), Sampling((64, 64), 3, 9, 5.0)),
        (("--dataset=ucf101", "--channels=1"), Sampling((64, 64), 1, 32)),
    ],
)
def test_what_is_kept_of_a_video(words, kept):
    assert Video()._sampling(options_of(Video, *words)) == kept


def test_a_folder_of_folders_by_the_command_line(call, tmp_path):
    """From videos of three formats to a model, its figures and a prediction; one is broken."""
    for i, (clip, label) in enumerate(motions(36)):
        folder = tmp_path / "videos" / label
        folder.mkdir(parents=True, exist_ok=True)
        end = ("mkv", "avi", "gif")[i % 3]
        write(np.ascontiguousarray(clip), folder / f"{i}.{end}")
    (folder / "broken.mp4").write_bytes(b"no video")
    out, data = tmp_path / "model", tmp_path / "videos"
    words = ("--size=8", "--frames=4", "--units=3", "--epochs=1", "--out", out)
    assert call(Video, "--data", data, *words).code == 0
    model = zoo.load(out)
    assert (model.label_names, model.sampling.frames) == (("left", "right"), 4)
    asked = ("--model", out, "--data", data, "--json")
    assert call(Video, "evaluate", *asked).json["examples"] == 36
    result = call(Video, "predict", "--model", out, folder / "broken.mp4")
    assert_refused(result, "broken.mp4: this is not a video, or it is damaged")
    whole = folder / "0.mkv" if (folder / "0.mkv").exists() else folder / "1.avi"
    result = call(Video, "predict", "--model", out, folder / "broken.mp4", whole)
    first, second = result.out.splitlines()
    assert (result.code, second.split()[-1]) == (2, str(whole))
    assert "broken.mp4: this is not a video" in first


def test_paths_of_points_need_no_frames(call, tmp_path):
    words = (
        "--dataset=gun_point",
        "--units=3",
        "--epochs=1",
        "--limit=12",
        "--out",
        tmp_path / "m",
    )
    assert_refused(call(Video, *words, "--convolution=0"), "give --convolution 1 or more")
    found = call(Video, *words, "--json").json
    assert found["baseline_path_accuracy"] > 0
    model = zoo.load(tmp_path / "m")
    assert model.coordinates == 1
    track = np.zeros((20, 1), "float32")
    assert model.predict([track])[0]["label"] in ("gun", "point")
