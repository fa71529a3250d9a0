"The built site, as files and in a browser: links, search, contrast, width, formulas, and nothing from elsewhere. `make docs` comes first."
import re, shutil, subprocess, sys
from pathlib import Path
import pytest
from browser import SHOTS, watched

ROOT = Path(__file__).parents[1]
SITE = ROOT/'_docs'
pytestmark = [pytest.mark.browser, pytest.mark.skipif(not (SITE/'index.html').exists(), reason='no site in _docs: run `make docs`')]
PAGES = sorted(o.stem for o in SITE.glob('*.html'))
BOOK = [o for o in PAGES if o not in ('search','names','genindex')]
WIDTHS = (390, 1024, 1280)

def text_of(page): return (SITE/f'{page}.html').read_text(encoding='utf-8')

def test_every_notebook_has_a_page():
    stems = {re.sub(r'^\d+[a-z]?_', '', o.stem) for o in (ROOT/'nbs').glob('*.ipynb')}
    assert stems==set(BOOK) and len(stems)>=32

def test_links_anchors_and_loads():
    "The check of the build, on the site as it lies there; it finds a broken link, a broken anchor and a script from elsewhere"
    r = subprocess.run([sys.executable, '-c', f'''
import sys; sys.path.insert(0, {str(ROOT/"tools")!r})
from pathlib import Path
from tempfile import TemporaryDirectory
from docs import problems
print(list(problems(Path({str(SITE)!r}))))
with TemporaryDirectory() as d:
    (Path(d)/'a.html').write_text('<a href="b.html"></a><a href="#c"></a><script src="https://example.com/x.js"></script>')
    print(len(list(problems(Path(d)))))'''], capture_output=True, text=True, cwd=ROOT)
    assert r.stdout.splitlines()[-2:]==['[]', '3'], r.stdout+r.stderr

@pytest.mark.parametrize('page', BOOK)
def test_a_page_is_whole(page):
    "Title, description and picture for those who link to it; links to its own notebook; heading levels without jumps; no more than 400 kB with styles and scripts, figures aside"
    text = text_of(page)
    for o in ('og:title', 'og:description', 'og:image', 'name="description"', 'favicon.svg', 'Skip to content'): assert o in text, o
    stem = next(o.name for o in (ROOT/'nbs').glob('*.ipynb') if re.sub(r'^\d+[a-z]?_', '', o.stem)==page)
    if page!='index': assert f'href="notebooks/{stem}"' in text and f'/blob/main/nbs/{stem}"' in text and f'/edit/main/nbs/{stem}"' in text and (SITE/'notebooks'/stem).exists()
    levels = [int(o) for o in re.findall(r'<h([1-6])[ >]', re.sub(r'<div class="ff-html".*?</div>\n', '', text, flags=re.S))]
    assert levels[0]==1 and levels.count(1)==1 and all(b<=a+1 for a,b in zip(levels, levels[1:])), levels
    loads = re.findall(r'(?:src|href)="(_static/[^"?]+)', text)
    weight = len(text.encode()) + sum((SITE/o).stat().st_size for o in set(loads) if o.endswith(('.css','.js')))
    assert weight<=400_000, weight

def test_each_definition_stands_once():
    "Where the source is open, no signature stands above it"
    text = text_of('fully_connected')
    assert text.count('class="ff-def" id="lin"')==1 and len(re.findall('def</span> *<span class="nf">lin</span>', text))==1
    assert not [o for o in BOOK if 'Call self as a function' in text_of(o)]

def test_what_machines_read():
    lines = (SITE/'llms.txt').read_text(encoding='utf-8').splitlines()
    assert sum(o.startswith('- [') for o in lines)>=len(BOOK) and (SITE/'.nojekyll').exists() and (SITE/'sample_digits.js').stat().st_size>1e6

LOOK = """() => {
  const bad = [], article = document.querySelector('article'), wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) bad.push(`wider than the window by ${wide}`);
  for (const m of document.querySelectorAll('math')) {
    let box = m.parentElement;
    const r = m.getBoundingClientRect();
    if (!m.checkVisibility()) continue;
    if (r.width < 1) bad.push(`a formula without width: ${m.textContent}`);
    while (box !== article && getComputedStyle(box).overflowX === 'visible') box = box.parentElement;
    if (box === article && r.right > innerWidth + 1) bad.push(`a formula is cut off: ${m.textContent}`);
  }
  const walk = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const t = walk.currentNode;
    if (!t.parentElement.closest('pre, code, math, svg, script, style, .ff-html') && /\\*\\*|\\]\\(|^#{2,} |\\$[^$ ]+\\$|\\{raw\\}/.test(t.data)) bad.push(`raw Markdown: ${t.data.slice(0, 60)}`);
  }
  return bad;
}"""

@pytest.fixture(scope='module', params=('light','dark'))
def reader(request, browser):
    "A page that is used for all of the site, in one of the two colour schemes"
    context = browser.new_context(viewport={'width': 1280, 'height': 900}, color_scheme=request.param)
    page,wrong = watched(context)
    yield request.param,page,wrong
    context.close()

@pytest.mark.parametrize('name', PAGES)
def test_pages_in_a_browser(reader, name):
    "At three widths: nothing wider than the window or cut off, no raw Markdown, no error, no request elsewhere, and nothing that axe finds hard to read or to reach"
    from axe_playwright_python.sync_playwright import Axe
    scheme,page,wrong = reader
    wrong.clear()
    page.set_viewport_size({'width': 1280, 'height': 900})
    page.goto((SITE/f'{name}.html').as_uri())
    page.evaluate('document.querySelectorAll("details").forEach(o => { o.open = true })')
    for width in WIDTHS:
        page.set_viewport_size({'width': width, 'height': 900})
        assert page.evaluate(LOOK)==[], width
        if SHOTS: page.screenshot(path=f'{SHOTS}/{name}_{scheme}_{width}.png')
    found = Axe().run(page, options={'preload': False, 'runOnly': ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}).response['violations']
    assert not found, [(o['id'], len(o['nodes']), o['nodes'][0]['html'][:200], o['nodes'][0].get('failureSummary')) for o in found]
    assert not wrong, wrong

def test_formulas_are_mathml():
    "No formula is left as TeX, and there are many"
    texts = {o: text_of(o) for o in BOOK}
    assert sum(o.count('<math') for o in texts.values())>100 and not [o for o,t in texts.items() if re.search(r'katex|mathjax\.|\\[([]', re.sub(r'<(pre|div class="highlight)\b.*?</pre>', '', t, flags=re.S), re.I)]

WORDS = {'tridiagonal': None, 'Kaiming': 'fully_connected', 'broadcast_shape': 'matmul', 'orthogonal': 'optimizers', 'Wengert': 'autograd', 'einsum': 'einsum', 'checkpoint': 'checkpoints',
         'momentum': 'mnist_sgd', 'gloo': 'distributed', 'CIFAR-10': 'more_data', 'callbacks': 'learner'}

@pytest.mark.parametrize('word', WORDS)
def test_search(page_for, word):
    "It finds words of the text from files, without a server; a word that stands nowhere finds nothing"
    page = page_for(SITE/'search.html')
    page.goto((SITE/'search.html').as_uri() + f'?q={word}')
    page.wait_for_selector('.search-summary')
    page.wait_for_function('() => /did not match|found/.test(document.querySelector(".search-summary").textContent)')
    hrefs = page.eval_on_selector_all('.search a', 'l => l.map(o => o.getAttribute("href"))')
    if WORDS[word]: assert any(o.startswith(f'{WORDS[word]}.html') for o in hrefs), hrefs
    else: assert not hrefs

def test_previous_and_next_walk_the_whole_path(page_for):
    "From the first page to the last by next, and back by previous: every page of the book once, the numbered chapters first and in order"
    page = page_for(SITE/'index.html')
    def walk(link):
        seen = [Path(page.url).stem]
        while hrefs := page.eval_on_selector_all(f'a.{link}', 'l => l.map(o => o.href)'):
            page.goto(hrefs[0])
            seen.append(Path(page.url).stem)
        return seen
    there,back = walk('next-page'),walk('prev-page')
    assert sorted(there)==sorted([*BOOK, 'names']) and there[:8]==['index','datasets','matmul','fully_connected','backprop','mnist_sgd','learner','resnet'] and back==there[::-1]

def test_contents_on_a_phone(page_for):
    "The list of pages and the contents of the page open at a touch, and lead somewhere"
    page = page_for(SITE/'learner.html', width=390)
    page.locator('.toc-header-icon, .toc-overlay-icon').locator('visible=true').first.click()
    page.get_by_role('link', name='The order of callbacks').locator('visible=true').first.click()
    page.wait_for_function('() => location.hash.length > 1 && scrollY > 500')
    page.locator('.toc-overlay').click(position={'x': 5, 'y': 500})
    page.locator('.nav-overlay-icon').locator('visible=true').first.click()
    page.locator('.sidebar-tree').get_by_role('link', name='1. Matrix multiplication').click()
    page.wait_for_url('**/matmul.html')

def test_contents_follow(page_for):
    "The entry of the section that is read is marked, and visible"
    page = page_for(SITE/'learner.html', width=1440)
    page.get_by_role('heading', name='The Recorder').evaluate('o => o.scrollIntoView()')
    page.wait_for_function('() => document.querySelector(".toc-tree .scroll-current > a")?.textContent === "The Recorder"')
    box = page.locator('.toc-tree .scroll-current > a').bounding_box()
    assert 0<box['y']<900

def test_hints_open_and_hold_rendered_text(page_for):
    page = page_for(SITE/'resnet.html')
    hint = page.locator('details:has(summary:text-is("Hint"))').first
    assert not hint.locator('p').first.is_visible()
    hint.locator('summary').click()
    assert hint.locator('p').first.is_visible() and '`' not in hint.inner_text()

def test_keyboard_reader_can_skip_to_the_text(page_for):
    page = page_for(SITE/'matmul.html')
    page.keyboard.press('Tab')
    assert page.evaluate('document.activeElement.textContent').strip()=='Skip to content'

def test_first_paint(page_for):
    "Printed, since a busy machine is no failure"
    page = page_for(SITE/'learner.html')
    page.wait_for_function('() => performance.getEntriesByName("first-contentful-paint").length')
    print('first paint of the longest page after', round(page.evaluate('performance.getEntriesByName("first-contentful-paint")[0].startTime')), 'ms')

EXPLORABLES = {'index': 1, 'matmul': 2, 'fully_connected': 1, 'backprop': 1, 'autograd': 1, 'mnist_sgd': 1, 'resnet': 1, 'web': 2, 'explorables': 6}

@pytest.mark.parametrize('name', EXPLORABLES)
def test_figures_run_on_their_pages(page_for, name):
    "As many as the notebooks show, all started"
    page = page_for(SITE/f'{name}.html')
    assert page.locator('[data-explorable]').count()==page.locator('[data-on]').count()>=EXPLORABLES[name] and page.locator('.ff-still').count()==0

def test_the_site_trains_in_the_page(page_for):
    "With the digits from the file beside it"
    page = page_for(SITE/'web.html')
    figure = page.locator('[data-explorable]', has=page.get_by_role('button', name='Train'))
    figure.get_by_role('button', name='Train').click()
    figure.get_by_text(re.compile('^After')).wait_for(timeout=60_000)

def test_the_site_is_built_in_any_folder(tmp_path):
    "Below a folder whose name begins with a dot, too, which nbdev does not look into"
    project = tmp_path/'.hidden/project'
    for o in subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split('\0'):
        if o and (ROOT/o).exists():
            (project/o).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT/o, project/o)
    r = subprocess.run([sys.executable, 'tools/docs.py'], cwd=project, capture_output=True, text=True)
    assert r.returncode==0 and {o.name for o in (project/'_docs').glob('*.html')}=={f'{o}.html' for o in PAGES}, r.stdout+r.stderr
