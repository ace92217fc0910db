"""Whether files can be had from the network is found out in bounded time."""

import socket
import threading

import pytest

from decouple.networks import downloads


class TestProbe:
    @pytest.fixture
    def answering(self):
        """answering(bytes): address of a server that sends them once and hangs up."""
        listeners = []

        def start(answer):
            listener = socket.create_server(("127.0.0.1", 0))
            listeners.append(listener)

            def serve():
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

            threading.Thread(target=serve, daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}/"

        yield start
        for listener in listeners:
            listener.close()

    @pytest.fixture(autouse=True)
    def direct(self, monkeypatch):
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr(downloads, "PROBE_SECONDS", 5.0)

    @pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "503 Busy"])
    def test_any_answer_will_do(self, answering, status):
        answer = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"
        assert downloads.reachable(answering(answer.encode()))

    @pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
    def test_what_is_no_web_server_is_not_reachable(self, answering, answer):
        assert not downloads.reachable(answering(answer))

    def test_a_refused_connection_is_not_reachable(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        assert not downloads.reachable(f"http://127.0.0.1:{port}/")

    def test_a_server_that_swallows_everything_is_given_up(self, monkeypatch):
        monkeypatch.setattr(downloads, "PROBE_SECONDS", 0.3)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            result = []
            asking = threading.Thread(
                target=lambda: result.append(downloads.reachable(url)), daemon=True
            )
            asking.start()
            asking.join(30)
            assert result == [False]

    def test_a_name_that_is_never_resolved_is_given_up(self, monkeypatch):
        """The resolver has a time limit of its own, of minutes."""
        monkeypatch.setattr(downloads, "PROBE_SECONDS", 0.3)
        release = threading.Event()

        def resolve(*_, **__):
            release.wait(30)
            raise socket.gaierror("no such name")

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        assert not downloads.reachable("http://nowhere.invalid/")
        assert not release.is_set()
        release.set()
