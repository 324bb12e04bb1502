"""The strict loader: what it takes, and what it says of what it refuses."""

from dataclasses import dataclass, field

import pytest

from trainer.settings_loader import (
    SettingsError,
    from_mapping,
    override,
    require,
    require_one_of,
    to_mapping,
)


@dataclass(frozen=True)
class Oven:
    degrees: float = 180.0
    fan: bool = False

    def __post_init__(self):
        require(self.degrees <= 250, "degrees", self.degrees, "at most 250")


@dataclass(frozen=True)
class Recipe:
    name: str
    eggs: int = 2
    spices: tuple[str, ...] = ()
    shares: dict[str, float] = field(default_factory=dict)
    note: str | None = None
    oven: Oven = field(default_factory=Oven)


CAKE = {
    "name": "cake",
    "eggs": 3,
    "spices": ["salt", "cinnamon"],
    "shares": {"flour": 2, "milk": 0.5},
    "note": "best warm",
    "oven": {"degrees": 200, "fan": True},
}


def test_every_kind_of_field_is_read_with_its_type():
    recipe = from_mapping(Recipe, CAKE, "cake.yaml")
    assert recipe == Recipe(
        "cake",
        3,
        ("salt", "cinnamon"),
        {"flour": 2.0, "milk": 0.5},
        "best warm",
        Oven(200.0, True),
    )
    assert isinstance(recipe.oven.degrees, float) and isinstance(recipe.shares["flour"], float)


@pytest.mark.parametrize("text", ["5e-5", "-2E2", "1.5e-3", "2e+2"])
def test_exponents_are_numbers_with_a_dot_and_without(text):
    recipe = from_mapping(Recipe, override(CAKE, f"oven.degrees={text}"), "cake.yaml")
    assert recipe.oven.degrees == float(text)
    with pytest.raises(SettingsError, match="eggs must be a whole number"):
        from_mapping(Recipe, override(CAKE, f"eggs={text}"), "cake.yaml")


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf", "1e999"])
def test_a_number_is_finite(number):
    with pytest.raises(SettingsError, match=r"oven\.degrees must be a finite number"):
        from_mapping(Recipe, override(CAKE, f"oven.degrees={number}"), "cake.yaml")


@pytest.mark.parametrize(
    ("assignment", "word"),
    [
        ("eggs=" + "9" * 5000, "YAML"),
        (".".join("abcdefghijklmn") + "=1", "so many keys"),
        ("eggs=[" + "[" * 5000, "levels"),
        ("oven={fan: true, fan: false}", "twice"),
        ("name=" + "['x'" + ", 'x'" * 500 + "]", "must be text"),
        ("shares={1: 2}", "must be text"),
    ],
)
def test_a_mistake_is_one_line_however_long_the_value(assignment, word):
    with pytest.raises(SettingsError, match=word) as caught:
        from_mapping(Recipe, override(CAKE, assignment), "cake.yaml")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_what_is_left_out_keeps_its_default():
    assert from_mapping(Recipe, {"name": "egg", "oven": {"fan": True}}, "a.yaml") == Recipe(
        "egg", oven=Oven(fan=True)
    )


def test_settings_survive_the_way_to_plain_values_and_back():
    recipe = from_mapping(Recipe, CAKE, "cake.yaml")
    assert to_mapping(recipe) == CAKE
    assert from_mapping(Recipe, to_mapping(Recipe("egg")), "a.yaml") == Recipe("egg")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"egs": 3}, ["unknown key 'egs'", "mean 'eggs'", "name", "oven", "spices"]),
        ({"oven": {"degree": 3}}, ["unknown key 'oven.degree'", "mean 'degrees'", "fan"]),
        ({"eggs": "three"}, ["eggs", "a whole number", "'three'"]),
        ({"eggs": 2.5}, ["eggs", "a whole number", "2.5"]),
        ({"eggs": True}, ["eggs", "a whole number", "True"]),
        ({"eggs": None}, ["eggs", "a whole number", "None"]),
        ({"name": 7}, ["name", "text", "7"]),
        ({"note": 7}, ["note", "text", "7"]),
        ({"oven": {"degrees": "hot"}}, ["oven.degrees", "a number", "'hot'"]),
        ({"oven": {"degrees": True}}, ["oven.degrees", "a number", "True"]),
        ({"oven": {"fan": 1}}, ["oven.fan", "true or false", "1"]),
        ({"oven": 200}, ["oven", "a mapping", "200"]),
        ({"spices": "salt"}, ["spices", "a list", "'salt'"]),
        ({"spices": ["salt", 4]}, ["spices[1]", "text", "4"]),
        ({"shares": [1]}, ["shares", "a mapping", "[1]"]),
        ({"shares": {"flour": "much"}}, ["shares.flour", "a number", "'much'"]),
        ({"oven": {"degrees": 300}}, ["oven.degrees", "300.0", "at most 250"]),
    ],
)
def test_a_refusal_names_file_key_and_what_is_allowed(change, words):
    with pytest.raises(SettingsError) as caught:
        from_mapping(Recipe, CAKE | change, "cake.yaml")
    message = str(caught.value)
    assert message.startswith("cake.yaml: ")
    assert [word for word in words if word not in message] == []


def test_a_missing_key_and_a_file_that_is_no_mapping_are_refused():
    with pytest.raises(SettingsError, match=r"a\.yaml: file: .*'name'"):
        from_mapping(Recipe, {}, "a.yaml")
    with pytest.raises(SettingsError, match=r"a\.yaml: .*must be a mapping of keys, not \[1\]"):
        from_mapping(Recipe, [1], "a.yaml")


def test_override_reads_yaml_and_leaves_the_original_alone():
    values = {"oven": {"fan": False}}
    assert override(values, "oven.degrees=99.5") == {"oven": {"fan": False, "degrees": 99.5}}
    assert override(values, "spices=[salt, mint]")["spices"] == ["salt", "mint"]
    assert override(values, "note=null")["note"] is None
    assert override(values, "a.b.c=1 = 1")["a"] == {"b": {"c": "1 = 1"}}
    assert values == {"oven": {"fan": False}}


@pytest.mark.parametrize(
    ("assignment", "reason"),
    [
        ("eggs", "write it as key=value"),
        ("=3", "write it as key=value"),
        ("oven.fan.speed=3", "'fan' holds a value"),
        ("spices=[salt", "no YAML value"),
    ],
)
def test_an_assignment_that_cannot_be_read_is_refused(assignment, reason):
    with pytest.raises(SettingsError) as caught:
        override({"oven": {"fan": False}}, assignment)
    assert f"--set {assignment}" in str(caught.value) and reason in str(caught.value)


def test_a_choice_comes_with_the_nearest_name():
    require_one_of("loss", "hinge", ("hinge", "minimax"))
    with pytest.raises(SettingsError, match=r"'hing'.*hinge, minimax.*mean 'hinge'"):
        require_one_of("loss", "hing", ("hinge", "minimax"))


@dataclass(frozen=True)
class Shelf:
    place: str | dict[str, str | None] | None = None


@pytest.mark.parametrize("value", [None, "left", {"salt": "left", "sugar": None}])
def test_a_value_may_be_text_or_a_mapping(value):
    assert from_mapping(Shelf, {"place": value}, "shelf.yaml").place == value


@pytest.mark.parametrize("value", [7, {"salt": 7}])
def test_of_several_types_a_wrong_one_is_refused(value):
    with pytest.raises(SettingsError, match=r"place.* must be text, not 7"):
        from_mapping(Shelf, {"place": value}, "shelf.yaml")
