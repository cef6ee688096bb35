"""Who may ask for what."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pauca.label import Project
from pauca.label.web import Door
from pauca.label.web.guard import Guesses, Rates, client_of, is_loopback
from tests.label.helpers import images
from tests.label.web.helpers import TOKEN, client, leased, served
from tests.label.web.running import awaited


def outside() -> Door:
    return Door(host="0.0.0.0", token=TOKEN)


def test_every_answer_carries_the_policy(tmp_path: Path) -> None:
    with served(tmp_path, n=30) as asked:
        for path in ("/", "/api/project", "/api/none", "/static/none.js", "/nowhere"):
            headers = asked.get(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "server" not in headers


def test_beyond_this_machine_everything_below_api_needs_the_token(tmp_path: Path) -> None:
    with served(tmp_path, outside(), n=30) as asked:
        assert asked.get("/").status_code == 200  # the page's own files say nothing of the data
        paths = ("project", "status", "history", "items?ids=1", "agreement", "relabels", "discover",
                 "picture/1", "export/csv", "none")  # fmt: skip
        for path in paths:
            told = asked.get(f"/api/{path}")
            assert told.status_code == 401, path
            assert "ant" not in told.text
        for path in ("lease", "answer", "undo", "train", "classes", "release", "accept"):
            assert asked.post(f"/api/{path}", json={"person": "anna"}).status_code == 401
        wrong = {"authorization": f"Bearer {TOKEN[:-1]}"}
        assert asked.get("/api/project", headers=wrong).status_code == 401
        right = {"authorization": f"Bearer {TOKEN}"}
        assert asked.get("/api/project", headers=right).status_code == 200
        for cookie in (TOKEN, "x", '"', "a=b; c"):
            held = {"cookie": f"pauca_session={cookie}"}
            assert asked.get("/api/project", headers=held).status_code == 401


def test_the_token_is_shown_once_for_a_cookie_that_scripts_cannot_read(tmp_path: Path) -> None:
    with served(tmp_path, outside(), n=30) as asked:
        assert asked.post("/api/login", json={"token": "wrong"}).status_code == 403
        assert asked.post("/api/login", json={}).status_code == 403
        told = asked.post("/api/login", json={"token": TOKEN})
        assert told.status_code == 204
        cookie = told.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert TOKEN not in cookie
        assert asked.get("/api/project").status_code == 200
        assert leased(asked, "anna")
    # it is still good after the server began anew, and no good for another token
    with served(tmp_path / "b", outside(), n=30) as again:
        again.cookies = asked.cookies
        assert again.get("/api/project").status_code == 200
    with served(tmp_path / "c", Door(host="0.0.0.0", token=TOKEN + "x"), n=30) as other:
        other.cookies = asked.cookies
        assert other.get("/api/project").status_code == 401


def test_tokens_are_not_guessed_quickly(tmp_path: Path) -> None:
    with served(tmp_path, outside(), n=30) as asked:
        told = [asked.post("/api/login", json={"token": str(i)}) for i in range(14)]
        assert [each.status_code for each in told] == [403] * 10 + [429] * 4
        assert int(told[-1].headers["retry-after"]) >= 1
        # who has the right one has to wait too, and comes in
        assert asked.post("/api/login", json={"token": TOKEN}).status_code == 204
        right = {"authorization": f"Bearer {TOKEN}"}
        assert asked.get("/api/project", headers=right).status_code == 200


SHOWN = {
    "header": lambda guess: {"authorization": f"Bearer {guess}"},
    "cookie": lambda guess: {"cookie": f"pauca_session={guess}"},
}


@pytest.mark.parametrize("door", SHOWN)
def test_tokens_are_guessed_quickly_at_no_door(tmp_path: Path, door: str) -> None:
    """What is shown wrong too often has to wait, and the right one comes in all the same."""
    with served(tmp_path, outside(), n=30) as asked:
        told = [
            asked.get("/api/project", headers=SHOWN[door](f"guess-{i}")).status_code
            for i in range(13)
        ]
        assert told == [401] * 10 + [429] * 3
        right = {"authorization": f"Bearer {TOKEN}"}
        assert asked.get("/api/project", headers=right).status_code == 200
        assert asked.post("/api/login", json={"token": TOKEN}).status_code == 204
        assert asked.get("/api/project").status_code == 200  # by the cookie, at once


def test_only_some_guesses_are_looked_at_side_by_side() -> None:
    async def flood() -> tuple[list[float | None], float | None]:
        guesses = Guesses()
        for _ in range(12):
            await guesses.judge("a", False)
        found = await asyncio.gather(*(guesses.judge("a", number == 30) for number in range(40)))
        return found, await guesses.judge("b", False)

    found, other = awaited(flood())
    assert found[30] is not None  # among too many at once not even the right one is looked at
    assert other == 0  # whoever asks from elsewhere is not held up


def test_guesses_are_forgotten_and_counted_by_network() -> None:
    now = [0.0]

    async def wrong(count: int) -> list[float | None]:
        return [await guesses.judge("a", False) for _ in range(count)]

    guesses = Guesses(clock=lambda: now[0])
    assert awaited(wrong(11))[-1] == 0.25
    now[0] = 1000.0
    assert awaited(wrong(1)) == [0.0]
    same = {client_of({"client": (f"2001:db8::{i:x}", 1)}) for i in range(1, 9)}
    assert same == {"2001:db8::/64"}
    assert client_of({"client": ("10.0.0.1", 1)}) == "10.0.0.1"
    assert client_of({"client": None}) == "unknown"


def test_a_cookie_cannot_be_worked_out_from_a_guessed_token() -> None:
    with_secret = Door(token=TOKEN, secret="of the server")
    assert with_secret.pass_ != Door(token=TOKEN).pass_
    assert with_secret.pass_ == Door(token=TOKEN, secret="of the server").pass_


@pytest.mark.parametrize("token", ["plus+and/slash=and%25&x#", "grün-und-blau-und-rot", "a" * 16])
def test_any_token_is_known_in_a_header(tmp_path: Path, token: str) -> None:
    with served(tmp_path, Door(host="0.0.0.0", token=token), n=30) as asked:
        right = {b"authorization": f"Bearer {token}".encode()}
        assert asked.get("/api/project", headers=right).status_code == 200


PROXY = {"x-forwarded-proto": "https", "x-forwarded-for": "6.6.6.6, 203.0.113.9"}


def test_behind_a_proxy_cookies_are_for_https_alone(tmp_path: Path) -> None:
    door = Door(token=TOKEN, names=("labels.example",), behind_proxy=True)
    with served(tmp_path, door, n=30) as asked:
        headers = {**PROXY, "host": "labels.example", "origin": "https://labels.example"}
        told = asked.post("/api/login", json={"token": TOKEN}, headers=headers)
        assert told.status_code == 204
        assert "Secure" in told.headers["set-cookie"]
        plain = asked.post("/api/login", json={"token": TOKEN})
        assert "Secure" not in plain.headers["set-cookie"]
        asked.cookies.clear()
        for number in range(12):  # guesses count for the client, not for the proxy
            asked.get("/api/project", headers={**PROXY, "authorization": f"Bearer {number}"})
        assert set(door.guesses._wrong) == {"203.0.113.9"}


@pytest.mark.parametrize(("behind", "client"), [(False, "127.0.0.1"), (True, "198.51.100.7")])
def test_what_a_proxy_says_is_believed_of_the_one_of_this_machine_alone(
    behind: bool, client: str
) -> None:
    headers = [(name.encode(), value.encode()) for name, value in PROXY.items()]
    scope = {"type": "http", "scheme": "http", "client": (client, 1), "headers": headers}
    assert Door(token=TOKEN, behind_proxy=behind).seen(scope) == scope


@pytest.mark.parametrize(
    "host", ["[", "[::1", "[::1]:x", "a b", "[v1.x]", "\xe2\x84\x80", "@", "#"]
)
def test_a_host_that_is_none_is_refused(tmp_path: Path, host: str) -> None:
    with served(tmp_path, n=30) as asked:
        told = asked.get("/api/project", headers={b"host": host.encode("latin-1")})
        assert told.status_code in (200, 400)
        assert "default-src 'none'" in told.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("host", "fine"),
    [
        ("127.0.0.1:8765", True), ("localhost:8765", True), ("[::1]:8765", True),
        ("evil.example", False), ("127.0.0.1.evil.example:8765", False), ("", False),
        ("192.168.1.7:8765", False), ("evil.example#127.0.0.1", False),
    ],
)  # fmt: skip
def test_a_name_that_was_made_to_lead_here_is_refused(
    tmp_path: Path, host: str, fine: bool
) -> None:
    """DNS rebinding: a page elsewhere whose name is pointed at this machine."""
    with served(tmp_path, n=30) as asked:
        told = asked.get("/api/project", headers={"host": host})
        assert (told.status_code == 200) == fine


def test_further_names_are_known_when_told() -> None:
    assert Door(host="0.0.0.0", token=TOKEN, names=("lab.example",)).knows("LAB.example")
    assert not Door(host="0.0.0.0", token=TOKEN).knows("lab.example")
    assert Door(host="0.0.0.0", token=TOKEN).knows("192.168.1.7")


@pytest.mark.parametrize(
    ("headers", "fine"),
    [
        ({}, True),
        ({"origin": "http://127.0.0.1:8765"}, True),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "same-origin"}, True),
    ],
)
def test_another_page_may_not_write(tmp_path: Path, headers: dict[str, str], fine: bool) -> None:
    with served(tmp_path, n=30) as asked:
        body = {"person": "anna", "item": 1, "class": 1}
        told = asked.post("/api/answer", json=body, headers=headers)
        assert told.status_code == (200 if fine else 403)
        assert len(asked.get("/api/history").json()["entries"]) == int(fine)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_of_another_page_is_no_write(tmp_path: Path, kind: str) -> None:
    with served(tmp_path, n=30) as asked:
        content = b'{"person": "anna", "item": 1, "class": 1}'
        told = asked.post("/api/answer", content=content, headers={"content-type": kind})
        assert told.status_code == 415
        assert asked.get("/api/history").json()["entries"] == []


def test_bodies_are_limited_whatever_they_say_of_themselves(tmp_path: Path) -> None:
    with served(tmp_path, Door(largest=2000), n=30) as asked:
        headers = {"content-type": "application/json"}
        large = b'{"person": "' + b"x" * 3000 + b'"}'
        assert asked.post("/api/lease", content=large, headers=headers).status_code == 413

        def parts() -> Any:
            for start in range(0, len(large), 100):
                yield large[start : start + 100]

        told = asked.post("/api/lease", content=parts(), headers=headers)  # no length is sent
        assert told.status_code == 413
        told = asked.post("/api/lease", content=b"{}", headers={**headers, "content-length": "-1"})
        assert told.status_code in (400, 413)


def test_requests_are_bounded(tmp_path: Path) -> None:
    with served(tmp_path, Door(rate=5.0), n=30) as asked:
        told = [asked.get("/api/project").status_code for _ in range(40)]
        assert told[:10] == [200] * 10
        assert 429 in told


def test_a_bucket_fills_as_time_goes() -> None:
    now = [0.0]
    rates = Rates(2.0, 3.0, clock=lambda: now[0])
    assert [rates.take("a") for _ in range(3)] == [0, 0, 0]
    assert rates.take("a") == pytest.approx(0.5)
    assert rates.take("b") == 0  # another client has a bucket of its own
    now[0] = 0.5
    assert rates.take("a") == 0
    assert rates.take("a") > 0
    now[0] = 100.0
    assert [rates.take("a") == 0 for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/%2e%2e/project.py",
        "/static//etc/passwd", "/static/app.py", "/api/picture/..%2f..%2fsecret.txt",
        "/api/picture/../secret.txt", "/secret.txt", "/project.db", "/static/",
        "/api/picture/-1", "/api/picture/1e9", "/api/export/..%2fx",
    ],
)  # fmt: skip
def test_no_path_leads_to_a_file(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("a secret")
    with served(tmp_path, n=30) as asked:
        told = asked.get(path)
        assert told.status_code in (400, 404)
        assert "secret" not in told.text or "error" in told.json()
        assert b"SQLite" not in told.content


def linked(tmp_path: Path) -> Project:
    folder = images(tmp_path / "photos", [f"{i}.png" for i in range(12)])
    outside = images(tmp_path / "outside", ["secret.png"])
    made = Project.create(folder, tmp_path / "project", classes=("a", "b"))
    (folder / "3.png").unlink()
    (folder / "3.png").symlink_to(outside / "secret.png")
    return made


def test_a_link_that_leads_out_of_the_data_is_not_followed(tmp_path: Path) -> None:
    with linked(tmp_path) as made, client(made) as asked:
        item = made.items.number("3.png")
        told = asked.get(f"/api/picture/{item}")
        assert told.status_code == 404
        assert told.content != (tmp_path / "outside/secret.png").read_bytes()


def test_what_is_no_picture_is_not_served_as_one(tmp_path: Path) -> None:
    folder = images(tmp_path / "photos", [f"{i}.png" for i in range(12)])
    with Project.create(folder, tmp_path / "p", classes=("a", "b")) as made, client(made) as asked:
        marked = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
        (folder / "3.png").write_bytes(marked)
        told = asked.get(f"/api/picture/{made.items.number('3.png')}")
        assert told.status_code == 404
        assert b"<svg" not in told.content


def test_markup_in_names_stays_what_it_is(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>"
    with served(tmp_path, n=30) as asked:
        told = asked.post(
            "/api/classes", json={"action": "add", "name": name, "person": "<b>anna</b>"}
        )
        assert told.headers["content-type"] == "application/json"
        assert told.json()["classes"][-1]["name"] == name


def test_other_methods_are_refused(tmp_path: Path) -> None:
    with served(tmp_path, n=30) as asked:
        headers = {"content-type": "application/json"}
        for method in ("PUT", "DELETE", "PATCH"):
            assert asked.request(method, "/api/answer", headers=headers).status_code == 405
        assert asked.get("/api/answer").status_code == 405
        told = asked.options("/api/answer", headers={"origin": "http://evil.example"})
        assert told.status_code in (403, 405, 415)
        assert "access-control-allow-origin" not in told.headers


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True),
     ("localhost", True), ("0.0.0.0", False), ("10.0.0.1", False), ("example", False)],
)  # fmt: skip
def test_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) == own


def test_an_error_of_the_server_tells_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Project, *args: Any) -> Any:
        raise ZeroDivisionError(str(tmp_path))

    with served(tmp_path, n=30) as asked:
        monkeypatch.setattr(Project, "agreement", broken)
        quiet = TestClient(
            asked.app, base_url="http://127.0.0.1:8765", raise_server_exceptions=False
        )
        told = quiet.get("/api/agreement")
        assert told.status_code == 500
        assert str(tmp_path) not in told.text
        assert "default-src 'none'" in told.headers["content-security-policy"]
