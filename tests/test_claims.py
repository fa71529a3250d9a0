"A cell shows each number in the prose of the chapters, on all of MNIST and on the bundled sample, unless its sentence says on which."
import json, math, re, sys
from pathlib import Path
import pytest

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT/'tools'))
import road
from glossary import SENTENCE, blocks
from run_nbs import run

CHAPTERS = road.chapters()
NUMBER = r'(?<![\w.,^/-])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?( ?%)?(?![\w^/]|[.,]\d)'
NO_PROSE = r'^```.*?^```|<details>.*?</details>|`[^`\n]*`|\$\$?[^$]+\$\$?|\]\([^)]*\)|https?://\S+'
WHERE = r'\b(?:all of MNIST|full|sample)\b'

def numbers(text):
    "Tuples of a number in `text`: as it stands, its value, its decimal places, whether it is a percentage"
    return [(m[0], float(m[1].replace(',', '')+(m[2] or '')), len(m[2] or '.')-1, bool(m[3])) for m in re.finditer(NUMBER, text)]

def claims(cells):
    "Pairs of a sentence and the numbers in it that are measured: with decimal places or a percent sign"
    for cell in cells:
        if cell['cell_type']!='markdown': continue
        text = re.sub(NO_PROSE, ' ', road.source(cell), flags=re.M|re.S)
        if re.search(r'^## (Exercises|Questions)', text, re.M): return
        for block in blocks(text):
            for sentence in SENTENCE.split(' '.join(block.split())):
                found = [o for o in numbers(sentence) if o[2] or o[3]]
                if found: yield sentence,found

def shown(cells):
    "The numbers in the outputs of code cells and in their code, where what is given stands"
    texts = [road.source(c) for c in cells if c['cell_type']=='code']
    for c in cells:
        for o in c.get('outputs', []):
            texts += [''.join(o.get('text', '')), *(''.join(v) for k,v in o.get('data', {}).items() if k.startswith('text/'))]
    return {abs(float(o.replace(',', ''))) for o in re.findall(r'(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?', ' '.join(texts))}

def is_shown(number, values):
    "Whether one of `values` is `number` after rounding; a percentage may be shown as a fraction"
    _,v,places,percent = number
    if v and math.log10(v)%1==0: return True  # 0.001 and its like are examples
    return any(abs(o*scale-v)<=0.5000001*10**-places for scale in ((1,100) if percent else (1,)) for o in values)

def unshown(cells, values, told=None):
    "The numbers that are not among `values`, each with its sentence, unless that has a word of the pattern `told`"
    return [(n[0],sentence) for sentence,found in claims(cells) for n in found
            if not (told and re.search(told, sentence)) and not is_shown(n, values)]

def test_a_number_that_no_cell_shows_is_noticed():
    "Rounded ones and fractions for percentages are fine; what is said of one of the two data sets only is asked for there"
    said = 'It is 0.25, or 30 %, or 31 %. It is fully 0.5. On the sample it is 0.6.'
    cells = [{'cell_type': 'markdown', 'source': [said]},
             {'cell_type': 'code', 'source': ['f()'], 'outputs': [{'text': ['(0.2512, 0.3)']}]}]
    def missed(told=None): return [n for n,_ in unshown(cells, shown(cells), told)]
    assert missed()==['31 %', '0.5', '0.6'] and missed(WHERE)==['31 %', '0.5']

@pytest.mark.parametrize('page', CHAPTERS)
def test_a_cell_shows_each_number(page):
    cells = road.cells(page)
    assert unshown(cells, shown(cells))==[]

@pytest.mark.long
@pytest.mark.parametrize('page', CHAPTERS)
def test_on_the_sample_as_well(page, tmp_path, monkeypatch):
    monkeypatch.delenv('FASTFOUND_DATA', raising=False)
    monkeypatch.setenv('FASTFOUND_HOME', str(tmp_path))
    assert run(road.path(page), to=tmp_path/'page.ipynb')==''
    cells = json.loads((tmp_path/'page.ipynb').read_text(encoding='utf-8'))['cells']
    assert unshown(cells, shown(cells), WHERE)==[]

LAST,EACH = r'([\d.,]+)$',r'\d[\d.]*'  # the last number of each row of a table; each number
TIMES = [  # a page, the beginning of a cell that measures times, the numbers of its output, and what the prose says of them
    ('01_matmul', 'def product_of_lists', EACH, lambda gap: gap>30),
    ('01_matmul', 'out,one = ', EACH, lambda fraction,without: 0.5<fraction<0.95 and without>10),
    ('01_matmul', "[times[k]/passes*1e6", EACH, lambda *microseconds: max(microseconds)<3*min(microseconds)),
    ('01_matmul', 'try_product(operator.matmul', LAST, lambda *faster: rising(faster) and faster[-1]>10_000),
    ('01a_einsum', 'def ratio', LAST, lambda small,large,larger: small<0.8<min(large,larger)),
    ('01b_kernels', 'n = 512', r'^([\d.]+) times faster', lambda faster: faster>1.5),
    ('01b_kernels', '@_compiled\ndef _order_ijl', LAST, lambda *speeds: rising(speeds[::-1])),
    ('01b_kernels', 'def relative', LAST, lambda *speeds: rising(speeds) and 0.75<speeds[-1]<1.2),
    ('03b_engine', 'def ratio', LAST, lambda large,small: large<1.5<small),
    ('07b_resnet_by_hand', 'xb,yb = x_train', LAST, lambda theirs,ours: theirs==1<ours),
    ('09_attention', 'x64,y64,real64', r"time': ([\d.]+)", lambda times: 1<times<3)]

def rising(values): return all(a<b for a,b in zip(values, values[1:]))

@pytest.mark.parametrize('page,begin,pattern,holds', TIMES, ids=[f'{page}: {begin[:20]}' for page,begin,*_ in TIMES])
def test_the_times_that_a_page_shows_bear_it_out(page, begin, pattern, holds):
    "They are measured once and read ever after, so no machine that was slow or busy for a moment may have made them"
    cell, = (c for c in road.cells(page) if road.source(c).startswith(begin))
    text = ''.join(''.join(o.get('text') or o['data']['text/plain']) for o in cell['outputs'])
    values = [float(o.replace(',', '')) for o in re.findall(pattern, text, re.M)]
    assert holds(*values), values
