"Schedules, one cycle and the search for a learning rate."
import copy, math
from functools import partial
import pytest, torch
import torch.nn.functional as F
from torch import nn
from fastfound.basics import set_seed, test_near as near
from fastfound.dataloaders import DataLoaders, DataLoader
from fastfound.datasets import get_mnist, mnist_arrays
from fastfound.display import plt
from fastfound.learner import Callback, Learner
from fastfound.metrics import accuracy
from fastfound.optimizers import SGD, MuonSGD, orthogonalize
from fastfound.schedules import Scheduler, SuggestedLRs, linear_schedule, one_cycle, plot_lrs, valley
from learners import three_classes, tiny

def test_rates_of_muon_and_sgd_keep_their_ratio():
    "In a fit, with a schedule and in lr_find"
    rates = []
    class Rates(Callback):
        run_valid,run_in_trials,order = False,True,100
        def before_step(self): rates.append([o[k] for k in ('lr', 'momentum') for o in self.learn.opt.param_groups])
    learn = tiny(opt_func=partial(MuonSGD, sgd_lr=0.01), cbs=Rates)  # a learning rate of 0.1
    learn.model = nn.Sequential(nn.Linear(5,4), nn.ReLU(), nn.Linear(4,1))
    learn.fit(1, quiet=True)
    assert rates==[[pytest.approx(0.1), pytest.approx(0.01), 0.95, 0.9]]*2
    learn.fit_one_cycle(4, 0.5, quiet=True)
    assert rates[3][2:]!=[0.95, 0.9] and rates[3][2]==rates[3][3]
    learn.lr_find(n=20, end=1., show=False)
    assert all(a==pytest.approx(10*b) for a,b,*_ in rates) and len({a for a,*_ in rates})>20
    assert [o['momentum'] for o in learn.opt.param_groups]==[0.95, 0.9]


def test_schedules_keep_the_rates_of_groups():
    "Two groups of which the first has a tenth of the rate: the ratio stays with `lr`, with a schedule and afterwards"
    def groups(params, lr): return SGD([{'params': params[:1], 'lr': lr/10}, {'params': params[1:]}], lr=lr, momentum=0.9)
    rates = []
    class Rates(Callback):
        run_valid = False
        def before_step(self): rates.append([o['lr'] for o in self.learn.opt.param_groups])
    learn = tiny(opt_func=groups, cbs=Rates)
    learn.fit(2, 0.01, quiet=True)
    assert rates==[[pytest.approx(0.001), 0.01]]*4
    rates.clear()
    learn.fit_one_cycle(2, 0.05, quiet=True)
    assert all(a==pytest.approx(b/10) for a,b in rates) and len({b for _,b in rates})==4
    rates.clear()
    learn.fit(1, cbs=Scheduler(linear_schedule(0.01, 0)), quiet=True)
    assert rates==[[pytest.approx(0.001), pytest.approx(0.01)], [pytest.approx(0.0005), pytest.approx(0.005)]]
    assert [o['lr'] for o in learn.opt.param_groups]==[pytest.approx(0.01), pytest.approx(0.1)]

def test_one_cycle_takes_any_place_for_its_peak():
    assert [one_cycle(0., 1., 0.5, p)(o) for p in (0., 1.) for o in (0., 1.)]==[pytest.approx(o) for o in (1., 0.5, 0., 1.)]
    with pytest.raises(ValueError, match='got pct_start=1.5'): one_cycle(0., 1., 0., 1.5)

# lr_find

def learner(opt_func=SGD, **kw):
    x,y,xv,yv = mnist_arrays(get_mnist('sample'))
    set_seed(42)
    dls,model = DataLoaders.from_dsets((x,y), (xv,yv), bs=64),nn.Sequential(nn.Linear(784,30), nn.ReLU(), nn.Linear(30,10))
    return Learner(dls, model, F.cross_entropy, opt_func, lr=0.1, metrics=accuracy, **kw)

def test_lr_find_restores_everything():
    "Weights, buffers, modes, optimizer state, record, pending gradients, generators of DataLoaders; also after an interruption"
    learn = learner(opt_func=partial(SGD, momentum=0.9))
    learn.fit(1, quiet=True)
    opt,state,values = learn.opt,copy.deepcopy(learn.opt.state_dict()),learn.recorder.values
    learn.lr_find(show=False)
    assert learn.opt is opt and learn.recorder.values is values
    after = opt.state_dict()['state']
    assert state['state'].keys()==after.keys() and len(after)==len(list(learn.model.parameters()))
    for i,a in state['state'].items(): assert a.keys()==after[i].keys() and all(torch.equal(a[k], after[i][k]) for k in a)
    assert state['param_groups']==opt.state_dict()['param_groups']
    x,y,*_ = mnist_arrays(get_mnist('sample'))
    dl,model = DataLoader((x, y), 64, shuffle=True, generator=3),nn.Sequential(nn.BatchNorm1d(784), nn.Linear(784,10))
    model[0].eval()
    state,weights = dl.generator.get_state(),copy.deepcopy(model.state_dict())
    Learner(DataLoaders(dl), model, F.cross_entropy, SGD).lr_find(n=20, show=False)
    assert torch.equal(state, dl.generator.get_state()) and all(torch.equal(weights[k], v) for k,v in model.state_dict().items())
    assert [o.training for o in model.modules()]==[True, False, True]
    class Fails(Callback):
        run_in_trials = True
        def after_step(self): raise KeyboardInterrupt
    failing,rng = learner(cbs=Fails()),torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt): failing.lr_find()
    assert torch.equal(rng, torch.get_rng_state())
    for a,b in zip(failing.model.parameters(), learner().model.parameters()): assert torch.equal(a, b)

def test_lr_find_without_an_answer():
    "A loss that is not a number, and one that does not fall: an error in place of a suggestion"
    with pytest.raises(ValueError, match='wanted 0 < start < end'): learner().lr_find(start=1., end=0.1)
    nan = learner()
    nan.loss_func = lambda p,t: F.cross_entropy(p, t)*math.nan
    with pytest.raises(FloatingPointError, match='the loss was not finite'): nan.lr_find()
    rises = learner()
    rises.loss_func = lambda p,t: 2+0*p.sum()
    with pytest.raises(FloatingPointError, match='there is nothing to suggest'): rises.lr_find()

@pytest.mark.parametrize('seeds', [range(5), pytest.param(range(5, 20), marks=pytest.mark.long)], ids=['5', '15'])
@pytest.mark.parametrize('sizes', [(784,10), (784,50,10), (784,100,50,10)], ids=['linear', 'one hidden layer', 'two hidden layers'])
def test_suggested_rates_do_not_diverge(sizes, seeds):
    "Twenty seeds, fifteen of them in the long tests: an epoch at either suggested rate ends with no higher loss than it began with"
    def make(): return nn.Sequential(*[o for a,b in zip(sizes, sizes[1:]) for o in (nn.Linear(a, b), nn.ReLU())][:-1])
    x,y,xv,yv = mnist_arrays(get_mnist('sample'))
    for seed in seeds:
        set_seed(seed)
        dls = DataLoaders.from_dsets((x,y), (xv,yv), bs=32)
        suggested = Learner(dls, make(), F.cross_entropy, SGD).lr_find(show=False)
        assert suggested.minimum/30<=suggested.steep<=suggested.minimum
        for lr in suggested:
            learn = Learner(dls, make(), F.cross_entropy, SGD)
            learn.fit(1, lr, quiet=True)
            losses = torch.tensor(learn.recorder.losses)
            assert losses[-20:].mean()<1.05*losses[:10].mean(), (seed, lr)  # a small rate may have learned little by then

# Losses of any sign and scale

def classifier(change=lambda loss: loss, maximize=False, seed=0, bs=32):
    "Three classes by eight numbers in float64; `change` is made to the loss"
    set_seed(seed)
    x = torch.randn(512,8, dtype=torch.float64)
    y = (x[:,0]>0).long()+(x[:,1]>0)
    def loss(p, t): return change(F.cross_entropy(p, t))
    opt_func = partial(torch.optim.SGD, maximize=True) if maximize else SGD
    return Learner(DataLoaders.from_dsets((x, y), (x, y), bs=bs), nn.Linear(8,3).double(), loss, opt_func, lr=0.1)

def found(*args, **kw): return torch.tensor(classifier(*args, **kw).lr_find(show=False), dtype=torch.float64)

@pytest.mark.parametrize('shift', [-1e4, -5., -1.1, 1., 1e4])
def test_a_constant_added_to_the_loss_changes_nothing(shift):
    "A log-likelihood, an energy, a critic: all that counts are differences"
    near(found(lambda loss: loss+shift), found(), tol=1e-9)

@pytest.mark.parametrize('scale', [1e-9, 1e-3, 100.])
def test_a_tenfold_loss_wants_a_tenth_of_the_rate(scale):
    "Tiny losses and large ones, searched over rates that go with them"
    a = torch.tensor(classifier().lr_find(1e-5, 100., show=False))
    b = torch.tensor(classifier(lambda loss: loss*scale).lr_find(1e-5/scale, 100./scale, show=False))
    near(b*scale, a, tol=1e-6)

def test_a_loss_that_should_rise_is_searched_with_its_sign_changed():
    near(found(lambda loss: -loss, maximize=True), found(), tol=1e-9)

def test_a_loss_that_starts_at_zero():
    "The ratio of two policies: zero at first, then below"
    def relative(learn):
        x,y = learn.dls.train.dataset
        start = copy.deepcopy(learn.model)
        loss_func = learn.loss_func
        def loss(p, t): return loss_func(p, t)-loss_func(start(learn.xb[0]), t).detach()
        learn.loss_func = loss
        return learn
    suggested = relative(classifier()).lr_find(show=False)
    assert all(1e-3<o<3 for o in suggested), suggested

@pytest.mark.parametrize('bs', [2, 4, 8])
@pytest.mark.parametrize('shift', [0., -3.])
def test_noisy_losses(bs, shift):
    "Small batches, with losses below zero as well: the suggested rates train"
    for lr in classifier(lambda loss: loss+shift, bs=bs).lr_find(show=False):
        learn = classifier(lambda loss: loss+shift, bs=bs)
        before = learn.validate()[0]
        learn.fit(1, lr, quiet=True)
        assert 1e-4<lr<3 and learn.validate()[0]<before, (lr, before)

def test_an_explosion_ends_the_search():
    "Also of a loss below zero, and long before the last rate"
    for shift in (0., -100.):
        learn = tiny(torch.float64)
        seen = []
        class Counts(Callback):
            run_in_trials = True
            def after_batch(self): seen.append(self.learn.loss.item())
        learn.loss_func = lambda p,t: F.mse_loss(p, t)+shift
        learn.cbs.append(Counts())
        learn.lr_find(end=1e4, show=False)
        assert len(seen)<95 and max(seen)-shift<1e3*(seen[0]-shift)

@pytest.mark.parametrize('huge', [10**20, 10**9, 2**63])
def test_counts_that_cannot_be_meant(huge):
    "They would not end"
    import fastfound.augment  # gives a Learner its `tta`
    learn = tiny()
    calls = (lambda: learn.fit(huge)), (lambda: learn.fit_one_cycle(huge)), (lambda: learn.lr_find(n=huge)), (lambda: learn.tta(n=huge))
    for f in (*calls, lambda: orthogonalize(torch.eye(2), steps=huge)):
        with pytest.raises(ValueError, match='got .*wanted '): f()

def test_start_beyond_all_good_rates():
    "Nothing falls: an error in words, for any sign of the loss"
    for shift in (0., -1e3):
        learn = tiny(torch.float64)
        learn.loss_func = lambda p,t: F.mse_loss(p, t)+shift
        with pytest.raises(FloatingPointError, match='lr_find: the loss'): learn.lr_find(start=100., end=1e6, show=False)

def valley_by_fastai(losses):
    "The index that fastai suggests, found from every pair"
    best = [1]*len(losses)
    for i in range(len(losses)):
        for j in range(i):
            if losses[j]>losses[i]: best[i] = max(best[i], best[j]+1)
    length = max(best)
    third = length/3
    return max(0, best.index(length)-length + int(third)+int(third/2))

@pytest.mark.parametrize('seed', range(20))
def test_the_valley_is_fastais(seed):
    g = torch.Generator().manual_seed(seed)
    n = 10+5*seed
    lrs,t = torch.logspace(-7, 1, n),torch.linspace(0, 3, n)
    losses = (t-2).abs()+0.3*torch.rand(n, generator=g)
    assert valley(lrs, losses)==lrs[valley_by_fastai(losses.tolist())].item()
    assert valley(lrs, -t)==lrs[valley_by_fastai((-t).tolist())].item() and valley(lrs, t)==lrs[0].item()

def test_the_plot_shows_losses_of_any_sign():
    "From the lowest to half as much above the first as that is below it"
    for shift in (0., -50.):
        lrs = torch.logspace(-5, 0, 60, dtype=torch.float64)
        losses = torch.cat([torch.full((20,), 2.), torch.linspace(2, 1, 30), torch.linspace(1, 900, 10)]).double()+shift
        plot_lrs(lrs, losses, SuggestedLRs(1e-3, 1e-2, 1e-3))
        low,high = plt.gca().get_ylim()
        plt.close('all')
        assert shift+0.8<low<shift+1 and shift+2.5<high<shift+2.7

# Wrong arguments

CYCLES = [dict(div=0), dict(div=-25), dict(div=math.nan), dict(div='x'), dict(div_final=0), dict(div_final=math.inf), dict(moms=0.9),
          dict(moms=(0.9,0.8)), dict(moms=(0.95,1.,0.95)), dict(moms=(0.95,math.nan,0.95)), dict(moms=(-0.1,0.5,0.9)), dict(pct_start=2)]

@pytest.mark.parametrize('kw', CYCLES, ids=str)
def test_a_cycle_that_cannot_be(kw):
    "Refused before anything is trained"
    learn = tiny()
    before = [p.detach().clone() for p in learn.model.parameters()]
    with pytest.raises(ValueError, match=f'got {next(iter(kw))}=.*, wanted'): learn.fit_one_cycle(1, 0.1, quiet=True, **kw)
    assert all(torch.equal(a, b) for a,b in zip(before, learn.model.parameters())) and learn.opt is None

RATES = [(dict(lr=lambda pos: math.nan), 'learning rate of nan'), (dict(lr=lambda pos: -0.1), 'learning rate of -0.1'),
         (dict(lr=lambda pos: math.inf), 'learning rate of inf'), (dict(lr=lambda pos: None), 'learning rate of None'),
         (dict(lr=lambda pos: slice(1,2)), 'learning rate of slice'),
         (dict(lr=lambda pos: 0.1 if pos<0.5 else math.nan), 'learning rate of nan at a progress of 0.5'),
         (dict(momentum=lambda pos: 1.), 'momentum of 1.0'), (dict(momentum=lambda pos: math.nan), 'momentum of nan')]

@pytest.mark.parametrize('kw, says', RATES, ids=lambda o: o if isinstance(o, str) else '')
def test_a_schedule_of_no_rates(kw, says):
    "The step is not taken, and the settings from before come back"
    learn = tiny(opt_func=partial(SGD, momentum=0.9))
    with pytest.raises(ValueError, match=f'Scheduler: got a {says}.*wanted a number from 0'): learn.fit(1, cbs=Scheduler(**kw), quiet=True)
    assert all(p.isfinite().all() for p in learn.model.parameters()) and learn.opt.param_groups[0]['momentum']==0.9
    assert learn.opt.param_groups[0]['lr']==0.1

@pytest.mark.parametrize('kw', [dict(lr=0.1), dict(momentum=(0.9,0.8)), dict(lr='cosine')], ids=str)
def test_a_schedule_is_a_function(kw):
    with pytest.raises(TypeError, match=f'Scheduler: got {next(iter(kw))}=.*, wanted a function of training progress'): Scheduler(**kw)

FINDS = [dict(start=0), dict(start=-1), dict(start=math.nan), dict(end=math.inf), dict(n=9), dict(n=20.5), dict(n='x'), dict(start='x'),
         dict(start=(1e-5,1e-3)), dict(end=None)]

@pytest.mark.parametrize('kw', FINDS, ids=str)
def test_a_search_that_cannot_be(kw):
    with pytest.raises(ValueError, match='lr_find: got start=.*wanted 0 < start < end and at least 10 rates'): tiny().lr_find(**kw)

def test_a_search_without_batches():
    learn = tiny()
    learn.dls = DataLoaders(DataLoader(learn.dls.train.dataset, 100, drop_last=True))
    with pytest.raises(ValueError, match='lr_find: got a training DataLoader without batches'): learn.lr_find()

@pytest.mark.parametrize('ignored', [[1], [0,2], [0,1,3]])
def test_finder_passes_over_batches_whose_targets_are_all_ignored(ignored):
    "As a fit does: their loss is nan and their gradients are 0"
    learn = three_classes()
    (x,y),*_ = learn.dls.train
    learn.dls = DataLoaders([(x, torch.full_like(y, -100) if i in ignored else y) for i in range(4)])
    assert all(math.isfinite(o) for o in learn.lr_find(n=40, show=False))

@pytest.mark.parametrize('fits', [0, 1])
@pytest.mark.parametrize('opt_func', [partial(SGD, momentum=0.9), partial(torch.optim.SGD, momentum=0.9), torch.optim.Adam, MuonSGD])
def test_finder_restores_an_optimizer_that_is_there_already(opt_func, fits):
    "One that `opt_func` returns each time: its rates and its state"
    learn = three_classes()
    opt = opt_func(learn.model.parameters(), lr=0.05)
    learn.opt_func = lambda params, lr: opt
    for _ in range(fits): learn.fit(1, quiet=True)
    before = copy.deepcopy(opt.state_dict()['state'])
    learn.lr_find(n=10, show=False)
    state = opt.state_dict()['state']
    assert opt.param_groups[0]['lr']<1 and state.keys()==before.keys()
    assert all(torch.equal(torch.as_tensor(o[k]), torch.as_tensor(before[i][k])) for i,o in state.items() for k in o)

def test_finder_needs_a_target_that_counts():
    learn = three_classes()
    learn.dls = DataLoaders([(torch.randn(8,20), torch.full((8,), -100))]*3)
    with pytest.raises(ValueError, match='lr_find: got a whole pass in which all targets are ignored'): learn.lr_find(show=False)
