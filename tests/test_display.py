"What is shown: graphs of any kind as well-formed SVG in which no two boxes touch, and progress bars that leave nothing in a saved notebook."
import io, random, re, sys
import xml.etree.ElementTree as ET
import pytest
from hypothesis import given, strategies as st
from fastfound import files
from fastfound.engine import Tensor
from fastfound.graphs import Graph, gv
from fastfound.display import progress_bar

pytestmark = pytest.mark.not_numerical

SVG = '{http://www.w3.org/2000/svg}'

def boxes(svg):
    "The left, top, right and bottom of each box, by what it says"
    root = ET.fromstring(svg)
    rects = [tuple(float(o.get(k)) for k in ('x','y','width','height')) for o in root.iter(f'{SVG}rect')]
    says = [o.text for o in root.iter(f'{SVG}text') if o.get('font-size')=='13']
    assert len(rects)==len(says)
    return {s: (x, y, x+w, y+h) for s,(x,y,w,h) in zip(says, rects)}

def apart(a, b): return a[2]<=b[0] or b[2]<=a[0] or a[3]<=b[1] or b[3]<=a[1]

def test_any_graph_can_be_drawn():
    rng = random.Random(0)
    for _ in range(300):
        n,down = rng.randint(1,9),rng.random()<.5
        names = [f'box {i}' + 'x'*rng.randint(0,9) for i in range(n)]
        edges = [(rng.choice(names), rng.choice(names), rng.choice(['','a<b&c','256×10'])) for _ in range(rng.randint(1, 2*n))]
        acyclic = rng.random()<.5
        if acyclic: edges = [(a,b,t) if a<b else (b,a,t) for a,b,t in edges if a!=b]
        g = Graph(edges, labels={names[0]: '"quoted" <name>'}, down=down)
        svg = g._repr_svg_()
        at = boxes(svg)
        assert set(at)=={g.label(o) for o in g.boxes()}
        view = [float(o) for o in re.search(r'viewBox="([^"]+)"', svg)[1].split()]
        for box in at.values(): assert view[0]<=box[0]+.5 and view[1]<=box[1]+.5 and box[2]<=view[0]+view[2]+.5 and box[3]<=view[1]+view[3]+.5
        pairs = [(a,b) for i,a in enumerate(at.values()) for b in list(at.values())[:i]]
        assert all(apart(a, b) for a,b in pairs), repr(g)
        if acyclic: assert all(at[g.label(a)][2+down]<at[g.label(b)][down] for a,b,_ in edges), repr(g)

ANY = st.text(st.characters(codec=None, categories=None), max_size=8)

@given(ANY, ANY, ANY, ANY)
def test_any_text(tmp_path_factory, a, b, text, color):
    "Control characters, quotes and halves of characters: the SVG stays well-formed and can be saved"
    g = Graph([(a, b, text)], labels={a: text}, colors={b: color})
    path = tmp_path_factory.mktemp('t')/'g.svg'
    g.save(str(path))
    assert ET.parse(path).getroot().tag==f'{SVG}svg'

def test_saved_by_string(tmp_path):
    gv('a->b').save(f'{tmp_path}/x.svg')
    assert set(boxes((tmp_path/'x.svg').read_text(encoding='utf-8')))=={'a', 'b'}

def test_words_of_graphviz():
    g = gv('''ordering=in
model[shape=box3d width=1 height=0.7 label=architecture]
inputs->model->predictions; parameters->model; labels->loss; predictions->loss
loss->parameters[constraint=false label=update]''')
    assert repr(g).splitlines()[-1]=='loss -> parameters  update' and 'inputs -> architecture' in repr(g) and not g.down
    assert gv('rankdir="TB"; a->b').down and gv('a').boxes()==['a'] and gv('"two words"->b').boxes()==['two words','b']
    assert boxes(gv('')._repr_svg_())=={}
    assert repr(gv('a->b[label="x; y"];b->c'))=='a -> b  x; y\nb -> c'

def test_picture_is_saved_whole_or_not_at_all(tmp_path, monkeypatch):
    w = Tensor([[1.,2.]], requires_grad=True)
    picture = (w*2).sum().graph(w=w)
    picture.save(tmp_path/'tape.svg')
    assert set(boxes((tmp_path/'tape.svg').read_text(encoding='utf-8')))=={'w','×','2','sum'}
    monkeypatch.setattr(files.os, 'replace', lambda *a: (_ for _ in ()).throw(OSError('disk full')))
    before = (tmp_path/'tape.svg').read_bytes()
    with pytest.raises(OSError): gv('a->b').save(tmp_path/'tape.svg')
    assert (tmp_path/'tape.svg').read_bytes()==before and [o.name for o in tmp_path.iterdir()]==['tape.svg']

# Progress bars, in cells that are run as a notebook and saved

IMPORT = """import sys, time
from IPython.display import display
from fastfound.display import Live, Table, progress_bar
def work(**kw):
    for _ in progress_bar(range(5), mininterval=0, **kw): time.sleep(.01)
def train():
    live = Live()
    for epoch in range(3):
        work(live=live)
        live.show(Table([dict(epoch=i) for i in range(epoch+1)]))"""
ROWS = ('display_data', 'epoch\n0    \n1    \n2    ')
EMPTY,BEFORE,AFTER = ('display_data', ''),('stream', 'before\n'),('stream', 'after\n')

CELLS = {  # and what is saved of them
    IMPORT: [], 'work()': [], 'work(); work()\nwork()': [], 'work(quiet=True)': [], 'work()\n1': [('execute_result', '1')], 'work()\nprint("after")': [AFTER],
    'try:\n    for i in progress_bar(range(5), mininterval=0): 1/(i-2)\nexcept ZeroDivisionError: pass': [],
    'train()': [ROWS], 'train()\nprint("after")': [ROWS, AFTER], 'print("before")\ntrain()': [BEFORE, ROWS],
    # what the cell has shown before must stay, and then the bar cannot be taken away, only emptied
    'print("before")\nwork()': [BEFORE, EMPTY], 'print("before", file=sys.stderr)\nwork()\n2': [BEFORE, EMPTY, ('execute_result', '2')],
    'display(1)\nwork()\nprint("after")': [('display_data', '1'), EMPTY, AFTER], 'for i in progress_bar(range(2), mininterval=0): i and print("within")': [EMPTY, ('stream', 'within\n')],
    # while it runs
    'bar = progress_bar(total=4, desc="half", bar_format="{desc}{percentage:3.0f}%")\nbar.update(2)\nbar.refresh();': [('display_data', 'half 50%')],
    'live = Live()\nlive.show(Table([dict(epoch=0)]))\nbar2 = progress_bar(total=4, live=live, bar_format="{n} of 4")\nbar2.update(2)\nbar2.refresh();': [('display_data', 'epoch\n0    \n2 of 4')]}

@pytest.fixture(scope='module')
def saved():
    "What is saved of each cell"
    import nbformat  # takes seconds, and only this needs it
    from nbclient import NotebookClient
    with pytest.MonkeyPatch.context() as m:
        m.delenv('IN_TEST', raising=False)
        nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(o) for o in CELLS])
        NotebookClient(nb, timeout=None, kernel_name='python3', extra_arguments=['--log-level=ERROR']).execute()
    return {c.source: [(o.output_type, o.get('text') or o.data.get('text/plain')) for o in c.outputs] for c in nb.cells}

@pytest.mark.parametrize('cell', CELLS)
def test_bars_in_a_notebook(saved, cell): assert saved[cell]==CELLS[cell]

def test_silent_where_nobody_watches(monkeypatch):
    monkeypatch.setattr(sys, 'stderr', io.StringIO())
    assert list(progress_bar(range(3)))==[0,1,2] and sys.stderr.getvalue()==''
