from . import agreement, explosion, flow, gates, problems, readers

__all__ = ["agreement", "explosion", "flow", "gates", "problems", "readers"]
