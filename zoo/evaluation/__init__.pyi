from . import alignments, baselines, figures, highlights, source_lengths, translation

__all__ = [
    "alignments",
    "baselines",
    "figures",
    "highlights",
    "source_lengths",
    "translation",
]
