"""A browser for tests: Debian's Chromium or another that is installed.

Without one, or with FASTFOUND_NO_BROWSER=1, the tests that need it are skipped and counted.
"""
import os, re, sys
from pathlib import Path
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]/'tools'))
from book import browser as program

SHOTS = os.environ.get('FASTFOUND_SHOTS')  # a folder that keeps a picture of each page at the end of its test

@pytest.fixture(scope='session')
def browser():
    if os.environ.get('FASTFOUND_NO_BROWSER') or not program():
        pytest.skip('FASTFOUND_NO_BROWSER is set' if program() else
                    'no Chromium or Chrome was found; FASTFOUND_BROWSER names one')
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=program(), args=['--no-sandbox'])
        yield b
        b.close()

def watched(context):
    "A new page, and the list of what goes wrong on it: errors, and requests to other hosts"
    page,wrong = context.new_page(),[]
    page.on('console', lambda m: wrong.append(f'{page.url}: {m.text}') if m.type=='error' else None)
    page.on('pageerror', lambda e: wrong.append(f'{page.url}: {e}'))
    page.on('request', lambda r: None if re.match('file:|data:|blob:', r.url) else wrong.append(f'{page.url} requests {r.url}'))
    return page,wrong

@pytest.fixture
def page_for(browser, request):
    "A function that opens an HTML file; at the end of the test nothing may have gone wrong on any of its pages"
    opened = []
    def f(path, width=1280, dark=False, reduced_motion=False, query=''):
        context = browser.new_context(viewport={'width': width, 'height': 900}, color_scheme='dark' if dark else 'light',
                                      reduced_motion='reduce' if reduced_motion else 'no-preference')
        page,wrong = watched(context)
        page.goto(Path(path).resolve().as_uri() + query)
        opened.append((context, page, wrong))
        return page
    yield f
    for i,(context,page,wrong) in enumerate(opened):
        if SHOTS: page.screenshot(path=Path(SHOTS)/f'{re.sub("[^a-z0-9]+", "_", request.node.name.lower())}_{i}.png')
        context.close()
        assert not wrong, wrong
