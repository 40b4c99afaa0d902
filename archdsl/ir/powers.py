"""Powers and logarithms of exact numbers: exact where they are rational, else 15 digits.

What is rounded is computed in decimal arithmetic, so that it is the same on every machine.
"""

from decimal import Context, Decimal
from fractions import Fraction

_DIGITS = 15  # significant ones, as many as a float always has
_EXACTLY = Context(prec=50)
_MOST_BITS = 128  # of a numerator or denominator: the language's numbers have up to 100


def power(base: int | Fraction, exponent: int | Fraction) -> Fraction:
    """Return `base ** exponent`.

    Raises ZeroDivisionError for 0 to a negative power, OverflowError for what is too large to be
    a number of the language, and ArithmeticError for a fractional power of a negative number.
    """
    base, exponent = Fraction(base), Fraction(exponent)
    if not base:
        if exponent < 0:
            raise ZeroDivisionError
        return Fraction(int(exponent == 0))
    bits = max(base.numerator.bit_length(), base.denominator.bit_length()) - 1
    if exponent.denominator == 1:
        if bits * abs(exponent) > _MOST_BITS:
            raise OverflowError
        return base**exponent.numerator
    if base < 0:
        raise ArithmeticError
    root = _root(base, exponent.denominator)
    if root is not None:
        return power(root, exponent.numerator)
    if bits * abs(exponent) > 4 * _MOST_BITS:
        raise OverflowError
    return _rounded(_EXACTLY.power(_decimal(base), _decimal(exponent)))


def logarithm(number: int | Fraction, base: int | Fraction | None = None) -> Fraction:
    """Return the logarithm to a base, the natural one without; raise ArithmeticError."""
    if number <= 0 or (base is not None and (base <= 0 or base == 1)):
        raise ArithmeticError
    found = _EXACTLY.ln(_decimal(number))
    if base is not None:
        found = _EXACTLY.divide(found, _EXACTLY.ln(_decimal(base)))
    return _rounded(found)


def _root(number: Fraction, degree: int) -> Fraction | None:
    """Return the root of a positive number where it is rational, else None."""
    if degree > _MOST_BITS:
        return None if number != 1 else number
    parts = (number.numerator, number.denominator)
    found = [round(_EXACTLY.power(Decimal(n), _decimal(Fraction(1, degree)))) for n in parts]
    if any(r**degree != n for r, n in zip(found, parts, strict=True)):
        return None
    return Fraction(*found)


def _decimal(number: int | Fraction) -> Decimal:
    number = Fraction(number)
    return _EXACTLY.divide(Decimal(number.numerator), Decimal(number.denominator))


def _rounded(number: Decimal) -> Fraction:
    return Fraction(Context(prec=_DIGITS).plus(number))
