"""Options of dataclasses as options of click."""

import math
import os
from pathlib import Path
from typing import Any

import click

from zoo.application.options import OF_THE_CALL, Declared, declared
from zoo.application.task import Application

HELP = ["-h", "--help"]
AS_JSON = "as_json"


class Text(click.ParamType):
    """Text that is not empty: an unset variable in a script must not pass for the default."""

    def __init__(self, name: str) -> None:
        self.name = name  # what the text is, for the help

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if not value:
            self.fail(f"it is empty: give a {self.name} or leave the option out")
        return value


class OutputFile(Text):
    """The path of a file that can be written, which is better known before hours of work."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        path = Path(super().convert(value, param, ctx))
        there = path.exists()
        fits = not path.is_dir() if there else path.parent.is_dir()
        if not (fits and os.access(path if there else path.parent, os.W_OK)):
            self.fail(f"{value} cannot be written: give a file in a folder that is there")
        return value


class _Finite(click.ParamType):
    """A number that is neither infinite nor none: ranges of click let `nan` pass."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number", param, ctx)
        return number


class _Float(_Finite, click.types.FloatParamType):
    """Any finite number."""


class _FloatRange(_Finite, click.FloatRange):
    """A finite number between bounds."""


def as_json() -> click.Option:
    """`--json`."""
    return click.Option(
        ["--json", AS_JSON], is_flag=True, help="One JSON object as the last line of output."
    )


def parameters(*options: type, task: Application | None = None) -> list[Any]:
    """The arguments and options of click for dataclasses of options.

    Args:
        *options: the dataclasses; of fields of one name the first counts.
        task: whose verb takes them, for their help.
    """
    fields: dict[str, Declared] = {}
    for one in options:
        for field in declared(one):
            fields.setdefault(field.name, field)
    order = sorted(fields, key=OF_THE_CALL.__contains__)  # those at the end
    return [_parameter(fields[name], task) for name in order]


def values_of(options: type, values: dict[str, Any]) -> Any:
    """An object of a dataclass of options, from what click parsed."""
    names = {field.name for field in declared(options)}
    return options(**{name: value for name, value in values.items() if name in names})


def _parameter(field: Declared, task: Application | None) -> click.Parameter:
    about = field.about
    if "metavar" in about:
        return click.Argument(
            [field.name], nargs=-1, required=about["required"], metavar=about["metavar"]
        )
    is_flag = field.type is bool
    # To click a default of None is a value, with which an option that is required is not missing.
    default = {} if field.many or about.get("required") else {"default": field.default}
    both = f"{field.flag}/{field.flag.replace('--', '--no-', 1)}"
    return click.Option(
        [both if is_flag and not field.one_way else field.flag, field.name],
        type=None if is_flag else _type(field, about),
        is_flag=is_flag,
        multiple=field.many,
        **default,
        required=about.get("required", False),
        show_default=about.get("shown", not field.one_way),
        callback=_checked(about.get("check")),
        help=about["help"].format(task=task),
    )


def _type(field: Declared, about: dict[str, Any]) -> click.ParamType:
    if "choices" in about:
        return click.Choice(about["choices"])
    if about.get("file"):
        return OutputFile("file")
    if field.type is str:
        return Text(about.get("what", "text"))
    least, most = about.get("least", about.get("above")), about.get("most", about.get("below"))
    if least is None and most is None:
        return click.INT if field.type is int else _Float()
    kind = click.IntRange if field.type is int else _FloatRange
    return kind(least, most, min_open="above" in about, max_open="below" in about)


def _checked(check: Any) -> Any:
    def callback(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        if check is None or value is None:
            return value
        try:
            return check(value)
        except ValueError as error:
            raise click.BadParameter(str(error), context, parameter) from error

    return callback
