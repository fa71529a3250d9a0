"The built site, as files and in a browser: links, search, contrast, width, formulas, and nothing from elsewhere. `make docs` comes first."
import json, re, shutil, subprocess, sys
from pathlib import Path
import numpy as np
import pytest
from PIL import Image
from browser import SHOTS, watched

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT/'tools'))
import road
SITE = ROOT/'_docs'
pytestmark = [pytest.mark.browser, pytest.mark.skipif(not (SITE/'index.html').exists(), reason='no site in _docs: run `make docs`')]
PAGES = sorted(o.stem for o in SITE.glob('*.html'))
MADE = 'glossary','names'  # pages without a notebook
BOOK = [o for o in PAGES if o not in ('search','genindex',*MADE)]
WIDTHS = (390, 1024, 1280)

def text_of(page): return (SITE/f'{page}.html').read_text(encoding='utf-8')

def test_every_notebook_has_a_page():
    assert {'index', *map(road.name, road.pages())}==set(BOOK)

def test_links_anchors_and_loads():
    "The check of the build, on the site as it lies there: it finds broken links, anchors and a script from elsewhere, and waits for books"
    r = subprocess.run([sys.executable, '-c', f'''
import sys; sys.path.insert(0, {str(ROOT/"tools")!r})
from pathlib import Path
from tempfile import TemporaryDirectory
from docs import problems
print(list(problems(Path({str(SITE)!r}))))
with TemporaryDirectory() as d:
    (Path(d)/'a.html').write_text('<a href="fastfound.pdf"></a><a href="fastfound.epub"></a><a href="b.html"></a>'
                                  '<a href="#c"></a><script src="https://example.com/x.js"></script>')
    print(len(list(problems(Path(d)))))'''], capture_output=True, text=True, cwd=ROOT)
    assert r.stdout.splitlines()[-2:]==['[]', '3'], r.stdout+r.stderr

@pytest.mark.parametrize('page', BOOK)
def test_a_page_is_whole(page):
    "Title, description, picture; links to its notebook; heading levels without jumps; at most 400 kB with styles and scripts, no figures"
    text = text_of(page)
    for o in ('og:title', 'og:description', 'og:image', 'name="description"', 'favicon.svg', 'Skip to content'): assert o in text, o
    path = next((f'{o}.ipynb' for o in road.pages() if road.name(o)==page), 'index.ipynb')
    file = Path(path).name
    if page!='index':
        assert f'href="notebooks/{file}"' in text and f'/blob/main/nbs/{path}"' in text and f'/edit/main/nbs/{path}"' in text
        assert (SITE/'notebooks'/file).exists()
    levels = [int(o) for o in re.findall(r'<h([1-6])[ >]', re.sub(r'<div class="ff-html".*?</div>\n', '', text, flags=re.S))]
    assert levels[0]==1 and levels.count(1)==1 and all(b<=a+1 for a,b in zip(levels, levels[1:])), levels
    loads = re.findall(r'(?:src|href)="(_static/[^"?]+)', text)
    weight = len(text.encode()) + sum((SITE/o).stat().st_size for o in set(loads) if o.endswith(('.css','.js')))
    assert weight<=400_000, weight

def test_home_page_says_what_it_is():
    "To search engines, in a good sentence, and to those who share it, with a card of the usual size"
    text = text_of('index')
    about = re.search(r'<meta name="description" content="(.*?)">', text)[1]
    assert '<title>fastfound: A deep learning book for people who know Python</title>' in text and 100<len(about)<=160
    assert '_static/card.png' in text and 'content="summary_large_image"' in text
    card = Image.open(SITE/'_static/card.png')
    assert card.size==(1200, 630) and card.mode in ('RGB', 'RGBA') and (SITE/'_static/card.png').stat().st_size<200_000
    assert np.asarray(card.convert('L'))[420:530, 90:1100].min()<50  # the row of digits

def test_buttons_lead_somewhere(page_for):
    "Those of the home page: the first chapter, Colab, the commands, the two books beside the site, the repository"
    page,to = page_for(SITE/'index.html'),road.addresses(road.settings())
    assert page.eval_on_selector_all('.ff-buttons a', 'l => l.map(o => [o.textContent, o.getAttribute("href")])')==[
        ['Start reading', f'{road.name(road.chapters()[0])}.html'], ['Run in Colab', to['Run in Colab']], ['Install', '#install'],
        ['PDF', 'fastfound.pdf'], ['EPUB', 'fastfound.epub'], ['Repository', to['Repository']]]
    page.locator('.ff-buttons').get_by_text('Install').click()
    code = page.locator('#install pre').first
    assert code.inner_text().split('\n')[:2]==[*road.commands(road.settings()).values()][:2] and 0<code.bounding_box()['y']<900
    page.locator('.ff-buttons').get_by_text('Start reading').click()
    page.wait_for_url('**/datasets.html')

@pytest.mark.parametrize('width, height', [(390, 844), (1280, 800), (1440, 900)])
def test_first_screen(page_for, width, height):
    "Title, both sentences, buttons that a finger finds and the upper part of the box; a button that has the keyboard shows it"
    page = page_for(SITE/'index.html', width=width)
    page.set_viewport_size({'width': width, 'height': height})
    def box(selector, i=0): return page.locator(selector).nth(i).bounding_box()
    buttons = [box('.ff-buttons a', i) for i in range(6)]
    parts = [box('h1'), box('.ff-lead'), box('.ff-lead + p'), *buttons]
    assert all(o['y']>=0 and o['x']>=0 and o['y']+o['height']<=height and o['x']+o['width']<=width for o in parts), parts
    assert all(o['height']>=40 for o in buttons) and box('.ff-buttons ~ .ff-html [data-explorable]')['y']<=height-200
    page.keyboard.press('Tab')
    for _ in range(200):
        if page.evaluate('document.activeElement.closest(".ff-buttons") !== null'): break
        page.keyboard.press('Tab')
    style = page.evaluate('(s => [s.outlineStyle, parseFloat(s.outlineWidth)])(getComputedStyle(document.activeElement))')
    assert page.evaluate('document.activeElement.textContent')=='Start reading' and style[0]=='solid' and style[1]>=2

def test_each_definition_stands_once():
    "Where the source is open, no signature stands above it"
    text = text_of('fully_connected')
    assert text.count('class="ff-def" id="lin"')==1 and len(re.findall('def</span> *<span class="nf">lin</span>', text))==1
    assert not [o for o in BOOK if 'Call self as a function' in text_of(o)]

def test_what_machines_read():
    lines = (SITE/'llms.txt').read_text(encoding='utf-8').splitlines()
    assert sum(o.startswith('- [') for o in lines)>=len(BOOK)
    assert (SITE/'.nojekyll').exists() and (SITE/'sample_digits.js').stat().st_size>1e6

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
    if (!t.parentElement.closest('pre, code, math, svg, script, style, .ff-html') &&
        /\\*\\*|\\]\\(|^#{2,} |\\$[^$ ]+\\$|\\{raw\\}/.test(t.data)) bad.push(`raw Markdown: ${t.data.slice(0, 60)}`);
  }
  return bad;
}"""

# Of the names, words and signs of code one of each kind is kept, since thousands of others look like it, and axe takes its time with each
THIN = ("() => { const seen = new Set(); for (const o of document.querySelectorAll('pre span')) "
        "{ if (seen.has(o.className)) o.remove(); else seen.add(o.className); } }")

def faults(page, **options):
    "What axe finds hard to read or to reach on a page"
    from axe_playwright_python.sync_playwright import Axe
    found = Axe().run(page, options={'preload': False, 'resultTypes': ['violations'], **options}).response['violations']
    return [(o['id'], len(o['nodes']), o['nodes'][0]['html'][:200], o['nodes'][0].get('failureSummary')) for o in found]

def contrast(page): return faults(page, runOnly={'type': 'rule', 'values': ['color-contrast']})

@pytest.fixture(scope='module')
def reader(browser):
    "A page that is used for all of the site"
    context = browser.new_context(viewport={'width': 1280, 'height': 900})
    yield watched(context)
    context.close()

EXPLORABLES = {'index': 1, 'matmul': 2, 'fully_connected': 1, 'backprop': 1, 'value': 2, 'mnist_sgd': 1, 'update_rules': 1,
               'resnet': 1, 'attention': 1, 'web': 2, 'explorables': 10}

@pytest.mark.parametrize('name', PAGES)
def test_pages_in_a_browser(reader, name):
    "At three widths, in light and dark: nothing too wide or cut off, no raw Markdown, error or request; figures start, axe finds no fault"
    page,wrong = reader
    wrong.clear()
    page.emulate_media(color_scheme='light')
    page.set_viewport_size({'width': 1280, 'height': 900})
    page.goto((SITE/f'{name}.html').as_uri())
    assert page.locator('[data-explorable]').count()==page.locator('[data-on]').count()>=EXPLORABLES.get(name, 0)
    assert page.locator('.ff-still').count()==0
    page.evaluate('document.querySelectorAll("details").forEach(o => { o.open = true })')
    for scheme in ('dark','light'):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({'width': width, 'height': 900})
            assert page.evaluate(LOOK)==[], (scheme, width)
            if SHOTS: page.screenshot(path=f'{SHOTS}/{name}_{scheme}_{width}.png')
    page.evaluate(THIN)
    assert not (found := faults(page, runOnly=['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'])), found
    page.emulate_media(color_scheme='dark')
    assert not (found := contrast(page)), found
    assert not wrong, wrong

@pytest.mark.parametrize('scheme, grey', [('light', '#999'), ('dark', '#555')])
def test_pale_code_is_noticed(reader, scheme, grey):
    "In one kind of word, in one colour scheme"
    page,_ = reader
    page.emulate_media(color_scheme=scheme)
    page.goto((SITE/'cli.html').as_uri())
    page.evaluate(THIN)
    assert not contrast(page)
    page.add_style_tag(content=f'.highlight .k {{ color: {grey} !important }}')
    assert [o[0] for o in contrast(page)]==['color-contrast']

def test_formulas_are_mathml():
    "No formula is left as TeX, and there are many"
    texts = {o: text_of(o) for o in BOOK}
    assert sum(o.count('<math') for o in texts.values())>100
    assert not [o for o,t in texts.items() if re.search(
        r'katex|mathjax\.|\\[([]', re.sub(r'<(pre|div class="highlight)\b.*?</pre>', '', t, flags=re.S), re.I)]

WORDS = {'tridiagonal': None, 'Kaiming': 'fully_connected', 'broadcast_shape': 'matmul', 'orthogonal': 'update_rules', 'Wengert': 'value',
         'einsum': 'einsum', 'checkpoint': 'checkpoints', 'momentum': 'mnist_sgd', 'gloo': 'distributed',
         'CIFAR-10': 'vision', 'callbacks': 'training_loop'}

@pytest.mark.parametrize('word', WORDS)
def test_search(page_for, word):
    "It finds words of the text from files, without a server; a word that stands nowhere finds nothing"
    page = page_for(SITE/'search.html', query=f'?q={word}')
    page.wait_for_selector('.search-summary')
    page.wait_for_function('() => /did not match|found/.test(document.querySelector(".search-summary").textContent)')
    hrefs = page.eval_on_selector_all('.search a', 'l => l.map(o => o.getAttribute("href"))')
    if WORDS[word]: assert any(o.startswith(f'{WORDS[word]}.html') for o in hrefs), hrefs
    else: assert not hrefs

def walk(kind):
    "The pages from the first, or from the last, by the links of one kind"
    seen = ['index' if kind=='next' else 'names']
    while m := re.search(rf'class="{kind}-page" href="(\w+)\.html"', text_of(seen[-1])):
        seen.append(m[1])
        assert len(seen)<=len(PAGES), seen
    return seen

def test_previous_and_next_walk_the_whole_path():
    "From the first page to the last by next, and back by previous: every page of the book once, the numbered chapters first and in order"
    there,back = walk('next'),walk('prev')
    main = ['index', *map(road.name, road.chapters())]
    assert sorted(there)==sorted([*BOOK, *MADE]) and there[:len(main)]==main and back==there[::-1]

def test_next_can_be_followed(page_for):
    page = page_for(SITE/'datasets.html')
    page.locator('a.next-page').click()
    page.wait_for_url('**/matmul.html')

def test_contents_on_a_phone(page_for):
    "The list of pages and the contents of the page open at a touch, and lead somewhere"
    page = page_for(SITE/'training_loop.html', width=390)
    page.locator('.toc-header-icon, .toc-overlay-icon').locator('visible=true').first.click()
    page.get_by_role('link', name='The order of callbacks').locator('visible=true').first.click()
    page.wait_for_function('() => location.hash.length > 1 && scrollY > 500')
    page.locator('.toc-overlay').click(position={'x': 5, 'y': 500})
    page.locator('.nav-overlay-icon').locator('visible=true').first.click()
    page.locator('.sidebar-tree').get_by_role('link', name='1. Matrix multiplication').click()
    page.wait_for_url('**/matmul.html')

def test_contents_follow(page_for):
    "The entry of the section that is read is marked, and visible"
    page = page_for(SITE/'training_loop.html', width=1440)
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
    page = page_for(SITE/'training_loop.html')
    page.wait_for_function('() => performance.getEntriesByName("first-contentful-paint").length')
    print('first paint of the longest page after',
          round(page.evaluate('performance.getEntriesByName("first-contentful-paint")[0].startTime')), 'ms')

def test_the_site_trains_in_the_page(page_for):
    "With the digits from the file beside it"
    page = page_for(SITE/'web.html')
    figure = page.locator('[data-explorable]', has=page.get_by_role('button', name='Train'))
    figure.get_by_role('button', name='Train').click()
    figure.get_by_text(re.compile('^After')).wait_for(timeout=60_000)

def test_the_site_is_built_in_any_folder(tmp_path):
    "Below a folder whose name begins with a dot, too, which nbdev does not look into: a site of two pages"
    project = tmp_path/'.hidden/project'
    for o in subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split('\0'):
        if o and (ROOT/o).exists() and (not o.startswith('nbs/') or Path(o).stem in ('index', 'files')):
            (project/o).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT/o, project/o)
    index = project/'nbs/index.ipynb'
    nb = json.loads(index.read_text(encoding='utf-8'))
    # The other cells link to pages that are left out
    def kept(o): return ''.join(o['source']).startswith('# ') or any('image/png' in p.get('data', {}) for p in o.get('outputs', []))
    nb['cells'] = [o for o in nb['cells'] if kept(o)]
    index.write_text(json.dumps(nb), encoding='utf-8')
    other = project/'nbs/library/files.ipynb'
    other.write_text(re.sub(r'\]\([\w./]+\.ipynb[^)]*\)', '](../index.ipynb)', other.read_text(encoding='utf-8')), encoding='utf-8')
    r = subprocess.run([sys.executable, 'tools/docs.py'], cwd=project, capture_output=True, text=True)
    assert r.returncode==0 and {o.stem for o in (project/'_docs').glob('*.html')}=={'index', 'files', 'names', 'search'}, r.stdout+r.stderr
