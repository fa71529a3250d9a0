"Optimizers, schedules and the search for a learning rate."
import copy, math, pickle, random
from functools import partial
import pytest, torch
import torch.nn.functional as F
from torch import nn
import fastfound.checkpoints
from fastfound.dataloaders import DataLoaders, DataLoader
from fastfound.datasets import get_mnist, mnist_arrays
from fastfound.basics import set_seed, test_near as near
from fastfound.learner import Callback, Learner, accuracy
from fastfound.optimizers import SGD, Adam, AdamW, MultiOptimizer, Muon, MuonSGD, RMSProp, orthogonalize, split_params
from fastfound.diagnostics import GradientClip
from fastfound.schedules import Scheduler, linear_schedule, one_cycle
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

# Muon

def muon_shapes(seed):
    "Fifty shapes of matrices and filters, square, wide and tall, and with a side of 1"
    g = random.Random(seed)
    for _ in range(50): yield g, (g.randint(1, 20), g.randint(1, 20)) if g.random()<0.5 else (g.randint(1, 20), g.randint(1, 4), g.choice([1, 3]), g.choice([1, 3, 5]))

def polynomial(m, steps=5):
    "What Newton-Schulz iterations make of `m`, from its singular values"
    u,s,vt = torch.linalg.svd(m, full_matrices=False)
    s = s/s.norm().clamp(min=1e-7)
    for _ in range(steps): s = 3.4445*s - 4.7750*s**3 + 2.0315*s**5
    return u@s.diag()@vt

def test_newton_schulz_is_a_polynomial_of_singular_values():
    for i,(g,shape) in enumerate(muon_shapes(0)):
        torch.manual_seed(i)
        m,steps = torch.randn(shape, dtype=torch.float64).flatten(1)*10**g.uniform(-4, 4),g.randint(1, 7)
        if i%3==0: m = m[:,:1]@m[:1]  # of rank 1
        near(orthogonalize(m, steps), polynomial(m, steps), tol=1e-10)
    assert torch.equal(orthogonalize(torch.zeros(3,4)), torch.zeros(3,4))
    half = orthogonalize(torch.eye(3), dtype=torch.bfloat16)
    assert half.dtype==torch.float32 and torch.equal(half, half.bfloat16().float())

def muon_steps(opt_func, shape, seed, **kw):
    torch.manual_seed(seed)
    w = torch.randn(shape, dtype=torch.float64)
    x = torch.randn(20,7,w[0].numel(), dtype=torch.float64)
    w.requires_grad_()
    opt = opt_func([{'params': [w], 'lr': 0.05}], lr=1., **kw)
    for xb in x:
        (xb@w.flatten(1).T).sin().pow(2).mean().backward()
        opt.step()
        opt.zero_grad()
    return w.detach().flatten(1)

class MuonBySVD:
    "Muon on one matrix, from its formulas, as an independent answer"
    def __init__(self, params, lr, momentum, nesterov, ns_steps, weight_decay):
        (self.p,),self.lr = params[0]['params'],params[0]['lr']
        self.m,self.momentum,self.nesterov,self.ns_steps,self.wd = 0.,momentum,nesterov,ns_steps,weight_decay
    def step(self):
        g,mu = self.p.grad.flatten(1),self.momentum
        self.m = mu*self.m + (1-mu)*g
        step = polynomial(mu*self.m + (1-mu)*g if self.nesterov else self.m, self.ns_steps)
        rows,cols = step.shape
        self.p.data = self.p*(1-self.lr*self.wd) - self.lr*(math.sqrt(rows/cols) if rows>cols else 1.)*step.view_as(self.p)
    def zero_grad(self): self.p.grad = None

def test_muon_takes_the_steps_of_its_formulas():
    "In float64, on matrices and filters of drawn shapes and with drawn settings"
    for i,(g,shape) in enumerate(muon_shapes(1)):
        kw = {'momentum': g.choice([0., 0.5, 0.95]), 'nesterov': g.random()<0.5, 'ns_steps': g.randint(1, 5), 'weight_decay': g.choice([0., 0.3])}
        near(muon_steps(Muon, shape, i, **kw), muon_steps(MuonBySVD, shape, i, **kw), tol=1e-10)

@pytest.mark.skipif(not hasattr(torch.optim, 'Muon'), reason='PyTorch has Muon from version 2.9 on')
def test_muon_takes_the_steps_of_pytorch():
    "With the iterations in bfloat16, as PyTorch's are; a filter moves as PyTorch moves its matrix"
    for i,(g,shape) in enumerate(muon_shapes(2)):
        kw = {'momentum': g.choice([0., 0.5, 0.95]), 'nesterov': g.random()<0.5, 'ns_steps': g.randint(1, 5), 'weight_decay': g.choice([0., 0.3])}
        flat = (shape[0], math.prod(shape[1:]))
        near(muon_steps(Muon, shape, i, dtype=torch.bfloat16, **kw), muon_steps(torch.optim.Muon, flat, i, **kw), tol=1e-10)

def test_muon_refuses_what_it_cannot_use():
    w,b = torch.zeros(3,2),torch.zeros(3)
    with pytest.raises(ValueError, match=r'got a parameter of shape \(3,\), wanted two or more dimensions'): Muon([w, b])
    with pytest.raises(ValueError, match='got momentum=1.0, wanted a number from 0 to below 1'): Muon([w], momentum=1.0)
    with pytest.raises(ValueError, match='got ns_steps=0'): Muon([w], ns_steps=0)
    with pytest.raises(ValueError, match='wanted at least two with two or more dimensions'): MuonSGD([w, b])
    with pytest.raises(TypeError, match='split_params: got groups'): MuonSGD([{'params': [w, b]}])
    with pytest.raises(TypeError, match='got a torch.optim.sgd.SGD, wanted optimizers of fastfound'): MultiOptimizer(torch.optim.SGD([w.requires_grad_()], 0.1))
    with pytest.raises(ValueError, match='got the same parameter twice'): MultiOptimizer(SGD([w], 0.1), Adam([b, w]))
    with pytest.raises(RuntimeError, match='no parameter has a gradient'): MultiOptimizer(SGD([w], 0.1), Adam([b])).step()

def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(1,4,3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4,6,3), nn.ReLU(), nn.Flatten(), nn.Linear(6*16,5), nn.ReLU(), nn.Linear(5,2))

def a_step(opt, model):
    torch.manual_seed(2)
    model(torch.randn(9,1,8,8)).pow(2).mean().backward()
    opt.step()
    opt.zero_grad()

def test_muon_sgd_is_muon_for_hidden_weights_and_sgd_for_the_rest():
    "As two optimizers, step by step; and parameters without a gradient stay"
    one,two = network(),network()
    hidden = [two[i].weight for i in (0, 3, 6)]
    rest = [two[0].bias, two[1].weight, two[1].bias, two[3].bias, two[6].bias, two[8].weight, two[8].bias]
    assert [list(map(id, o)) for o in split_params(two.parameters())]==[list(map(id, o)) for o in (hidden, rest)]
    both,muon,sgd = MuonSGD(one.parameters(), 0.05, 0.02, wd=0.1),Muon(hidden, 0.05, wd=0.1),SGD(rest, 0.02, momentum=0.9)
    for _ in range(3):
        a_step(both, one)
        two(torch.randn(9,1,8,8, generator=torch.Generator().manual_seed(2))).pow(2).mean().backward()
        for o in (muon, sgd):
            o.step()
            o.zero_grad()
        for a,b in zip(one.parameters(), two.parameters()): assert torch.equal(a, b) and a.grad is None
    before = [p.detach().clone() for p in one.parameters()]
    one[8].weight.grad = torch.ones(2,5)
    both.step()
    assert [torch.equal(a, b) for a,b in zip(one.parameters(), before)]==[p is not one[8].weight for p in one.parameters()]

@pytest.mark.parametrize('copied', [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=['deepcopy', 'pickle'])
def test_muon_sgd_is_copied_with_its_model(copied):
    "And its state can be loaded into another"
    model = network()
    opt = MuonSGD(model.parameters())
    a_step(opt, model)
    (model2,opt2),model3 = copied((model, opt)),network()
    model3.load_state_dict(model.state_dict())
    opt3 = MuonSGD(model3.parameters(), 0.5)
    opt3.load_state_dict(copy.deepcopy(opt.state_dict()))
    for o,m in ((opt, model), (opt2, model2), (opt3, model3)): a_step(o, m)
    for other in (model2, model3):
        for a,b in zip(model.parameters(), other.parameters()): assert torch.equal(a, b)

def test_rates_of_muon_and_sgd_keep_their_ratio():
    "In a fit, with a schedule and in lr_find"
    rates = []
    class Rates(Callback):
        run_valid,run_in_trials,order = False,True,100
        def before_step(self): rates.append([o['lr'] for o in self.learn.opt.param_groups] + [o['momentum'] for o in self.learn.opt.param_groups])
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

@pytest.mark.parametrize('seeds', [range(5), pytest.param(range(5, 20), marks=pytest.mark.long)], ids=['5', '15'])
@pytest.mark.parametrize('make', [lambda: nn.Linear(784,10), lambda: nn.Sequential(nn.Linear(784,50), nn.ReLU(), nn.Linear(50,10)),
                                  lambda: nn.Sequential(nn.Linear(784,100), nn.ReLU(), nn.Linear(100,50), nn.ReLU(), nn.Linear(50,10))], ids=['linear', 'one hidden layer', 'two hidden layers'])
def test_suggested_rates_do_not_diverge(make, seeds):
    "Twenty seeds, fifteen of them in the long tests: an epoch at either suggested rate ends with no higher loss than it began with"
    x,y,xv,yv = mnist_arrays(get_mnist('sample'))
    for seed in seeds:
        set_seed(seed)
        dls = DataLoaders.from_dsets((x,y), (xv,yv), bs=32)
        suggested = Learner(dls, make(), F.cross_entropy).lr_find(show=False)
        assert suggested.minimum/30<=suggested.steep<=suggested.minimum
        for lr in suggested:
            learn = Learner(dls, make(), F.cross_entropy)
            learn.fit(1, lr, quiet=True)
            losses = torch.tensor(learn.recorder.losses)
            assert losses[-20:].mean()<1.05*losses[:10].mean(), (seed, lr)  # a small rate may have learned little by then
