"""The picture of lines over time."""

from __future__ import annotations

from xml.etree import ElementTree

from infra.cli.plot import MAX_POINTS, Line, svg

SVG = "{http://www.w3.org/2000/svg}"


def parsed(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)  # noqa: S314  # made here, by the function under test


def paths(picture: str) -> list[list[tuple[float, float]]]:
    found = []
    for line in parsed(picture).iter(f"{SVG}polyline"):
        pairs = [pair.split(",") for pair in line.attrib["points"].split()]
        found.append([(float(x), float(y)) for x, y in pairs])
    return found


def test_later_is_further_right_and_more_is_higher() -> None:
    first, second = paths(svg("t", "tokens", [Line("a", [(0, 0), (2, 10)]), Line("b", [(0, 5), (1, 5)])]))
    assert first[1][0] > first[0][0]
    assert first[1][1] < second[0][1] < first[0][1]
    assert second[1][0] == (first[0][0] + first[1][0]) / 2


def test_steps_stay_until_the_next_value() -> None:
    (found,) = paths(svg("t", "tokens", [Line("a", [(0, 0), (2, 10)], steps=True)]))
    assert len(found) == 3
    assert (found[1][0], found[1][1]) == (found[2][0], found[0][1])


def test_names_are_text_and_never_markup() -> None:
    name = '<script>&"'
    picture = parsed(svg(name, name, [Line(name, [(0, 1)])]))
    assert [text.text for text in picture.iter(f"{SVG}text")].count(name) == 3


def test_a_long_line_is_thinned_and_keeps_its_ends() -> None:
    (found,) = paths(svg("t", "tokens", [Line("a", [(at, at) for at in range(3 * MAX_POINTS + 2)])]))
    (ends,) = paths(svg("t", "tokens", [Line("a", [(0, 0), (3 * MAX_POINTS + 1, 3 * MAX_POINTS + 1)])]))
    assert len(found) <= MAX_POINTS + 1
    assert [found[0], found[-1]] == ends


def test_nothing_is_a_picture_too() -> None:
    assert paths(svg("t", "tokens", [Line("a", [])])) == [[]]
