"Lines that are put in order, and questions asked before the answer: every order that a figure accepts is right, on the page and on paper."
import ast, html, inspect, itertools, json, random, re, sys, textwrap
from difflib import SequenceMatcher
from pathlib import Path
import pytest
from fastfound.checking import of_the_book, verdict
from fastfound.practice import lines_in_order, predict

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT/'tools'))
import llms, road

BROWSER = pytest.mark.browser
PAGE = 'programs/lines_in_order'

def figures():
    "The figures of the page, by the name of their function"
    here,found = {},[]
    for cell in road.cells(PAGE):
        if cell['cell_type']!='code' or '%pip' in road.source(cell): continue
        *first,last = ast.parse(road.source(cell)).body
        exec(compile(ast.Module([*first], []), PAGE, 'exec'), here)
        if isinstance(last, ast.Expr): found.append(eval(compile(ast.Expression(last.value), PAGE, 'eval'), here))
        else: exec(compile(ast.Module([last], []), PAGE, 'exec'), here)
    return {o.data['name']: o for o in found}

FIGURES = figures()

def extensions(before, done=()):
    "All orders of lines in which each comes after those that have to come `before` it"
    if len(done)==len(before): yield done
    for i in range(len(before)):
        if i not in done and set(before[i])<=set(done): yield from extensions(before, (*done, i))

def accepted(figure): return list(extensions(figure.data['before']))

def judged(name, figure, order):
    "What the check of the book says of the function with its lines in this `order`, numbers of lines or of distractors"
    owner,_,method = name.rpartition('.')
    top = owner or name
    text = textwrap.dedent(inspect.getsource(of_the_book(top)))
    node = ast.parse(text).body[0]
    if owner: node = next(o for o in node.body if getattr(o, 'name', '')==method)
    lines,first = text.splitlines(),node.body[ast.get_docstring(node) is not None].lineno
    new = [' '*node.col_offset + figure.data['lines'][i] for i in order]
    here = dict(vars(sys.modules[of_the_book(top).__module__]), __name__='reader')
    try: exec('\n'.join(lines[:first-1] + new + lines[node.end_lineno:]), here)
    except SyntaxError: return 'no Python'
    return verdict(top, here[top], seconds=2).state

ORDERS = {'matmul_loops': 2, 'lsuv': 2, 'forward_and_backward': 5, 'Value.backward_order': 2, 'BasicLearner.one_batch': 1, 'basic_adam': 6,
          'BasicNorm.forward': 5, 'name_model': 1}

def test_the_eight_functions():
    "Four to ten lines each, two more that do not belong, one of each order that may be, and never in order from the start"
    assert {k: len(accepted(o)) for k,o in FIGURES.items()}==ORDERS
    for o in FIGURES.values():
        n = len(o.data['before'])
        assert 4<=n<=10 and len(o.data['lines'])==n+2 and len(o.data['wrong'])==2
        assert [i for i in o.data['shuffled'] if i<n] not in [[*k] for k in accepted(o)] and sorted(o.data['shuffled'])==[*range(n+2)]
        assert all(t[-1] in '.`' and len(t)>40 and t.count('`')%2==0 for t in o.data['wrong'])

@pytest.mark.parametrize('name, order', [(k, o) for k in FIGURES for o in accepted(FIGURES[k])])
def test_an_accepted_order_is_right(name, order): assert judged(name, FIGURES[name], order)=='right'

@pytest.mark.parametrize('name', FIGURES)
def test_a_distractor_is_wrong(name):
    "In the place of the line that it resembles most, with the others in the order of the book"
    lines = FIGURES[name].data['lines']
    for i in (len(lines)-2, len(lines)-1):
        twin = max(range(len(lines)-2), key=lambda k: SequenceMatcher(None, lines[k], lines[i]).ratio())
        assert re.match(' *', lines[twin])[0]==re.match(' *', lines[i])[0]
        assert judged(name, FIGURES[name], [i if k==twin else k for k in range(len(lines)-2)])=='wrong', lines[i]

# what may not be seen in a result, and is wrong all the same
UNSEEN = {('lsuv', (0,1,2,3,4,5,7,6,8)): 'the weights have been divided by 0, or by infinity, when the error comes'}

@pytest.mark.parametrize('name', FIGURES)
def test_a_rejected_order_is_wrong(name):
    "Two lines swapped in the order of the book: what Python can run, and the figure does not take, is wrong"
    figure,few = FIGURES[name],[]
    n = len(figure.data['before'])
    for i,j in itertools.combinations(range(n), 2):
        order = [*range(n)]
        order[i],order[j] = j,i
        if tuple(order) in accepted(figure): continue
        state = judged(name, figure, order)
        if state!='no Python': few.append((state, order))
    assert few and not [o for o in few if o[0]!='wrong' and (name, tuple(o[1])) not in UNSEEN], few

def test_what_has_no_lines():
    "Errors say what came and what was wanted"
    def short(x): return x
    for f,free,says in ((sum, None, "got 'sum', wanted a function whose source"), (ast.AST, None, 'wanted a function'),
                        (short, None, 'wanted at least 3'), (extensions, {9: []}, 'from 0 to 2'),
                        (extensions, {0: [1]}, 'wanted one possible order')):
        with pytest.raises((TypeError, ValueError), match=re.escape(says)): lines_in_order(f, {}, free)
    with pytest.raises(ValueError, match='not in extensions'): lines_in_order(extensions, {'    for i in range(len(before)):': ''})

def test_lines_stand_in_a_list_without_scripts():
    "In a notebook elsewhere, and in llms-full.txt: all lines with their indentation, and no reason"
    figure = FIGURES['basic_adam']
    lines,want = re.findall(r'<li><code>(.*?)</code></li>', figure.still),[figure.data['lines'][i] for i in figure.data['shuffled']]
    assert [html.unescape(o).replace('\xa0', ' ') for o in lines]==want and 'begin at 0' not in figure.still
    assert '\n'.join([figure.data['signature'], *want]) in llms.plain(f'```{{raw}} html\n{figure._repr_html_()}\n```')

ASKED = predict('What does `1<2` give?', ['`True`', '`False`', 'an <error>'], '`True`', 'One is `<` two.')

def test_a_prediction_for_machines_and_on_paper():
    "In llms-full.txt the answer follows; on paper it stands at the end, with the other answers, and not with the question"
    text = llms.plain(f'```{{raw}} html\n{ASKED._repr_html_()}\n```')
    assert text=='What does `1<2` give?\n\n- `True`\n- `False`\n- an <error>\n\nAnswer: **`True`.** One is `<` two.\n'
    from pages import Pages
    import book
    def md(*source): return {'cell_type': 'markdown', 'source': [*source], 'metadata': {}}
    cell = {'cell_type': 'code', 'id': 'a', 'source': ['#| echo: false\n', 'predict()'], 'metadata': {},
            'outputs': [{'output_type': 'execute_result', 'data': {'text/html': [ASKED._repr_html_()]}, 'metadata': {}}]}
    nb = {'cells': [{'cell_type': 'raw', 'source': ['---\ntitle: T\n---'], 'metadata': {}}, md('before'), cell, md('## Next')]}
    for scripts in (True, False):
        text = Pages({'00_x': 'x'}, None, 'https://example.org/', scripts=scripts).page(nb, '00_x')[1]
        question,end = text.partition('## Next')[::2]
        assert '<code>1&lt;2</code>' in question and 'an &lt;error&gt;' in question
        assert ('One is' in question)==scripts and ('One is' in end)!=scripts and ('## Predictions' in end)!=scripts and 'style' not in end
    made = '<section id="x--predictions">\n<h2>Predictions</h2>\n<p>A</p></section>'
    printed = book.answers(f'<h2>Questions</h2><p><strong>1.</strong> Q</p><details><summary>Answer</summary><p>B</p></details>{made}')
    assert printed=='<h2>Questions</h2><p><strong>1.</strong> Q</p><h2>Answers</h2><h3>Predictions</h3>\n<p>A</p><h3>Questions</h3>' \
                    '<p><strong>1.</strong> <p>B</p>'.replace('<strong>1.</strong> <p>', '<strong>1.</strong> ')

def test_stored_questions_have_the_style_of_today():
    style = (ROOT/'fastfound/web/practice.css').read_text(encoding='utf-8')
    cells = [c for p in (ROOT/'nbs').rglob('*.ipynb') for c in json.loads(p.read_text(encoding='utf-8'))['cells']]
    shown = [''.join(o.get('data', {}).get('text/html', '')) for c in cells for o in c.get('outputs', [])]
    shown = [o for o in shown if '<div class="ff-predict"' in o or "class: 'ff-lines'" in o]
    assert len(shown)>=len(FIGURES)+2 and all(style in o for o in shown)

# in a browser

GROUND = 'html { background: light-dark(#fff, #121212) }'  # axe takes the ground of a page that sets none for white

class Figure:
    "A figure of lines, driven as by a reader"
    def __init__(self, page, figure): self.page,self.lines = page,figure.data['lines']
    def line(self, i): return self.page.locator('.ff-line', has=self.page.get_by_text(self.lines[i].strip(), exact=True))
    def own(self): return self.page.evaluate('document.querySelector("[data-explorable]").explorable.own')
    def told(self): return self.page.locator('.ff-told').inner_text()
    def check(self):
        self.page.get_by_role('button', name='Check').click()
        return self.told()
    def focused(self): return self.page.evaluate('document.activeElement.querySelector("code")?.textContent')
    def tab_to(self, text):
        "Press Tab until what has the focus has this text"
        for _ in range(40):
            if (self.focused() or self.page.evaluate('document.activeElement.textContent'))==text: return
            self.page.keyboard.press('Tab')
        raise AssertionError(f'{text} cannot be reached with the keyboard')

@pytest.fixture
def show(page_for, tmp_path):
    def f(name, **kw): return Figure(page_for(FIGURES[name].save(tmp_path/'figure.html'), **kw), FIGURES[name])
    return f

@BROWSER
@pytest.mark.parametrize('name', FIGURES)
def test_the_page_accepts_the_orders_that_python_lists(show, name):
    "And of others how many lines are right from the first on"
    f,right,rng = show(name),accepted(FIGURES[name]),random.Random(0)
    n = len(FIGURES[name].data['before'])
    others = [rng.sample(range(n+2), rng.randint(1, n+2)) for _ in range(200)] + [[*o[:k]] for o in right for k in range(1, n)]
    others += [rng.sample(range(n), n) for _ in range(100)]
    def first(order): return next((k for k in range(len(order)) if not any(o[:k+1]==tuple(order[:k+1]) for o in right)), len(order))
    got = f.page.evaluate('orders => orders.map(document.querySelector("[data-explorable]").explorable.verdict)',
                          [*map(list, right), *others])
    assert all(o.get('done') and o['text'].startswith('Right.') for o in got[:len(right)])
    assert [(o.get('done', False), o['right']) for o in got[len(right):]]==[(tuple(o) in right, first(o)) for o in others]

@BROWSER
def test_in_order_by_keyboard(show):
    "Enter puts a line at the end or takes it out, arrow keys move it; what has the focus keeps it; all is said"
    f = show('matmul_loops')
    press = f.page.keyboard.press
    for i in (0, 2, 1, 3, 4, 5, 7, 6):  # 7 does not belong
        f.tab_to(f.lines[i].strip())
        press('Enter')
        assert f.focused()==f.lines[i].strip()
        assert f.page.locator('.ff-quiet').inner_text().endswith(f': line {len(f.own())} of {len(f.own())}')
        for _ in range(3): press('Shift+Tab')
    f.tab_to('Check')
    press('Enter')
    assert f.told().startswith('Line 7 does not belong here. With = each product replaces the one before it.')
    assert f.page.locator('.ff-right').count()==6 and f.page.locator('.ff-wrong').inner_text().startswith('⠿')
    f.page.locator('.ff-own .ff-line').first.focus()
    f.tab_to(f.lines[7].strip())
    press('ArrowDown')
    press('ArrowDown')  # below the last one is out
    assert f.own()==[0,2,1,3,4,5,6] and f.focused()==f.lines[7].strip() and f.told()==''
    assert f.page.locator('.ff-quiet').inner_text().endswith(': left out')
    press('ArrowUp')
    assert f.own()[-1]==7
    press('Enter')
    f.page.locator('.ff-own .ff-line').first.focus()
    f.tab_to(f.lines[1].strip())
    press('ArrowDown')
    assert f.check()=='Line 3 comes too early: another one has to stand before it.'
    f.line(1).focus()
    press('ArrowUp')
    assert f.focused()==f.lines[1].strip() and f.check()=='Right. The book has another order, which does the same. matmul_loops in the book'
    f.line(1).focus()
    press('ArrowUp')
    assert f.check()=='Right. matmul_loops in the book'
    link = f.page.get_by_role('link')
    assert link.get_attribute('href')==f'{road.site(road.settings())}matmul.html#matmul_loops'

def middle(box): return box['x']+box['width']/2, box['y']+box['height']/2

@BROWSER
def test_in_order_by_touch(browser, tmp_path):
    "On a phone: a tap puts a line in, the handle drags it, the arrows move it, and a finger beside the handle scrolls the page"
    context = browser.new_context(viewport={'width': 390, 'height': 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(FIGURES['basic_adam'].save(tmp_path/'figure.html').as_uri())
    f,cdp = Figure(page, FIGURES['basic_adam']),context.new_cdp_session(page)
    def touch(kind, x=0, y=0):
        cdp.send('Input.dispatchTouchEvent', {'type': f'touch{kind}', 'touchPoints': [] if kind=='End' else [{'x': x, 'y': y}]})
    def drag(start, end):
        touch('Start', *start)
        for k in range(1, 9): touch('Move', *(a+(b-a)*k/8 for a,b in zip(start, end)))
        touch('End')
        page.wait_for_timeout(500)  # a tap right after a quick stroke only stops it
    def grip(i): return middle(f.line(i).locator('.ff-grip').bounding_box())
    assert f.check()=='There is no line in your function yet.'
    for i in (3, 0, 1): f.line(i).tap()
    assert f.own()==[3,0,1] and f.check().startswith('Line 1 comes too early')
    x,y = middle(f.page.locator('.ff-own li').last.bounding_box())
    drag(grip(3), (x, y+15))
    assert f.own()==[0,1,3]
    drag(grip(2), middle(f.page.locator('.ff-own li').nth(2).bounding_box()))
    assert f.own() in ([0,1,2,3], [0,1,3,2])
    if f.own()[-1]==2: f.page.get_by_role('button', name=f'Up: {f.lines[2].strip()}').tap()
    assert f.own()==[0,1,2,3] and f.check()=='Right. basic_adam in the book'
    drag(grip(3), middle(f.page.locator('.ff-rest').bounding_box()))
    assert f.own()==[0,1,2] and f.check()=='Right so far. One line is missing.'
    f.line(2).tap()
    assert f.own()==[0,1]
    page.set_viewport_size({'width': 390, 'height': 300})
    x,y = middle(f.line(0).locator('code').bounding_box())
    drag((x, y), (x, y-120))
    page.wait_for_function('scrollY>40')
    assert f.own()==[0,1]
    context.close()

@BROWSER
def test_in_order_by_mouse(show):
    "A line is dragged from anywhere on it; a drag is no click; the arrows and Start again do what they say"
    f = show('name_model')
    def drag(i, to, by=0):
        x,y = middle(f.line(i).bounding_box())
        f.page.mouse.move(x, y)
        f.page.mouse.down()
        x,y = middle(to.bounding_box())
        f.page.mouse.move(x, y+by, steps=6)
        f.page.mouse.up()
    drag(1, f.page.locator('.ff-own'))
    assert f.own()==[1]
    drag(0, f.line(1), -10)
    assert f.own()==[0,1]
    for i in (3, 2, 4, 5): f.line(i).click()
    assert f.check().startswith('Line 3 comes too early')
    f.page.get_by_role('button', name=f'Down: {f.lines[3].strip()}').click()
    assert f.own()==[0,1,2,3,4,5] and f.check()=='Right. name_model in the book'
    drag(2, f.page.locator('.ff-rest'))
    f.line(7).click()
    drag(7, f.line(3), -10)
    assert f.own()==[0,1,7,3,4,5] and f.check().startswith('Line 3 does not belong here. What attention found is added to h.')
    f.page.get_by_role('button', name='Start again').click()
    assert f.own()==[] and f.told()==''

@BROWSER
@pytest.mark.parametrize('dark', [False, True])
@pytest.mark.parametrize('width', [390, 768, 1440])
def test_lines_can_be_read_and_hit(show, width, dark):
    "Empty, wrong and right: axe finds no fault, nothing is too wide, and what can be pressed is at least 24 pixels wide and high"
    from test_site import faults
    f = show('BasicNorm.forward', width=width, dark=dark)
    f.page.add_style_tag(content=GROUND)
    for lines,says in (((), 'There'), ((0, 7), 'Line 2 does not belong'), (range(7), 'Right.')):
        f.page.get_by_role('button', name='Start again').click()
        for i in lines: f.line(i).click()
        assert f.check().startswith(says)
        assert not (found := faults(f.page)), found
        assert f.page.evaluate('document.documentElement.scrollWidth')<=width
        boxes = [o.bounding_box() for o in f.page.locator('.ff-lines :is(button, .ff-grip)').locator('visible=true').all()]
        assert len(boxes)>9 and all(o['width']>=24 and o['height']>=24 for o in boxes)
        assert f.page.locator('.ff-line code').evaluate_all('l => l.every(o => o.scrollWidth <= o.clientWidth + 1)')

@BROWSER
@pytest.mark.parametrize('dark', [False, True])
def test_a_prediction_opens(page_for, tmp_path, dark):
    "One choice at a time, with the keyboard, and says whether it was right; nothing is told before"
    from test_site import faults
    path = tmp_path/'asked.html'
    path.write_text('<!doctype html><html lang="en"><head><meta name="viewport" content="width=device-width"><title>A</title>'
                    f'<style>:root {{ color-scheme: light dark }} {GROUND}</style></head><body><main><h1>A</h1>'
                    f'{ASKED._repr_html_()}</main></body></html>', encoding='utf-8')
    page = page_for(path, width=390, dark=dark)
    def visible(): return [o for o in ('Yes.', 'No: True.') if page.get_by_text(o, exact=True).locator('visible=true').count()]
    assert visible()==[] and not faults(page)
    page.keyboard.press('Tab')
    page.keyboard.press('Tab')
    page.keyboard.press('Enter')
    assert visible()==['No: True.'] and not faults(page)
    page.keyboard.press('Shift+Tab')
    page.keyboard.press('Space')
    assert visible()==['Yes.'] and not faults(page)
    assert all(o.bounding_box()['height']>=24 for o in page.locator('summary').all())
    assert page.evaluate('document.documentElement.scrollWidth')<=390
    page.emulate_media(media='print')
    assert visible()==[]
