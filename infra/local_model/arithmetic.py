"""Arithmetic found in plain text, exactly and with bounded effort. Pure."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from fractions import Fraction

MAX_EXPRESSIONS = 20
MAX_EXPRESSION_CHARS = 200
MAX_BITS = 4096

_IN_WORDS = (
    (re.compile(r"\bplus\b", re.I), "+"),
    (re.compile(r"\bminus\b", re.I), "-"),
    (re.compile(r"\b(?:multiplied by|times)\b|[×·]|(?<=\d)\s*x\s*(?=\d)", re.I), "*"),
    (re.compile(r"\b(?:divided by|over)\b|÷", re.I), "/"),
    (re.compile(r"\bto the power of\b|\^", re.I), "**"),
    (re.compile(r"\bsquared\b", re.I), "**2"),
    (re.compile(r"(?<=\d),(?=\d{3}\b)"), ""),
    (re.compile("−"), "-"),
)
_EXPRESSION = re.compile(r"[-(\s]*\d[\d.\s()+\-*/%]*")
_BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
}


def results_in(text: str) -> list[tuple[str, str]]:
    """(expression, value) of every calculation in `text`; values are exact, or rounded to 12 places."""
    for pattern, symbol in _IN_WORDS:
        text = pattern.sub(symbol, text)
    results = []
    for match in _EXPRESSION.finditer(text):
        expression = _balanced(match[0].strip().rstrip("+-*/%. "))
        if not re.search(r"\d\s*\)*\s*[-+*/%]", expression) or len(expression) > MAX_EXPRESSION_CHARS:
            continue
        value = _value(expression)
        if value is not None:
            results.append((re.sub(r"\s+", " ", expression), value))
        if len(results) == MAX_EXPRESSIONS:
            break
    return results


def _balanced(expression: str) -> str:
    """Without the closing brackets that belong to the sentence around it."""
    while expression.endswith(")") and expression.count(")") > expression.count("("):
        expression = expression[:-1].rstrip()
    return expression


def _value(expression: str) -> str | None:
    try:
        value = _evaluate(ast.parse(expression.lstrip(), mode="eval").body)
    except ZeroDivisionError:
        return "undefined (division by zero)"
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return None
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.12g}"


def _evaluate(node: ast.expr) -> Fraction:
    """Raises ValueError for anything but bounded arithmetic on numbers."""
    match node:
        case ast.Constant(value=int() | float() as number):
            result = Fraction(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            result = -_evaluate(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            result = _evaluate(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            result = _power(_evaluate(left), _evaluate(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            result = _BINARY[type(op)](_evaluate(left), _evaluate(right))
        case _:
            raise ValueError("not arithmetic")
    if result.numerator.bit_length() > MAX_BITS or result.denominator.bit_length() > MAX_BITS:
        raise ValueError("too large")
    return result


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    size = max(base.numerator.bit_length(), base.denominator.bit_length())
    if exponent.denominator != 1 or abs(exponent.numerator) > MAX_BITS or size * abs(exponent.numerator) > MAX_BITS:
        raise ValueError("too large")
    return base**exponent.numerator
