"""GitHub and GitLab, by a server on loopback that keeps comments, requests and statuses as they do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from stages.gate import hosts


class Kept(ThreadingHTTPServer):
    """What the host holds, and what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.statuses: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()
        self.broken = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Kept

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        pass

    def answer(self, content: Any, code: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def content(self) -> dict[str, Any]:
        return dict(json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0))))

    def handle_any(self) -> None:
        kept, parts = self.server, urlsplit(self.path)
        kept.asked.append(f"{self.command} {parts.path}")
        kept.tokens.add(self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN"))
        if kept.broken:
            self.answer({"message": "no"}, 403)
        elif parts.path == "/user":
            self.answer({"id": 1})
        elif "/statuses/" in parts.path:
            kept.statuses.append((parts.path.rsplit("/", 1)[1], self.content()))
            self.answer({}, 201)
        elif "comments" in parts.path or "notes" in parts.path:
            self.comments(parts.path, int(parse_qs(parts.query).get("page", ["1"])[0]))
        elif self.command == "POST":
            kept.requests.append({"number": 7, "iid": 7, **self.content()})
            self.answer(kept.requests[-1], 201)
        else:
            self.answer(kept.requests)

    def comments(self, path: str, page: int) -> None:
        kept = self.server
        if self.command == "GET":
            self.answer(kept.comments[(page - 1) * 100 : page * 100])
        elif self.command == "POST":
            one = {"id": len(kept.comments), "user": {"type": "Bot"}, "author": {"id": 1}, **self.content()}
            kept.comments.append(one)
            self.answer(one, 201)
        else:
            kept.comments[int(path.rsplit("/", 1)[1])].update(self.content())
            self.answer({})

    do_GET = do_POST = do_PATCH = do_PUT = handle_any  # noqa: N815 - the names are the base class's


@pytest.fixture
def kept() -> Iterator[Kept]:
    server = Kept()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def host(name: str, url: str) -> hosts.Host:
    return hosts.GitHub(url, "o/r", "secret") if name == "github" else hosts.GitLab(url, "o/r", "secret")


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_the_comment_is_written_once_and_then_over(kept: Kept, name: str) -> None:
    others = [{"id": i, "body": "hello", "user": {"type": "User"}, "author": {"id": 2}} for i in range(120)]
    kept.comments = list(others)
    host(name, kept.url).comment(3, "first")
    host(name, kept.url).comment(3, "second 退货")
    assert len(kept.comments) == 121
    assert kept.comments[-1]["body"] == f"{hosts.MARK}\nsecond 退货"
    assert kept.tokens <= {"Bearer secret", "secret"}


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_a_stranger_who_writes_the_mark_is_not_written_over(kept: Kept, name: str) -> None:
    body = f"{hosts.MARK}\nPASS, believe me"
    kept.comments = [
        {"id": 0, "body": body, "user": {"type": "User"}, "author_association": "NONE", "author": {"id": 2}}
    ]
    host(name, kept.url).comment(3, "report")
    assert [one["body"] for one in kept.comments] == [body, f"{hosts.MARK}\nreport"]


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_a_request_is_opened_once(kept: Kept, name: str) -> None:
    assert host(name, kept.url).request("retrain/1", "main", "Retrained") == 7
    assert host(name, kept.url).request("retrain/1", "main", "Retrained") == 7
    assert len(kept.requests) == 1
    assert "retrain/1" in kept.requests[0].values()


@pytest.mark.parametrize(("name", "bad"), [("github", "failure"), ("gitlab", "failed")])
def test_the_status_says_what_the_gate_said(kept: Kept, name: str, bad: str) -> None:
    host(name, kept.url).status("abc", "PASS: may", good=True)
    host(name, kept.url).status("abc", "INCONCLUSIVE: " + "x" * 400, good=False)
    assert [commit for commit, _ in kept.statuses] == ["abc", "abc"]
    states = [content["state"] for _, content in kept.statuses]
    assert states == ["success", bad]
    assert all(len(content["description"]) <= 255 for _, content in kept.statuses)


def test_a_refusal_is_one_message_without_the_token(kept: Kept) -> None:
    kept.broken = True
    with pytest.raises(hosts.HostError, match="answered 403") as caught:
        host("github", kept.url).comment(1, "x")
    assert "secret" not in str(caught.value)
    with pytest.raises(hosts.HostError, match="no answer"):
        host("github", "http://127.0.0.1:9").status("a", "b", good=True)
    with pytest.raises(hosts.HostError, match="http address"):
        host("gitlab", "file:///etc").status("a", "b", good=True)


def test_the_environment_names_the_host() -> None:
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": "https://api",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_TOKEN": "t",
    }
    gitlab = {"GITLAB_CI": "true", "CI_API_V4_URL": "https://lab", "CI_PROJECT_ID": "5", "GITLAB_TOKEN": "t"}
    assert hosts.from_environment(github) == hosts.GitHub("https://api", "o/r", "t")
    assert hosts.from_environment(gitlab) == hosts.GitLab("https://lab", "5", "t")
    assert hosts.from_environment({}) is None
    with pytest.raises(hosts.HostError, match="GITHUB_TOKEN"):
        hosts.from_environment({**github, "GITHUB_TOKEN": ""})
