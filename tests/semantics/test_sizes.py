"""Help about input sizes: which are tried is a matter of counted work, not of the machine."""

import time

import pytest

from archdsl.diagnostics import SpecError
from archdsl.limits import MAX_WORK, SIZES_WORK
from archdsl.pipeline import check_file
from archdsl.semantics.bodies import Bodies
from archdsl.syntax.files import link_text

VANISHING = """\
network n {
    input(3, 12, 12)
    conv3x3(16) maxpool2x2 maxpool2x2 maxpool2x2 maxpool2x2
}
"""


def helped(text, work=0):
    """Return the help of the first diagnostic, and the work done for networks as written."""
    file = link_text(text, "spec.arch", None)
    file.work.done = work
    with pytest.raises(SpecError) as error:
        check_file(file)
    return error.value.diagnostics[0].help, file.work.done


def layers(number):
    return VANISHING.replace("conv3x3(16)", f"for i in range({number}) {{ conv3x3(i + 1) }}\n   ")


def test_a_slow_machine_gets_the_same_help(monkeypatch):
    items = Bodies.items

    def slow(*arguments):
        time.sleep(0.6)
        items(*arguments)

    monkeypatch.setattr(Bodies, "items", slow)
    assert helped(VANISHING)[0] == "an input of 16 x 16 pixels is large enough"


def test_all_attempts_together_do_so_much_work(monkeypatch):
    built = []
    close = Bodies.close

    def counted(bodies):
        built.append(bodies.input_size)
        close(bodies)

    monkeypatch.setattr(Bodies, "close", counted)
    for number, known in ((100, "16 x 16"), (1_000, "18 x 18"), (4_000, None)):
        built.clear()
        help_, done = helped(layers(number))
        assert known in help_ if known and help_ else known == help_
        first, *attempts = built  # 1,000 layers: too long to look for the smallest
        assert first is None
        assert (len(attempts) - 1) * done < SIZES_WORK  # the last one may be cut off


def test_attempts_count_as_none_of_a_spec_s_own_work():
    assert helped(VANISHING)[1] < 1_000


def test_attempts_end_where_the_work_of_a_spec_does():
    _, own = helped(VANISHING)
    assert helped(VANISHING, MAX_WORK - 5 * own)[0] is not None
    assert helped(VANISHING, MAX_WORK - own)[0] is None
