"""Saved models as files for other engines, each checked before it counts."""
