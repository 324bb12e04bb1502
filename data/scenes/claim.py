"""What can be said of a scene, and whether it is true of a picture with known attributes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from data.scenes import world


@dataclass(frozen=True)
class ObjectClaim:
    """One object; None stands for what is not said. Values are those of `world`."""

    colour: str
    shape: str
    size: str | None = None
    texture: str | None = None
    action: str | None = None

    def attributes(self) -> tuple[str, ...]:
        """Returns what is said of this object as attribute names."""
        names = [
            f"colour:{self.colour}",
            f"object:{self.shape}",
            f"{self.shape} colour:{self.colour}",
            f"{self.colour} shape:{self.shape}",
        ]
        for group in ("size", "texture", "action"):
            value = getattr(self, group)
            if value is not None:
                names.append(f"{self.shape} {group}:{value}")
        return tuple(names)


@dataclass(frozen=True)
class Claim:
    """What one caption says, or, with every field filled, all that is true of one scene.

    Attributes:
      objects: one kind of object, or two; `objects[0]` is the one that `relation` is about.
      relation: `objects[0]` is RELATION `objects[1]`; None for one kind of object.
      count: 1 to 3 objects of the one kind; None for two objects.
      background: name of the background's colour.
    """

    objects: tuple[ObjectClaim, ...]
    relation: str | None = None
    count: int | None = None
    background: str | None = None

    def places(self) -> tuple[str, ...]:
        """Returns where the objects are: the relation from both sides, or the count."""
        if self.relation is not None and len(self.objects) == 2:
            first, second = self.objects
            inverse = world.INVERSE[self.relation]
            return (f"{first.shape} place:{self.relation}", f"{second.shape} place:{inverse}")
        return () if self.count is None else (f"count:{world.COUNTS[self.count - 1]}",)

    def attributes(self) -> tuple[str, ...]:
        """Returns everything said as attribute names, `group:value`, without repeats."""
        names = [name for thing in self.objects for name in thing.attributes()]
        names.extend(self.places())
        if self.background is not None:
            names.append(f"background:{self.background}")
        return tuple(dict.fromkeys(names))


def truth(claim: Claim, attributes: Iterable[str]) -> dict[str, bool]:
    """Returns for every attribute that is claimed whether it is true.

    Args:
      claim: what a caption says.
      attributes: all attributes of the picture.
    """
    facts = frozenset(attributes)
    return {name: name in facts for name in claim.attributes()}


def named(claim: Claim, attributes: Iterable[str]) -> dict[str, bool]:
    """Returns for every attribute that a caption has to name whether `claim` names it.

    To be named are each object's colour and shape, and the relation or the count.

    Args:
      claim: what a caption says.
      attributes: all attributes of the picture.
    """
    said = frozenset(claim.attributes())
    return {name: name in said for name in attributes if _has_to_be_named(name)}


def is_right(claim: Claim | None, attributes: Iterable[str]) -> bool:
    """Returns whether all that is claimed is true and all that has to be named is named.

    Args:
      claim: what a caption says; None, for a caption that no one can parse, is not right.
      attributes: all attributes of the picture.
    """
    if claim is None:
        return False
    facts = tuple(attributes)
    return all(truth(claim, facts).values()) and all(named(claim, facts).values())


def _has_to_be_named(name: str) -> bool:
    group = name.rpartition(":")[0]
    return group in ("object", "count") or group.endswith((" colour", " place"))
