"""A synthetic artworks database with the shape, the dialects and the dirt of the real ones.

`fill` makes a source whose outcome is known row by row (table `synthetic_source.expected`); `make_hostile` (in
`hostile`) adds input that no counts are promised for. The pipeline knows neither.
"""

from local_stack.sources.artworks.filling import Filled, fill
from local_stack.sources.artworks.hostile import make_hostile

__all__ = ["Filled", "fill", "make_hostile"]
