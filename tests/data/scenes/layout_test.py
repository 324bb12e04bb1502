from collections import Counter

import pytest

from data.scenes import layout, world


@pytest.fixture(scope="module")
def scenes() -> list[layout.Scene]:
    return [layout.sample(world.generator(5, index)) for index in range(1000)]


def test_kinds_of_scenes_have_their_shares(scenes):
    relations = Counter(scene.facts.relation for scene in scenes)
    alone = relations.pop(None)
    assert 0.2 < alone / len(scenes) < 0.3
    assert set(relations) == set(world.RELATIONS)
    assert min(relations.values()) > 0.75 * max(relations.values())


def test_two_objects_differ_in_colour_and_shape(scenes):
    for scene in scenes:
        if scene.facts.relation is not None:
            first, second = scene.facts.objects
            assert first.colour != second.colour
            assert first.shape != second.shape


def test_all_that_is_drawn_lies_within_the_picture(scenes):
    for scene in scenes:
        for figure in scene.figures:
            for box in figure.boxes():
                assert min(box) >= 0
                assert max(box) <= world.GRID


def _figure_of(scene: layout.Scene, place: int) -> layout.Figure:
    shape = scene.facts.objects[place].shape
    return next(figure for figure in scene.figures if figure.shape == shape)


def test_objects_stand_as_their_relation_says(scenes):
    for scene in scenes:
        relation = scene.facts.relation
        if relation is None:
            continue
        first, second = _figure_of(scene, 0), _figure_of(scene, 1)
        dx, dy = first.x - second.x, first.y - second.y
        if relation in ("behind", "in front of"):
            assert max(abs(dx), abs(dy)) < 5.5
            assert scene.figures[0] == (first if relation == "behind" else second)
        else:
            along, across = (dy, dx) if relation in ("above", "below") else (dx, dy)
            assert abs(along) > 3 * abs(across)
            assert (along > 0) == (relation in ("below", "right of"))


def test_counted_objects_are_as_many_as_said_and_apart(scenes):
    for scene in scenes:
        if scene.facts.count is not None:
            assert len(scene.figures) == scene.facts.count
            for index, one in enumerate(scene.figures):
                for other in scene.figures[index + 1 :]:
                    gap = max(abs(one.x - other.x), abs(one.y - other.y))
                    assert gap > one.diameter


def test_actions_fit_their_shapes(scenes):
    seen = Counter(
        (thing.action, thing.shape in world.ROUND_SHAPES)
        for scene in scenes
        for thing in scene.facts.objects
    )
    assert seen["rolling", False] == seen["leaning", True] == 0
    assert min(seen["rolling", True], seen["leaning", False], seen["falling", True]) > 20
