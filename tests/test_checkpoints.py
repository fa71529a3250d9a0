"Files of weights and checkpoints: killed processes, damaged files, full disks, exact resumption."
import errno, math, pickle, random
from functools import partial
from pathlib import Path
import numpy as np, pytest, torch
import torch.nn.functional as F
from torch import nn
import fastfound.schedules
from fastfound import checkpoints, mixed_precision
from fastfound.checkpoints import Checkpoint, EarlyStopping, SaveBest, best_epoch
from fastfound.weights import model_state, read_state, write_state
from fastfound.dataloaders import DataLoaders, DataLoader
from fastfound.basics import set_seed
from fastfound.diagnostics import ActivationStats, GradientClip
from fastfound.mixed_precision import MixedPrecision
from fastfound.learner import Callback, CancelBatchException, CancelEpochException, Learner
from fastfound.metrics import AvgMetric, accuracy
from fastfound.optimizers import SGD, Adam, MuonSGD, RMSProp
from fastfound.schedules import Scheduler
from learners import run, same, three_classes, tiny, weights

pytestmark = pytest.mark.not_numerical

@pytest.fixture
def learn(): return three_classes()

KILLED = '''
class Kill(Callback):
    order,run_valid = -100,False
    def before_batch(self):
        if self.learn.epoch*self.learn.n_iter+self.learn.iter==int(sys.argv[1]): end()

def end(): os.kill(os.getpid(), signal.SIGKILL) if hasattr(signal, 'SIGKILL') else os._exit(9)

if len(sys.argv)>2:  # in the middle of writing a file
    save,writes = torch.save,[]
    def half(state, path):
        save(state, path)
        writes.append(path)
        if len(writes)<int(sys.argv[2]): return
        path.write_bytes(path.read_bytes()[:1000])
        end()
    torch.save = half

learn = learner(opt_func=partial(SGD, momentum=0.9), cbs=[Checkpoint('checkpoint', every=1), Kill])
learn.fit_one_cycle(3, 0.2, quiet=True)
learn.save('weights')
torch.save({'losses': learn.recorder.losses, 'values': learn.recorder.values}, 'record')
'''

@pytest.mark.long
def test_killed_process_resumes(tmp_path):
    "SIGKILL between batches, at the start, middle and end of an epoch, and in the middle of writing: the end is the same to the last bit"
    (tmp_path/'whole').mkdir()
    assert run(tmp_path/'whole', KILLED, -1).returncode==0
    for cuts in ([(0,), (2,), (3,), (7,), (14,)], [(5,), (6,5), (6,6), (12,)]):
        folder = tmp_path/str(len(cuts))
        folder.mkdir()
        for cut in cuts: assert run(folder, KILLED, *cut).returncode not in (0, 1), cut
        left = run(folder, KILLED, -1)
        assert left.returncode==0, left.stderr
        assert same(weights(folder/'weights.pth'), weights(tmp_path/'whole/weights.pth'))
        assert torch.load(folder/'record')==torch.load(tmp_path/'whole/record')

class Cut(Exception): pass

class CutAt(Callback):
    run_valid = False
    def __init__(self, n, event):
        self.n,self.count = n,0
        setattr(self, event, self.act)
    def act(self):
        self.count += 1
        if self.count==self.n: raise Cut

def fit(path=None, cut=None, every=None, opt_func=partial(SGD, momentum=0.9), own=False, cbs=(), n_epoch=3):
    "A short fit with everything that draws random numbers or keeps state; with its losses, its record and its callbacks"
    set_seed(42)
    x = torch.randn(90,8)
    y = (x[:,0]>x[:,1]).long()
    class Items:
        def __len__(self): return 70
        def __getitem__(self, i): return x[i]+0.1*torch.randn(8)+random.random(), y[i]
    train = DataLoader(Items(), 16, shuffle=True, generator=7 if own else None)
    model = nn.Sequential(nn.Linear(8,6), nn.BatchNorm1d(6), nn.Dropout(0.2), nn.ReLU(), nn.Linear(6,2))
    learn = Learner(DataLoaders(train, DataLoader((x[70:], y[70:]), 16)), model, F.cross_entropy, opt_func, lr=0.05, metrics=accuracy)
    stats = ActivationStats()
    cbs = [stats, *([Checkpoint(path, every)] if path else []), *[o() for o in cbs], *([cut] if cut else [])]
    learn.fit_one_cycle(n_epoch, 0.1, cbs=cbs, quiet=True)
    record = {k: getattr(learn.recorder, k) for k in ('values', 'losses', 'lrs')}
    return {'weights': {k: v.clone() for k,v in model_state(learn.model).items()}, 'dead': stats.stats[0]['dead'], **record}

def equal(a, b): return same(a['weights'], b['weights']) and all(a[k]==b[k] for k in a if k!='weights')

FITS = [dict(), dict(own=True), dict(opt_func=Adam), dict(opt_func=torch.optim.Adam), dict(opt_func=partial(RMSProp, momentum=0.5)),
        dict(opt_func=MuonSGD), dict(cbs=[partial(MixedPrecision, torch.float16, True), GradientClip]),
        dict(cbs=[partial(EarlyStopping, patience=1)])]

@pytest.mark.parametrize('kw', FITS, ids=str)
def test_resume_at_any_batch(tmp_path, kw):
    whole = fit(**kw)
    for every in (1, 3, None):
        for n in (1, 5, 6, 14):
            for event in ('before_pred', 'after_batch') if every else ('after_step', 'after_batch'):
                path = tmp_path/f'{every}{n}{event}'
                if len(whole['losses'])<n: continue
                with pytest.raises(Cut): fit(path, CutAt(n, event), every, **kw)
                if n==6:  # and once more
                    with pytest.raises(Cut): fit(path, CutAt(2, event), every, **kw)
                assert equal(fit(path, None, every, **kw), whole), (every, n, event)

def test_a_fit_that_has_ended_stays_as_it_is(tmp_path):
    whole = fit(tmp_path/'c')
    assert equal(fit(tmp_path/'c'), whole)

def test_longer_fit_goes_on(tmp_path):
    fit(tmp_path/'c', n_epoch=2)
    assert len(fit(tmp_path/'c', n_epoch=4)['values'])==4

def test_checkpoint_of_something_else(tmp_path):
    "A checkpoint that does not fit is refused, and nothing is changed"
    fit(tmp_path/'c')
    before = (tmp_path/'c').read_bytes()
    for kw,wanted in ((dict(cbs=[MixedPrecision]), '.*MixedPrecision'), (dict(opt_func=Adam), 'fastfound.optimizers.Adam')):
        with pytest.raises(ValueError, match=f'got one of fastfound.optimizers.SGD, .*, wanted one of {wanted}'): fit(tmp_path/'c', **kw)
    assert (tmp_path/'c').read_bytes()==before
    set_seed(0)
    learn = Learner(DataLoaders(DataLoader((torch.randn(8,3), torch.randn(8,1)), 4)), nn.Linear(3,1), F.mse_loss)
    start = {k: v.clone() for k,v in model_state(learn.model).items()}
    with pytest.raises(ValueError, match='c: '): learn.fit(1, cbs=Checkpoint(tmp_path/'c'), quiet=True)
    assert same(model_state(learn.model), start)

# Files

def test_any_damage_is_noticed(learn, tmp_path):
    "Bits flipped anywhere, or an end that is missing: an error and unchanged weights, or (in bytes that mean nothing) the right weights"
    good = {k: v.clone() for k,v in model_state(learn.model).items()}
    file = learn.save(tmp_path/'w')
    raw,g,refused = file.read_bytes(),random.Random(1),0
    def attempt(data):
        (tmp_path/'bad.pth').write_bytes(data)
        for p in learn.model.parameters(): p.data.zero_()
        zeros = {k: v.clone() for k,v in model_state(learn.model).items()}
        try: learn.load(tmp_path/'bad')
        except ValueError as e:
            assert same(model_state(learn.model), zeros) and 'bad.pth: got ' in str(e) or 'these weights are of another model' in str(e), e
            return 1
        assert same(model_state(learn.model), good)
        return 0
    for _ in range(400):
        data = bytearray(raw)
        data[g.randrange(len(data))] ^= 1<<g.randrange(8)
        refused += attempt(bytes(data))
    assert refused>200
    for n in (0, 1, 100, len(raw)//2, len(raw)-1): assert attempt(raw[:n])==1
    assert attempt(raw)==0

def test_a_pickle_that_runs_a_program_is_refused(learn, tmp_path):
    class Evil:
        def __reduce__(self): return (Path.touch, (tmp_path/'touched',))
    torch.save({'kind': 'weights', 'weights': Evil()}, tmp_path/'evil.pth')
    (tmp_path/'plain.pth').write_bytes(pickle.dumps(Evil()))
    for name in ('evil', 'plain'):
        with pytest.raises(ValueError, match='damaged or of another kind'): learn.load(tmp_path/name)
    assert not (tmp_path/'touched').exists()

def test_full_disk_leaves_the_old_file(learn, tmp_path, monkeypatch):
    file = learn.save(tmp_path/'w')
    before,save = file.read_bytes(),torch.save
    def full(state, path):
        path.write_bytes(b'half')
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(torch, 'save', full)
    learn.model[0].weight.data.zero_()
    with pytest.raises(OSError): learn.save(file)
    assert file.read_bytes()==before and [o.name for o in tmp_path.iterdir()]==['w.pth']

def test_save_best_and_early_stopping_look_at_the_right_end(learn, tmp_path):
    "An accuracy should be high and a loss low; the saved weights are those of the best epoch"
    for monitor in ('valid_loss', 'accuracy'):
        learn.fit(12, cbs=SaveBest(tmp_path/monitor, monitor), quiet=True)
        column = learn.recorder[monitor]
        learn.load(tmp_path/monitor)
        best = (min if monitor=='valid_loss' else max)(column)
        assert learn.validate()[monitor=='accuracy']==pytest.approx(best)

def gap(preds, targ): return (preds-targ).abs().mean()
def neg_gap(preds, targ): return -gap(preds, targ)
class Gap:
    "An object with a direction"
    lower = True
    def __call__(self, preds, targ): return gap(preds, targ)
def said(f, **attrs):
    def g(preds, targ): return f(preds, targ)
    for k,v in {'__name__': 'said', **attrs}.items(): setattr(g, k, v)
    return g
class Accumulates:
    name,lower = 'acc_gap',True
    def reset(self): self.values = []
    def accumulate(self, learn): self.values.append(gap(learn.pred, learn.yb).item())
    @property
    def value(self): return sum(self.values)/len(self.values)

RISES,FALLS = {'lower': False},{'lower': True}
DIRECTIONS = [('mse_loss', F.mse_loss, {}), ('MSELoss', nn.MSELoss(), {}), ('mae', said(gap, __name__='mae'), {}),
              ('said', said(gap, **FALLS), {}), ('said', partial(said(gap, **FALLS)), {}), ('Gap', Gap(), {}),
              ('acc_gap', Accumulates(), {}), ('gap', gap, FALLS), ('gap', AvgMetric(gap, **FALLS), {}), ('neg_gap', neg_gap, RISES),
              ('said', said(neg_gap, **RISES), {}), ('r2', said(neg_gap, __name__='r2'), {}), ('<lambda>', lambda p,t: gap(p, t), FALLS),
              ('valid_loss', gap, {}), ('train_loss', gap, {})]

@pytest.mark.parametrize('monitor, metric, kw', DIRECTIONS, ids=lambda o: o if isinstance(o, str) else '')
def test_the_best_epoch_by_any_metric(tmp_path, monitor, metric, kw):
    "An error that falls, or its negative: SaveBest keeps the last epoch, EarlyStopping goes on; where it rises, the first, and it ends"
    for opt_func,best,n in ((SGD, 3, 4), (Uphill, 0, 3)):
        learn = tiny(metrics=metric, opt_func=opt_func)
        learn.dls.valid = learn.dls.train
        learn.fit(4, 0.01, cbs=[SaveBest(tmp_path/'best', monitor, **kw), EarlyStopping(monitor, patience=2, **kw)], quiet=True)
        column = learn.recorder[monitor]
        assert len(column)==n and column in (sorted(column), sorted(column, reverse=True)) and len(set(column))==n
        if monitor!='train_loss':
            learn.load(tmp_path/'best')
            assert learn.validate()[learn.recorder.names().index(monitor)-1]==pytest.approx(column[best])

class Uphill(torch.optim.SGD):
    "Steps that make everything worse"
    def __init__(self, params, lr): super().__init__(params, lr, maximize=True)

@pytest.mark.parametrize('metric', [gap, neg_gap, partial(gap), lambda p,t: 1., AvgMetric(gap), said(gap, __name__='error_free'),
                                    said(gap, __name__='lossless'),
                                    said(gap, lower='min')])
@pytest.mark.parametrize('make', [partial(SaveBest, 'best'), EarlyStopping], ids=['SaveBest', 'EarlyStopping'])
def test_a_direction_that_nothing_says_is_asked_for_before_the_fit(make, metric):
    learn = tiny(metrics=metric)
    before = learn.model.weight.detach().clone()
    with pytest.raises(ValueError, match='nothing says whether lower is better; wanted lower=True or lower=False'):
        learn.fit(2, cbs=make(monitor=learn.recorder.names()[-1]), quiet=True)
    assert torch.equal(learn.model.weight, before)
    learn.fit(2, cbs=EarlyStopping(), quiet=True)  # which is not about that metric

@pytest.mark.parametrize('lower', ['min', 'auto', 2, torch.less])
def test_directions_are_true_or_false(lower):
    for make in (partial(SaveBest, 'best'), EarlyStopping):
        with pytest.raises(ValueError, match='got lower=.*, wanted True or False'): make(lower=lower)

@pytest.mark.parametrize('valid', [None, []])
@pytest.mark.parametrize('monitor', ['valid_loss', 'mse_loss'])
@pytest.mark.parametrize('make', [partial(SaveBest, 'best'), EarlyStopping], ids=['SaveBest', 'EarlyStopping'])
def test_nothing_to_monitor_is_an_error_before_the_fit(tmp_path, monkeypatch, make, monitor, valid):
    "The loss of training can be monitored without a validation set"
    monkeypatch.chdir(tmp_path)
    learn = tiny(metrics=F.mse_loss)
    learn.dls = DataLoaders(learn.dls.train, valid)
    before = learn.model.weight.detach().clone()
    with pytest.raises(ValueError, match=f"got monitor='{monitor}' and no validation set, wanted one, or monitor='train_loss'"):
        learn.fit(2, cbs=make(monitor=monitor), quiet=True)
    assert torch.equal(learn.model.weight, before) and not list(tmp_path.iterdir())
    learn.fit(2, cbs=make(monitor='train_loss'), quiet=True)

@pytest.mark.parametrize('from_epoch', [0, 2])
@pytest.mark.parametrize('monitor', ['valid_loss', 'mae'])
@pytest.mark.parametrize('make', [partial(SaveBest, 'best'), EarlyStopping], ids=['SaveBest', 'EarlyStopping'])
def test_nan_is_told_where_it_comes(tmp_path, monkeypatch, make, monitor, from_epoch):
    monkeypatch.chdir(tmp_path)
    learn = tiny()
    learn.metrics = [said(lambda p,t: math.nan if learn.epoch>=from_epoch else gap(p, t), __name__='mae')]
    if monitor=='valid_loss':
        learn.loss_func = lambda p,t: F.mse_loss(p, t)*(math.nan if not learn.training and learn.epoch>=from_epoch else 1)
    with pytest.raises(FloatingPointError, match=f'got nan as {monitor} of epoch {from_epoch} .*, wanted a number'):
        learn.fit(4, 0.01, cbs=make(monitor=monitor), quiet=True)

@pytest.mark.parametrize('make', [partial(SaveBest, 'best'), EarlyStopping, partial(EarlyStopping, patience=1)])
def test_epochs_without_a_validation(tmp_path, monkeypatch, make):
    "Are passed over; if there is none with one, that is an error"
    monkeypatch.chdir(tmp_path)
    class Skip(Callback):
        def __init__(self, every): self.every = every
        def before_validate(self):
            if self.learn.epoch%self.every: raise CancelEpochException
        def after_train(self):
            if self.every==1: raise CancelEpochException
    learn = tiny(lr=0.01)
    learn.fit(3, cbs=[make(), Skip(3)], quiet=True)
    assert learn.recorder['valid_loss'][0] is not None
    with pytest.raises(ValueError, match='got no valid_loss in 4 epochs, wanted at least one'):
        learn.fit(4, cbs=[make(), Skip(1)], quiet=True)

def test_a_long_record_is_read_once(monkeypatch):
    "The work of an epoch does not grow with the number of epochs before it"
    looked = []
    def count(values, *args):
        looked.append(len(values))
        return best_epoch(values, *args)
    monkeypatch.setattr(checkpoints, 'best_epoch', count)
    tiny(lr=1e-3).fit(60, cbs=EarlyStopping(patience=50), quiet=True)
    assert sum(looked)<=2*60+2

def test_a_full_disk_gives_one_error(learn, tmp_path, monkeypatch):
    "Also where PyTorch reports it as a RuntimeError; it names the file, and the old file is unchanged"
    file = learn.save(tmp_path/'w')
    before = file.read_bytes()
    torch_error = RuntimeError('[enforce fail at inline_container.cc] PytorchStreamWriter failed writing file data/0')
    for error,message in ((OSError(errno.ENOSPC, 'No space left on device'), 'No space left on device, so nothing was written'),
                          (torch_error, 'got an error of PyTorch .*, wanted to write weights')):
        def full(state, path):
            path.write_bytes(b'half')
            raise error
        monkeypatch.setattr(torch, 'save', full)
        with pytest.raises(OSError, match=message) as info: learn.save(file)
        assert str(file) in str(info.value)
        assert file.read_bytes()==before and [o.name for o in tmp_path.iterdir()]==['w.pth']

CONTENTS = [{}, {'weights': 3}, {'weights': None}, {'weights': [1,2]}, {'weights': {}}, {'weights': {'0.weight': 'x'}}]

@pytest.mark.parametrize('content', CONTENTS, ids=str)
def test_weights_of_the_right_kind_with_wrong_content(learn, tmp_path, content):
    write_state(tmp_path/'w.pth', 'weights', **content)
    before = {k: v.clone() for k,v in model_state(learn.model).items()}
    with pytest.raises(ValueError, match=r'w\.pth: (got|these weights)'): learn.load(tmp_path/'w')
    assert same(before, model_state(learn.model))

@pytest.fixture
def refused(tmp_path, monkeypatch):
    "A function that puts something else into a checkpoint: it checks that there is one clear error, and that nothing was loaded"
    path = tmp_path/'c'
    tiny(opt_func=Adam).fit(1, cbs=Checkpoint(path), quiet=True)
    good = torch.load(path, weights_only=True)
    def check(key, bad):
        write_state(path, 'checkpoint', **{k: bad if k==key else v for k,v in good.items() if k!='kind'})
        learn = tiny(opt_func=Adam)
        torch.rand(3), random.random()  # the generators are not where the checkpoint has them
        before,rng = {k: v.clone() for k,v in model_state(learn.model).items()},(torch.get_rng_state(), random.getstate())
        with monkeypatch.context() as m:
            m.setattr(checkpoints, 'load_model_state', lambda *args: pytest.fail('loaded before all was checked'))
            try: learn.fit(1, cbs=Checkpoint(path), quiet=True)
            except ValueError as e: assert str(e).startswith(f'{path}: got '), e
            else: raise AssertionError(f'{bad} for {key} was accepted')
        assert torch.equal(rng[0], torch.get_rng_state()) and rng[1]==random.getstate(), (key, bad)
        assert same(before, model_state(learn.model)), (key, bad)
        assert not any(learn.opt.state.values()) and all(p.grad is None for p in learn.model.parameters())
    return good,check

def test_checkpoint_of_the_right_kind_with_wrong_content(refused):
    "Every part of a checkpoint replaced by something else in turn"
    good,check = refused
    for key in good:
        if key=='kind': continue
        for bad in (None, 3, 'x', [], {}, [{}], {'a': 1}):
            if not (bad==good[key] or key in ('epoch','iter') and bad==3): check(key, bad)

def test_checkpoint_with_wrong_parts(refused):
    "And a part of each part"
    good,check = refused
    n = len(good['grads'])
    generators = ('python', 'x'), ('python', '[3,[1],null]'), ('numpy', '{}'), ('torch', torch.zeros(3)), ('loaders', [torch.zeros(2)]*2)
    for key in ('rng', 'epoch_rng'):
        for part,bad in generators: check(key, {**good[key], part: bad})
    optimizer = ('state', [{}]), ('state', [3]*n), ('param_groups', []), ('param_groups', [3])
    for part,bad in optimizer: check('opt', {**good['opt'], part: bad})
    for bad in (torch.zeros(1), torch.zeros(3,4,5), 'x'): check('grads', [{'grad': bad}]*n)
    state, = [o for o in good['cb_states'] if 'losses' in o]
    check('cb_states', [{k: v for k,v in state.items() if k!='losses'}])
    name = next(iter(good['weights']))
    check('weights', {**good['weights'], name: torch.zeros(7)})

NAMES = [('model', 'model.pth'), ('model.v1.2', 'model.v1.2.pth'), ('model.pth', 'model.pth'), ('model.pt', 'model.pt'),
         ('a.b/model', 'a.b/model.pth')]

@pytest.mark.parametrize('name, want', NAMES)
def test_a_dot_in_a_name_is_no_suffix(learn, tmp_path, name, want):
    assert learn.save(tmp_path/name)==tmp_path/want
    learn.load(tmp_path/name)
    assert (tmp_path/want).exists()

# Resuming

class Accumulate(Callback):
    "Steps after every third batch"
    def before_step(self):
        if (self.learn.epoch*self.learn.n_iter+self.learn.iter+1)%3: raise CancelBatchException

def test_pending_gradients_are_kept(tmp_path):
    "Gradient accumulation that is interrupted between two steps, also across epochs"
    whole = fit(cbs=[Accumulate])
    for n in range(1, 15):
        path = tmp_path/str(n)
        with pytest.raises(Cut): fit(path, CutAt(n, 'after_batch'), 1, cbs=[Accumulate])
        assert equal(fit(path, None, 1, cbs=[Accumulate]), whole), n

def test_a_fit_that_was_stopped_early_is_over(tmp_path):
    "The same script again: it does not train on"
    def script():
        learn = tiny(lr=1e-9)  # no progress
        learn.fit(10, cbs=[Checkpoint(tmp_path/'c'), EarlyStopping(patience=2, min_delta=1)], quiet=True)
        return learn
    first,again = script(),script()
    assert len(first.recorder.values)==len(again.recorder.values)==3
    assert first.recorder.losses==again.recorder.losses and same(model_state(first.model), model_state(again.model))

BELOW_ONE = [lambda: EarlyStopping(patience=0), lambda: EarlyStopping(patience=1.5), lambda: Checkpoint('c', every=0),
             lambda: Checkpoint('c', every=True)]

@pytest.mark.parametrize('make', BELOW_ONE)
def test_numbers_below_one_are_refused(make):
    with pytest.raises(ValueError, match='wanted a whole number from 1'): make()

def test_random_numbers_drawn_in_before_epoch_are_the_same_after_resuming(tmp_path):
    drawn = []
    class Draws(Callback):
        def before_epoch(self): drawn.append((self.learn.epoch, torch.rand(1).item()))
    whole = fit(cbs=[Draws])
    wanted = drawn[:]
    for n in (6, 7, 11):
        drawn.clear()
        with pytest.raises(Cut): fit(tmp_path/str(n), CutAt(n, 'after_batch'), 1, cbs=[Draws])
        assert equal(fit(tmp_path/str(n), None, 1, cbs=[Draws]), whole) and set(drawn)==set(wanted), n

# Checkpoints of another fit

def small(dtype=torch.float32, bs=4, n=8, n_valid=4, generator=None, cbs=(), shuffle=True, metrics=(), frozen=False):
    "A Learner with two training batches of four rows and one validation batch"
    learn = tiny(dtype, metrics=metrics)
    learn.model.weight.requires_grad_(not frozen)
    x,y = torch.randn(20,5, dtype=dtype),torch.randn(20,1, dtype=dtype)
    train = DataLoader((x[:n], y[:n]), bs, shuffle=shuffle, generator=generator)
    learn.dls = DataLoaders(train, DataLoader((x[:n_valid], y[:n_valid]), 4))
    learn.cbs += list(cbs)
    return learn

def mixed(dtype=torch.bfloat16): return [MixedPrecision(dtype, force=True)]

OTHERS = {
    'batch size: got 4, wanted 5': dict(bs=5), 'training batches: got 2, wanted 3': dict(n=12), 'rows: got 8, wanted 7': dict(n=7),
    'shuffle: got True, wanted False': dict(shuffle=False), r"columns of the record: got .* wanted .*'accuracy'": dict(metrics=[accuracy]),
    r'trained: got \[True, True\], wanted \[False, True\]': dict(frozen=True),
    'validation batches: got 1, wanted 2': dict(n_valid=8),
    r'dtypes of weights: got .*float32.* wanted .*float64': dict(dtype=torch.float64),
    r'generators of loaders: got \[False, False\], wanted \[True, False\]': dict(generator=1)}

def unchanged(learn, path, says):
    "A fit from `path` is refused for a reason, and changes nothing"
    before,rng,file = {k: v.clone() for k,v in model_state(learn.model).items()},torch.get_rng_state(),path.read_bytes()
    with pytest.raises(ValueError, match=f'c: got a checkpoint that does not fit .*{says}'):
        learn.fit(3, 0.1, cbs=Checkpoint(path), quiet=True)
    assert same(before, model_state(learn.model)) and torch.equal(rng, torch.get_rng_state()) and path.read_bytes()==file

@pytest.mark.parametrize('says', OTHERS)
def test_checkpoint_of_other_batches_or_numbers(tmp_path, says):
    small().fit(1, 0.1, cbs=Checkpoint(tmp_path/'c'), quiet=True)
    unchanged(small(**OTHERS[says]), tmp_path/'c', says)

@pytest.mark.parametrize('number', [np.float64, np.float32, np.float16, torch.tensor])
def test_rates_that_are_numbers_of_numpy(tmp_path, number):
    "From a schedule, which may have more of them in the state of a callback; the record and the optimizer's state are written as numbers"
    class Kept(Callback):
        state_attrs = ('seen',)
        seen = [number(0.5)]
    rate = Scheduler(lambda pos: number(0.25))
    small(cbs=[rate, Kept()]).fit(1, cbs=Checkpoint(tmp_path/'c'), quiet=True)
    assert small(cbs=[rate, Kept()]).fit(2, cbs=Checkpoint(tmp_path/'c'), quiet=True) is None
    assert read_state(tmp_path/'c', 'checkpoint')['opt']['param_groups'][0]['lr']==0.25

@pytest.mark.parametrize('min_delta', [math.nan, math.inf, -0.1, '0.1', None])
@pytest.mark.parametrize('cls', [EarlyStopping, lambda **kw: SaveBest('best', **kw)], ids=['stop', 'save'])
def test_a_least_improvement_that_is_none(cls, min_delta):
    "With nan the first epoch would be the best for ever"
    with pytest.raises(ValueError, match=f'got min_delta={min_delta!r}, wanted a number from 0'): cls(min_delta=min_delta)

def test_checkpoint_with_a_generator_into_a_fit_without(tmp_path):
    small(generator=1).fit(1, 0.1, cbs=Checkpoint(tmp_path/'c'), quiet=True)
    unchanged(small(), tmp_path/'c', 'generators of loaders: got')

def test_checkpoint_of_another_precision(tmp_path, monkeypatch):
    "Also where a processor stands aside that is slower with 16 bits"
    small(cbs=mixed()).fit(1, 0.1, cbs=Checkpoint(tmp_path/'c'), quiet=True)
    unchanged(small(cbs=mixed(torch.float16)), tmp_path/'c', 'precision of the forward pass: got torch.bfloat16, wanted torch.float16')
    monkeypatch.setattr(mixed_precision, 'is_slower_in', lambda *args: True)
    unchanged(small(cbs=[MixedPrecision()]), tmp_path/'c', 'precision of the forward pass: got torch.bfloat16, wanted full')

def test_checkpoint_of_another_default_dtype(tmp_path):
    "In which random numbers are drawn, and new tensors made"
    small().fit(1, 0.1, cbs=Checkpoint(tmp_path/'c'), quiet=True)
    try:
        torch.set_default_dtype(torch.float64)
        unchanged(small(), tmp_path/'c', 'default dtype: got torch.float32, wanted torch.float64')
    finally: torch.set_default_dtype(torch.float32)

PLACES = [('processes', 2), ('device', 'cuda'), ('CUDA devices', 4)]

@pytest.mark.parametrize('name, value', PLACES)
def test_checkpoint_of_another_machine(tmp_path, name, value):
    "Of several processes or GPUs, each of which draws random numbers of its own"
    small().fit(1, 0.1, cbs=Checkpoint(tmp_path/'c'), quiet=True)
    s = torch.load(tmp_path/'c', weights_only=True)
    kind = s.pop('kind')
    write_state(tmp_path/'c', kind, **{**s, 'conditions': {**s['conditions'], name: value}})
    unchanged(small(), tmp_path/'c', f'{name}: got {value}, wanted')

def test_a_model_on_the_cpu_may_move_to_a_machine_without_gpus(tmp_path):
    "Whose generators it does not draw from"
    small().fit(1, 0.1, cbs=Checkpoint(tmp_path/'c'), quiet=True)
    s = torch.load(tmp_path/'c', weights_only=True)
    kind,state = s.pop('kind'),torch.zeros(16, dtype=torch.uint8)
    for k in ('rng', 'epoch_rng'): s[k]['cuda'] = [state, state]
    write_state(tmp_path/'c', kind, **s)
    learn = small()
    learn.fit(2, 0.1, cbs=Checkpoint(tmp_path/'c'), quiet=True)
    assert len(learn.recorder.values)==2

@pytest.mark.parametrize('place', [dict(epoch=-1), dict(iter=-1), dict(iter=3), dict(iter=10**6)], ids=str)
def test_checkpoint_at_no_place_of_the_fit(tmp_path, place):
    small().fit(1, 0.1, cbs=Checkpoint(tmp_path/'c'), quiet=True)
    s = torch.load(tmp_path/'c', weights_only=True)
    kind = s.pop('kind')
    write_state(tmp_path/'c', kind, **{**s, **place})
    unchanged(small(), tmp_path/'c', 'got epoch .* and batch .*, wanted those of a fit with 2 batches')

def test_a_callback_whose_state_could_not_be_read_again(tmp_path):
    "An error when the first checkpoint is written, and not when a lost run should be resumed"
    class Dates(Callback):
        state_attrs,dates = ('dates',),[Path('x')]
    with pytest.raises(TypeError, match="c: got a pathlib.*Path in 'cb_states', wanted tensors, numbers, strings"):
        small().fit(1, 0.1, cbs=[Dates, Checkpoint(tmp_path/'c')], quiet=True)
    assert not (tmp_path/'c').exists()
