import functools
import hashlib
import http.server
import logging
import threading

import pytest

from oscilab.data.images import HASHES, fetch_mnist
from oscilab.errors import CannotDo, InvalidInput

NAME = "train-images-idx3-ubyte.gz"
CONTENT = b"not really images"
HASH = hashlib.sha256(CONTENT).hexdigest()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def mirror(tmp_path):
    """A real server on this machine that holds one file."""
    served = tmp_path / "served"
    served.mkdir()
    (served / NAME).write_bytes(CONTENT)
    handler = functools.partial(QuietHandler, directory=served)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def closed():
    """An address at which nothing listens."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), QuietHandler) as server:
        port = server.server_port
    return f"http://127.0.0.1:{port}/"


def test_a_missing_file_is_fetched_and_its_hash_checked(tmp_path, mirror):
    folder = fetch_mnist(tmp_path / "new", [mirror], {NAME: HASH})
    assert (folder / NAME).read_bytes() == CONTENT


def test_a_file_with_another_hash_is_refused_and_not_kept(tmp_path, mirror):
    with pytest.raises(InvalidInput, match=f"{NAME} from .* has not the published SHA-256 0000"):
        fetch_mnist(tmp_path / "new", [mirror], {NAME: "0" * 64})
    assert not list((tmp_path / "new").iterdir())


def test_the_next_mirror_is_tried(tmp_path, closed, mirror):
    folder = fetch_mnist(tmp_path / "new", [closed, f"{mirror}nowhere/", mirror], {NAME: HASH})
    assert (folder / NAME).read_bytes() == CONTENT


def test_offline_it_is_one_sentence_with_the_remedy(tmp_path, closed):
    with pytest.raises(CannotDo, match=f"{NAME} could not be fetched .*ConnectionError.*--data"):
        fetch_mnist(tmp_path / "new", [closed], {NAME: HASH})


def test_what_is_there_is_left_alone_under_either_spelling(tmp_path, closed):
    there = tmp_path / "train-images.idx3-ubyte"
    there.write_bytes(b"own copy")
    assert fetch_mnist(tmp_path, [closed], {NAME: HASH}) == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == [there.name]


def test_a_folder_that_cannot_be_made_is_named(tmp_path, mirror):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(InvalidInput, match=f"cannot take {NAME}"):
        fetch_mnist(blocked / "folder", [mirror], {NAME: HASH})


def test_four_files_have_published_hashes():
    assert len(HASHES) == 4
    assert all(len(bytes.fromhex(digest)) == 32 for digest in HASHES.values())


def test_fetching_announces_nothing(tmp_path, mirror, caplog, capfd):
    with caplog.at_level(logging.INFO):
        fetch_mnist(tmp_path / "new", [mirror], {NAME: HASH})
    assert capfd.readouterr() == ("", "")
