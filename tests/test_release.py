"A release: one version, packages with what they should hold and nothing else, and a tool that refuses what it should."
import importlib.util, io, re, shutil, subprocess, sys, tarfile, zipfile
from pathlib import Path
import pytest, setuptools, yaml

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]
FILES = ['settings.ini', 'CITATION.cff', '.github/CHANGELOG.md', 'fastfound/__init__.py', 'setup.py', 'README.md', 'constraints.txt']
DATE = '2026-12-01'

def loaded(name):
    "A file of tools as a module"
    spec = importlib.util.spec_from_file_location(f'{name}_of_tools', ROOT/f'tools/{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(ROOT/'tools')
    return loaded('release')

@pytest.fixture
def tree(tmp_path):
    "A copy of the files that tell the version"
    for o in FILES:
        (tmp_path/o).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT/o, tmp_path/o)
    return tmp_path

def change(path, old, new):
    text = path.read_text(encoding='utf-8')
    assert re.search(old, text, re.M), f'{path.name} has no {old}'
    path.write_text(re.sub(old, new, text, count=1, flags=re.M), encoding='utf-8')

def released(tool, tree, version='7.1.0'):
    "The tree as a release leaves it: `make export` would write the package"
    if tool.sections(tree)[0][0]!='Unreleased': change(tree/tool.CHANGES, '^## ', '## Unreleased\n\n- New.\n\n## ')
    tool.write(tree, version, DATE)
    (tree/'fastfound/__init__.py').write_text(f'__version__ = "{version}"\n')
    return tree

def test_the_version_stands_once(tool): assert tool.disagreements(ROOT)==[]

def test_after_a_release_all_agree(tool, tree):
    released(tool, tree)
    assert tool.disagreements(tree)==tool.disagreements(tree, 'v7.1.0')==[]
    assert (tool.settings(tree)['version'], tool.settings(tree)['install_from'])==('7.1.0', 'fastfound')
    cff = yaml.safe_load((tree/'CITATION.cff').read_text(encoding='utf-8'))
    assert (cff['version'], cff['date-released'])==('7.1.0', DATE)
    change(tree/tool.CHANGES, '^## ', '## Unreleased\n\n- New.\n\n## ')
    assert tool.disagreements(tree)==[]  # work goes on
    assert 'not released' in tool.disagreements(tree, 'v7.1.0')[0]
    assert tool.disagreements(released(tool, tree, '7.1.1'), 'v7.1.1')==[]  # and the second release has one date, too

@pytest.mark.parametrize('name, old, new, said', [
    ('settings.ini', '^version = .*', 'version = 7.2.0', 'CITATION.cff says 7.1.0'),
    ('CITATION.cff', '^version: .*', 'version: 7.0.0', 'CITATION.cff says 7.0.0'),
    ('CITATION.cff', '^date-released: .*', 'date-released: 2026-01-01', 'date-released: 2026-01-01'),
    ('CITATION.cff', '^date-released: .*\n', '', 'date-released: None'),
    ('fastfound/__init__.py', '7.1.0', '7.0.9', '__init__.py says 7.0.9'),
    ('.github/CHANGELOG.md', '^## 7.1.0, ', '## 7.0.0, ', 'says `## 7.0.0, 2026-12-01`'),
    ('.github/CHANGELOG.md', f', {DATE}', ', soon', 'says `## 7.1.0, soon`'),
    ('.github/CHANGELOG.md', r'^## 7(.|\n)*', '', 'no heading'),
    ('settings.ini', '^install_from = .*', 'install_from = fastfound @ https://x', 'tells of a release')])
def test_each_disagreement_is_told(tool, tree, name, old, new, said):
    change(released(tool, tree)/name, old, new)
    assert said in '\n'.join(tool.disagreements(tree))

def test_a_tag_that_is_another(tool, tree):
    assert 'the tag is v7.2.0, not v7.1.0' in tool.disagreements(released(tool, tree), 'v7.2.0')[0]

@pytest.mark.parametrize('part, version', [('minor', '0.1.0'), ('patch', '0.0.2'), ('major', '1.0.0')])
def test_the_next_version(tool, part, version): assert tool.chosen('0.0.1', None, part)==version

@pytest.mark.parametrize('version, said', [
    ('1.2', 'three numbers'), ('v1.2.3', 'three numbers'), ('0.9.9', 'one after 0.10.0'), ('0.10.0', 'one after')])
def test_versions_that_are_refused(tool, version, said):
    with pytest.raises(SystemExit, match=said): tool.chosen('0.10.0', version, 'minor')

def git(*args, cwd): return subprocess.run(['git', '-c', 'user.name=x', '-c', 'user.email=x@localhost', *args], cwd=cwd, check=True)

def test_refusals(tool, tree):
    "A tag that exists, changes without a word, another branch, what is not committed, and files that disagree"
    if tool.sections(tree)[0][0]!='Unreleased': change(tree/tool.CHANGES, '^## ', '## Unreleased\n\n- New.\n\n## ')
    git('init', '-q', '-b', 'main', cwd=tree)
    git('add', '.', cwd=tree)
    git('commit', '-q', '-m', 'x', cwd=tree)
    git('tag', 'v7.0.0', cwd=tree)
    assert tool.refuse(tree, '7.1.0', True) is None
    def refused(said, version='7.1.0', real=True):
        with pytest.raises(SystemExit, match=said): tool.refuse(tree, version, real)
    refused('the tag v7.0.0 exists: name another version, such as 7.0.1', '7.0.0', False)
    (tree/'new').touch()
    refused(r'not committed:\n\?\? new')
    assert tool.refuse(tree, '7.1.0', False) is None  # a rehearsal takes it along
    git('switch', '-q', '-c', 'other', cwd=tree)
    refused('is made on main, and this is other: git switch main')
    change(tree/tool.CHANGES, r'^## Unreleased\n(.|\n)*?(?=^## |\Z)', '## Unreleased\n\n')
    refused('wanted `## Unreleased` and, below it, what is new', real=False)
    change(tree/'CITATION.cff', '^version: .*', 'version: 9.9.9')
    refused('CITATION.cff says 9.9.9', real=False)

def test_a_copy_has_what_the_tree_has(tool, tmp_path):
    "Also what is not committed, and not what git ignores"
    root = tmp_path/'root'
    root.mkdir()
    for o in ('kept', 'changed', 'gone'): (root/o).write_text('a')
    (root/'.gitignore').write_text('ignored\n')
    git('init', '-q', cwd=root)
    git('add', '.', cwd=root)
    git('commit', '-q', '-m', 'x', cwd=root)
    (root/'gone').unlink()
    for o in ('changed', 'ignored', 'new'): (root/o).write_text('b')
    assert tool.copy(root, tmp_path/'copy')==3
    assert {o.name: o.read_text() for o in (tmp_path/'copy').iterdir() if o.is_file()}=={
        '.gitignore': 'ignored\n', 'kept': 'a', 'changed': 'b', 'new': 'b'}

METADATA = 'Name: lib\nVersion: 1.2.3\n\nText'
INFO = ('METADATA', 'WHEEL', 'RECORD', 'entry_points.txt', 'top_level.txt', 'licenses/LICENSE')
TRACKED = {'lib/__init__.py', 'lib/data/x.txt'}
WHEEL = {**{o: '' for o in TRACKED}, **{f'lib-1.2.3.dist-info/{o}': METADATA for o in INFO}}
SDIST = {o: METADATA for o in (*TRACKED, 'settings.ini', 'setup.py', 'setup.cfg', 'MANIFEST.in', 'README.md', 'LICENSE', 'constraints.txt',
                               'PKG-INFO', 'lib.egg-info/PKG-INFO')}

def packed(folder, files, name):
    "A package with `files`, a dict of names to texts"
    path = folder/name
    if path.suffix=='.whl':
        with zipfile.ZipFile(path, 'w') as z: [z.writestr(*o) for o in files.items()]
        return path
    with tarfile.open(path, 'w:gz') as t:
        for o,text in files.items():
            info = tarfile.TarInfo(f'lib-1.2.3/{o}')
            info.size = len(text)
            t.addfile(info, io.BytesIO(text.encode()))
    return path

@pytest.mark.parametrize('files, name', [(WHEEL, 'lib-1.2.3-py3-none-any.whl'), (SDIST, 'lib-1.2.3.tar.gz')], ids=['wheel', 'sdist'])
def test_what_a_package_must_hold(tmp_path, monkeypatch, files, name):
    packages = loaded('packages')
    def said(files, name=name): return '\n'.join(packages.problems(packed(tmp_path, files, name), 'lib', '1.2.3', TRACKED, ['/home/me/']))
    assert said(files)==''
    assert 'missing: lib/data/x.txt' in said({k: v for k,v in files.items() if k!='lib/data/x.txt'})
    assert 'not wanted: lib/__pycache__/a.pyc, tests/test_a.py' in said({**files, 'tests/test_a.py': '', 'lib/__pycache__/a.pyc': ''})
    assert 'lib/__init__.py names a folder of this machine: /home/me/' in said({**files, 'lib/__init__.py': 'x = "/home/me/x"'})
    assert 'the name is not lib-1.2.3' in said(files, name.replace('1.2.3', '1.2.4'))
    assert 'the metadata say lib 1.2.4, not lib 1.2.3' in said({k: v.replace('1.2.3', '1.2.4') for k,v in files.items()})
    monkeypatch.setattr(packages, 'MOST', 100)
    assert 'bytes, over 100' in said(files)

def metadata(tree, monkeypatch):
    "What setup.py tells setuptools in `tree`"
    told = {}
    monkeypatch.setattr(setuptools, 'setup', lambda **kwargs: told.update(kwargs))
    monkeypatch.chdir(tree)
    exec(compile((tree/'setup.py').read_text(encoding='utf-8'), 'setup.py', 'exec'), {})
    return told

def addresses(text): return re.findall(r'(?:\]\(|(?:src|href)=")([^\s)"]+)', re.sub(r'```.*?```|`[^`]*`', '', text, flags=re.S))

def test_the_readme_on_an_index_has_whole_addresses(tool, monkeypatch):
    text,cfg = metadata(ROOT, monkeypatch)['long_description'],tool.settings(ROOT)
    raw = f"{cfg['raw_url']}/{cfg['branch'] if cfg['install_from']!=cfg['lib_name'] else 'v'+cfg['version']}"
    assert any(o.startswith(f'{raw}/index_files/') for o in addresses(text))
    assert [o for o in addresses(text) if not o.startswith(('https://', '#'))]==[]

def test_addresses_that_are_made_whole(tool, tree, monkeypatch):
    "Files and pictures, of the branch before the first release and of its tag after one; code, places and other hosts stay"
    text = ('![A [b]](./a/b.png) [c](.github/C.md#d "t") [e](#f) [g](https://h/i.png) [`j`](K.cff) `l[0](m)`\n'
            '```python\nn[0](o)\n```\n<img src="p.svg"> <a href="mailto:q">')
    (tree/'README.md').write_text(text)
    cfg = tool.settings(tree)
    for version,ref in ((None, cfg['branch']), ('7.1.0', 'v7.1.0')):
        if version: released(tool, tree, version)
        elif cfg['install_from']==cfg['lib_name']: change(tree/'settings.ini', '^install_from = .*', 'install_from = x')
        raw,page = f"{cfg['raw_url']}/{ref}",f"{cfg['git_url']}/blob/{ref}"
        assert metadata(tree, monkeypatch)['long_description']==(
            f'![A [b]]({raw}/a/b.png) [c]({page}/.github/C.md#d "t") [e](#f) [g](https://h/i.png) [`j`]({page}/K.cff) `l[0](m)`\n'
            f'```python\nn[0](o)\n```\n<img src="{raw}/p.svg"> <a href="mailto:q">')

def test_metadata_for_an_index(monkeypatch):
    "Links a reader looks for, contact by the issue forms and no address of nobody, the licence once, and every Python that is tested"
    told = metadata(ROOT, monkeypatch)
    assert set(told['project_urls'])=={'Documentation', 'Source', 'Issues', 'Changelog'}
    assert told['project_urls']['Issues'].endswith('/issues/new/choose')
    assert (ROOT/told['project_urls']['Changelog'].partition('/main/')[2]).exists()
    assert 'author_email' not in told and '@' not in str(told['author'])
    assert told['license_expression']=='Apache-2.0' and not any('License' in o for o in told['classifiers'])
    jobs = yaml.safe_load((ROOT/'.github/workflows/test.yaml').read_text(encoding='utf-8'))['jobs']
    tested = jobs['linux']['strategy']['matrix']['python']
    assert [o.split()[-1] for o in told['classifiers'] if re.search(r'Python :: 3\.', o)]==tested
    assert {'Typing :: Typed', 'Framework :: Jupyter', 'Operating System :: OS Independent'} < set(told['classifiers'])

def test_the_workflow_publishes_what_it_tried():
    "On tags only, after the check of the tag and the trial of the packages; only the step that publishes may show who it is"
    text = (ROOT/'.github/workflows/release.yaml').read_text(encoding='utf-8')
    flow = yaml.safe_load(text)
    jobs = flow['jobs']
    assert flow[True]=={'push': {'tags': ['v*']}}  # YAML reads `on` as true
    runs = [o['run'] for o in jobs['build']['steps'] if 'run' in o]
    assert runs[:2]==['python tools/release.py --check "$GITHUB_REF_NAME"', 'make release CPU=1 ARGS=--build']
    assert jobs['publish']['needs']=='build' and jobs['page']['needs']=='publish'
    assert {k: v.get('permissions', flow['permissions']) for k,v in jobs.items()}=={
        'build': {'contents': 'read'}, 'publish': {'id-token': 'write'}, 'page': {'contents': 'write'}}
    assert jobs['publish']['environment']=='release' and not re.search('password|secrets', text.replace('is no password', ''))

def test_the_tool_says_what_disagrees():
    "As the workflow calls it, with nothing installed: a tag that no release can have"
    r = subprocess.run([sys.executable, '-ES', ROOT/'tools/release.py', '--check', 'v0.0.0'], capture_output=True, text=True)
    assert r.returncode==1 and 'the tag is v0.0.0' in r.stderr
