import io

import pytest

from oscilab.cli.progress import Bar, Lines


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stream():
    return io.StringIO()


def test_a_line_now_and_then_and_the_last(clock, stream):
    with Lines(stream, interval=5.0, clock=clock).task("training", total=100) as task:
        for _ in range(100):
            clock.now += 0.12
            task.advance(loss=0.25, grad_norm=2.0)
    lines = stream.getvalue().splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        "training 42/100", "training 84/100", "training 100/100"
    ]  # fmt: skip
    assert lines[0] == "training 42/100, loss 0.25, grad norm 2, 8.33/s, 0:00:07 left"
    assert lines[1].endswith("0:00:02 left")
    assert lines[-1].endswith("8.33/s, took 12.0 s")


def test_what_was_done_before_counts_as_done_but_not_as_speed(clock, stream):
    lines = Lines(stream, interval=5.0, clock=clock)
    with lines.task("training", 100, done=60) as task:
        clock.now += 10.0
        task.advance(20)
    assert stream.getvalue() == "training 80/100, 2/s, 0:00:10 left\n"


def test_a_task_that_ends_early_says_where(clock, stream):
    def stopped():
        with Lines(stream, clock=clock).task("training", total=100) as task:
            task.advance(7)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert stream.getvalue() == "training 7/100\n"


def test_the_last_line_is_not_said_twice(clock, stream):
    with Lines(stream, interval=0.0, clock=clock).task("sampling", total=1) as task:
        task.advance()
    assert stream.getvalue() == "sampling 1/1\n"


def test_slow_work_is_counted_in_minutes(clock, stream):
    with Lines(stream, interval=5.0, clock=clock).task("sampling", total=3) as task:
        clock.now += 60
        task.advance()
    assert stream.getvalue() == "sampling 1/3, 1/min, 0:02:00 left\n"


@pytest.mark.parametrize("kind", [Lines, Bar])
def test_text_is_shown_as_it_is_and_not_broken(stream, kind):
    path = "runs/" + 40 * "[red]long" + ".h5"
    watch = kind(stream)
    watch.summary("training digits", {"run file": path, "slices": "24"})
    watch.note(f"look at :warning: {path}")
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert lines == [
        "training digits",
        f"  run file  {path}",
        "  slices    24",
        f"note: look at :warning: {path}",
    ]


def test_a_bar_shows_count_and_figures(stream):
    with Bar(stream).task("training [1]", total=3) as task:
        for loss in (0.5, 0.4, 0.3):
            task.advance(loss=loss)
    last = stream.getvalue().splitlines()[-1]
    assert last.startswith("training [1]")
    assert "3/3 loss 0.3" in last
