"""The verb `generate` of music: a piece as a file to play, to read, to see or to hear."""

import importlib
from pathlib import Path

import click

from zoo.application.command_line import options, sampling_options, terminal
from zoo.errors import UserError

# How a piece is written, by the end of the file's name: a function of `zoo.music`, and whether it
# has a tempo.
_WRITERS = {
    **dict.fromkeys((".mid", ".midi"), ("midi.write", True)),
    **dict.fromkeys((".musicxml", ".xml", ".mxl"), ("musicxml.write", True)),
    ".wav": ("audio.write_wav", True),
    ".png": ("piano_roll.draw", False),
}
_LONGEST, _MOST_PIECES = 4096, 1024  # bars of a piece, and pieces that are drawn side by side
_CANDIDATES = 16  # of a harmonised melody


def generate(task):
    """`generate`, a `click.Command` for a `Task` whose predictor is a `MusicModel`."""

    def run(model, out, seed_chord, key, bars, tempo, melody, candidates, as_json, **values):
        writers = [_writer(path) for path in out]
        if melody and (seed_chord or bars):
            other = "--seed-chord" if seed_chord else "--bars"
            raise UserError(f"the piece begins and ends with the melody: leave {other} out")
        if candidates and not melody:
            raise UserError("--candidates are harmonies of a --melody: give one")
        settings = sampling_options.settings(values)
        predictor = terminal.import_workflow().load(task, model)
        wanted = _wanted(predictor, seed_chord, key, bars, melody)
        pieces = predictor.generate(
            pieces=(candidates or _CANDIDATES) if melody else 1, **wanted, **settings
        )
        piece = max(pieces, key=lambda piece: piece.get("melody_log_probability", 0.0))
        for write, path, has_tempo in writers:
            write(piece["score"], path, **({"tempo": tempo} if has_tempo else {}))
        if values["seed"] is None:
            sampling_options.say_seed(settings)
        _report(piece, settings["seed"], out, as_json)

    parameters = [options.model(task), *_parameters(), options.as_json()]
    return terminal.command("generate", run, parameters, "Write a piece of music.")


def _parameters():
    parameters = [
        click.Option(
            ["--out"],
            type=options.OutputFile("file"),
            multiple=True,
            help=f"File of the piece, {', '.join(_WRITERS)}; can be repeated.  [default: its "
            "chords are shown]",
        ),
        click.Option(
            ["--seed-chord"],
            type=options.Text("chord"),
            help="Its first notes, from the top: C5, or 'C5 G4 E4 C3', or chords with | between.",
        ),
        click.Option(["--key"], type=options.Text("key"), help="G, 'F# minor' or the like."),
        click.Option(
            ["--bars"],
            type=click.IntRange(1, _LONGEST),
            help="Most bars of 4/4; it may end earlier.  [default: 16]",
        ),
        click.Option(
            ["--tempo"],
            type=click.FLOAT,
            default=90,
            callback=_a_tempo,
            help="Quarter notes a minute.",
        ),
        click.Option(
            ["--melody"],
            type=options.Text("file"),
            help="MIDI or MusicXML file whose highest voice is harmonised.",
        ),
        click.Option(
            ["--candidates"],
            type=click.IntRange(1, _MOST_PIECES),
            help="Harmonies to draw, of which the one that the melody suits best is kept.  "
            f"[default: {_CANDIDATES}]",
        ),
        *sampling_options.options("notes"),
    ]
    return options.with_defaults_shown(parameters)


def _a_tempo(context, option, value):
    from zoo.music.score import check_tempo

    check_tempo(value)
    return value


def _writer(path):
    """The function that writes a file of this name, the path, and whether it takes a tempo."""
    name, has_tempo = _WRITERS.get(Path(path).suffix.lower(), (None, False))
    if name is None:
        raise UserError(f"{path}: the name must end in {', '.join(_WRITERS)}")
    module, function = name.split(".")
    return getattr(importlib.import_module(f"zoo.music.{module}"), function), path, has_tempo


def _wanted(predictor, seed_chord, key, bars, melody):
    """What the piece shall be, as arguments of the predictor."""
    import zoo
    from zoo.music.notes import parse_key

    wanted = {"key": parse_key(key) if key else None}
    if not melody:
        steps = 4 * predictor.encoder.steps_per_quarter * (bars or 16)
        return wanted | {"seed_chord": seed_chord or "", "length": steps}
    grid = predictor.encoder.steps_per_quarter
    return wanted | {"melody": zoo.datasets.music.read_score(melody, grid)}


def _report(piece, seed, out, as_json):
    from zoo.music.notes import chord_name

    score = piece["score"]
    chords = [chord_name(pitches, score.key) for pitches in score.pitches]
    if as_json:
        found = {name: value for name, value in piece.items() if name != "score"}
        found |= {"steps": len(score), "steps_per_quarter": score.steps_per_quarter}
        files = [str(path) for path in out]
        terminal.print_json({"seed": seed, **found, "chords": chords, "files": files})
        return
    for path in out:
        click.echo(f"written: {path}")
    if not out:
        for chord in chords[:: max(1, score.steps_per_quarter)]:
            click.echo(chord)
