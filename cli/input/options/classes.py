"""Commands whose options are the fields of data classes: Typer itself knows only parameters."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from typing import Any

from execdb.cli.input.options.filter import with_marks

OF_THE_HISTORY = ("since", "until", "failed", "running", "replays")


def with_option_classes(
    command: Callable[..., None], *, but: Sequence[str] = ()
) -> Callable[..., None]:
    """Decorates a command: fields of its data-class parameters are options, except for those in
    `but`. Times of marks in the parameter `chosen` are looked up."""
    own = inspect.signature(command).parameters.values()
    classes: dict[str, Any] = {p.name: p.annotation for p in own if is_dataclass(p.annotation)}
    fields = {
        name: [each for each in inspect.signature(kind).parameters.values() if each.name not in but]
        for name, kind in classes.items()
    }

    @functools.wraps(command)
    def gathered(*args: Any, **given: Any) -> None:
        made = {
            name: kind(**{each.name: given.pop(each.name) for each in fields[name]})
            for name, kind in classes.items()
        }
        if "context" in given:
            made["chosen"] = with_marks(made["chosen"], given["context"].obj)
        command(*args, **made, **given)

    parameters: list[inspect.Parameter] = []
    for parameter in own:
        parameters += fields.get(parameter.name, [parameter])
    # Typer reads both of these.
    vars(gathered)["__signature__"] = inspect.Signature(parameters)
    gathered.__annotations__ = {each.name: each.annotation for each in parameters}
    return gathered


# Without options that are of no use while events are being recorded.
with_start_options = functools.partial(with_option_classes, but=OF_THE_HISTORY)
