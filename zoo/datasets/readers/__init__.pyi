from . import chord_lists, columns, folders, tables

__all__ = [
    "chord_lists",
    "columns",
    "folders",
    "tables",
]
