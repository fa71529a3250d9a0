"Notebooks on the machines of others: what a page needs besides the package, its first cell, and a host of notebooks with older packages."
import ast, os, re, subprocess, sys, threading
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
import nbformat, pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT/'tools'))
import elsewhere, first_cell, road
from run_nbs import run_all

elsewhere_only = pytest.mark.elsewhere
PAGES = ['index', *road.pages()]

def plain(name): return re.sub(r'[-_.]+', '-', name).lower()

@cache
def brought(*names):
    "The packages that come with packages `names`, here and now"
    found,todo = set(),[*names]
    while todo:
        name = plain(todo.pop())
        if name in found: continue
        found.add(name)
        try: needs = map(Requirement, requires(name) or [])
        except PackageNotFoundError: needs = ()  # an extra that is not installed here
        todo += [o.name for o in needs if not o.marker or o.marker.evaluate({'extra': ''})]
    return found

def used(code):
    "The modules that `code` imports or asks for by name, from others"
    for o in ast.walk(ast.parse(re.sub(r'^(\s*)[%!].*', r'\1pass', code, flags=re.M))):
        if isinstance(o, ast.Import): yield from (a.name for a in o.names)
        elif isinstance(o, ast.ImportFrom): yield o.module
        elif isinstance(o, ast.Call) and getattr(o.func, 'id', '') in ('import_module', 'find_spec', 'LazyModule'):
            if isinstance(o.args[0], ast.Constant): yield o.args[0].value

distributions = cache(packages_distributions)

@pytest.mark.parametrize('page', PAGES)
def test_the_first_cell_installs_what_a_page_uses(page):
    "What comes neither with Python, nor with the package, nor with a Jupyter kernel; sympy and jinja2 come with PyTorch"
    code = '\n'.join(road.source(c) for c in road.cells(page) if c['cell_type']=='code')
    tops = {o.partition('.')[0] for o in used(code)}-sys.stdlib_module_names-{'fastfound'}
    extras = {*first_cell.EXTRAS.get(page, '').split()}
    names = {plain(name) for o in tops for name in distributions().get(o, [o])}
    assert names-(brought('fastfound', 'ipykernel')|brought(*sorted(extras))-extras)-{'triton'}==extras  # PyTorch for GPUs brings triton

@pytest.mark.parametrize('page', PAGES)
def test_a_page_reads_no_file_of_the_repository(page):
    "Alone, there is nothing above it and nothing beside it"
    code = '\n'.join(road.source(c) for c in road.cells(page) if c['cell_type']=='code')
    found = [*ast.walk(ast.parse(re.sub(r'^(\s*)[%!].*', r'\1pass', code, flags=re.M)))]
    told = {id(v) for o in found if isinstance(o, ast.JoinedStr) for v in o.values}  # parts of a message
    text = [o.value for o in found if isinstance(o, ast.Constant) and isinstance(o.value, str) and id(o) not in told]
    assert [o for o in text if re.match(r'(\.\./|tools/|bench/|tests/|nbs/)', o) or re.fullmatch(r'[\w/]+\.ipynb', o)]==[]

# --- a host like Colab, in the versions that it had in 2026 ---
HOST = ['numpy==2.0.2', 'pandas==2.2.2', 'matplotlib==3.10.0', 'ipykernel==6.17.1', 'ipython==7.34.0', 'tqdm']
HANDFUL = ['index', '00_datasets', '01_matmul', '04_mnist_sgd', '05_training_loop', '07_resnet', '09_attention']

@pytest.fixture(scope='session')
def host(tmp_path_factory):
    "The Python of such a host, without the package"
    torch = re.search(r'^torch==\S+', (ROOT/'constraints.txt').read_text(encoding='utf-8'), re.M)[0]
    return elsewhere.make_environment(tmp_path_factory.mktemp('host')/'env', [torch, *HOST])

@pytest.fixture(scope='session')
def address(tmp_path_factory):
    "The address of a zip of this tree, as the one of the branch in `install_from`"
    folder = tmp_path_factory.mktemp('served')
    def git(*args): return subprocess.run(['git', *args], cwd=ROOT, env=env, check=True, capture_output=True, text=True).stdout.strip()
    env = os.environ | {'GIT_INDEX_FILE': str(folder/'index')}
    git('read-tree', 'HEAD')
    git('add', '-A')
    git('archive', '--format=zip', '--prefix=fastfound-main/', '-o', str(folder/'main.zip'), git('write-tree'))
    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args): pass
    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}/main.zip'
    server.shutdown()
    server.server_close()

def first_cell_only(nb, address=None, then=''):
    "The notebook with its first cell, which installs from `address`, and a cell with the code `then`"
    cell = nb['cells'][0]
    if address: cell['source'] = re.sub(r'https://[^"]+', address, ''.join(cell['source']))
    second = {'cell_type': 'code', 'id': 'second', 'metadata': {}, 'execution_count': None, 'outputs': [], 'source': then}
    return nb | {'cells': [cell, second]}

def outputs(path): return [''.join(o.get('text', o.get('evalue', ''))) for c in nbformat.read(path, 4).cells for o in c.outputs]

@pytest.fixture(scope='session')
def installed(host, address, tmp_path_factory):
    "The Python of the host after the first cell was run there: without a network, and with one"
    page,folder = road.path('03_backprop'),tmp_path_factory.mktemp('told')
    offline = elsewhere.run_elsewhere(page, host, change=first_cell_only, skip=())
    then = 'import fastfound, fastfound.datasets, numpy; numpy.__version__, fastfound.datasets.get_mnist("sample")'
    online = elsewhere.run_elsewhere(page, host, change=partial(first_cell_only, address=address, then=then), network=True, skip=(),
                                     to=folder/'online.ipynb')
    return host,offline,online or nbformat.read(folder/'online.ipynb', 4)

@elsewhere_only
def test_without_a_network_the_first_cell_says_what_to_do(installed):
    "In few words of pip's own"
    text = re.sub('\x1b' + r'\[[\d;]*m', '', installed[1])
    assert 'ModuleNotFoundError: fastfound is not installed here and could not be fetched. With a network, run this cell again.' in text

@elsewhere_only
def test_the_first_cell_installs_and_the_next_imports(installed):
    "In the same kernel, from a zip without git, with all data, and without touching NumPy"
    nb = installed[2]
    assert not isinstance(nb, str), nb
    said = ''.join(o.text for o in nb.cells[0].outputs).replace('Note: you may need to restart the kernel to use updated packages.', '')
    assert not said.strip(), said
    assert nb.cells[1].outputs[0].data['text/plain']=="('2.0.2', Mnist(sample: 4,000 digits to train on, 1,000 to test on))"

@elsewhere_only
def test_pages_run_on_a_host(installed, tmp_path):
    "Where only the current folder can be written to: the home is a file"
    (tmp_path/'home').write_text('no folder')
    assert run_all([road.path(o) for o in HANDFUL], run=elsewhere.run_elsewhere, python=installed[0], home=tmp_path/'home', skip=())[0]==0

@elsewhere_only
@pytest.mark.parametrize('page', ['index', '00_datasets', '05_training_loop'])
def test_a_page_becomes_html(installed, tmp_path, page):
    "With figures, and nothing left of progress bars"
    (tmp_path/'home').mkdir()
    elsewhere.kernel(installed[0], tmp_path)
    how = ['--to', 'html', '--execute', '--ExecutePreprocessor.kernel_name=stranger', '--output-dir', tmp_path]
    cmd = ['-m', 'nbconvert', *how, road.path(page)]
    env = elsewhere.strange(tmp_path/'home') | {'JUPYTER_PATH': str(tmp_path)}
    r = subprocess.run([sys.executable, *map(str, cmd)], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert r.returncode==0, r.stderr
    html = (tmp_path/f'{page}.html').read_text(encoding='utf-8')
    assert html.count('<svg')+html.count('<img')>1 and 'Traceback' not in html and not re.search(r'\d+%\|', html)
