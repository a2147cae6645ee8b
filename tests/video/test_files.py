"""Videos: what is written is read, of any format, sampled as asked; the rest is refused."""

import contextlib
import io
import sys
import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest
from support.clips import moving, numbered
from support.recordings import encoded, tone
from support.refusals import refused

from zoo.errors import MissingPackageError, UserError
from zoo.video import Sampling, decode, files, read, write

SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".gif")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_written_is_read(tmp_path, suffix, channels):
    clip = moving(channels=channels)
    write(clip, tmp_path / f"a{suffix}")
    found = read(tmp_path / f"a{suffix}", Sampling(channels=channels))
    assert (found.shape, found.dtype) == (clip.shape, clip.dtype)
    exact = suffix == ".mkv" or (suffix, channels) == (".gif", 1)
    off = np.abs(found.astype(int) - clip)
    assert off.max() == 0 if exact else off.mean() < (40 if suffix == ".gif" else 8)
    assert decode((tmp_path / f"a{suffix}").read_bytes(), "a").shape == (*clip.shape[:3], 3)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("size", [(31, 47), (1, 1)])
def test_odd_sizes_and_one_frame(tmp_path, suffix, size):
    clip = np.full((1, *size, 3), 200, "uint8")
    write(clip, tmp_path / f"a{suffix}")
    found = read(tmp_path / f"a{suffix}", Sampling(frames=5))
    assert found.shape == clip.shape
    assert np.abs(found.astype(int) - 200).mean() < (40 if suffix == ".gif" else 8)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_frames_are_sampled_exactly(tmp_path, suffix):
    """Whether or not the format tells how many there are, and however it rounds times."""
    write(numbered(), tmp_path / f"a{suffix}", rate=15)

    def kept(**options):
        found = read(tmp_path / f"a{suffix}", Sampling(channels=1, **options))
        return np.round(found.mean((1, 2, 3)) / 10).astype(int).tolist()

    assert kept() == [*range(20)]
    assert kept(frames=100) == [*range(20)]
    assert kept(frames=4) == [2, 7, 12, 17]
    assert kept(frames=1) == [10]
    assert kept(rate=15) == [*range(20)]
    assert kept(rate=5) == [0, 3, 6, 9, 12, 15, 18]
    assert kept(rate=5, frames=2) == [3, 15]
    assert kept(rate=30)[::2] == [*range(20)]
    assert kept(rate=0.1) == [0]


def test_places_by_hand():
    assert [files.evenly(*pair).tolist() for pair in ((0, 3), (5, None), (5, 3), (9, 9))] == [
        [],
        [0, 1, 2, 3, 4],
        [0, 2, 4],
        [*range(9)],
    ]
    pauses = np.array([0, 0.1, 2, 2.1, 4.0])  # frames last as long as they like
    assert Sampling(rate=1).places(pauses).tolist() == [0, 1, 2, 3]
    assert Sampling(rate=1).places(pauses + 100).tolist() == [0, 1, 2, 3]


def test_pixels_are_means_of_what_they_cover(tmp_path):
    clip = np.random.default_rng(0).integers(0, 256, (3, 32, 48, 3), dtype="uint8")
    write(clip, tmp_path / "a.mkv")
    means = clip.reshape(3, 8, 4, 8, 6, 3).mean((2, 4))
    found = read(tmp_path / "a.mkv", Sampling((8, 8)))
    np.testing.assert_allclose(found, means, atol=2)
    gray = read(tmp_path / "a.mkv", Sampling((8, 8), channels=1))[..., 0]
    np.testing.assert_allclose(gray, means @ [0.299, 0.587, 0.114], atol=3)
    assert read(tmp_path / "a.mkv", Sampling((50, 20))).shape == (3, 50, 20, 3)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_phone_that_was_turned(tmp_path, turns):
    clip = np.zeros((2, 32, 48, 3), "uint8")
    clip[:, :16, :24] = 255
    write(clip, tmp_path / "a.mp4")
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    at = content.index(b"tkhd") + 44  # the matrix that turns what is shown, anticlockwise
    cos, sin = [(1, 0), (0, -1), (-1, 0), (0, 1)][turns]
    for place, number in ((0, cos), (4, sin), (12, -sin), (16, cos)):
        content[at + place : at + place + 4] = (number * 2**16 % 2**32).to_bytes(4, "big")
    upright = np.rot90(clip, turns, axes=(1, 2))
    found = decode(bytes(content), "a")
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 5
    half = decode(bytes(content), "a", Sampling((10, 20)))
    assert half.shape == (2, 10, 20, 3)


def test_a_long_video_takes_little_memory(tmp_path):
    write(np.zeros((500, 128, 128, 3), "uint8"), tmp_path / "a.mp4")
    tracemalloc.start()
    assert read(tmp_path / "a.mp4", Sampling(frames=4)).shape == (4, 128, 128, 3)
    assert tracemalloc.get_traced_memory()[1] < 2**21
    tracemalloc.stop()


def test_too_much_to_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 10_000)
    write(moving(), tmp_path / "a.mp4")
    refused("a.mp4: 12 frames of 32 x 48 pixels are more than a gigabyte", read, tmp_path / "a.mp4")
    assert len(read(tmp_path / "a.mp4", Sampling(frames=2))) == 2


def test_a_few_bytes_that_claim_a_huge_picture():
    content = bytearray(movie(".gif"))
    content[6:10] = (16_000).to_bytes(2, "little") * 2
    refused("frames of 16000 x 16000 pixels are too large", decode, bytes(content), "a.gif")


def with_cover():
    """A recording with the picture of its cover."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        sound = container.add_stream("libmp3lame", rate=44_100)
        cover = container.add_stream("png", rate=1, width=16, height=16, pix_fmt="rgb24")
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(tone(1, 44_100)[None], format="fltp", layout="mono")
        frame.sample_rate = 44_100
        packets = cover.encode(av.VideoFrame(16, 16, "rgb24")) + cover.encode(None)
        for packet in [*packets, *sound.encode(frame), *sound.encode(None)]:
            container.mux(packet)
    return buffer.getvalue()


def picture(codec="png", pixels="rgb24"):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="image2pipe") as container:
        stream = container.add_stream(codec, rate=1, width=32, height=32, pix_fmt=pixels)
        for frame in (av.VideoFrame(32, 32, pixels), None):
            container.mux(stream.encode(frame))
    return buffer.getvalue()


def movie(suffix):
    """The content of a video of a second."""
    return files._encoded(moving(15), suffix, Fraction(15))


MP4, AVI, MKV = map(movie, (".mp4", ".avi", ".mkv"))
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.mp4\n"
OTHER_FILE = b"ffconcat version 1.0\nfile other.mp4\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"A text.\n" * 100, "not a video"),
        (np.random.default_rng(0).bytes(10_000), "not a video"),
        (picture(), "still image"),
        (picture("mjpeg", "yuvj420p"), "still image"),
        (encoded(tone()), "no video in it: give an MP4"),
        (encoded(tone(), kind="mp3"), "no video in it"),
        (with_cover(), "no video in it"),
        (MP4[:1000], "or it is damaged"),
        (MP4[: len(MP4) // 2], "or it is damaged"),
        (AVI[:300], "or it is damaged"),
        (MKV[: len(MKV) // 3], "damaged .it ends after 0.. of 1.0 seconds"),
        (PLAYLIST, "not a video"),
        (OTHER_FILE, "not a video"),
    ],
)
def test_no_video(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    write(moving(), tmp_path / "other.mp4")
    (tmp_path / "a.mp4").write_bytes(content)
    for call, *arguments in ((read, "a.mp4"), (decode, content, "a.mp4")):
        refused(rf"^a\.mp4: .*({message})", call, *arguments)


def test_the_name_does_not_matter_to_read_but_to_write(tmp_path):
    (tmp_path / "a.txt").write_bytes(MP4)
    assert read(tmp_path / "a.txt").shape == (15, 32, 48, 3)
    refused(r"a\.txt: the name must end in \.mp4, ", write, moving(), tmp_path / "a.txt")
    refused("cannot be written", write, moving(), tmp_path / "absent" / "a.mp4")
    refused("no such file", read, tmp_path / "absent.mp4")
    refused("cannot be read", read, tmp_path)


def test_what_is_no_clip_or_no_sampling(tmp_path):
    for clip in (moving()[0], moving() / 255, moving()[..., :2], moving()[:0]):
        with pytest.raises(ValueError, match="`frames` must"):
            write(clip, tmp_path / "a.mp4")
    for name, value in {"size": (0, 3), "channels": 2, "frames": 0, "rate": 0}.items():
        with pytest.raises(ValueError, match=f"`{name}`"):
            Sampling(**{name: value})
    assert Sampling([8, 9]) == Sampling((8, 9))


def test_bytes_at_random_are_read_or_refused():
    generator = np.random.default_rng(0)
    for whole in (MP4, AVI, MKV, movie(".gif"), movie(".webm")):
        for _ in range(15):
            content = bytearray(whole)
            for place in generator.integers(4, len(whole), 5):
                content[place] = generator.integers(256)
            with contextlib.suppress(UserError):
                assert decode(bytes(content), "a", Sampling((8, 8), frames=4)).shape[1:] == (
                    8,
                    8,
                    3,
                )


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingPackageError, match=r'pip install "sequence-model-zoo\[video\]"'):
        decode(MP4, "a")
