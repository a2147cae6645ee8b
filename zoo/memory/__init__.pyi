from . import agreement, explosion, flow, problems, readers

__all__ = ["agreement", "explosion", "flow", "problems", "readers"]
