"""Recordings: what is written is read, files of other programs too; the rest is refused."""

import contextlib
import io
import sys
import wave

import numpy as np
import pytest
from support.recordings import encoded, silent_film, tone
from support.refusals import refused

from zoo.audio import decode, files, read, write
from zoo.errors import MissingPackageError, UserError


def wav(samples=8_000, width=2, rate=8_000):
    """A WAV that the standard library writes, of silence."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(bytes([128 if width == 1 else 0]) * samples * width)
    return buffer.getvalue()


def test_sixteen_bits_are_read_and_written_as_they_are(tmp_path):
    integers = np.random.default_rng(0).integers(-(2**15), 2**15, 1_000)
    write(integers / 2**15, tmp_path / "a.wav")
    waveform = read(tmp_path / "a.wav")
    assert (waveform.dtype, waveform.tolist()) == ("float32", (integers / 2**15).tolist())
    write(waveform, tmp_path / "b.wav")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    write([-3, 3], tmp_path / "a.wav", rate=100)
    assert read(tmp_path / "a.wav", rate=100).tolist() == [-1, 1 - 2**-15]


@pytest.mark.parametrize(
    ("kind", "codec", "rate", "tolerance"),
    [
        ("wav", "pcm_u8", 8_000, 0.02),
        ("wav", "pcm_s24le", 96_000, 0.001),
        ("wav", "pcm_s32le", 44_100, 0.001),
        ("wav", "pcm_f32le", 11_025, 0.001),
        ("aiff", "pcm_s16be", 16_000, 0.001),
        ("flac", "flac", 22_050, 0.001),
        ("mp3", "libmp3lame", 44_100, 0.1),
        ("ogg", "libopus", 48_000, 0.1),
        ("webm", "libopus", 48_000, 0.1),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_formats_rates_and_channels(kind, codec, rate, tolerance, channels):
    """Two channels become their mean, which is no louder than they are."""
    waves = [tone(1, rate), tone(1, rate, frequency=1_000, loudness=0.9)][:channels]
    expected = (tone() + tone(frequency=1_000, loudness=0.9)) / 2 if channels == 2 else tone()
    if kind == "flac":  # which has no floats
        waves = [np.round(wave * 2**15) / 2**15 for wave in waves]
    waveform = decode(encoded(*waves, rate=rate, kind=kind, codec=codec), "a")
    assert abs(len(waveform) - 8_000) <= 1
    middle = slice(400, 7_600)  # filters and encoders swing at the ends
    np.testing.assert_allclose(waveform[middle], expected[middle], atol=tolerance)


def test_what_is_above_the_new_rate_is_not_mirrored():
    high = encoded(tone(1, 48_000, frequency=7_000), rate=48_000)
    assert np.abs(decode(high, "a")[400:7_600]).max() < 0.01


def test_silence_ten_milliseconds_and_one_sample():
    assert decode(wav(), "a").tolist() == [0] * 8_000
    assert len(decode(wav(80), "a")) == 80
    assert len(decode(wav(1), "a")) == 1
    assert len(decode(wav(8_000), "a", rate=16_000)) == 16_000


def test_a_title_in_any_encoding():
    content = wav() + b"LIST\x10\0\0\0INFOIART\4\0\0\0J\xf6rg"
    content = content[:4] + (len(content) - 8).to_bytes(4, "little") + content[8:]
    assert len(decode(content, "a")) == 8_000


def with_size(size):
    """A WAV of a second that claims to be so long."""
    content = wav()
    return content[:4] + size.to_bytes(4, "little") + content[8:]


@pytest.mark.parametrize("size", [0, 2**31 - 1, 2**32 - 1, len(wav())])
def test_a_wav_that_was_streamed_or_counts_its_head(size):
    assert len(decode(with_size(size), "a")) == 8_000


NOT_A_NUMBER = np.full(100, np.nan, "float32")
FLAC, AIFF = encoded(tone(), kind="flac"), encoded(tone(), kind="aiff", codec="pcm_s16be")
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\1\0\0\0\0"
OTHER_FILE = b"ffconcat version 1.0\nfile other.wav\n"
SERVER = b"v=0\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0\r\n"
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.wav\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"A text.\n" * 100, "not a recording"),
        (PNG, "no sound in it|not a recording"),
        (silent_film(), "no sound in it"),
        (np.random.default_rng(0).bytes(10_000), "not a recording"),
        (wav()[:30], "damaged"),
        (wav()[:8_000], "damaged .it ends after 8,000 of 16,044 bytes"),
        (AIFF[: len(AIFF) // 2], "damaged .it ends after 0.5 of 1.0 seconds"),
        (FLAC[: len(FLAC) // 2], "damaged"),
        (encoded(NOT_A_NUMBER, codec="pcm_f32le"), "not a number"),
        (wav(0), "no samples"),
        (wav(3_601, rate=1), "longer than 3,600 seconds"),
    ],
)
def test_no_recording(tmp_path, content, message):
    (tmp_path / "a.wav").write_bytes(content)
    for call, *arguments in ((read, tmp_path / "a.wav"), (decode, content, "a.wav")):
        refused(rf"a\.wav: .*({message})", call, *arguments)


def test_a_missing_file_a_folder_and_one_that_cannot_be_written(tmp_path):
    refused("no such file", read, tmp_path / "absent")
    refused("cannot be read", read, tmp_path)
    refused("cannot be written", write, tone(), tmp_path / "absent" / "a.wav")
    with pytest.raises(ValueError, match="rate"):
        decode(wav(), "a", rate=0)
    for waveform in (np.zeros((2, 3)), NOT_A_NUMBER):
        with pytest.raises(ValueError, match="waveform"):
            write(waveform, tmp_path / "a.wav")


@pytest.mark.parametrize("content", [OTHER_FILE, SERVER, PLAYLIST])
def test_a_file_that_names_others_or_a_server_reaches_none(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    write(tone(), tmp_path / "other.wav")
    (tmp_path / "a.wav").write_bytes(content)
    refused("not a recording", read, "a.wav")


def test_too_long_without_saying_so_is_found_on_the_way(monkeypatch):
    monkeypatch.setattr(files, "LONGEST", 1)
    content = encoded(tone(30), kind="webm", codec="libopus", rate=48_000)
    refused("longer than", decode, content, "a.webm")


def test_bytes_at_random_are_read_or_refused():
    generator = np.random.default_rng(0)
    for kind in ("flac", "mp3", "ogg", "wav"):
        rate = 48_000 if kind == "ogg" else 16_000
        whole = encoded(tone(0.3, rate), kind=kind, rate=rate)
        for _ in range(30):
            content = bytearray(whole)
            for place in generator.integers(4, len(whole), 5):
                content[place] = generator.integers(256)
            with contextlib.suppress(UserError):
                assert np.abs(decode(bytes(content), "a")).max() <= 1


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingPackageError, match=r'pip install "sequence-model-zoo\[audio\]"'):
        decode(wav(), "a")
