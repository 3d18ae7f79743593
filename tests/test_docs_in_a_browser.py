"""Pages of the documentation on a phone and on a wide screen: as wide as the screen, dark on demand, search answers."""

import functools
import http.server
import threading

import pytest

#: Pages of each kind: text, formulas and tables, a tutorial, the reference.
PAGES = [
    "index.html",
    "semantics.html",
    "study.html",
    "tutorials/tutorial01_asynchrony_in_one_picture.html",
    "api/core.html",
]


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_as_wide_as_the_screen_and_the_console_is_silent(browser, site, page, width):
    tab = browser.open(site / page, width)
    assert tab.ask("document.documentElement.scrollWidth <= innerWidth && innerWidth") == width
    assert tab.ask("[...document.images].every(image => image.naturalWidth > 0)")
    assert not [said for said in tab.said if said["params"].get("type") != "log"]  # the theme logs its mode


def test_the_definition_is_dark_where_the_reader_wants_it_dark(browser, site):
    tab = browser.open(site / "semantics.html", 1400)
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    tab.call("Page.reload")
    background = tab.ask("""new Promise(done => setTimeout(() =>
        done(getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3).map(Number)), 500))""")
    assert max(background) < 80


def test_search_finds_a_word_of_the_definition(browser, site, tmp_path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tab = browser.visit(f"http://127.0.0.1:{server.server_port}/search.html?q=quiescence", 1400)
        found = tab.ask("""new Promise(done => { const look = () => {
            const links = [...document.querySelectorAll('#search-results a')].map(a => a.href);
            links.some(link => link.includes('semantics.html')) ? done(links) : setTimeout(look, 50); }; look(); })""")
        server.shutdown()
    assert found
