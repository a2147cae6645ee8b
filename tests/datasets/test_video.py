"""Labelled clips: users' folders and tables, names of TensorFlow Datasets, and hands in videos."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from support.clips import moving, numbered
from support.corpus_case import SPLITS, tfds_corpus
from support.recordings import encoded, tone
from support.refusals import refused

from zoo.datasets.corpora.libras import LABELS, read_movements
from zoo.datasets.video import SAMPLING, carve, from_file, from_files, load
from zoo.video import Sampling, cache, draw, files, write


@pytest.fixture
def folder(tmp_path, empty_cache):
    """Twelve clips of two classes, of all formats and sizes, some within; and what is none."""
    folder = tmp_path / "videos"
    for number in range(12):
        suffix = (".mp4", ".avi", ".mkv", ".webm", ".gif", ".MOV")[number % 6]
        path = (
            folder / ("walk", "sit down")[number % 2] / f"day {number // 6}" / f"{number}{suffix}"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        write(moving(3 + number, 16 + number, 64 - number), path)
    for name in ("readme.txt", ".hidden.mp4", "walk/notes.txt", ".git/a.mp4", "no class.mp4"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("no video")
    return folder


def test_a_folder_of_classes(folder):
    data = from_files(folder)
    assert (data.name, data.label_names) == ("videos", ("sit down", "walk"))
    assert [len(getattr(data, split)) for split in SPLITS] == [8, 2, 2]
    every = from_file(folder)
    assert every.names[0] == "sit down/day 0/1.avi"
    assert every.labels.tolist() == [0] * 6 + [1] * 6
    assert {clip.shape[1:] for clip in every.clips} == {(64, 64, 3)}
    assert sorted(len(clip) for clip in every.clips) == [*range(3, 15)]
    assert from_file(folder, ("run", "walk", "sit down")).labels.tolist() == [2] * 6 + [1] * 6
    refused("the folder 'sit down' is not one of 'run', 'walk'", from_file, folder, ("run", "walk"))
    few = from_file(folder, sampling=Sampling((8, 9), channels=1, frames=2))
    assert {clip.shape for clip in few.clips} == {(2, 8, 9, 1)}


def test_a_table_of_paths_from_where_it_lies(folder, write):
    rows = [
        "file,label",
        "walk/day 0/0.mp4,2",
        f"{folder}/walk/day 0/2.mkv,10",
        "walk/day 0/4.gif,2",
    ]
    (folder / "a.csv").write_text("\n".join(rows))
    data = from_files(*[folder / "a.csv"] * 3)
    assert data.label_names == ("2", "10")
    assert (data.test.labels.tolist(), data.test.names[0]) == ([0, 1, 0], "walk/day 0/0.mp4")
    other = write("videos/b.tsv", "file\tlabel\nwalk/day 0/0.mp4\t3\n")
    refused("b.tsv: line 2 has the label '3', which is not one of '2'", from_file, other, ("2",))
    refused("no column 'file'", from_file, write("c.csv", "path,label\na,b\n"))
    refused("every row has the label 'x'", from_files, write("c.csv", "file,label\na.mp4,x\n"))


def test_what_cannot_be_read_is_named_and_left_out(folder, caplog):
    bad = folder / "walk"
    for name, content in (("empty", b""), ("sound", encoded(tone())), ("text", b"text" * 99)):
        (bad / f"{name}.mp4").write_bytes(content)
    data = from_file(folder)
    assert len(data) == 12
    assert data.labels.tolist() == [0] * 6 + [1] * 6
    for message in ("empty.mp4: the file is empty", "sound.mp4: there is no video", "text.mp4: "):
        assert f"left out: {bad / message}" in caplog.text
    for number in range(10):  # with those most of them
        (bad / f"x{number}.mp4").write_bytes(b"")
    refused(r"mp4: the file is empty .*: 13 of the 25 files\)", from_file, folder)


def test_a_class_of_which_nothing_is_left(tmp_path, empty_cache):
    for name in ("a", "b"):
        (tmp_path / "v" / name).mkdir(parents=True)
    for number in range(3):
        write(moving(number + 1), tmp_path / "v" / "a" / f"{number}.mp4")
    (tmp_path / "v" / "b" / "0.mp4").write_bytes(b"")
    refused("every row has the label 'a'", from_files, tmp_path / "v")


def test_paths_without_videos(tmp_path, write):
    for name, message in (
        ("", "there is no folder with videos in it"),
        ("absent", "there is no such file or folder"),
        ("a.mp4", "give a folder with a folder of videos for each class, or a table"),
    ):
        write("a.mp4", b"content")
        refused(message, from_files, tmp_path / name)
    write("b.txt", b"")
    (tmp_path / "walk").mkdir()
    write("walk/a.mp4", b"content")
    refused("there are videos of 'walk' only", from_files, tmp_path)


def test_frames_are_decoded_once_unless_the_file_changes(folder, monkeypatch):
    before = from_file(folder)
    clips = [*before.clips]
    decoded = []
    read = files.read
    monkeypatch.setattr(files, "read", lambda path, how: decoded.append(path) or read(path, how))
    again = from_file(folder)
    assert not decoded
    assert isinstance(again.clips, cache.StoredClips)
    for one, other in zip(clips, again.take([*range(12)]).clips, strict=True):
        np.testing.assert_array_equal(one, other)
    write(moving(30), folder / again.names[3])
    assert len(from_file(folder).clips[3]) == 30
    assert [path.name for path in decoded] == [again.names[3].rpartition("/")[2]]


def test_equal_clips_are_on_one_side_whatever_their_names(folder):
    data = from_file(folder)
    twice = data.take([*range(12)] * 2)
    rest, aside = carve(twice)
    assert len(aside) == 4  # a tenth of six is one
    assert not set(rest.names) & set(aside.names)


LABEL = tfds.features.ClassLabel(names=["no", "yes"])
FILM = tfds.features.Video(shape=(None, 16, 16, 3))
ROWS = [
    {"label": i % 2, "video": np.repeat(numbered(40, step=1) + i, 3, axis=-1)} for i in range(40)
]
tfds_corpus("VideosOfTests", {"label": LABEL, "video": FILM}, {"train": ROWS})
HIDDEN = [row | {"label": -1} for row in ROWS]
tfds_corpus("HiddenVideosOfTests", {"label": LABEL, "video": FILM}, {"train": HIDDEN})


def test_any_tfds_name_with_frames_and_a_class(tfds_folder, empty_cache):
    data = load("videos_of_tests")
    assert [len(getattr(data, split)) for split in SPLITS] == [32, 4, 4]
    assert (data.label_names, data.train.names[0][:6]) == (("no", "yes"), "train ")
    clip = data.train.clips[0]
    assert clip.shape == (SAMPLING.frames, 64, 64, 3)
    assert (clip[:, 0, 0, 0] - clip[0, 0, 0, 0]).tolist() == files.evenly(40, 32).tolist()
    few = load("videos_of_tests", sampling=Sampling((4, 6), channels=1, frames=2), limit=5)
    assert {clip.shape for clip in few.test.clips} == {(2, 4, 6, 1)}
    refused("does not tell the times", load, "videos_of_tests", sampling=Sampling(rate=5))
    refused("no split named 'train' whose labels are told", load, "hidden_videos_of_tests")
    refused("is not one clip with one class label; it has", load, "movie_snippets")


def test_movements_are_what_they_are_called(shared_cache):
    movements = read_movements()
    assert len({movement.path.tobytes() for movement in movements}) == len(movements) == 330
    assert all((move.path.shape, move.path.dtype) == ((45, 2), "float32") for move in movements)
    assert [sum(move.fold == fold for move in movements) for fold in range(10)] == [33] * 10
    width, height, ends = {}, {}, {}
    for label, name in enumerate(LABELS):
        paths = np.stack([move.path for move in movements if move.label == label])
        width[name], height[name] = paths.std(axis=1).mean(axis=0)
        ends[name] = np.median(paths[:, [0, -1], 1].mean(1) - paths[:, 22, 1])  # below the middle
    assert min(width, key=width.get) == min(height, key=height.get) == "tremble"
    for name in ("swing", "straight line"):
        assert width[f"horizontal {name}"] > 3 * height[f"horizontal {name}"]
        assert height[f"vertical {name}"] > 3 * width[f"vertical {name}"]
    for name in ("zigzag", "wave"):
        assert width[f"horizontal {name}"] > height[f"horizontal {name}"]
        assert height[f"vertical {name}"] > width[f"vertical {name}"]
    assert ends["face-up curve"] < 0 < ends["face-down curve"]


def test_frames_and_coordinates_of_the_same_movements_and_folds(packaged, shared_cache):
    frames, paths = packaged("libras"), load("libras/coordinates")
    folds = {f"row {move.row}": move.fold for move in read_movements()}
    for data in (frames, paths):
        assert {folds[name] for name in data.test.names} == {8, 9}
        assert {folds[name] for name in data.train.names} == {*range(8)}
    path_of = dict(zip(paths.test.names, paths.test.clips, strict=True))
    for name, clip in zip(frames.test.names, frames.test.clips, strict=True):
        np.testing.assert_array_equal(clip, draw(path_of[name]))
    fold = load("libras/coordinates_fold_3")
    assert {folds[name] for name in fold.test.names} == {3}
    assert "The clips are coordinates. The test is fold 3 of 10." in fold.description
    refused("has coordinates and no frames", load, "libras/coordinates", sampling=Sampling())
    small = load("libras", limit=3, sampling=Sampling((12, 12), channels=1, frames=9))
    assert {clip.shape for clip in small.train.clips} == {(9, 12, 12, 1)}


def test_gun_point_is_the_split_of_the_archive(packaged):
    data = packaged("gun_point")
    train = np.concatenate([data.train.labels, data.validation.labels])
    assert np.bincount(train).tolist() == [24, 26]
    assert np.bincount(data.test.labels).tolist() == [76, 74]
    assert {(clip.shape, clip.dtype.name) for clip in data.test.clips} == {((150, 1), "float32")}
    for clip in data.test.clips[:5]:
        assert (clip.mean(), clip.std()) == pytest.approx((0, 1), abs=0.01)
