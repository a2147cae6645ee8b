from . import chord_lists, columns, tables

__all__ = [
    "chord_lists",
    "columns",
    "tables",
]
