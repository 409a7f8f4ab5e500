"""Around Gradio: the door, our files, and the frame in Gradio's pages."""

from __future__ import annotations

import asyncio
import json
import re

import brotli
import pytest

from pages.shell import statics
from pages.shell.frame import ANCHORS, put_in
from pages.shell.middleware import KEPT_PAGES, LARGEST_QUESTION, Apology, Door, Frame, local_name

GRADIO = "<!doctype html><html><head><style></style></head><body><gradio-app></gradio-app></body></html>"


def ask(app, path="/", *, method="GET", query="", kind="http", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request, without a server between. Header names take _ for -."""
    sent: list[dict] = []
    lines = {"host": "127.0.0.1:7860", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in lines.items() if value],
    }

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    if sent[0]["type"] == "websocket.close":
        return sent[0]["code"], {}, b""
    starts = [m for m in sent if m["type"] == "http.response.start"]
    assert len(starts) == 1, "one response to one request"
    told = [(name.decode().lower(), value.decode()) for name, value in starts[0]["headers"]]
    assert len(told) == len(dict(told)), f"a header was sent twice: {told}"
    return starts[0]["status"], dict(told), b"".join(m.get("body", b"") for m in sent[1:])


class Gradio:
    """Stands in for Gradio: remembers what it was asked, answers as told."""

    def __init__(self, body=GRADIO, status=200, kind="text/html; charset=utf-8"):
        self.body, self.status, self.kind, self.asked = body, status, kind, []

    async def __call__(self, scope, receive, send):
        self.asked.append(scope)
        body = self.body.encode() if isinstance(self.body, str) else self.body
        lines = [(b"content-type", self.kind.encode()), (b"content-length", str(len(body)).encode()), (b"etag", b"x")]
        await send({"type": "http.response.start", "status": self.status, "headers": lines})
        half = len(body) // 2
        await send({"type": "http.response.body", "body": body[:half], "more_body": True})
        await send({"type": "http.response.body", "body": body[half:]})

    def header(self, name: str) -> str | None:
        found = dict(self.asked[-1]["headers"]).get(name.encode())
        return found.decode() if found else None


class Framer:
    """Stands in for the site."""

    def __init__(self):
        self.now, self.framed = 0, []

    def version(self):
        return self.now

    def frame(self, path, html, lesson=False):
        self.framed.append(path)
        return html.replace("<gradio-app>", f"<nav>{path} {self.now}</nav><gradio-app>")

    def unknown(self, path):
        return f"<html>no {path}</html>".encode()

    def extra(self, path):
        return (b"def walk(): ...", "text/html; charset=utf-8") if path == "/orrery-code/walk" else None


HOSTS = frozenset({"orrery.example.org", "box"})
LET_IN = [
    "localhost",
    "localhost:7860",
    "LOCALHOST",
    "127.0.0.1",
    "127.0.0.1:7860",
    "10.1.2.3:80",
    "[::1]:7860",
    "[::1]",
    "192.168.0.7:7860",
    "orrery.example.org",
    "Orrery.Example.org:443",
    "box:7860",
]
KEPT_OUT = [
    "",
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example:7860",
    "[::1",
    "[",
    "]",
    "x.orrery.example.org",
    "orrery.example.org.evil.example",
    "2130706433",
    "0x7f.1",
    "localhost@evil.example",
    "[evil]",
    "\xff\xfe",
]


@pytest.mark.parametrize("host", LET_IN)
def test_the_door_opens_to_addresses_and_known_names(host):
    assert ask(Door(Gradio(), HOSTS), host=host)[0] == 200


@pytest.mark.parametrize("host", KEPT_OUT)
def test_the_door_is_shut_to_other_names(host):
    behind = Gradio()
    status, headers, body = ask(Door(behind, HOSTS), host=host)
    assert status == 400 and not behind.asked
    assert body == "this server does not answer to that host name\n此服务器不响应该主机名".encode() and headers["content-type"].startswith(
        "text/plain"
    )


@pytest.mark.parametrize("name", ["2130706433", "0x7f.1", "localhost.", "0", ""])
def test_only_a_literal_address_or_localhost_is_local(name):
    assert not local_name(name)


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:7860", "", 200),
        ("127.0.0.1:7860", "http://127.0.0.1:7860", 200),
        ("orrery.example.org", "https://orrery.example.org", 200),
        ("10.0.0.5:7860", "https://orrery.example.org", 200),
        ("[::1]:7860", "http://[::1]:7860", 200),
        ("127.0.0.1:7860", "http://evil.example", 403),
        ("127.0.0.1:7860", "http://127.0.0.1:8000", 403),
        ("127.0.0.1:7860", "http://localhost:7860", 403),
        ("127.0.0.1:7860", "null", 403),
        ("127.0.0.1:7860", "http://[", 403),
        ("127.0.0.1:7860", "http://127.0.0.1:7860.evil.example", 403),
        ("127.0.0.1:7860", "http://127.0.0.1:7860@evil.example", 403),
        ("orrery.example.org", "https://evil.example/?orrery.example.org", 403),
        ("localhost:7860", "file://", 403),
    ],
)
def test_the_door_is_shut_to_pages_of_other_sites(host, origin, status):
    behind = Gradio()
    for method in ("GET", "POST"):
        assert ask(Door(behind, HOSTS), method=method, host=host, origin=origin)[0] == status
    assert len(behind.asked) == (2 if status == 200 else 0)


@pytest.mark.parametrize(
    ("forwarded", "passed"),
    [
        ("orrery.example.org", True),
        ("127.0.0.1:80", True),
        ("box, evil.example", True),
        ("evil.example", False),
        ("evil.example, box", False),
        ("[", False),
    ],
)
def test_a_forwarded_host_that_is_not_ours_is_not_believed(forwarded, passed):
    behind = Gradio()
    assert ask(Door(behind, HOSTS), x_forwarded_host=forwarded, x_forwarded_proto="https")[0] == 200
    assert behind.header("x-forwarded-host") == (forwarded if passed else None)
    assert behind.header("x-forwarded-proto") == "https"


def test_the_door_refuses_a_websocket_as_websockets_are_refused():
    assert ask(Door(Gradio()), kind="websocket", host="evil.example") == (1008, {}, b"")


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [
        ("/gradio_api/queue/join", LARGEST_QUESTION, 200),
        ("/gradio_api/queue/join", LARGEST_QUESTION + 1, 413),
        ("/gradio_api/call/walk", 10**15, 413),
        ("/", 10**9, 413),
        ("/orrery-file/upload", 10**9, 200),
        ("/gradio_api/queue/join", "many", 200),
        ("/gradio_api/queue/join", "", 200),
    ],
)
def test_the_door_is_too_narrow_for_what_is_too_large(path, length, status):
    behind = Gradio()
    told, _, body = ask(Door(behind), path, method="POST", content_length=str(length))
    assert told == status and len(behind.asked) == (status == 200)
    if status == 413:
        assert body.startswith(f"a request must be at most {LARGEST_QUESTION} bytes long; got {length}: load a".encode())


class Failing:
    """Stands in for a Gradio that fails, perhaps after it began to answer."""

    def __init__(self, begun: bool):
        self.begun = begun

    async def __call__(self, scope, receive, send):
        if self.begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise TypeError("Parameter `nope` is not a valid key-word argument")


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/gradio_api/call/v2/walk", 400, b"the request does not fit the lab; /gradio_api/info lists its parameters"),
        ("/walk", 500, b"the server failed on this request; the fault is the program's, not yours"),
    ],
)
def test_a_failure_of_gradios_is_told_plainly_and_logged(path, status, sentence, caplog):
    told, _, body = ask(Apology(Failing(begun=False)), path, method="POST")
    assert (told, body) == (status, sentence)
    assert f"{path} failed" in caplog.text and "not a valid key-word" in caplog.text


def test_a_failure_in_the_middle_of_an_answer_goes_on_to_the_server():
    with pytest.raises(TypeError):
        ask(Apology(Failing(begun=True)))


def test_the_door_lets_the_servers_own_messages_through():
    passed = []

    async def app(scope, receive, send):
        passed.append(scope["type"])

    asyncio.run(Door(app)({"type": "lifespan"}, None, None))
    assert passed == ["lifespan"]


@pytest.mark.parametrize("name", [*statics.SCRIPTS, *statics.STYLES, "favicon.svg", "early.js"])
def test_our_files_are_kept_for_good_and_compressed(name):
    file, app = statics.files()[name], Frame(Gradio(), Framer())
    assert re.fullmatch(rf"/orrery-static/[0-9a-f]{{12}}/{re.escape(name)}", file.address)
    for encoding in ("gzip, deflate, br, zstd", "gzip", ""):
        status, headers, body = ask(app, file.address, accept_encoding=encoding)
        assert status == 200 and headers["cache-control"] == "public, max-age=31536000, immutable"
        assert headers["vary"] == "accept-encoding" and headers["x-content-type-options"] == "nosniff"
        assert headers["content-type"] == file.kind and int(headers["content-length"]) == len(body)
        if "br" in encoding:
            assert headers["content-encoding"] == "br" and brotli.decompress(body) == file.raw
        else:
            assert "content-encoding" not in headers and body == file.raw


@pytest.mark.parametrize(
    "path",
    [
        "/orrery-static/",
        "/orrery-static/000000000000/site.css",
        "/orrery-static/../app.py",
        "/orrery-static//etc/passwd",
        "/orrery-static/%2e%2e/app.py",
    ],
)
def test_there_is_nothing_else_beside_our_files(path):
    behind = Gradio()
    assert ask(Frame(behind, Framer()), path)[0] == 404 and not behind.asked


def test_a_page_is_framed_and_kept():
    behind, site = Gradio(), Framer()
    app = Frame(behind, site)
    status, headers, body = ask(app, "/walk", accept_encoding="gzip", if_none_match="x")
    assert status == 200 and b"<nav>/walk 0</nav><gradio-app>" in body
    assert int(headers["content-length"]) == len(body) and "etag" not in headers and "content-encoding" not in headers
    assert headers["cache-control"] == "no-cache" and headers["vary"] == "accept-encoding"
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "same-origin"
    assert behind.header("accept-encoding") is None and behind.header("if-none-match") is None
    status, headers, small = ask(app, "/walk", accept_encoding="br")
    assert headers["content-encoding"] == "br" and brotli.decompress(small) == body
    assert int(headers["content-length"]) == len(small)
    assert len(behind.asked) == 1 and site.framed == ["/walk"]


def test_a_page_is_kept_for_each_host_that_it_is_asked_by():
    behind = Gradio()
    app = Frame(behind, Framer())
    different = [{}, {"host": "localhost:7860"}, {"x_forwarded_host": "a.example"}, {"x_forwarded_proto": "https"}]
    for headers in different * 2:
        ask(app, "/walk", **headers)
    assert len(behind.asked) == len(different)
    for i in range(2 * KEPT_PAGES):
        ask(app, "/walk", x_forwarded_host=f"{i}.example")
    assert len(app._kept) == KEPT_PAGES, "nobody can fill the memory with hosts"


def test_a_page_is_framed_anew_when_the_site_has_changed():
    behind, site = Gradio(), Framer()
    app = Frame(behind, site)
    ask(app, "/walk")
    site.now = 1
    assert b"<nav>/walk 1</nav>" in ask(app, "/walk")[2]


@pytest.mark.parametrize("path", ["/", "/walk"])
@pytest.mark.parametrize("query", ["page=walk", "page=nowhere", "deep_link=abc", "page=a&deep_link=b", "steps=5"])
def test_a_kept_page_does_not_depend_on_the_query(path, query):
    behind = Gradio()
    ask(Frame(behind, Framer()), path, query=query)
    (asked,) = behind.asked
    assert b"deep_link" not in asked["query_string"] and (path == "/walk" or asked["query_string"] == b"")


def test_head_is_a_page_without_its_body():
    behind = Gradio()
    app = Frame(behind, Framer())
    status, headers, body = ask(app, "/walk", method="HEAD")
    assert status == 200 and body == b""
    assert behind.asked[0]["method"] == "GET", "what is kept is the whole page"
    assert int(headers["content-length"]) == len(ask(app, "/walk")[2]) and len(behind.asked) == 1


@pytest.mark.parametrize(
    ("path", "method", "answer"),
    [
        ("/nowhere", "GET", Gradio('{"detail":"Not Found"}', 404, "application/json")),
        ("/config", "GET", Gradio("{}", 200, "application/json")),
        ("/theme.css", "GET", Gradio("a{}", 200, "text/css")),
        ("/gradio_api/queue/data", "GET", Gradio("data: 1\n\n", 200, "text/event-stream")),
        ("/gradio_api/mcp", "GET", Gradio("<html>a page of Gradio's own</html>", 200, "text/html")),
        ("/gradio_api/file=cache/uploaded.html", "GET", Gradio(GRADIO)),
        ("/walk", "GET", Gradio("<html>gone</html>", 500)),
        ("/walk", "POST", Gradio()),
        ("/gradio_api/upload", "POST", Gradio("[]", 200, "application/json")),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_is_no_page_passes_unchanged(path, method, answer):
    answer.asked.clear()
    app = Frame(answer, Framer())
    for _ in range(2):
        status, headers, body = ask(app, path, method=method, query="page=x")
        assert (status, body.decode()) == (answer.status, answer.body)
        assert headers["content-type"] == answer.kind and headers["etag"] == "x"
    assert len(answer.asked) == 2, "it is not kept"
    assert answer.asked[0]["query_string"] == b"page=x"


def test_an_unknown_address_is_a_page_for_people():
    behind = Gradio('{"detail":"Not Found"}', 404, "application/json")
    status, headers, body = ask(Frame(behind, Framer()), "/nowhere", accept="text/html,*/*")
    assert (status, body) == (404, b"<html>no /nowhere</html>") and headers["content-type"].startswith("text/html")


def test_a_labs_code_is_a_document_of_our_own():
    status, headers, body = ask(Frame(Gradio(), Framer()), "/orrery-code/walk")
    assert (status, body) == (200, b"def walk(): ...") and headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("anchor", ANCHORS)
def test_a_page_without_an_anchor_is_a_fault(anchor):
    with pytest.raises(AssertionError, match=r"this Gradio's page lacks"):
        put_in(GRADIO.replace(anchor, ""), title="t", before="", after="", boot={})


def test_what_is_put_in_stands_where_it_must():
    made = put_in(GRADIO, title='a "b" </title>', before="<nav>", after="<footer>", boot={"x": "</script><script>"})
    assert '<body id="orrery"' in made and "<title>a &quot;b&quot; &lt;/title&gt;</title>" in made
    parts = ("plotly.min.js", "<style>", "tokens.css", "window.ORRERY", "</head>", "<nav>", "<gradio-app", "</gradio-app>")
    order = [made.index(part) for part in (*parts, "<footer>")]
    assert order == sorted(order)
    assert "</script><script>" not in made.partition("window.ORRERY=")[2].partition("</head>")[0].replace("</script>", "", 1)


def test_the_real_pages_are_framed(running):
    for slug in ["", *running.site.pages]:
        for path in {f"/{slug}"}:
            reply = running.http.get(path)
            assert reply.status_code == 200 and reply.headers["content-encoding"] == "br"
            html = reply.text
            assert html.count('<body id="orrery"') == 1 and html.count('class="rail"') == 1
            boot = json.loads(re.search(r"window\.ORRERY=(.*?)</script>", html, re.DOTALL)[1].replace("<\\/", "</"))
            assert boot["instance"]
            assert (boot["lab"]["slug"] if slug else "lab" not in boot) == (slug or True)
            if slug:
                assert "<title>" + running.site.pages[slug].lab.title.en in html
            head = running.http.head(path)
            assert head.status_code == 200 and head.content == b""
            assert head.headers["content-length"] == reply.headers["content-length"]


def test_the_real_home_page_cannot_be_exchanged(running):
    headers = {"host": "127.0.0.2"}  # one by which nobody has asked yet
    poisoned = running.http.get("/", params={"page": "sample-lab"}, headers=headers)
    plain = running.http.get("/", headers=headers)
    config = json.loads(re.search(r"window\.gradio_config = (.*?);</script>", plain.text, re.DOTALL)[1])
    assert poisoned.text == plain.text and config["current_page"] == ""
    assert running.http.get("/", params={"page": "nowhere"}).status_code == 200


def test_the_real_files_are_there(running):
    html = running.http.get("/").text
    linked = re.findall(r'(?:src|href)="\.(/orrery-static/[^"]+\.(?:js|css))"', html)
    assert len(linked) == len(statics.SCRIPTS) + len(statics.STYLES)
    for address in linked:
        reply = running.http.head(address)
        assert reply.status_code == 200 and "immutable" in reply.headers["cache-control"]


def test_gradios_scripts_are_kept_for_good_too(running):
    linked = re.findall(r'(?:src|href)="\./(assets/[^"]+\.(?:js|css))"', running.http.get("/").text)
    assert linked
    for address in linked:
        reply = running.http.get(f"/{address}", headers={"accept-encoding": "br"})
        assert reply.status_code == 200 and reply.headers["content-encoding"] == "br"
        assert "immutable" in reply.headers["cache-control"] and re.search(r"-[\w-]{8}\.(js|css)$", address)
        assert reply.content == (statics.GRADIO / address.removeprefix("assets/")).read_bytes()


@pytest.mark.parametrize("name", ["../index.html", "..", "", "nothing.js", "/etc/passwd", "a/../../index.html", "index.html"])
def test_gradios_folder_holds_nothing_else_for_us(name):
    assert statics.gradio_file(f"/assets/{name}") is None


def test_the_real_door(running):
    assert running.http.get("/", headers={"host": "evil.example"}).status_code == 400
    for path in ("/", "/sample-lab", "/config"):
        assert "evil.example" not in running.http.get(path, headers={"x-forwarded-host": "evil.example"}).text
    refused = running.http.post("/gradio_api/queue/join", json={}, headers={"origin": "http://evil.example"})
    assert refused.status_code == 403 and "access-control-allow-origin" not in refused.headers
    for slug in running.site.pages:
        code = running.http.get(f"/orrery-code/{slug}")
        assert code.status_code == 200 and "<pre" in code.text
    assert running.http.get("/orrery-code/nowhere").status_code == 404
    assert running.http.get("/nowhere").status_code == 404
    for path, up in (("/nowhere", "./"), ("/a/b/c", "../../")):
        lost = running.http.get(path, headers={"accept": "text/html"})
        assert lost.status_code == 404 and f'href="{up}random-walk"' in lost.text and "There is no such page here." in lost.text
    assert running.http.get("/nowhere").json() == {"detail": "Not Found"}
