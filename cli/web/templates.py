"""The templates and files of the page, read once."""

from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined


def environment() -> Environment:
    """All templates, compiled. Everything that they show is escaped for HTML."""
    found = Environment(
        loader=DictLoader(files_in("html")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in found.list_templates():
        found.get_template(name)
    return found


def files_in(folder: str) -> dict[str, str]:
    """The texts of the files of a folder beside this module, by name."""
    return {
        each.name: each.read_text(encoding="utf-8")
        for each in files("execdb.cli.web").joinpath(folder).iterdir()
    }
