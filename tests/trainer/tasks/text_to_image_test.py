from trainer.tasks.text_to_image import CollapseWatch


def test_only_pictures_that_once_differed_can_collapse():
    watch = CollapseWatch()
    assert [watch.check(spread) for spread in (0.01, 0.15, 0.09)] == [[], [], []]
    assert watch.check(0.5) == []
    assert watch.check(0.15) == []
    (wrong,) = watch.check(0.04)
    assert "4% as much as real ones" in wrong


def test_a_generator_that_never_began_can_be_dead():
    watch = CollapseWatch()
    (wrong,) = watch.check(8.6e-9)
    assert "the same picture" in wrong
    assert watch.check(0.02) == []


def test_a_resumed_watch_remembers():
    watch, resumed = CollapseWatch(), CollapseWatch()
    watch.check(0.9)
    for variable, value in zip(resumed.variables, watch.variables, strict=True):
        variable.assign(value)
    assert resumed.check(0.05)
