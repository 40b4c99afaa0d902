"""Closed forms: what a network costs as exact polynomials of its arguments.

    polynomial.py   sums of products of atoms with rational coefficients
    rounding.py     floors and other functions of polynomials, as simple as they get
    conditions.py   what has to hold of the arguments for a form to be right
    traced.py       numbers that are a value and a polynomial, and note what was asked of them
    formulas.py     the expressions of a spec, in such numbers
    lifting.py      the network with such numbers in the place of integers
    deciding.py     what elaboration decided of shared weights, as conditions

The analyses of networks run on a lifted one as they are: what they count is then a polynomial.
Nothing is fitted: docs/decisions/0023-closed-forms.md says what makes a form right.
"""
