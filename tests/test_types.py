"Annotations: the package says that it has some, a wrong one is reported, and no report is silenced without a reason."
import json, re, subprocess, sys
from pathlib import Path
import pytest

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]

def flags():
    "The settings of mypy, which stand in the Makefile"
    text = (ROOT/'Makefile').read_text(encoding='utf-8')
    left_out = re.search(r'^LEFT_OUT := (.*)$', text, re.M)[1].split()
    mild = re.search(r'^MYPY := (.*?) \$\(addprefix', text, re.M)[1].split()
    return [*mild, *(f'--disable-error-code={o}' for o in left_out)]

TRUE = '''
def half(x:float=None) -> float:
    x = str(x)
    return float(x)/2
class Number: pass
def double(n): return 1+'1'
def twice(n:Number) -> list: return [n.twice()]
'''  # a default of None, a name for another value, no annotations, and a method that was added elsewhere
WRONG = {'result': ('def half(x:int) -> str: return x/2', 'Incompatible return value type (got "float", expected "str")'),
         'default': ('def half(x:int="two") -> float: return x/2', 'Incompatible default for parameter "x"'),
         'argument': ('def half(x:int) -> float: return x/2\ndef one() -> float: return half("2")',
                      'Argument 1 to "half" has incompatible type'),
         'name': ('def half(x:Number) -> float: return x/2', 'Name "Number" is not defined')}

@pytest.fixture(scope='module')
def reports(tmp_path_factory):
    "What mypy says of these programs, in one run"
    folder = tmp_path_factory.mktemp('types')
    for name,code in {'true': TRUE, **{k: code for k,(code,_) in WRONG.items()}}.items(): (folder/f'{name}.py').write_text(code)
    r = subprocess.run([sys.executable, '-m', 'mypy', *flags(), '.'], cwd=folder, capture_output=True, text=True)
    assert r.stderr=='' and r.returncode==1
    return r.stdout

def test_what_is_true_passes(reports): assert 'true.py' not in reports

@pytest.mark.parametrize('name', WRONG)
def test_what_is_wrong_is_reported(reports, name): assert re.search(rf'^{name}.py:\d+: error: {re.escape(WRONG[name][1])}', reports, re.M)

def test_the_package_says_that_it_has_annotations():
    assert (ROOT/'fastfound/py.typed').exists() and 'fastfound/py.typed' in (ROOT/'MANIFEST.in').read_text(encoding='utf-8')

def test_no_report_is_silenced_without_a_reason():
    "`# type: ignore[code]`, then the reason in the same line"
    cells = [''.join(c['source']) for p in sorted((ROOT/'nbs').rglob('*.ipynb')) if '.ipynb_checkpoints' not in p.parts
             for c in json.loads(p.read_text(encoding='utf-8'))['cells'] if c['cell_type']=='code']
    silenced = [o for text in cells for o in text.splitlines() if 'type: ignore' in o]
    assert [o for o in silenced if not re.search(r'# type: ignore\[[\w, -]+\]  # \w.{10}', o)]==[]
