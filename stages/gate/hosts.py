"""GitHub and GitLab, as far as a report needs them: a comment that is renewed, a request to merge, a commit's status.

Plain HTTP calls: a runner has Python, but not always the hosts' own tools. The token comes from the environment and goes
nowhere but into the header of requests to the host that the environment names.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from stages.errors import UserError

MARK = "<!-- whetstone: gate -->"
"""First line of the comment, by which it is found again."""
CONTEXT = "whetstone/gate"
TIMEOUT = 30.0
PAGES = 20
TRUSTED = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})


class HostError(UserError):
    """The host refused, or could not be reached."""


class Host(Protocol):
    """What a report needs of a host."""

    def comment(self, request: int, text: str) -> None:
        """Write the report under a request, over the last one if there is one."""

    def request(self, branch: str, into: str, title: str) -> int:
        """Number of the open request to merge a branch; opened if there is none."""

    def status(self, commit: str, said: str, *, good: bool) -> None:
        """Say on a commit whether the gate let it pass."""


@dataclass(frozen=True)
class GitHub:
    """A repository on GitHub.

    Attributes:
        url: of its API.
        repository: owner and name.
        token: of the job or of an app.
    """

    url: str
    repository: str
    token: str

    def comment(self, request: int, text: str) -> None:
        """See Host."""
        body = {"body": f"{MARK}\n{text}"}
        for page in range(1, PAGES + 1):
            found = self._call("GET", f"issues/{request}/comments?per_page=100&page={page}")
            for one in found:
                if str(one["body"]).startswith(MARK) and self._ours(one):
                    self._call("PATCH", f"issues/comments/{one['id']}", body)
                    return
            if len(found) < 100:
                break
        self._call("POST", f"issues/{request}/comments", body)

    def request(self, branch: str, into: str, title: str) -> int:
        """See Host."""
        owner = self.repository.split("/")[0]
        query = urlencode({"state": "open", "head": f"{owner}:{branch}", "base": into})
        found = self._call("GET", f"pulls?{query}")
        if not found:
            found = [self._call("POST", "pulls", {"title": title, "head": branch, "base": into, "body": title})]
        return int(found[0]["number"])

    def status(self, commit: str, said: str, *, good: bool) -> None:
        """See Host."""
        state = "success" if good else "failure"
        self._call("POST", f"statuses/{commit}", {"state": state, "context": CONTEXT, "description": said[:140]})

    @staticmethod
    def _ours(one: Mapping[str, Any]) -> bool:
        """Anybody may write the mark; only a bot's or a member's comment is written over."""
        return one.get("user", {}).get("type") == "Bot" or one.get("author_association") in TRUSTED

    def _call(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/vnd.github+json"}
        return _call(method, f"{self.url}/repos/{self.repository}/{path}", headers, content)


@dataclass(frozen=True)
class GitLab:
    """A project on GitLab.

    Attributes:
        url: of its API.
        project: its number.
        token: a project access token with the scope `api`; a job's own token may not write notes.
    """

    url: str
    project: str
    token: str

    def comment(self, request: int, text: str) -> None:
        """See Host."""
        body = {"body": f"{MARK}\n{text}"}
        notes = f"merge_requests/{request}/notes"
        for page in range(1, PAGES + 1):
            found = self._call("GET", f"{notes}?per_page=100&page={page}")
            for one in found:
                # The host itself refuses to change another's note.
                if str(one["body"]).startswith(MARK) and one.get("author", {}).get("id") == self._me():
                    self._call("PUT", f"{notes}/{one['id']}", body)
                    return
            if len(found) < 100:
                break
        self._call("POST", notes, body)

    def request(self, branch: str, into: str, title: str) -> int:
        """See Host."""
        query = urlencode({"state": "opened", "source_branch": branch, "target_branch": into})
        found = self._call("GET", f"merge_requests?{query}")
        if not found:
            new = {"source_branch": branch, "target_branch": into, "title": title, "remove_source_branch": True}
            found = [self._call("POST", "merge_requests", new)]
        return int(found[0]["iid"])

    def status(self, commit: str, said: str, *, good: bool) -> None:
        """See Host."""
        content = {"state": "success" if good else "failed", "name": CONTEXT, "description": said[:255]}
        self._call("POST", f"statuses/{commit}", content)

    def _me(self) -> int:
        return int(_call("GET", f"{self.url}/user", self._headers(), None)["id"])

    def _headers(self) -> dict[str, str]:
        return {"PRIVATE-TOKEN": self.token}

    def _call(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Any:
        project = quote(self.project, safe="")
        return _call(method, f"{self.url}/projects/{project}/{path}", self._headers(), content)


def from_environment(found: Mapping[str, str] | None = None) -> Host | None:
    """The host that this job runs for; None on a machine of one's own.

    Raises:
        HostError: the job has no token.
    """
    env = os.environ if found is None else found
    if env.get("GITHUB_ACTIONS") == "true":
        return GitHub(env["GITHUB_API_URL"], env["GITHUB_REPOSITORY"], _token(env, "GITHUB_TOKEN"))
    if env.get("GITLAB_CI") == "true":
        return GitLab(env["CI_API_V4_URL"], env["CI_PROJECT_ID"], _token(env, "GITLAB_TOKEN"))
    return None


def _token(env: Mapping[str, str], name: str) -> str:
    if not env.get(name):
        raise HostError(f"${name} is not set, so no comment can be written. See docs/ci.md, which says what to set.")
    return env[name]


def _call(method: str, url: str, headers: Mapping[str, str], content: Mapping[str, Any] | None) -> Any:
    if not url.startswith(("https://", "http://")):
        raise HostError(f"{url}: expected an http address.")
    data = None if content is None else json.dumps(content).encode()
    asked = urllib.request.Request(url, data, {**headers, "Content-Type": "application/json"}, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT) as answer:  # noqa: S310 - the scheme is checked above
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            reason = error.read()[:300].decode("utf-8", "replace")
        raise HostError(f"{method} {url}: the host answered {error.code}: {reason}") from None
    except (OSError, ValueError) as error:
        raise HostError(f"{method} {url}: no answer ({error})") from None
