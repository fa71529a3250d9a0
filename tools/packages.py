"Build the sdist and the wheel of a tree, look at what is in them, and try them: alone in an empty environment, and from a package index."
import email, os, re, socket, subprocess, sys, tarfile, time, urllib.request, zipfile
from pathlib import Path

MOST = 4_000_000  # bytes of a package: the book's data is a quarter of that
EXPECTED = {'settings.ini', 'setup.py', 'MANIFEST.in', 'README.md', 'LICENSE', 'constraints.txt'}  # in an sdist, beside the package

def run(*cmd, cwd=None, env=None):
    "What a command prints; if it fails, end with all that it said"
    cmd = [*map(str, cmd)]
    try: r = subprocess.run(cmd, cwd=cwd, env=env, text=True, encoding='utf-8', stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError: sys.exit(f'{cmd[0]}: no such program; install it first')
    if r.returncode: sys.exit(f'{r.stdout}\nfailed with status {r.returncode}: {" ".join(cmd)}')
    return r.stdout

def step(text, since):
    "Tell that a step is done, and return the time"
    print(f'ok    {text} ({time.monotonic()-since:.0f} s)', flush=True)
    return time.monotonic()

def build(root, out):
    "The sdist and the wheel of the tree at `root`; the wheel is made from what the sdist holds"
    run(sys.executable, '-m', 'build', '--outdir', out, root)
    (sdist,),(wheel,) = out.glob('*.tar.gz'),out.glob('*.whl')
    run(sys.executable, '-m', 'twine', 'check', '--strict', sdist, wheel)
    return sdist,wheel

def contents(path):
    "The files in a package, from name to bytes; the folder in which an sdist packs everything is left out"
    if path.suffix=='.whl':
        with zipfile.ZipFile(path) as z: return {o.filename: z.read(o) for o in z.infolist() if not o.is_dir()}
    with tarfile.open(path) as t: return {o.name.partition('/')[2]: t.extractfile(o).read() for o in t if o.isfile()}

def problems(path, lib, version, tracked, folders):
    "What is wrong with a package: it holds the files `tracked` of its library and no other, tells `version`, and names none of `folders`"
    files,found = contents(path),[]
    wheel = path.suffix=='.whl'
    info = f'{lib}-{version}.dist-info/' if wheel else f'{lib}.egg-info/'
    metadata = email.message_from_bytes(files.get(f'{info}METADATA' if wheel else 'PKG-INFO', b''))
    extra = {f'{info}{o}' for o in ('METADATA', 'WHEEL', 'RECORD', 'entry_points.txt', 'top_level.txt', 'licenses/LICENSE')} if wheel else \
        EXPECTED | {'PKG-INFO', 'setup.cfg'} | {o for o in files if o.startswith(info)}
    name = f'{lib}-{version}-py3-none-any.whl' if wheel else f'{lib}-{version}.tar.gz'
    if path.name!=name: found.append(f'the name is not {name}')
    if (metadata['Name'], metadata['Version'])!=(lib, version):
        found.append(f'the metadata say {metadata["Name"]} {metadata["Version"]}, not {lib} {version}')
    missing,more = sorted((extra|tracked)-files.keys()),sorted(files.keys()-extra-tracked)
    if missing: found.append(f'missing: {", ".join(missing)} (does MANIFEST.in name them?)')
    if more: found.append(f'not wanted: {", ".join(more)} (are they committed, or to be pruned in MANIFEST.in?)')
    found += [f'{name} names a folder of this machine: {o}' for name,data in files.items() for o in folders if o.encode() in data]
    if (size := path.stat().st_size)>MOST: found.append(f'{size:,} bytes, over {MOST:,}')
    return [f'{path.name}: {o}' for o in found]

def index_problems(wheel):
    "What an index would not accept or not show: unknown classifiers, and addresses in the README that lead nowhere there"
    from readme_renderer.markdown import render
    from trove_classifiers import classifiers
    metadata = email.message_from_bytes(next(o for name,o in contents(wheel).items() if name.endswith('/METADATA')))
    text = metadata.get_payload(decode=True).decode()
    unknown = [o for o in metadata.get_all('Classifier') if o not in classifiers]
    local = re.findall(r'(?:src|href)="(?!https?://|#)([^"]*)"', render(text) or '')
    return [*(f'no such classifier: {o}' for o in unknown), *(f'the README leads nowhere on an index: {o}' for o in local)]

def files_of(root, lib): return {*run('git', 'ls-files', lib, cwd=root).split()}

def check(sdist, wheel, root, lib, version):
    "End with all that is wrong with the packages of the tree at `root`; return their sizes in words"
    tracked = files_of(root, lib)
    folders = [f'{o}{os.sep}' for o in {Path(root).resolve(), Path(__file__).parents[1], Path.home()}]
    found = [o for path in (sdist, wheel) for o in problems(path, lib, version, tracked, folders)] + index_problems(wheel)
    if found: sys.exit('the packages can not be released:\n' + '\n'.join(found))
    return ', '.join(f'{o.name} {o.stat().st_size/1000:,.0f} kB, {len(contents(o))} files' for o in (sdist, wheel))

def alone(env, constraints):
    "Make an empty virtual environment, and return its Python; CPU=1 takes the small PyTorch without CUDA"
    run(sys.executable, '-m', 'venv', env)
    python = env/('Scripts/python.exe' if os.name=='nt' else 'bin/python')
    if os.environ.get('CPU'):
        run(sys.executable, '-m', 'pip', 'install', '-q', 'uv')
        run(sys.executable, '-m', 'uv', 'pip', 'install', '-q', '-p', python, '--torch-backend=cpu', '-c', constraints, 'torch')
    return python

def same(python, lib, wheel):
    "End unless what is installed for `python` is what the wheel holds; how it was installed may differ"
    where = Path(run(python, '-I', '-c', f'import {lib}; print({lib}.__path__[0])').strip()).parent
    held = {name: data for name,data in contents(wheel).items() if not name.endswith(('/RECORD', '/WHEEL'))}
    differ = [name for name,data in held.items() if not (where/name).exists() or (where/name).read_bytes()!=data]
    if differ: sys.exit(f'installed, and not as {wheel.name} has it: {", ".join(differ)}')

def use(python, lib, version, tracked, folder):
    """Use the package installed for `python`, in the new folder `folder`: its program, modules, data and page. What the doctor says.

    There is no network and no data but the bundled, and warnings of ours are errors."""
    folder.mkdir()
    modules = [o.removesuffix('.py').replace('/', '.') for o in sorted(tracked) if re.fullmatch(rf'{lib}/[a-z]\w*\.py', o)]
    env = {k: v for k,v in os.environ.items() if k not in ('PYTHONPATH', 'FASTFOUND_DATA', 'VIRTUAL_ENV')}
    env |= {'FASTFOUND_OFFLINE': '1', 'FASTFOUND_HOME': str(folder/'home'), 'MPLBACKEND': 'agg',
            'PYTHONWARNINGS': ','.join(f'error:::{o}' for o in modules)}
    def go(*cmd): return run(*cmd, cwd=folder, env=env)
    program = python.with_name(lib + python.suffix)
    got = go(program, '--version').strip()
    if got.split()[:2]!=[lib, version]: sys.exit(f'{lib} --version says {got!r}, not {lib} {version}')
    here = str(python.parents[1])  # and not some other copy of the package
    go(python, '-c', f'import importlib\nfor o in {modules}: assert importlib.import_module(o).__file__.startswith({here!r}), o')
    go(python, '-c', 'from fastfound.datasets import get_mnist; get_mnist("sample")\n'
       'from fastfound.web import draw_digit; draw_digit().save("digit.html")')
    go(program, 'demo', '--epochs', '1', '--quiet', '--out', 'demo')
    for o in ('digit.html', 'demo/digits.png'):
        if not (folder/o).stat().st_size: sys.exit(f'{o} is empty')
    return go(program, 'doctor').rstrip()

class Index:
    "A package index on this machine, empty at first, that takes uploads from anybody: `with Index(folder) as url`"
    def __init__(self, folder): self.folder = folder
    def __enter__(self):
        self.folder.mkdir()
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        cmd = [sys.executable, '-m', 'pypiserver', 'run', '-i', '127.0.0.1', '-p', str(port), '-a', '.', '-P', '.', '--disable-fallback']
        self.log = open(self.folder.with_suffix('.log'), 'w')
        self.server = subprocess.Popen([*cmd, str(self.folder)], stdout=self.log, stderr=subprocess.STDOUT)
        url = f'http://127.0.0.1:{port}/'
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(300):
            try: return direct.open(url, timeout=10) and url
            except OSError: time.sleep(0.1)
            if self.server.poll() is not None: break
        self.__exit__()
        sys.exit(f'the package index did not start:\n{self.folder.with_suffix(".log").read_text()}')
    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()
        self.log.close()

def through_index(python, sdist, wheel, lib, version, folder):
    "Upload both packages to an index on this machine, and install the library from there"
    # pip asks this index alone: what its configuration names is left out, so that nothing comes from elsewhere
    env = {k: v for k,v in os.environ.items() if not k.startswith(('PIP_', 'TWINE_')) and k!='PYTHONPATH'}
    env |= {'NO_PROXY': '127.0.0.1', 'no_proxy': '127.0.0.1', 'PIP_CONFIG_FILE': os.devnull}
    with Index(folder) as url:
        run(sys.executable, '-m', 'twine', 'upload', '--non-interactive', '--repository-url', url, '-u', 'x', '-p', 'x', sdist, wheel,
            env=env)
        run(python, '-m', 'pip', 'uninstall', '-q', '-y', lib, env=env)
        run(python, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-cache-dir', '--index-url', f'{url}simple/',
            f'{lib}=={version}', cwd=folder, env=env)

def make_and_try(root, out, tmp, lib, version):
    "Build the packages of the tree at `root` into `out`, and do all of the above with them, in the folder `tmp`"
    now,constraints,tracked = time.monotonic(),root/'constraints.txt',files_of(root, lib)
    sdist,wheel = build(root, out)
    now = step(f'built and checked: {check(sdist, wheel, root, lib, version)}', now)
    python = alone(tmp/'empty', constraints)
    run(python, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '-c', constraints, sdist, cwd=tmp)
    same(python, lib, wheel)
    now = step('the sdist, built and installed in an empty environment, is what the wheel is', now)
    through_index(python, sdist, wheel, lib, version, tmp/'index')
    same(python, lib, wheel)
    now = step(f'uploaded to a package index on this machine and installed from it: {lib}=={version}', now)
    print(use(python, lib, version, tracked, tmp/'use'), flush=True)
    run(python, '-m', 'pip', 'check')
    step('its program, modules, data and demo work there', now)
