"""Ranges of stored cells against the H3 library itself."""

import h3.api.basic_int as h3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_core.bus.subjects import partition
from summit_core.errors import InputError
from summit_core.geo import H3_RESOLUTION, cell
from summit_fabric.cells import stored_cells

places = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@given(places, st.integers(0, H3_RESOLUTION))
def test_the_range_holds_the_descendants_and_nothing_else(place: tuple[float, float], resolution: int) -> None:
    coarse = h3.cell_to_parent(cell(*place), resolution)
    first, last = stored_cells(f"{coarse:x}")
    children = sorted(h3.cell_to_children(coarse, H3_RESOLUTION)) if resolution >= 3 else []
    if children:
        assert (first, last) == (children[0], children[-1])
    assert first <= cell(*place) <= last
    other = cell(-place[0], place[1] - 180 if place[1] > 0 else place[1] + 180)
    assert (first <= other <= last) == (h3.cell_to_parent(other, resolution) == coarse)


@given(places)
def test_the_partition_is_the_ancestor(place: tuple[float, float]) -> None:
    assert partition(cell(*place)) == h3.cell_to_parent(cell(*place), 3)


@pytest.mark.parametrize("text", ["f" * 15, "0" * 15, f"{h3.latlng_to_cell(1, 2, 6):x}"])
def test_what_is_no_such_cell_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        stored_cells(text)
    assert caught.value.field == "h3"
