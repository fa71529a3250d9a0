"Graphs of any kind are well-formed SVG in which no two boxes touch, and are saved whole."
import random, re
import xml.etree.ElementTree as ET
import pytest
from hypothesis import given, strategies as st
from fastfound import files
from fastfound.engine import Tensor
from fastfound.graphs import Graph, gv

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
        for left,top,right,bottom in at.values():
            assert view[0]<=left+.5 and view[1]<=top+.5 and right<=view[0]+view[2]+.5 and bottom<=view[1]+view[3]+.5
        pairs = [(a,b) for i,a in enumerate(at.values()) for b in list(at.values())[:i]]
        assert all(apart(a, b) for a,b in pairs), repr(g)
        if acyclic: assert all(at[g.label(a)][2+down]<at[g.label(b)][down] for a,b,_ in edges), repr(g)

def stops(g):
    "How many corners the lines of a picture have"
    return sum(len(o.split()) for o in re.findall(r'<path d="M[^C]*C([^"]*)" fill="none"', g._repr_svg_()))

@pytest.mark.parametrize('make', [
    lambda n: [('x', f'{i}', 'a') for i in range(n)] + [(f'{i}', f'{i+1}', '') for i in range(n)],          # one box with an arrow to each
    lambda n: [(f'{i}', 'x', 'a') for i in range(n)] + [(f'{i}', f'{i+1}', '') for i in range(n)],          # and one from each
    lambda n: [(f'{i}', f'{i+1}', '') for i in range(n)]], ids=['from', 'to', 'chain'])
def test_the_lines_of_a_picture_grow_as_its_arrows(make):
    "Arrows of one box are one line as far as they go together: twice the arrows, twice the corners"
    few,many = [stops(Graph(make(n), down=True)) for n in (40, 80)]
    assert few>40 and many<2.2*few

def test_shared_lines():
    "What leaves one box with one text, or ends in one, shares a line; each text is written once, and each line has one arrowhead"
    chain = 'a->b->c->d->e; '
    for more,heads,texts in (('', 4, 0), ('a->d[label=t]; a->e[label=t]', 6, 1), ('a->d[label=t]; a->e[label=u]', 6, 2),
                             ('a->e[label=t]; b->e[label=t]', 5, 2), ('a->e[label=t]; b->e[label=u]', 6, 2)):
        svg = gv(chain+more)._repr_svg_()
        assert (svg.count('marker-end'), svg.count('font-size="11"'))==(heads, texts), more
        assert svg.count('<path d="M')==1+4+2*bool(more)

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
