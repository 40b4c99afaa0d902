import pytest

from tests.emit.conftest import import_script, load  # noqa: F401 - fixtures
from tests.uses.networks import FACTS, build, images, network_class, write


@pytest.fixture(scope="session")
def paths(tmp_path_factory):
    """model.py of each network, by name."""
    folder = tmp_path_factory.mktemp("networks")
    return {name: write(folder, name) for name in FACTS}


@pytest.fixture(scope="session")
def classes(paths):
    return {name: network_class(path) for name, path in paths.items()}


@pytest.fixture(params=list(FACTS))
def name(request):
    """A network's name; a test may choose some by `parametrize`."""
    return request.param


@pytest.fixture
def facts(name):
    return FACTS[name]


@pytest.fixture
def network(classes, name):
    """A module, in evaluation mode."""
    return build(classes[name]).eval()


@pytest.fixture
def x(name):
    return images(name)
