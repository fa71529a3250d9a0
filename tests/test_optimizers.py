"Optimizers, schedules and the search for a learning rate."
import copy, math, random
from functools import partial
import pytest, torch
import torch.nn.functional as F
from torch import nn
import fastfound.checkpoints
from fastfound.dataloaders import DataLoaders
from fastfound.datasets import get_mnist, mnist_arrays, set_seed
from fastfound.learner import Callback, Learner, accuracy
from fastfound.matmul import test_near as near
from fastfound.mnist_sgd import SGD, DataLoader
from fastfound.optimizers import Adam, AdamW, GradientClip, RMSProp, Scheduler, linear_schedule, one_cycle
from learners import tiny

@pytest.mark.parametrize('ours, theirs, draw', [
    (SGD, torch.optim.SGD, lambda g: {'momentum': g.choice([0., 0.5, 0.9])}),
    (RMSProp, torch.optim.RMSprop, lambda g: {'alpha': g.uniform(0.5, 0.99), 'eps': g.choice([1e-8, 1e-3]), 'momentum': g.choice([0., 0.9])}),
    (Adam, torch.optim.Adam, lambda g: {'betas': (g.uniform(0, 0.95), g.uniform(0.5, 0.999)), 'eps': g.choice([1e-8, 1e-3])}),
    (AdamW, torch.optim.AdamW, lambda g: {'betas': (g.uniform(0, 0.95), g.uniform(0.5, 0.999)), 'eps': g.choice([1e-8, 1e-3])})])
def test_optimizers_take_the_steps_of_pytorch(ours, theirs, draw):
    "Fifty drawn settings in two groups, twenty steps each, in float64"
    g = random.Random(0)
    for seed in range(50):
        settings,wd,lrs = draw(g),g.choice([0., 0.01, 0.3]),(g.uniform(1e-3, 0.1), g.uniform(1e-3, 0.1))
        def steps(opt_func, **kw):
            torch.manual_seed(seed)
            a,b = torch.randn(3,2, dtype=torch.float64).requires_grad_(),torch.randn(2, dtype=torch.float64).requires_grad_()
            opt = opt_func([{'params': [a], 'lr': lrs[0]}, {'params': [b], **{k: wd/2 for k in kw}}], lr=lrs[1], **settings, **kw)
            for x in torch.randn(20,5,3, dtype=torch.float64):
                (x@a+b).sin().pow(2).mean().backward()
                opt.step()
                opt.zero_grad()
            return torch.cat([a.detach().flatten(), b.detach()])
        near(steps(ours, wd=wd), steps(theirs, weight_decay=wd), tol=1e-10)

def test_state_of_an_optimizer_of_another_shape_is_refused():
    one,two = SGD([torch.zeros(2)], 0.1),SGD([torch.zeros(2), torch.zeros(2)], 0.1)
    with pytest.raises(ValueError, match='got the state of 1 parameters in 1 groups, wanted 2 in 1'): two.load_state_dict(one.state_dict())


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

def learner(**kw):
    x,y,xv,yv = mnist_arrays(get_mnist('sample'))
    set_seed(42)
    return Learner(DataLoaders.from_dsets((x,y), (xv,yv), bs=64), nn.Sequential(nn.Linear(784,30), nn.ReLU(), nn.Linear(30,10)), F.cross_entropy, lr=0.1, metrics=accuracy, **kw)

def test_lr_find_restores_everything():
    "Weights, buffers, optimizer state, record, pending gradients, generators of DataLoaders; also after an interruption"
    learn = learner(opt_func=partial(SGD, momentum=0.9))
    learn.fit(1, quiet=True)
    opt,state,values = learn.opt,copy.deepcopy(learn.opt.state_dict()),learn.recorder.values
    learn.lr_find(show=False)
    assert learn.opt is opt and learn.recorder.values is values
    for a,b in zip(state['state'], opt.state_dict()['state']): assert a.keys()==b.keys() and all(torch.equal(a[k], b[k]) for k in a)
    assert state['param_groups']==opt.state_dict()['param_groups']
    x,y,*_ = mnist_arrays(get_mnist('sample'))
    own = Learner(DataLoaders(DataLoader((x, y), 64, shuffle=True, generator=3)), nn.Sequential(nn.BatchNorm1d(784), nn.Linear(784,10)), F.cross_entropy)
    kept = own.dls.train.generator.get_state(),copy.deepcopy(own.model.state_dict())
    own.lr_find(n=20, show=False)
    assert torch.equal(kept[0], own.dls.train.generator.get_state()) and all(torch.equal(kept[1][k], v) for k,v in own.model.state_dict().items())
    class Fails(Callback):
        run_in_trials = True
        def after_step(self): raise KeyboardInterrupt
    failing,rng = learner(cbs=Fails()),torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt): failing.lr_find()
    assert torch.equal(rng, torch.get_rng_state()) and all(torch.equal(a, b) for a,b in zip(failing.model.parameters(), learner().model.parameters()))

def test_lr_find_without_an_answer():
    "A loss that is not a number, and one that does not fall: an error in place of a suggestion"
    with pytest.raises(ValueError, match='wanted 0 < start < end'): learner().lr_find(start=1., end=0.1)
    nan = learner()
    nan.loss_func = lambda p,t: F.cross_entropy(p, t)*math.nan
    with pytest.raises(FloatingPointError, match='the loss was not finite'): nan.lr_find()
    rises = learner()
    rises.loss_func = lambda p,t: -F.cross_entropy(p, t).clamp(max=3)+5+p.pow(2).mean()*0
    rises.loss_func = lambda p,t: 2+0*p.sum()
    with pytest.raises(FloatingPointError, match='there is nothing to suggest'): rises.lr_find()

@pytest.mark.parametrize('make', [lambda: nn.Linear(784,10), lambda: nn.Sequential(nn.Linear(784,50), nn.ReLU(), nn.Linear(50,10)),
                                  lambda: nn.Sequential(nn.Linear(784,100), nn.ReLU(), nn.Linear(100,50), nn.ReLU(), nn.Linear(50,10))], ids=['linear', 'one hidden layer', 'two hidden layers'])
def test_suggested_rates_do_not_diverge(make):
    "Twenty seeds: an epoch at either suggested rate ends with no higher loss than it began with"
    x,y,xv,yv = mnist_arrays(get_mnist('sample'))
    for seed in range(20):
        set_seed(seed)
        dls = DataLoaders.from_dsets((x,y), (xv,yv), bs=32)
        suggested = Learner(dls, make(), F.cross_entropy).lr_find(show=False)
        assert suggested.minimum/30<=suggested.steep<=suggested.minimum
        for lr in suggested:
            learn = Learner(dls, make(), F.cross_entropy)
            learn.fit(1, lr, quiet=True)
            losses = torch.tensor(learn.recorder.losses)
            assert losses[-20:].mean()<1.05*losses[:10].mean(), (seed, lr)  # a small rate may have learned little by then
