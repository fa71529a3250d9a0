"What the tests share: a notebook run as a script, a small stand-in for the four files of MNIST, and mirrors that misbehave."
import gzip, hashlib, json, os, signal, subprocess, sys, textwrap, threading, time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
import pytest, torch
from hypothesis import settings
from fastfound import datasets
from fastfound import files as files_module

# a shell lets background jobs ignore Ctrl-C, and the programs that tests start would, too
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ['browser']

MARKS = {
    'long': 'starts whole programs, or trains on all of MNIST, for seconds each; left to `make test ARGS=--long` and to .ci/run',
    'nightly': 'needs minutes; run by `make test ARGS=--nightly` and by a workflow each night',
    'not_numerical': 'about files, processes and words, which no processor rounds; left out by `python tools/test.py --numerical`',
    'browser': 'needs a browser, and the tests of the site need the site; run by `make test ARGS=--browser`',
    'elsewhere': 'needs an environment that the package registry fills; run by `make test ARGS=--elsewhere`'}

def pytest_configure(config):
    for name,about in MARKS.items(): config.addinivalue_line('markers', f'{name}: {about}')

def pytest_deselected(items):
    "Tell the process that started this one how many tests it leaves out"
    if hasattr(items[0].config, 'workeroutput'): items[0].config.workeroutput['left_out'] = len(items)

settings.register_profile('patient', deadline=None)  # a busy machine is no failure
settings.load_profile('patient')

@pytest.fixture(autouse=True)
def no_profile_is_left():
    "What watches an answer stops with its check: every later call of Python would be slower"
    yield
    assert (sys.getprofile(),threading.getprofile())==(None,None)

integers = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]

def draw(dtype, *shape):
    "Random numbers of `dtype`, over all its range where it is an integer"
    if dtype in integers: return torch.randint(torch.iinfo(dtype).min, torch.iinfo(dtype).max, shape, dtype=dtype)
    return torch.randn(shape, dtype=dtype)

def run_page(name, folder, before='', after='', change=str):
    "Run the code cells of the notebook `name` as one script in `folder`; `change` may edit them"
    nb = json.loads(next((Path(__file__).parents[1]/'nbs').rglob(f'{name}.ipynb')).read_text(encoding='utf-8'))
    cells = [''.join(c['source']) for c in nb['cells'] if c['cell_type']=='code']
    code = '\n'.join(change(o) for o in cells if '#| full' not in o and '%pip' not in o)
    (folder/'page.py').write_text(f'{before}\n{code}\n{after}', encoding='utf-8')
    return subprocess.run([sys.executable, 'page.py'], cwd=folder, capture_output=True, text=True, env={**os.environ, 'MPLBACKEND': 'agg'})

def published(folder):
    "Write four small IDX files to `folder`, gzipped, and return what `MNIST_FILES` would say of them"
    g = torch.Generator().manual_seed(0)
    def images(n): return torch.randint(0, 256, (n,28,28), dtype=torch.uint8, generator=g)
    def labels(n): return torch.arange(n, dtype=torch.uint8)%10
    tensors = images(60), labels(60), images(20), labels(20)
    files = {}
    for name,t in zip(datasets.MNIST_FILES, tensors):
        datasets.write_idx(folder/f'{name}.gz', t)
        data = gzip.decompress((folder/f'{name}.gz').read_bytes())
        files[name] = files_module.FileInfo(len(data), hashlib.sha256(data).hexdigest())
    return files

@pytest.fixture
def files(tmp_path, monkeypatch):
    "A folder with four small files that count as published, an empty cache, and mirrors that may be slow and need no encryption"
    folder = tmp_path/'published'
    monkeypatch.setattr(datasets, 'MNIST_FILES', published(folder))
    monkeypatch.setattr(files_module, '_SCHEMES', ('https','http'))
    monkeypatch.setattr(files_module, '_PATIENCE', (60,60))  # a busy machine is slow
    monkeypatch.setenv('FASTFOUND_HOME', str(tmp_path/'home'))
    for o in ('DATA', 'OFFLINE', 'MIRRORS'): monkeypatch.delenv(f'FASTFOUND_{o}', raising=False)
    for o in ('http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'): monkeypatch.delenv(o, raising=False)
    monkeypatch.setattr(files_module, 'getproxies', dict)
    return folder

@cache
def bomb(): return gzip.compress(bytes(10**8))

class Mirror(BaseHTTPRequestHandler):
    "Serves `/HOW/FILE`, where HOW says what to do to the file"
    def log_message(self, *args): pass
    def do_GET(self):
        how,name = self.path.strip('/').split('/')
        self.server.asked.append((how,name))
        data = (self.server.folder/name).read_bytes()
        status,stated = 200,None
        if how=='hang_once': how = 'hang' if 'train-images' in name else 'missing'
        if how=='flaky': how = 'unavailable' if self.server.asked.count((how,name))==1 else 'good'
        if how=='hang': return self.server.over.wait(60)
        if how=='reset': return self.connection.close()
        if how=='missing': status,data = 404,b'no such file'
        if how=='unavailable': status,data = 503,b'come back later'
        if how=='page': data = b'<!DOCTYPE html><html>We have moved!</html>'
        if how=='cut': stated,data = len(data),data[:len(data)//2]
        if how=='cut_unstated': stated,data = 0,data[:len(data)//2]
        if how=='other': data = gzip.compress(b'\0\0\x08\x01\0\0\0\1\7')
        if how=='same_size': data = gzip.compress(bytes(len(gzip.decompress(data))))
        if how=='same_length': data = bytes(len(data))
        if how=='endless': data = data + bytes(10**6)
        if how=='bomb': data = bomb()
        self.send_response(status)
        if stated!=0: self.send_header('Content-Length', str(stated or len(data)))
        self.end_headers()
        try:
            if how=='slow':
                for i in range(0, len(data), 400):
                    self.wfile.write(data[i:i+400])
                    self.wfile.flush()
                    if self.server.over.wait(0.05): return
            else: self.wfile.write(data)
        except OSError: pass  # the client has had enough

@pytest.fixture
def mirror(files, monkeypatch):
    "A function from ways to misbehave to the mirrors that do so, which are then used; its `asked` lists what was requested"
    server = ThreadingHTTPServer(('127.0.0.1', 0), Mirror)
    server.daemon_threads,server.folder,server.asked,server.over = True,files,[],threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    def use(*hows):
        urls = [f'http://127.0.0.1:{server.server_port}/{how}/' for how in hows]
        monkeypatch.setenv('FASTFOUND_MIRRORS', ' '.join(urls))
        return urls
    use.asked = server.asked
    yield use
    server.over.set()
    server.shutdown()
    server.server_close()

def start(code):
    "A process that waits for `go` and then runs `code`; the small files count as published there too"
    script = textwrap.dedent('''
        import sys, pathlib
        sys.path.insert(0, {tests!r})
        from conftest import published
        from fastfound import datasets, files
        from fastfound.datasets import *
        from PIL import Image
        import tempfile
        with tempfile.TemporaryDirectory() as d: datasets.MNIST_FILES = published(pathlib.Path(d))
        files.getproxies,files._SCHEMES = dict,('https','http')
        print('ready', flush=True)
        sys.stdin.readline()
        ''').format(tests=str(Path(__file__).parent)) + textwrap.dedent(code)
    p = subprocess.Popen([sys.executable, '-c', script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert p.stdout.readline()=='ready\n'
    return p

def go(p): p.stdin.write('\n'); p.stdin.flush()

def wait_for(what, seconds=300):
    end = time.monotonic()+seconds
    while not what():
        assert time.monotonic()<end, 'waited too long'
        time.sleep(0.01)

def same(got, want, tol=1e-10, equal_nan=False):
    "Equal shapes, and values equal to `tol`: relative where they are above 1, since a gradient of zeros has no scale of its own"
    assert got.shape==want.shape and got.dtype==want.dtype
    largest = want.nan_to_num(0,0,0).abs().max().item() if want.numel() else 1
    torch.testing.assert_close(got, want, rtol=0, atol=tol*max(1, largest), equal_nan=equal_nan)
