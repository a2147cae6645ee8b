from . import baselines, classification, figures, highlights, tagging, translation

__all__ = ["baselines", "classification", "figures", "highlights", "tagging", "translation"]
