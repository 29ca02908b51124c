"""Colours of cell types in the figures."""

#: Paul Tol's "muted" scheme, safe for colour-blind readers, its darkest three lighter so that they show on black too.
COLOURS = ("#6558c8", "#44aa99", "#ddcc77", "#cc6677", "#88ccee", "#2f8f55", "#aa4499", "#999933", "#993366")
#: Shades of these for further types, as the share of white (black, where negative) that is mixed in.
SHADES = (0.0, 0.5, -0.35)
#: Of the rarer types; more colours cannot be distinguished.
REST = "#a3adb5"
#: Types that have a colour of their own.
COLOURED = len(COLOURS) * len(SHADES)


def colours(number: int) -> list[str]:
    """Return the colours of the `number` most abundant types: nine, two further shades of each, then grey."""
    shades = [_mixed(colour, share) for share in SHADES for colour in COLOURS]
    return [*shades, *[REST] * number][:number]


def _mixed(colour: str, share: float) -> str:
    """Return a colour (#rrggbb) with a share of white, or of black where it is negative."""
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    mixed = (round(part + share * (255 - part) if share > 0 else part * (1 + share)) for part in parts)
    return "#" + "".join(f"{part:02x}" for part in mixed)
