"""Sounds to read, made up."""

import io

import av
import numpy as np

ENCODERS = {"mp3": "libmp3lame", "ogg": "libopus", "flac": "flac", "wav": "pcm_s16le"}


def tone(seconds=1.0, rate=8_000, frequency=440, loudness=0.5):
    """A sine, (samples,) float32."""
    time = np.arange(round(seconds * rate)) / rate
    return (loudness * np.sin(2 * np.pi * frequency * time)).astype("float32")


def encoded(*channels, rate=8_000, kind="wav", codec=None):
    """The content of a file with these waveforms as channels."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(channels)]
        stream = container.add_stream(codec or ENCODERS[kind], rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.stack(channels), format="fltp", layout=layout)
        frame.sample_rate = rate
        for part in (frame, None):
            container.mux(stream.encode(part))
    return buffer.getvalue()


def silent_film(seconds=1):
    """The content of a video without sound."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10, width=16, height=16, pix_fmt="yuv420p")
        for _ in range(10 * seconds):
            container.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        container.mux(stream.encode(None))
    return buffer.getvalue()
