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
MADE = 'glossary','names','change'  # pages without a notebook
BOOK = [o for o in PAGES if o not in ('search',*MADE)]
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
        assert f'href="notebooks/{file}"' in text and f'/blob/main/nbs/{path}"' in text
        assert f'href="change.html?page={path.removesuffix(".ipynb")}"' in text
        assert '.ipynb)' not in json.dumps(json.loads((SITE/'notebooks'/file).read_text(encoding='utf-8')))  # links lead to the site
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
    assert code.inner_text().split('\n')[:2]==[*road.commands(road.settings()).values()][:2]
    page.wait_for_function('(y => 0<y && y<900)(document.querySelector("#install pre").getBoundingClientRect().y)')  # it scrolls there
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
    "llms.txt has a title, a quote and a section for each part, with a link and a word for each page; llms-full.txt all of their text"
    text,whole = [(SITE/o).read_text(encoding='utf-8') for o in ('llms.txt','llms-full.txt')]
    assert re.match(r'# fastfound\n\n> [^\n]+\n\n[^\n]+\n\n- \[The whole text\]\(https://\S+/llms-full.txt\): ', text)
    sections = {o.partition('\n')[0]: re.findall(r'^- \[[^]]+\]\(\S+/(\w+)\.html\): \S', o, re.M) for o in text.split('\n## ')[1:]}
    assert list(sections)==['The road','Side roads','Library','Programs'] and sections['The road']==[road.name(o) for o in road.chapters()]
    assert {'index', *sum(sections.values(), [])}=={*BOOK, 'glossary', 'names'}
    assert re.findall(r'^Source: \S+/(\w+)\.html$', whole, re.M)==['index', *map(road.name, road.pages())]
    for o in ('## The chain rule', 'def one_cycle(', 'tensor('): assert o in whole, o
    prose = re.sub(r'^(`{3,}).*?^\1$', '', whole, flags=re.S|re.M)
    assert not re.search(r'\{raw\}|\{image\}|\{\.|<(?:div|table|svg|pre|details|script)\b', prose) and max(map(len, whole.split('\n')))<3000
    assert (SITE/'.nojekyll').exists() and (SITE/'sample_digits.js').stat().st_size>1e6

def test_what_a_page_outside_the_book_is():
    "It says so in its first line, and leads to where the book begins"
    def first(page): return re.search(r'<h1>.*?</h1>\s*<p class="ff-kind">(\w+).*?<a [^>]*href="datasets.html"', text_of(page), re.S)
    got = {road.name(o): m and m[1] for o in road.pages() for m in [first(road.name(o))]}
    overviews = dict.fromkeys(('all','coming','figures'), 'Overview') | {'write_your_own': 'Guide'}
    assert got=={road.name(o): 'Reference' if o in road.library() else overviews.get(road.name(o), 'Program') if '/' in o else None
                 for o in road.pages()}

@pytest.mark.parametrize('page', ['figures','doctor'])
def test_tables_say_when_they_were_made(page):
    "Above the first table of the page, or in it, and above that of the tests of others: the day and the versions"
    text = re.sub('<[^>]+>', ' ', text_of(page).partition('<article')[2])
    when = [m.start() for m in re.finditer(r'20\d\d-\d\d-\d\d', text)]
    if page=='doctor':
        assert re.search(r'report +ok +of 20\d\d-\d\d-\d\d, by fastfound [\d.]+', text) and when[0]<text.index('matplotlib ')
    else:
        machine = r'[\s,]+[^\n]*Python [\d.]+, PyTorch [\d.]+\S*, NumPy [\d.]+, fastfound [\d.]+'
        first,table = text.index('pictures in train/3'),text.index('own tests of einsum')
        assert any(o<first for o in when) and text.index('Tests that others wrote')<when[-1]<table
        assert re.search(r'20\d\d-\d\d-\d\d'+machine, text[when[-1]:table])

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
               'resnet': 1, 'attention': 1, 'web': 2, 'explorables': 10,
               'practice': 1, 'lines_in_order': 8}

def test_lines_in_order_lead_to_their_functions(page_for):
    "Where they stand on the same site"
    page = page_for(SITE/'lines_in_order.html')
    at = page.evaluate('[...document.querySelectorAll("[data-explorable]")].map(o => o.explorable.to)')
    assert len(at)==8
    for to in at:
        name,_,anchor = to.partition('#')
        assert f'id="{anchor}"' in text_of(name.removesuffix('.html')), to

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

# From what a reader asks to the place that must come first; sections where one on the page explains it
FIRST = {
    'batch normalisation': 'resnet#batch-normalisation', 'batch normalization': 'resnet#batch-normalisation',
    'backprop': 'backprop', 'learning rate finder': 'update_rules#which-learning-rate', 'lr_find': 'schedules#learner.lr_find',
    'lrfind': 'schedules#learner.lr_find', 'one_cycle': 'schedules#one_cycle', 'onecycle': 'schedules#one_cycle',
    'one cycle': 'update_rules#schedules', 'momentum': 'update_rules#momentum', 'Adam': 'update_rules',
    'attention': 'attention#looking-back', 'transformer': 'attention#the-model', 'perplexity': 'attention#counting-pairs',
    'tokens': 'attention#names-as-numbers', 'embedding': 'attention#letters-as-vectors', 'broadcasting': 'matmul#broadcasting',
    'broadcast_shape': 'matmul#broadcast_shape', 'einsum': 'einsum', 'numba': 'kernels', 'DataLoader': 'dataloaders',
    'data loader': 'dataloaders', 'overfitting': 'overfitting', 'dropout': 'overfitting#dropout',
    'label smoothing': 'overfitting#label-smoothing', 'weight decay': 'overfitting#weight-decay', 'augmentation': 'augment',
    'MNIST': 'datasets', 'accuracy': 'datasets', 'kaiming': 'fully_connected', 'initialisation': 'fully_connected',
    'initialization': 'fully_connected', 'softmax': 'backprop#ten-digits-softmax-and-cross-entropy',
    'cross entropy': 'backprop#ten-digits-softmax-and-cross-entropy', 'chain rule': 'backprop#the-chain-rule',
    'autograd': 'value', 'Wengert': 'value', 'gradient descent': 'mnist_sgd#the-training-step',
    'residual': 'resnet#the-skip-connection', 'hook': 'hooks', 'checkpoint': 'checkpoints', 'early stopping': 'checkpoints',
    'mixed precision': 'mixed_precision', 'seed': 'basics#set_seed', 'confusion matrix': 'interpret#the-confusion-matrix',
    'callbacks': 'training_loop#callbacks', 'gloo': 'distributed', 'CIFAR-10': 'vision',
    'vanishing gradients': 'fully_connected#gradients-vanish-and-explode-too'}

@pytest.fixture(scope='module')
def asks(browser):
    "A function that types a query on the page of search, opened from its file; where the results lead, what is marked, and the summary"
    context = browser.new_context()
    page,wrong = watched(context)
    page.goto((SITE/'search.html').as_uri())
    page.wait_for_function('() => document.activeElement.id === "ff-q"')
    def f(query):
        page.fill('#ff-q', query)
        results = page.eval_on_selector_all('ol.search > li', """l => l.map(o => ({to: o.querySelector('a').getAttribute('href'),
          marked: [...o.querySelectorAll('mark')].map(m => m.textContent.toLowerCase())}))""")
        return results,page.inner_text('.search-summary')
    yield f
    context.close()
    assert not wrong, wrong

@pytest.mark.parametrize('query', FIRST)
def test_the_best_page_comes_first(asks, query):
    "With its section, which is there, and in words that hold some of the query, marked"
    results,_ = asks(query)
    page,_,anchor = FIRST[query].partition('#')
    got,_,at = results[0]['to'].partition('#')
    assert got==f'{page}.html' and anchor in ('', at), results[0]['to']
    assert not at or f'id="{at}"' in text_of(page)
    stems = [o[:4].lower().replace('_', '') for o in query.split()]
    assert any(m.replace('_', '').startswith(o) for o in stems for r in results[:3] for m in r['marked']), results[:3]

def test_a_word_that_stands_nowhere(asks):
    assert asks('tridiagonal')==([], 'No page has “tridiagonal”.')
    results,said = asks('einsum tridiagonal')
    assert results[0]['to'].startswith('einsum.html') and said.startswith('No page has all of')

def test_the_whole_road_can_be_found(asks):
    "Each page by its short name"
    missed = [o for o in road.pages() if not any(r['to'].split('#')[0]==f'{road.name(o)}.html' for r in asks(road.short(o))[0][:5])]
    assert not missed

def test_search_from_a_page(page_for):
    "The box in the list of pages leads to the results, which axe finds no fault with; what is searched is loaded there only, and is small"
    page = page_for(SITE/'matmul.html')
    page.fill('.sidebar-search', 'batch normalization')
    page.keyboard.press('Enter')
    page.locator('ol.search a').first.wait_for()
    assert page.locator('ol.search mark').count() and page.locator('ol.search .ff-more a').count()
    for scheme in ('dark','light'):
        page.emulate_media(color_scheme=scheme)
        assert not (found := faults(page, runOnly=['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'])), found
    page.locator('ol.search a').first.click()
    page.wait_for_url('**/resnet.html#batch-normalisation')
    assert (SITE/'search_index.js').stat().st_size<400_000
    assert [o for o in PAGES if 'search_index.js' in text_of(o)]==['search']

def beside(page):
    "The pages that the foot of a page leads to, before and after, and their names"
    found = [re.search(rf'class="{k}-page" href="(\w+)\.html".*?class="title">(.*?)</div>', text_of(page), re.S) for k in ('prev','next')]
    return [m and m.groups() for m in found]

def test_previous_and_next_follow_the_road():
    "From chapter to chapter, from a side road back to its chapter and on, within the library and the programs; by short names"
    chapters = ['index', *map(road.name, road.chapters()), 'demo']
    def names(page): return [o and o[0] for o in beside(page)]
    for before,page,after in zip(chapters, chapters[1:], chapters[2:]): assert names(page)==[before, after]
    assert names('index')==[None, 'datasets'] and beside('matmul')==[('datasets', '0. Data'), ('fully_connected', '2. Initialisation')]
    assert names('einsum')==['matmul', 'fully_connected'] and names('words')==['attention', 'demo'] and names('debugging')[1]=='mnist_sgd'
    for part in (road.library(), road.programs()):
        part = [*map(road.name, part)]
        assert [names(o) for o in part]==[[*o] for o in zip([None, *part], [*part[1:], None])]
    assert {tuple(names(o)) for o in (*MADE, 'search')}=={(None, None)}

@pytest.mark.parametrize('page, part', [('matmul', 'The road'), ('einsum', 'Side roads'), ('learner', 'Library'), ('train', 'Programs'),
                                        ('names', 'Programs'), ('glossary', 'Side roads'), ('search', 'The road')])
def test_the_list_of_pages_folds(browser, page, part):
    "In parts, of which that of the page is open; without a script, too. The page is marked, and the keyboard opens another part"
    context = browser.new_context(java_script_enabled=False, viewport={'width': 1280, 'height': 900})
    sheet = context.new_page()
    sheet.goto((SITE/f'{page}.html').as_uri())
    parts = sheet.locator('.sidebar-tree details')
    assert parts.locator('summary').all_inner_texts()==['The road','Side roads','Library','Programs']
    assert sheet.locator('.sidebar-tree details[open] summary').all_inner_texts()==[part]
    marked = sheet.locator('.sidebar-tree [aria-current=page]')
    assert marked.count()==(page!='search') and all(o.is_visible() for o in marked.all())
    assert all(len(o)<22 for o in sheet.locator('.sidebar-tree a').all_text_contents())
    closed = sheet.locator('.sidebar-tree details:not([open]) summary').last
    other = closed.inner_text()
    closed.focus()
    sheet.keyboard.press('Enter')
    assert other in sheet.locator('.sidebar-tree details[open] summary').all_inner_texts()
    context.close()

@pytest.mark.parametrize('api', [True, False])
def test_code_can_be_copied(page_for, api):
    "With the keyboard, where browsers have the newer way and where they don't; a reader of the screen is told, and outputs have no button"
    page = page_for(SITE/('backprop.html' if api else 'value.html'))  # two pages, since the clipboard outlives a test
    if not api: page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    box = page.locator('article .highlight').locator('visible=true').first
    button = box.get_by_role('button', name='Copy the code')
    button.focus()
    assert button.evaluate('o => [getComputedStyle(o).opacity, o.getBoundingClientRect().height>=24]')==['1', True]
    page.keyboard.press('Enter')
    page.wait_for_function('() => document.querySelector(".ff-said").textContent === "Copied"')
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<textarea id=here></textarea>')")
    page.focus('#here')
    page.keyboard.press('Control+V')
    assert page.input_value('#here')==box.locator('pre').text_content().rstrip('\n')!=''
    assert page.locator('.ff-out button, .ff-html .ff-copy').count()==0

def test_prompts_are_not_copied(page_for):
    page = page_for(SITE/'backprop.html')
    code = page.locator('article .highlight pre').locator('visible=true').first
    code.evaluate("o => { o.textContent = '$ make test\\nall is well\\n>>> 1+1\\n2\\n' }")
    page.get_by_role('button', name='Copy the code').locator('visible=true').first.click()
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<textarea id=here></textarea>')")
    page.focus('#here')
    page.keyboard.press('Control+V')
    assert page.input_value('#here')=='make test\n1+1'

def test_edit_leads_to_where_one_learns_how(page_for):
    "With a form of which the page is filled in, and the notebook in the repository"
    page = page_for(SITE/'einsum.html')
    page.get_by_role('link', name='Edit', exact=True).click()
    page.wait_for_url('**/change.html?page=01a_einsum')
    hrefs = page.locator('article a').evaluate_all('l => l.map(o => o.href)')
    assert any(o.endswith('/issues/new?template=page.yml&page=01a_einsum') for o in hrefs)
    assert any(o.endswith('/blob/main/nbs/01a_einsum.ipynb') for o in hrefs)
    for o in ('make lab', 'make export', 'make test'): assert o in page.inner_text('article')

# What a reader clicks or touches is at least 24 pixels wide and high; links within text need not be, and figures have tests of their own
SMALL = """() => [...document.querySelectorAll('a, button, summary, input, label[for]')].filter(o => {
  if (!o.checkVisibility({checkVisibilityCSS: true}) || o.matches('.overlay, [type=checkbox], .skip-to-content')) return false;
  if (o.closest('.ff-html, h1, h2, h3, h4, .bottom-of-page') ||
      o.matches('a') && o.closest('p, li, td, th, .ff-def') && !o.closest('.ff-tools, .sidebar-tree, .toc-tree')) return false;
  const r = o.getBoundingClientRect();
  return r.width > 0 && (r.width < 24 || r.height < 24);
}).map(o => `${o.tagName} ${o.className} ${o.textContent.trim().slice(0, 30)}`)"""

# Blocks of Python that a reader sees and that only import
IMPORTS = """() => [...document.querySelectorAll('article .highlight-python pre')].filter(o => o.checkVisibility()).map(o => o.textContent)
  .filter(o => /^(from|import) /.test(o) && o.replace(/\\([^)]*\\)/gs, '').split('\\n').every(l => /^(from|import) |^ |^#|^$/.test(l)))"""

@pytest.mark.parametrize('name', PAGES)
def test_pages_are_short_and_easy_to_hit(reader, name):
    "At most 25,000 pixels high, folds closed; what can be clicked is large enough; no block of imports, but the one on the front page"
    page,_ = reader
    page.emulate_media(color_scheme='light')
    page.set_viewport_size({'width': 1280, 'height': 900})
    page.goto((SITE/f'{name}.html').as_uri())
    assert page.evaluate('document.documentElement.scrollHeight')<=25_000
    if name!='index': assert page.evaluate(IMPORTS)==[]
    for width in (1440, 1280, 390):
        page.set_viewport_size({'width': width, 'height': 900})
        assert page.evaluate(SMALL)==[], width

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
    page.locator('.sidebar-tree').get_by_role('link', name='1. Matrix products').click()
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
    made = {o.stem for o in (project/'_docs').glob('*.html')}
    assert r.returncode==0 and made=={'index', 'files', 'names', 'change', 'search'}, r.stdout+r.stderr
