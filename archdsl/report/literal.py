"""Values as the language writes them."""

from archdsl.ir.network import ArgumentValue


def written(value: ArgumentValue) -> str:
    """Return a value as the language writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return value
        case list():
            return f"[{', '.join(map(written, value))}]"
        case dict():
            items = (f"{key}: {written(item)}" for key, item in value.items())
            return f"{{{', '.join(items)}}}"
        case _:
            return str(value)
