"The files around the book: README, workflows, forms and citation are what GitHub expects, and say what is true."
import configparser, importlib.util, json, re, shutil, subprocess, sys
from pathlib import Path
import pytest, yaml
from check_jsonschema.cli import main as check_jsonschema
from click.testing import CliRunner
from fastfound import cli

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT/'tools'))
import road
README = (ROOT/'README.md').read_text(encoding='utf-8')
WORKFLOWS = sorted((ROOT/'.github/workflows').glob('*.yaml'))
FORMS = [o for o in sorted((ROOT/'.github/ISSUE_TEMPLATE').glob('*.yml')) if o.stem!='config']
CHECKED = [(o, 'github-workflows') for o in WORKFLOWS] + [(o, 'github-issue-forms') for o in FORMS] + [
    (ROOT/'.github/ISSUE_TEMPLATE/config.yml', 'github-issue-config'), (ROOT/'.github/dependabot.yml', 'dependabot'),
    (ROOT/'CITATION.cff', 'citation-file-format')]

def settings():
    "The settings of the project"
    config = configparser.ConfigParser(delimiters=['='])
    config.read(ROOT/'settings.ini', encoding='utf-8')
    return config['DEFAULT']

def schema_errors(path, schema):
    "What check-jsonschema says about `path`, an empty string if it is valid; the schema is in that package, so no network is needed"
    r = CliRunner().invoke(check_jsonschema, ['--force-filetype', 'yaml', '--builtin-schema', f'vendor.{schema}', str(path)])
    return '' if r.exit_code==0 else r.output or repr(r.exception)

@pytest.mark.parametrize('path, schema', CHECKED, ids=[o.name for o,_ in CHECKED])
def test_files_fit_their_schema(path, schema): assert not schema_errors(path, schema)

@pytest.mark.parametrize('text, schema', [
    ('jobs: {a: {runs-on: x, step: []}}', 'github-workflows'), ('body: []', 'github-issue-forms'),
    ('version: 3', 'dependabot'), ('title: x', 'citation-file-format')])
def test_a_schema_refuses(tmp_path, text, schema):
    (tmp_path/'x.yml').write_text(text)
    assert schema_errors(tmp_path/'x.yml', schema)

KNOWN = '|'.join((r'make (?P<target>\w+)( CPU=1)?( ARGS=(--\w+|\'[\w -]+\'))?', r'bash \.ci/run', r'python tools/test\.py( --\w+)?',
                  r'python3? tools/release\.py --(check|notes) "\$GITHUB_REF_NAME"( > notes\.md)?', 'gh release create .*',
                  r'fastfound (?P<command>\w+)( --?[\w/]+( \w+)?)*', 'python -m pip install .*', 'uv pip install .*'))

@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda o: o.name)
def test_steps_run_what_a_reader_can_run(path):
    "Each step installs, or is a target of make, .ci/run, a program of tools or one of our commands, or makes a release page"
    targets = re.findall(r'^([a-z]+):', (ROOT/'Makefile').read_text(encoding='utf-8'), re.M)
    for job in yaml.safe_load(path.read_text(encoding='utf-8'))['jobs'].values():
        for run in [o['run'] for o in job['steps'] if 'run' in o]:
            m = re.fullmatch(KNOWN, run)
            assert m, f'unknown step: {run}'
            assert m['target'] in [None, *targets] and m['command'] in [None, *cli._COMMANDS], run

def test_oldest_is_what_settings_allow():
    "The job `oldest` installs the lowest version that settings.ini allows of each package that has one"
    step = (ROOT/'.github/workflows/test.yaml').read_text(encoding='utf-8')
    lowest = re.findall(r'^\s*([\w-]+)>=([\d.]+)', settings()['requirements'], re.M)
    assert lowest and all(re.search(rf' {name}=={version}(\.0)*(?= )', step) for name,version in lowest)

def test_readme_is_short():
    "What has a letter or a digit counts as a word, code and table included"
    def words(text): return sum(bool(re.search(r'\w', o)) for o in text.split())
    before,table,_ = README.partition('| chapter |')
    assert table and words(before)<400 and words(README)<540

def test_readme_leads_somewhere():
    "Every link: to a page or a book of the site, to the repository, to Colab or uv, to a heading, or to a file that is there"
    cfg = settings()
    site = re.escape(road.site(cfg))
    known = [*(f'{site}{road.name(o)}\\.html' for o in road.pages()), site, rf"{site}{cfg['lib_name']}\.(pdf|epub)",
             *(re.escape(o) for o in road.addresses(cfg).values()), re.escape('https://docs.astral.sh/uv/')]
    headings = [o.lower().replace(' ', '-') for o in re.findall(r'^## ([\w ]+)$', README, re.M)]
    links = re.findall(r'\]\(([^)]*)\)', README)
    assert len(links)>50 and [o for o in links if not (
        any(re.fullmatch(k, o) for k in known) or o[:1]=='#' and o[1:] in headings or ':' not in o and (ROOT/o).is_file())]==[]

def test_readme_has_what_a_stranger_needs():
    "The row of links, with a badge; a line that fetches the book before the two commands that need it; and the forms"
    cfg = settings()
    to,first = road.addresses(cfg),f'{road.site(cfg)}{road.name(road.chapters()[0])}.html'
    row = (f"[Start reading]({first}) · [![Run in Colab](.github/colab.svg)]({to['Run in Colab']}) · [Install](#install) · "
           f"[PDF]({to['PDF']}) · [EPUB]({to['EPUB']}) · [Website]({road.site(cfg)})")
    assert README.index(row)<README.index('```python') and f"[Ask or report]({to['Ask or report']})" in README
    assert 0<README.index(f"\ngit clone {cfg['git_url']}\n")<README.index('\nmake demo ')<README.index('\nmake test ')

COUNTS = 'no one two three four five six seven eight nine ten eleven twelve thirteen fourteen'.split()

def test_front_page_counts_right():
    "Chapters, and lines of code"
    lines = sum(bool(o) for code in re.findall(r'```python\n(.*?)```', README, re.S) for o in code.splitlines())
    assert f'in {COUNTS[len(road.chapters())]} chapters' in README and f'## A network in {COUNTS[lines]} lines' in README

def test_readme_follows_the_settings(tmp_path):
    "After a release the tools write the package's name, in a fork its address, and the check tells that they have to"
    for o in ('tools', 'nbs'): shutil.copytree(ROOT/o, tmp_path/o, ignore=shutil.ignore_patterns('[0-9]*', '__pycache__', '.*'))
    text = (ROOT/'settings.ini').read_text(encoding='utf-8')
    for key,value in (('install_from', '%(lib_name)s'), ('user', 'someone'), ('repo', 'fork')):
        text = re.sub(rf'(?m)^{key} =.*', f'{key} = {value}', text)
    (tmp_path/'settings.ini').write_text(text, encoding='utf-8')
    def run(*args): return subprocess.run([sys.executable, *args], cwd=tmp_path, capture_output=True, text=True)
    stale = run('tools/road.py', '--check')
    assert stale.returncode==1 and 'out of step' in stale.stderr
    for tool in ('tools/road.py', 'tools/readme.py'): assert (made := run(tool)).returncode==0, made.stderr
    readme = (tmp_path/'README.md').read_text(encoding='utf-8')
    assert '\npip install fastfound\ngit clone https://github.com/someone/fork\n' in readme and '\nuvx fastfound demo\n' in readme
    assert '/github/someone/fork/blob/main/nbs/00_datasets.ipynb)' in readme and 'https://someone.github.io/fork/fastfound.pdf' in readme
    assert 'fastfound/fastfound' not in readme
    guide = '\n'.join(map(road.source, json.loads((tmp_path/'nbs/programs/write_your_own.ipynb').read_text(encoding='utf-8'))['cells']))
    assert '\npip install "fastfound[workbook]"\n' in guide and '\n!pip install -q "fastfound[workbook]"\n' in guide

def test_before_a_release_the_package_comes_from_the_repository():
    "Anyone could register its name meanwhile"
    lib,git = settings()['lib_name'],settings()['git_url']
    before = {'lib_name': lib, 'git_url': git, 'install_from': f'{lib} @ {git}/archive/main.zip'}
    assert [*road.commands(before).values()]==[f'pip install "{lib} @ {git}/archive/main.zip"', f'git clone {git}',
                                               f'uvx --from "{lib} @ {git}/archive/main.zip" {lib} demo']

def test_contact_is_by_the_forms():
    "And a private report for weaknesses: no address that nobody reads"
    files = 'README.md', 'CITATION.cff', '.github/SECURITY.md', '.github/CONTRIBUTING.md'
    texts = {o: (ROOT/o).read_text(encoding='utf-8') for o in files}
    assert not [o for o,text in texts.items() if re.search(r'[\w.]+@[\w.]+\.\w', text)]
    assert {'bug', 'page', 'question'}=={o.stem for o in FORMS}
    assert 'Report a vulnerability' in texts['.github/SECURITY.md'] and 'question' in texts['.github/CONTRIBUTING.md']

def test_readme_shows_pictures_with_words():
    pictures = re.findall(r'(?<!\[)!\[(.*?)\]\((.*?)\)', README)
    assert pictures and all(len(alt)>40 and (ROOT/path).stat().st_size>1000 for alt,path in pictures)

def test_readme_names_every_page():
    text = (ROOT/'nbs/index.ipynb').read_text(encoding='utf-8')
    assert [o.name for o in sorted((ROOT/'nbs').rglob('*.ipynb')) if o.stem!='index' and '.ipynb_checkpoints' not in o.parts
            and f']({o.relative_to(ROOT/"nbs").as_posix()})' not in text]==[]

def test_citation_has_the_address_of_the_settings():
    cff,cfg = yaml.safe_load((ROOT/'CITATION.cff').read_text(encoding='utf-8')),settings()
    assert (cff['repository-code'], cff['authors'])==(cfg['git_url'], [{'name': cfg['author']}])

def loaded(path):
    "The Python file at `path` as a module"
    spec = importlib.util.spec_from_file_location(f'{path.stem}_of_tools', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

def test_each_step_of_ci_has_a_budget():
    run = (ROOT/'.ci/run').read_text(encoding='utf-8')
    steps = re.findall(r"\b(?:ok|count) '([^']+)'", run)
    budget = [o.split(maxsplit=1)[1] for o in (ROOT/'.ci/budget').read_text(encoding='utf-8').splitlines() if o[0]!='#']
    assert len(steps)==14 and sorted(steps)==sorted(budget)

def test_a_step_over_its_budget_is_a_warning():
    "In ordinary seconds: 900 s where one of them takes 2 s here are 450"
    pace = loaded(ROOT/'.ci/pace.py')
    assert 'warning' not in pace.table([('docs', '60', '1.5'), ('demo', '10', '1')])
    text = pace.table([('docs', '900', '2'), ('a new step', '1', '1')])
    assert '             450      60  docs' in text and 'warning: docs took 450 ordinary seconds, over its budget of 60' in text
    assert 'warning: a new step has no budget' in text

def test_words_choose_pages_and_tests(monkeypatch):
    "A page by its notebook or module, with its tests; a file of tests; or words in the names of tests"
    monkeypatch.syspath_prepend(ROOT/'tools')
    chosen = loaded(ROOT/'tools/test.py').chosen
    def names(*words): return [[getattr(o, 'name', o) for o in part] for part in chosen(words)]
    assert names('01a_einsum')==names('einsum')==[['01a_einsum.ipynb'], ['test_einsum.py'], []]
    assert names('dataloaders')==[['dataloaders.ipynb'], ['test_dataloaders.py', 'test_dataloaders_workers.py'], []]
    assert names('resnet')==[['07_resnet.ipynb'], ['test_resnet.py'], []]  # and not those of resnet_by_hand
    assert names('nbs/programs/all.ipynb')==[['all.ipynb'], ['test_all.py'], []]
    assert names('test_house', 'tests/test_demo.py')==[[], ['test_house.py', 'test_demo.py'], []]
    assert names('ctrl_c', 'doctor')==[['doctor.ipynb'], ['test_doctor.py'], ['ctrl_c']]
