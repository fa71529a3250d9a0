"The page for those who know another library: each name that it says is here is here, each other is not, and what it says of them is true."
import importlib, inspect, re
from pathlib import Path
import pytest, torch
import fastfound.all as everything
from fastfound.files import read_runs

pytestmark = pytest.mark.not_numerical

ROWS = read_runs('coming')
LIBRARIES = {'fastai', 'miniai', 'PyTorch', 'Lightning'}
FIELDS = {'same': {'name', 'here', 'say'}, 'differs': {'name', 'there', 'say', 'check'}, 'renamed': {'name', 'here', 'say'},
          'absent': {'name', 'say'}}

def public():
    "All public names: those of the one import, and of all other modules"
    modules = [importlib.import_module(f'fastfound.{o.stem}') for o in Path(everything.__file__).parent.glob('[!_]*.py')]
    names = {k: getattr(o, k) for o in modules for k in o.__all__}
    return {**names, **{k: getattr(everything, k) for k in everything.__all__}}

PUBLIC = public()

def parts(names):
    "Each of `names`, which are separated by commas: NAME, CLASS.ATTRIBUTE or either with (ARGUMENT=, ...)"
    return re.split(r', (?![^(]*\))', names)

def parameters(f): return list(inspect.signature(f).parameters)

def default(f, name): return inspect.signature(f).parameters[name].default

def found(text):
    "Whether we have that name and attribute; if it has arguments, whether we have them, each"
    path,_,args = text.partition('(')
    name,*attributes = path.split('.')
    o = everything.Recorder() if path=='Recorder.losses' else PUBLIC.get(name)  # which has it once it is made
    for attribute in attributes: o = getattr(o, attribute, None)
    if o is None or not args: return [o is not None]
    return [arg in parameters(o) for arg in re.findall(r'(\w+)=', args)]

@pytest.mark.parametrize('row', ROWS, ids=lambda o: o['name'][:40])
def test_names(row):
    assert row.keys()|{'check'}=={'kind', 'library', 'check', *FIELDS[row['kind']]} and set(row['library'].split(', '))<=LIBRARIES
    here = row['here'] if 'here' in row else row['name'] if row['kind']=='differs' else None
    for o in parts(here) if here else (): assert all(found(o)), f'{o} is not here'
    for o in parts(row['name']) if row['kind'] in ('renamed', 'absent') else (): assert not any(found(o)), f'{o} is here'

def test_each_name_of_a_library_has_one_meaning():
    "Under one heading, and once"
    seen = [(library, o) for row in ROWS for library in row['library'].split(', ') for o in parts(row['name'])]
    assert len(seen)==len(set(seen))

class WithoutSuper(everything.Module):
    def __init__(self): self.weight = torch.nn.Parameter(torch.zeros(1))

def small_learner(**kw):
    torch.manual_seed(0)
    x,y = torch.randn(12,4),torch.arange(12)%3
    dls = everything.DataLoaders(everything.DataLoader((x, y), 5), everything.DataLoader((x[:6], y[:6])))
    return everything.Learner(dls, torch.nn.Linear(4,3), torch.nn.functional.cross_entropy, everything.SGD, 0.1, **kw)

def recorded_losses():
    learn = small_learner()
    learn.fit(1, quiet=True)
    return learn.recorder.losses

def losses_of_batches():
    "As they come, seen by a callback"
    class See(everything.Callback):
        run_valid = False
        def after_loss(self): seen.append(self.learn.loss.item())
    seen = []
    small_learner(cbs=See()).fit(1, quiet=True)
    return seen

def pairs(): return [(Path(f'{c}{i}.png'), c) for c in 'ab' for i in range(10)]

def raises(error, f):
    with pytest.raises(error): f()
    return True

@pytest.mark.parametrize('row', [o for o in ROWS if 'check' in o], ids=lambda o: f"{o['library']} {o['name']}")
def test_what_is_said_of_a_name(row, tmp_path):
    "What is said of ours: an expression of names of ours and of the functions above"
    everything.plt.switch_backend('agg')
    assert eval(row['check'], {**PUBLIC, **globals(), 'torch': torch, 'folder': tmp_path}) is not False
    everything.plt.close('all')

def test_a_false_claim_is_found():
    "In each table of names"
    for kind,name in (('same', 'DataBlock'), ('same', 'DataLoader(bs=)'), ('renamed', 'Learner.fit'), ('absent', 'accuracy'),
                      ('absent', 'DataLoader(timeout=, shuffle=)')):
        here = {'same': {'here': name}, 'renamed': {'here': 'Learner'}, 'absent': {}}[kind]
        row = dict(kind=kind, library='fastai', name=name, say='', **here)
        with pytest.raises(AssertionError): test_names(row)
