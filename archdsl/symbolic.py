"""Closed forms from Python: `archdsl.compile("wrn.arch").symbolic("depth", "k")`."""

from collections.abc import Mapping
from fractions import Fraction

from archdsl.analyses.closed.cases import ClosedForms, FormCase
from archdsl.analyses.closed.polynomial import Polynomial
from archdsl.analyses.measures import MEASURES
from archdsl.ir.numbers import Value, normal
from archdsl.report.closed_forms import closed_document, closed_latex, closed_text, ways
from archdsl.report.document import to_json
from archdsl.report.formulas import TEXT, formula


class ClosedForm:
    """A number of a family of networks: called with arguments it gives that of the member.

    It raises ValueError for a member that is refused, or that none of its cases is for.
    """

    def __init__(self, forms: ClosedForms, measure: str) -> None:
        self._forms = forms
        self.name = measure
        self.unit = MEASURES[measure].unit

    def __call__(self, **arguments: float) -> int:
        """Return the number of the member with these arguments."""
        values = _values(self._forms, arguments)
        value = _case(self._forms, values).forms[self.name].evaluate(_numbers(values))
        assert isinstance(value, int), "networks have whole numbers of all that is counted"
        return value

    def __str__(self) -> str:
        return "\n".join(
            f"{self.name} = {formula(case.forms[self.name], TEXT)}"
            f"  for {' or '.join(ways(self._forms, case, TEXT))}"
            for case in self._forms.cases
        )

    def __repr__(self) -> str:
        return f"<{self.name} of {self._forms.network} in {', '.join(self._forms.names)}>"

    def polynomial(self, **arguments: float) -> Polynomial:
        """Return the polynomial that is right for a member; raise ValueError."""
        return _case(self._forms, _values(self._forms, arguments)).forms[self.name]


class SymbolicNetwork:
    """What a family of networks costs, as exact polynomials of some arguments.

    Called with these it gives all numbers of the member; each of them alone is an attribute.
    """

    def __init__(self, forms: ClosedForms) -> None:
        self.forms = forms
        self.names = forms.names

    def __getattr__(self, measure: str) -> ClosedForm:
        if measure not in MEASURES:
            raise AttributeError(f"there is no measure `{measure}`")
        return ClosedForm(self.forms, measure)

    def __dir__(self) -> list[str]:
        return sorted((*super().__dir__(), *MEASURES))

    def __call__(self, **arguments: float) -> dict[str, int]:
        """Return all numbers of the member with these arguments, by name."""
        return {measure: self[measure](**arguments) for measure in MEASURES}

    def __getitem__(self, measure: str) -> ClosedForm:
        if measure not in MEASURES:
            raise KeyError(measure)
        return ClosedForm(self.forms, measure)

    def __str__(self) -> str:
        return closed_text(self.forms)

    def __repr__(self) -> str:
        return f"<{self.forms.network} in {', '.join(self.names)}: {len(self.forms.cases)} cases>"

    def _repr_latex_(self) -> str:
        """Return the forms as a notebook shows them."""
        return self.to_latex()

    def to_latex(self) -> str:
        """Return what `archdsl params --symbolic --format latex` prints."""
        return closed_latex(self.forms)

    def to_json(self) -> str:
        """Return the object that `archdsl params --symbolic --format json` prints."""
        return to_json(closed_document(self.forms))


def _values(forms: ClosedForms, given: Mapping[str, float]) -> dict[str, Value | bool]:
    if set(given) != set(forms.names):
        raise ValueError(f"the arguments are {', '.join(forms.names)}, each by its name")
    return {
        name: value if isinstance(value, bool) else normal(Fraction(str(value)))
        for name, value in given.items()
    }


def _numbers(values: Mapping[str, Value | bool]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if not isinstance(value, bool)}


def _case(forms: ClosedForms, values: Mapping[str, Value | bool]) -> FormCase:
    case = forms.case(values)
    said = ", ".join(f"{name} = {value}" for name, value in values.items())
    if case is None:
        raise ValueError(f"no case of these forms is for {said}")
    if not case.exists(values):
        raise ValueError(f"there is no network with {said}")
    return case
