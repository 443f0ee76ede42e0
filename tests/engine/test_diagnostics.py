import logging
import subprocess
import sys

import pytest

from engine.diagnostics import get_logger


@pytest.fixture
def heard(caplog):
    caplog.set_level(logging.INFO, "netreel")
    return caplog


def test_a_line_says_what_its_logger_is_bound_to(heard):
    get_logger(guid=7).bind(rtype="a::B").warning("lost", host="h")
    assert heard.messages == ["event='lost' guid=7 rtype='a::B' host='h'"]


def test_an_exception_is_told_with_its_traceback(heard):
    try:
        raise KeyError("x")
    except KeyError:
        get_logger().exception("it raised")
    assert heard.messages[0].startswith("event='it raised'")
    assert "Traceback" in heard.messages[0]


def test_what_is_below_the_level_is_not_told(heard):
    get_logger().debug("detail")
    assert heard.messages == []


def test_a_method_that_there_is_not_is_an_error():
    with pytest.raises(AttributeError):
        get_logger().shout("x")


def test_structlog_is_loaded_once_there_is_something_to_be_told():
    code = """
import logging, sys
from engine.diagnostics import get_logger
log = get_logger(run="r")
log.info("nobody hears this")
print("structlog" in sys.modules)
logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
log.info("heard")
print("structlog" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False", "event='heard' run='r'", "True"]
