"""What was looked at comes back with a change, or the change is refused."""

from __future__ import annotations

import pytest
from fastapi import Response

from cloud.api.editions import edition_in, tag
from cloud.errors import EditionError, RequestError


@pytest.mark.parametrize("edition", [1, 7, 10**12])
@pytest.mark.parametrize("form", ["{}", " W/{} ", "{} "])
def test_an_etag_comes_back(edition, form):
    response = Response()
    tag(response, edition)
    assert edition_in(form.format(response.headers["etag"]), "it") == edition


@pytest.mark.parametrize("sent", ["", "*", '"x"', '"-1"', '"1", "2"', '"²"'])
def test_what_is_no_etag_of_ours_has_changed_meanwhile(sent):
    with pytest.raises(EditionError, match="GET /it"):
        edition_in(sent, "GET /it")


def test_nothing_is_asked_for():
    with pytest.raises(RequestError, match="give the ETag of GET /it"):
        edition_in(None, "GET /it")
