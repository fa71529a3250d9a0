"Schedules, one cycle and the search for a learning rate."
import copy, math
from functools import partial
import pytest, torch
import torch.nn.functional as F
from torch import nn
from fastfound.basics import set_seed
from fastfound.dataloaders import DataLoaders, DataLoader
from fastfound.datasets import get_mnist, mnist_arrays
from fastfound.learner import Callback, Learner
from fastfound.metrics import accuracy
from fastfound.optimizers import SGD, MuonSGD
from fastfound.schedules import Scheduler, linear_schedule, one_cycle
from learners import tiny

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
    for a,b in zip(state['state'], opt.state_dict()['state']): assert a.keys()==b.keys() and all(torch.equal(a[k], b[k]) for k in a)
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
