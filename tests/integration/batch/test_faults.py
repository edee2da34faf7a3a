"""No page is lost and none is done twice, whatever happens: `make test-cluster`."""

from __future__ import annotations

import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.batch import scenarios
from tests.integration.batch.scenarios import Site
from tests.support import sample_documents
from tests.support.object_stores import S3Server

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site.lay_out(tmp_path_factory.mktemp("faults"), 24)


@pytest.fixture
def rng() -> random.Random:
    return random.Random(6)


def test_a_driver_is_killed(site: Site, rng: random.Random):
    outcome = scenarios.driver_killed(site, 1, 3, rng)
    assert outcome.is_whole, outcome
    assert outcome.errors == Counter({None: 24})


def test_workers_are_killed(site: Site, rng: random.Random):
    outcome = scenarios.workers_killed(site, ["Render", "Recognise"], 1, rng)
    assert outcome.is_whole, outcome
    assert outcome.errors == Counter({None: 24})


@pytest.fixture
def text_site(tmp_path: Path) -> Site:
    """240 pages with text layers."""
    return _site_of_text(tmp_path, 8)


@pytest.fixture
def long_text_site(tmp_path: Path) -> Site:
    """3,600 pages with text layers: a single reader has ten seconds and more to do."""
    return _site_of_text(tmp_path, 120)


def _site_of_text(place: Path, pages: int) -> Site:
    documents = place / "in"
    documents.mkdir()
    for number in range(30):
        content = sample_documents.marked(sample_documents.text_pdf(pages), number)
        (documents / f"{number:03}.pdf").write_bytes(content)
    return Site(place, 30 * pages, 0.0)


def test_workers_are_killed_while_pages_are_settled(text_site: Site, rng: random.Random):
    outcome = scenarios.settling_workers_killed(text_site, 4, rng)
    assert outcome.is_whole, outcome
    assert outcome.errors == Counter({None: 240})


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_driver_is_stopped_while_it_settles_pages(long_text_site: Site, number: signal.Signals):
    outcome = scenarios.settling_driver_stopped(long_text_site, number)
    assert outcome.is_whole, outcome
    assert outcome.errors == Counter({None: 3600})


def test_a_node_is_lost(site: Site):
    outcome = scenarios.node_lost(site, 1)
    assert outcome.is_whole, outcome
    assert outcome.errors == Counter({None: 24})


def test_a_page_kills_its_engine_each_time(site: Site):
    outcome = scenarios.poisoned(site, 12, [5])
    assert outcome.is_whole, outcome
    assert outcome.errors == Counter({None: 11, "engine": 1})


def test_the_reader_runs_out_of_memory(site: Site):
    outcome = scenarios.out_of_memory(site)
    assert outcome.is_whole, outcome
    assert outcome.errors == Counter({None: 8, "crash": 1})


def test_a_driver_is_told_to_end(site: Site):
    outcome = scenarios.terminated(site, 1)
    assert outcome.is_whole, outcome
    assert outcome.errors == Counter({None: 24})


def test_a_store_has_faults(site: Site, s3: S3Server):
    outcome = scenarios.store_faults(site, s3)
    assert outcome.is_whole, outcome
    assert outcome.errors == Counter({None: 12, "not_found": 4})


def test_the_disk_is_full(site: Site):
    try:
        outcome = scenarios.disk_full(site, 1)
    except PermissionError as error:
        pytest.skip(str(error))
    assert outcome.is_whole, outcome
    assert outcome.errors == Counter({None: 24})
