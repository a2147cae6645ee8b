"""The verbs that only some tasks have: `generate`, `score`, `compare`, `lengths`, `vectors`.

A task names those that it has in `Task.verbs`.
"""

import click

from zoo import composition
from zoo.application.command_line import options, sampling_options, terminal
from zoo.application.task import Settings
from zoo.cells import CELLS
from zoo.errors import UserError

_LENGTH = 500  # tokens to generate
_MOST_BEAMS, _LONGEST_SEARCH = 1000, 10_000
_FEWEST_PARAMETERS = 1000


def _generate(task):
    def generate(prompts, model, as_json, **values):
        settings = _of_sampling(values)
        predictor = terminal.import_workflow().load(task, model)
        prompts = _prompts(prompts)
        chosen_here = values["seed"] is None and not (values["greedy"] or values["beams"])
        if len(prompts) == values["samples"] == 1 and not as_json and not values["beams"]:
            for number, piece in enumerate(predictor.stream(prompts[0], **settings)):
                if chosen_here and number == 0:  # by now the prompt is known to be right
                    sampling_options.say_seed(settings)
                click.echo(piece, nl=False)
            click.echo()
            return
        texts = predictor.generate(
            [prompt for prompt in prompts for _ in range(values["samples"])],
            **settings,
            beams=values["beams"],
        )
        if as_json:
            terminal.print_json({"seed": settings["seed"], "texts": texts})
            return
        if chosen_here:
            sampling_options.say_seed(settings)
        for text in texts:
            click.echo(text["text"])

    parameters = [
        click.Argument(["prompts"], nargs=-1, metavar="[PROMPT]... | -"),
        options.model(task),
        *_sampling_options(),
        options.as_json(),
    ]
    return terminal.command("generate", generate, parameters, "Write new text; - reads prompts.")


def _prompts(arguments):
    prompts = list(terminal.read_inputs(arguments))
    if arguments and not prompts:
        raise UserError("there is no prompt on standard input: leave - out for none")
    return prompts or [""]


def _sampling_options():
    parameters = [
        click.Option(
            ["--length"],
            type=click.IntRange(1),
            default=_LENGTH,
            help="Most tokens to write; it ends earlier with <EOS>.",
        ),
        click.Option(
            ["--past-end"], is_flag=True, help="Go on after <EOS>, as the training text does."
        ),
        click.Option(["--greedy"], is_flag=True, help="Take the likeliest token each time."),
        click.Option(
            ["--beams"],
            type=click.IntRange(1, _MOST_BEAMS),
            help="Search for the likeliest text instead.",
        ),
        click.Option(
            ["--samples"], type=click.IntRange(1), default=1, help="Texts to write per prompt."
        ),
        *sampling_options.options("tokens"),
    ]
    return options.with_defaults_shown(parameters)


def _of_sampling(values):
    """The arguments of a predictor's `generate` and `stream`, with a seed if none is given."""
    drawing = [name for name in sampling_options.NAMES if values[name] is not None]
    certain = [name for name in ("greedy", "beams") if values[name]]
    if certain and drawing + certain[1:]:
        other = (drawing + certain[1:])[0].replace("_", "-")
        raise UserError(f"--{certain[0]} draws nothing at random: leave --{other} out")
    if certain and values["samples"] > 1:
        raise UserError(f"--{certain[0]} always gives the same text: leave --samples out")
    if values["beams"] and values["past_end"]:
        raise UserError("--beams compares texts that have ended: leave --past-end out")
    if values["beams"] and values["length"] > _LONGEST_SEARCH:
        raise UserError(
            f"--beams keeps all that it searches: give a --length of at most {_LONGEST_SEARCH}"
        )
    names = ("length", "past_end", "greedy")
    return {**{name: values[name] for name in names}, **sampling_options.settings(values)}


def _score(task):
    def score(texts, model, per_token, as_json):
        predictor = terminal.import_workflow().load(task, model)
        texts = list(terminal.read_inputs(texts))
        if not texts:
            raise UserError("there is no text to score on standard input")
        scores = predictor.score(texts)
        best_first = sorted(
            ({"input": text, **score} for text, score in zip(texts, scores, strict=True)),
            key=lambda score: -score["log_probability"],
        )
        if as_json:
            terminal.print_json({"scores": best_first})
            return
        for line in best_first:
            click.echo(task.show_score(line))
            if per_token:
                for token in line["tokens"]:
                    click.echo(f"{'':12}{token['probability']:.6f}  {token['token']}")

    parameters = [
        click.Argument(["texts"], nargs=-1, required=True, metavar="TEXT... | -"),
        options.model(task),
        click.Option(["--per-token"], is_flag=True, help="Show the factors of the product."),
        options.as_json(),
    ]
    return terminal.command("score", score, parameters, "How probable texts are, best first.")


def _compare(task):
    def compare(as_json, cells, parameters, **values):
        terminal.import_workflow()
        from zoo.application import comparison

        settings = Settings(values)
        results = comparison.compare(
            task, settings, cells or tuple(CELLS), parameters, terminal.console(as_json)
        )
        if as_json:
            terminal.print_json(results)

    left_out = ("cell", "units", "resume", "overwrite", "as_json")
    own = [
        click.Option(
            ["--cells"],
            type=click.Choice(list(CELLS)),
            multiple=True,
            help="A cell to compare; can be repeated.  [default: all]",
        ),
        click.Option(
            ["--parameters"],
            type=click.IntRange(_FEWEST_PARAMETERS),
            required=True,
            help="Weights of each network; the units are chosen to come nearest.",
        ),
    ]
    common = [option for option in options.of_train(task) if option.name not in left_out]
    for option in common:
        if option.name == "out":
            option.required = True
            option.help = "Folder of the results; a network that is there already is kept."
    help_text = "Train one network per cell, all of one size, and tabulate them."
    return terminal.command("compare", compare, [*own, *common, options.as_json()], help_text)


def _lengths(task):
    def lengths(models, out, as_json):
        terminal.import_workflow()
        from zoo.evaluation import figures

        curves = {model: _by_source_length(model) for model in models}
        groups = [
            [(point["least"], point["most"], point["sentences"]) for point in points]
            for points in curves.values()
        ]
        for model, other in zip(curves, groups, strict=True):
            if other != groups[0]:
                raise UserError(
                    f"{model} was tested on other texts than {models[0]}: give models of one corpus"
                )
        figures.bleu_by_source_length(curves, out)
        if as_json:
            terminal.print_json({"by_source_length": curves})
            return
        rows = zip(*curves.values(), strict=True)
        click.echo("\t".join(("words", "texts", *curves)))
        for points in rows:
            first = points[0]
            figures = (f"{point['bleu']:.1f}" for point in points)
            words = f"{first['least']}-{first['most']}"
            click.echo("\t".join((words, str(first["sentences"]), *figures)))

    parameters = [
        click.Argument(["models"], nargs=-1, required=True, metavar="MODEL..."),
        click.Option(
            ["--out"], type=options.OutputFile("file"), required=True, help="PNG to draw."
        ),
        options.as_json(),
    ]
    help_text = "Draw BLEU by the length of the source, a curve for each saved model."
    return terminal.command("lengths", lengths, parameters, help_text)


def _by_source_length(model):
    """What was recorded of a saved model when it was tested."""
    from zoo.predictors import catalogue

    metrics = catalogue.read_metrics(catalogue.find_model(model))
    if "by_source_length" not in metrics:
        raise UserError(
            f"{model} has not been tested on sources of three lengths: train it on such"
        )
    return metrics["by_source_length"]


def _vectors(task):
    def learn_vectors(out, dimension, epochs, least, seed, as_json, **values):
        workflow = terminal.import_workflow()
        from zoo.text import word_vectors

        settings = Settings(values | {"validation": None, "test": None})
        workflow.require_one_corpus(settings)
        data = task.load_data(settings)
        sentences = task.sentences(data)
        found = word_vectors.learn(
            sentences, dimension=dimension, epochs=epochs, least=least, seed=seed
        )
        found.write(out)
        result = {
            "vectors": str(out),
            "words": len(found.words),
            "dimension": found.dimension,
            "dataset": data.name,
            "tokens": sum(map(len, sentences)),
        }
        if as_json:
            terminal.print_json(result)
            return
        click.echo(
            f"{out}: vectors of {result['words']:,} words, from {result['tokens']:,} of {data.name}"
        )

    parameters = [
        *options.of_data(task, f"[default: {task.dataset}]", task.limit_help),
        click.Option(
            ["--dimension"], type=click.IntRange(1), default=100, help="Size of a vector."
        ),
        click.Option(
            ["--epochs"], type=click.IntRange(1), default=10, help="Passes over the text."
        ),
        click.Option(
            ["--least"],
            type=click.IntRange(1),
            default=3,
            help="How often a word occurs that gets a vector.",
        ),
        click.Option(
            ["--seed"],
            type=click.IntRange(0, 2**32 - 1),
            default=1,
            help="Of the first vectors, and of what is drawn.",
        ),
        click.Option(
            ["--out"], type=options.OutputFile("file"), required=True, help="File of the vectors."
        ),
    ]
    parameters = [*options.with_defaults_shown(parameters), options.as_json()]
    help_text = "Learn word vectors from the training texts, for `train --vectors`."
    return terminal.command("vectors", learn_vectors, parameters, help_text)


VERBS = {
    "generate": _generate,
    "score": _score,
    "compare": _compare,
    "lengths": _lengths,
    "vectors": _vectors,
    "compose": composition.generate,
}
"""Verbs, by the names that tasks have for them.

Each is a function of a `zoo.application.task.Task` that returns a `click.Command`.
"""
