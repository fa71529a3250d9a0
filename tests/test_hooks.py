"""A reader's edits merge: notebooks come together cell by cell, and Jupyter saves them clean."""
import json, os, re, shutil, subprocess, sys, warnings
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener
import nbformat, pytest
from conftest import wait_for
sys.path.insert(0, str(Path(__file__).parents[1]/'tools'))
import hooks

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]
PAGE = 'nbs/04_mnist_sgd.ipynb'

class Clone:
    "A folder under git, in a shell in which no environment is active and nobody's configuration counts"
    def __init__(self, path):
        self.path = path
        people = {f'GIT_{who}_{what}': 'reader@example.com' for who in ('AUTHOR','COMMITTER') for what in ('NAME','EMAIL')}
        self.env = {'PATH': os.pathsep.join({'/usr/bin', '/bin', str(Path(shutil.which('git')).parent)}), 'HOME': str(path.parent/'home'),
                    'GIT_CONFIG_NOSYSTEM': '1', 'GIT_EDITOR': 'true', **people}
    def git(self, *args, ok=True):
        r = subprocess.run(['git', *args], cwd=self.path, env=self.env, capture_output=True, text=True)
        assert not ok or r.returncode==0, r.stdout+r.stderr
        return r
    def edit(self, i, line, ran='', message="A page's cell"):
        "Add `line` to code cell `i`, and run the page: `ran` is the output of each cell"
        file = self.path/PAGE
        nb = json.loads(file.read_text(encoding='utf-8'))
        code = [o for o in nb['cells'] if o['cell_type']=='code']
        code[i]['source'] = [*code[i]['source'], f'\n# {line}']
        for n,o in enumerate(code):
            o.update(execution_count=n+len(ran), outputs=[{'output_type': 'stream', 'name': 'stdout', 'text': [f'{ran}\n']}])
        file.write_text(json.dumps(nb, indent=1, ensure_ascii=False)+'\n', encoding='utf-8')
        self.git('commit', '-qam', message)
    def sources(self):
        "The cells of the page, if it can be opened"
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # the three cells have no id, and the other two the same one, until Jupyter gives them theirs
            return [o.source for o in nbformat.read(self.path/PAGE, as_version=4).cells]

@pytest.fixture
def clones(tmp_path):
    "The project with one page, and a reader's clone of it"
    if os.name=='nt' or not shutil.which('git'): pytest.skip('needs git and a shell')
    project,reader = Clone(tmp_path/'project'),Clone(tmp_path/"reader's 5%A")
    (project.path/PAGE).parent.mkdir(parents=True)
    (tmp_path/'home').mkdir()
    for o in ('settings.ini', '.gitattributes', '.gitignore', PAGE): shutil.copy(ROOT/o, project.path/o)
    project.git('init', '-qb', 'main')
    project.git('add', '-A')
    project.git('commit', '-qm', 'First')
    project.git('clone', '-q', str(project.path), str(reader.path))
    return project,reader

@pytest.mark.parametrize('how', ['--no-rebase', '--rebase'])
@pytest.mark.parametrize('hooked', [True, False])
def test_two_cells(clones, tmp_path, how, hooked):
    "Different cells and all outputs changed on both sides: both edits are there; without the hooks the file is broken, until `nbdev_fix`"
    project,reader = clones
    if hooked: hooks.main(reader.path, tmp_path/'env')
    reader.edit(5, 'mine', 'in the clone')
    project.edit(7, 'theirs', 'in the project')
    r = reader.git('pull', '-q', how, ok=False)
    if hooked:
        assert r.returncode==0, r.stdout+r.stderr
        text = '\n'.join(reader.sources())
        assert text.count('# mine')==text.count('# theirs')==1 and '=======' not in text and not reader.git('status', '--porcelain').stdout
    else:
        with pytest.raises(nbformat.reader.NotJSONError): reader.sources()
        subprocess.run([shutil.which('nbdev_fix', path=Path(sys.executable).parent), PAGE], cwd=reader.path, capture_output=True)
        text = '\n'.join(reader.sources())
        assert '# mine' in text and '# theirs' in text

def test_one_cell(clones, tmp_path):
    "The same cell changed on both sides: a conflict, in a notebook that opens, with both versions between three cells of their own"
    project,reader = clones
    hooks.main(reader.path, tmp_path/'env')
    reader.edit(5, 'mine', 'in the clone')
    project.edit(5, 'theirs', 'in the project')
    assert reader.git('pull', '-q', '--no-rebase', ok=False).returncode==1
    assert reader.git('status', '--porcelain').stdout==f'UU {PAGE}\n'
    sources = reader.sources()
    start,middle,end = [i for i,o in enumerate(sources) if o in ('`<<<<<<< HEAD`', '`=======`', '`>>>>>>> THEIRS`')]
    assert (middle-start, end-middle)==(2,2) and sources[start+1].endswith('# mine') and sources[middle+1].endswith('# theirs')

def test_without_environment(clones, tmp_path):
    "Where the environment is gone, the merge is one of text, as without the hooks, and git says that there are conflicts"
    project,reader = clones
    hooks.main(reader.path, tmp_path/'env')
    command = reader.git('config', 'merge.nbdev-merge.driver').stdout
    reader.git('config', 'merge.nbdev-merge.driver', command.strip().replace('nbdev_fix', 'nbdev_gone'))
    reader.edit(5, 'mine', 'in the clone')
    project.edit(7, 'theirs', 'in the project')
    assert reader.git('pull', '-q', '--no-rebase', ok=False).returncode==1
    text = (reader.path/PAGE).read_text(encoding='utf-8')
    assert '<<<<<<< HEAD' in text and '# mine' in text and '# theirs' in text

def test_installed_again(clones, tmp_path):
    "Twice is once, also after `nbdev_install_hooks`; what is not in a clone of its own, and what others wrote, stays as it is"
    project,reader = clones
    def config(): return reader.git('config', '--local', '--list').stdout
    hooks.main(reader.path, tmp_path/'env')
    once = config()
    hooks.main(reader.path, tmp_path/'env')
    assert config()==once and str(Path(sys.executable).parent) in once
    (reader.path/'.gitconfig').write_text('[merge "nbdev-merge"]\n\tdriver = nbdev_merge %O %A %B %P\n')
    reader.git('config', '--local', 'include.path', '../.gitconfig')
    hooks.main(reader.path, tmp_path/'env')
    assert 'merge-file' in reader.git('config', 'merge.nbdev-merge.driver').stdout
    before = project.git('config', '--local', '--list').stdout
    (project.path/'archive').mkdir()
    hooks.main(project.path/'archive', tmp_path/'env')
    hooks.main(tmp_path/'home', tmp_path/'env')
    assert project.git('config', '--local', '--list').stdout==before and not any((tmp_path/'home').iterdir())
    config_file = tmp_path/'env/etc/jupyter/jupyter_server_config.py'
    config_file.write_text('# mine')
    hooks.main(tmp_path/'home', tmp_path/'env')
    assert config_file.read_text()=='# mine'

@pytest.fixture
def lab(clones, tmp_path):
    "A function that starts JupyterLab as `make lab` does, saves the page with run counts in it, and gives what is then in the file"
    _,reader = clones
    hooks.main(reader.path, tmp_path/'env')
    outside = {k: v for k,v in os.environ.items() if not k.startswith('JUPYTER')}
    places = {'HOME': 'home', 'JUPYTER_CONFIG_PATH': 'env/etc/jupyter', 'JUPYTER_RUNTIME_DIR': 'run'}
    env = {**outside, **{k: str(tmp_path/v) for k,v in places.items()}}
    started = []
    def save(**more):
        options = ['--no-browser', '--allow-root', '--port=0', '--IdentityProvider.token=secret']
        with open(tmp_path/'log', 'w') as log:
            started.append(subprocess.Popen([sys.executable, '-m', 'jupyterlab', *options], cwd=reader.path/'nbs', env={**env, **more},
                                            stdout=log, stderr=log))
        def said(): return (tmp_path/'log').read_text()
        wait_for(lambda: 'http://' in said() or started[-1].poll() is not None)
        url = re.search(r'(http://(?:localhost|127.0.0.1):\d+)/', said())
        assert url, said()
        nb = json.loads((ROOT/PAGE).read_text(encoding='utf-8'))
        for o in nb['cells']:
            if o['cell_type']=='code': o.update(execution_count=7, metadata={**o['metadata'], 'collapsed': True})
        sent,headers = json.dumps({'type': 'notebook', 'content': nb}).encode(),{'Authorization': 'token secret'}
        request = Request(f'{url[1]}/api/contents/{Path(PAGE).name}', sent, headers, method='PUT')
        build_opener(ProxyHandler({})).open(request).close()
        return (reader.path/PAGE).read_text(encoding='utf-8'),said()
    yield save
    for p in started:
        p.terminate()
        p.wait()

@pytest.mark.long
def test_saved_clean(lab):
    text,said = lab()
    assert json.loads(text)==json.loads((ROOT/PAGE).read_text(encoding='utf-8')) and 'hook failed' not in said.lower(), said

@pytest.mark.long
def test_saved_without_nbdev(lab, tmp_path):
    "An nbdev that can't be imported does no harm: the notebook is saved as it is"
    (tmp_path/'broken/nbdev').mkdir(parents=True)
    (tmp_path/'broken/nbdev/__init__.py').write_text('raise NameError("Param")')
    text,said = lab(PYTHONPATH=str(tmp_path/'broken'))
    assert '"execution_count": 7' in text and 'hook failed' not in said.lower(), said
