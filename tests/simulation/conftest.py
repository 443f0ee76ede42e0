"""In which order these tests run."""


def pytest_collection_modifyitems(items):
    """What takes minutes to make a failure small comes last: with `-x`, what fails at once is told at once."""
    items.sort(key=lambda item: item.path.name == "test_hypothesis.py")
