from . import ctc
from .beams import Hypotheses, beam_search
from .loop import Generation, generate
from .random_numbers import uniforms
from .sampling import draw, permitted, truncated

__all__ = [
    "Generation",
    "Hypotheses",
    "beam_search",
    "ctc",
    "draw",
    "generate",
    "permitted",
    "truncated",
    "uniforms",
]
