"SGD, the other optimizers and their base class against torch.optim, and what they refuse."
import copy, importlib.util, inspect, math, pickle, random, subprocess, sys
from contextlib import nullcontext
from functools import partial
import pytest, torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from fastfound.backprop import CrossEntropy, Model
from fastfound.basics import test_near as near
from fastfound.fully_connected import kaiming
from fastfound.optimizers import (
    SGD, Adam, AdamW, MultiOptimizer, Muon, MuonSGD, Optimizer, RMSProp, orthogonalize, split_params)
from fastfound.tensors import Tensors
from learners import steps

nan,inf = float('nan'),float('inf')

def test_sgd_takes_the_steps_of_pytorch():
    g = random.Random(0)
    for seed in range(50):
        lr,momentum,wd = g.uniform(1e-3, 0.3),g.choice([0., 0.5, 0.9, 1.]),g.choice([0., 0.01, 0.3])
        want = steps(torch.optim.SGD, seed, lr=lr, momentum=momentum, weight_decay=wd)
        for name in ('wd', 'weight_decay'): near(steps(SGD, seed, lr=lr, momentum=momentum, **{name: wd}), want, tol=1e-12)

def test_gradients_cleared_in_place():
    "By those who write `p.grad.zero_()`: the momentum buffer must not be the gradient itself"
    near(steps(SGD, 0, lr=0.1, momentum=0.9, clear=lambda p: p.grad.zero_()), steps(torch.optim.SGD, 0, lr=0.1, momentum=0.9), tol=1e-12)

def test_state_has_the_names_of_pytorch():
    p,q = nn.Parameter(torch.ones(2)),nn.Parameter(torch.ones(2))
    ours,theirs = SGD([p], 0.1, momentum=0.9),torch.optim.SGD([q], 0.1, momentum=0.9)
    for _ in range(2):
        for o,opt in ((p, ours), (q, theirs)):
            (o**2).sum().backward()
            opt.step()
            opt.zero_grad()
    assert list(ours.state[p])==list(theirs.state[q])==['momentum_buffer']
    near(ours.state[p]['momentum_buffer'], theirs.state[q]['momentum_buffer'])

def test_groups():
    p,q,r = [torch.zeros(2) for _ in range(3)]
    groups = {'params': [p]},{'params': iter([q]), 'lr': 10., 'weight_decay': 0.5},{'params': r, 'wd': 0.25}
    opt = SGD(groups, lr=1., weight_decay=0.125)
    assert [(o['lr'], o['weight_decay']) for o in opt.param_groups]==[(1., 0.125), (10., 0.5), (1., 0.25)]
    assert not any('wd' in o for o in opt.param_groups)
    for o in (p,q,r): o.g = torch.ones(2)
    opt.step()
    assert (p[0], q[0], r[0])==(-1, -10, -1)
    opt.param_groups[1]['lr'] = 0.5
    opt.step()
    assert p[0]==-1-(1-0.125) and q[0]==-10-0.5*(1-0.5*10)
    before = q[0].item()
    opt.param_groups[1]['wd'] = 0.  # by its other name
    opt.step()
    assert q[0]==before-0.5 and opt.param_groups[1]['weight_decay']==0 and 'wd' not in opt.param_groups[1]
    opt.zero_grad()
    with pytest.raises(RuntimeError, match='SGD: no parameter has a gradient'): opt.step()

class WithAll(Optimizer):
    "An optimizer with every setting that is checked"
    def update(self, p, g, state, lr=0.1, momentum=0., wd=0., eps=1e-8, alpha=0.9, betas=(0.9,0.99)): pass

@pytest.mark.parametrize('name, value', 
    [(name, value) for name in ('lr','momentum','wd','weight_decay','eps','alpha') for value in (-0.1, nan, inf, -inf)] +
    [('alpha', 1.), ('alpha', 1.5)] + [('betas', o) for o in ((0.9,1.), (-0.1,0.9), (nan,0.9), (0.9,inf), (0.9,), (0.9,0.9,0.9), 0.9, ())])
def test_settings_out_of_range_are_refused(name, value):
    said = f"WithAll: got {'weight_decay' if name=='wd' else name}="
    with pytest.raises(ValueError) as e: WithAll([torch.zeros(1)], **{name: value})
    assert str(e.value).startswith(said) and 'wanted' in str(e.value)
    groups = [{'params': [torch.zeros(1)]}, {'params': [torch.zeros(1)], name: value}]
    with pytest.raises(ValueError) as e: WithAll(groups)
    assert str(e.value).startswith(said)

@pytest.mark.parametrize('name, value', [
    ('lr', 'fast'), ('lr', '0.1'), ('lr', None), ('lr', torch.zeros(2)), ('betas', 'ab'), ('betas', (0.9,'b')), ('momentum', [])])
def test_settings_that_are_no_numbers_are_refused(name, value):
    with pytest.raises(ValueError, match=f'WithAll: got {name}=.*wanted'): WithAll([torch.zeros(1)], **{name: value})

def test_settings_that_are_right():
    for kw in (dict(lr=0.), dict(lr=torch.tensor(0.1)), dict(momentum=2.), dict(eps=0), dict(alpha=0), dict(betas=[0,0.5]), dict(lr=1)):
        WithAll([torch.zeros(1)], **kw)
    class Own(Optimizer):
        def update(self, p, g, state, depth): pass
    assert Own([torch.zeros(1)], depth=-3).param_groups[0]['depth']==-3  # settings of your own are yours to check

@pytest.mark.parametrize('wd', [0.1, 0.])
def test_weight_decay_given_twice(wd):
    "Also where the first of them is what it would be by default"
    with pytest.raises(ValueError, match=f'got wd={wd} and weight_decay=0.2'): SGD([torch.zeros(1)], 0.1, wd=wd, weight_decay=0.2)
    group = {'params': [torch.zeros(1)], 'wd': wd, 'weight_decay': 0.2}
    with pytest.raises(ValueError, match=f'got wd={wd} and weight_decay=0.2'): SGD([group], 0.1)

def test_the_settings_are_the_arguments_of_update():
    "By position or by name; help shows them; one that is unknown or missing is refused at once"
    told = '(params, lr=0.001, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, *, maximize=False'
    assert str(inspect.signature(SGD)).startswith(told)
    settings = SGD([torch.zeros(1)], 0.1, 0.9, 0.5, 0.01).param_groups[0]
    assert [settings[k] for k in ('lr', 'momentum', 'dampening', 'weight_decay')]==[0.1, 0.9, 0.5, 0.01]
    class NoDefault(Optimizer):
        def update(self, p, g, state, lr): pass
    with pytest.raises(TypeError, match="missing a required argument: 'lr'"): NoDefault([torch.zeros(1)])
    for args,kw,says in (
        ([0.1], {'momentun': 0.9}, "unexpected keyword argument 'momentun'"),
        ([0.1], {'lr': 0.1}, "multiple values for argument 'lr'"), ([1,2,3,4,False,6], {}, 'too many positional arguments')):
        with pytest.raises(TypeError, match=says): SGD([torch.zeros(1)], *args, **kw)
    class Own(SGD):
        def __init__(self, params, rate): super().__init__(params, lr=10*rate)
    assert Own([torch.zeros(1)], rate=1.).param_groups[0]['lr']==10
    with pytest.raises(NotImplementedError, match='Optimizer has no `update`'):
        opt = Optimizer([torch.zeros(1)])
        opt.param_groups[0]['params'][0].g = torch.zeros(1)
        opt.step()

@pytest.mark.parametrize('params, error, says', [
    ([], ValueError, 'got no parameters'), ((o for o in ()), ValueError, 'got no parameters'),
    ([{'params': []}], ValueError, 'got no parameters'),
    (torch.zeros(3), TypeError, 'got a Tensor, wanted a list of tensors'), ({torch.zeros(3)}, TypeError, 'got a set'),
    ([3.], TypeError, 'got a parameter of type float, wanted a tensor'), ([torch.zeros(1), 'w'], TypeError, 'got a parameter of type str'),
    ([torch.zeros(1), ('w', 3.)], TypeError, 'got a parameter of type float'), (3., TypeError, 'got a float, wanted a list'),
    ([(torch.zeros(1), 'w')], TypeError, 'got a parameter of type tuple'), ({'w': torch.zeros(1)}, TypeError, 'got a dict'),
    ([{'params': [torch.zeros(1)]}, torch.zeros(1)], ValueError, "got groups without 'params'"),
    ([{'lr': 0.1}], ValueError, "got groups without 'params'"),
    ([torch.ones(2, requires_grad=True)*0.1], ValueError, r'got a tensor \(2,\) that was calculated from others')])
def test_parameters_that_are_refused(params, error, says):
    with pytest.raises(error, match=f'SGD: {says}'): SGD(params, 0.1)

def test_the_same_parameter_twice():
    p = torch.zeros(2)
    for params in ([p, torch.zeros(2), p], [{'params': [p]}, {'params': [p], 'lr': 1.}]):
        with pytest.raises(ValueError, match='SGD: got the same parameter twice'): SGD(params, 0.1)
    SGD([p, torch.zeros(2)], 0.1)  # equal values are not the same parameter

def test_own_layers_are_trained():
    "Ten seeds: the loss of a two-layer network on random data falls with gradients in `.g`"
    for seed in range(10):
        torch.manual_seed(seed)
        x,y = torch.randn(60,8),torch.arange(60)%3
        model = Model(kaiming(8,16), torch.zeros(16), kaiming(16,3), torch.zeros(3), loss=CrossEntropy())
        opt,before = SGD(model.parameters(), 0.5),model(x, y)
        for _ in range(100):
            model(x, y)
            model.backward()
            opt.step()
            opt.zero_grad()
        assert model(x, y)<0.8*before, seed

@pytest.mark.parametrize('ours, theirs, draw', [
    (SGD, torch.optim.SGD, lambda g: {'momentum': g.choice([0., 0.5, 0.9])}),
    (RMSProp, torch.optim.RMSprop,
     lambda g: {'alpha': g.uniform(0.5, 0.99), 'eps': g.choice([1e-8, 1e-3]), 'momentum': g.choice([0., 0.9])}),
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
    for _ in range(50):
        if g.random()<0.5: yield g,(g.randint(1, 20), g.randint(1, 20))
        else: yield g,(g.randint(1, 20), g.randint(1, 4), g.choice([1, 3]), g.choice([1, 3, 5]))

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

def muon_settings(g):
    return {'momentum': g.choice([0., 0.5, 0.95]), 'nesterov': g.random()<0.5,
            'ns_steps': g.randint(1, 5), 'weight_decay': g.choice([0., 0.3])}

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
        kw = muon_settings(g)
        near(muon_steps(Muon, shape, i, dtype=None, **kw), muon_steps(MuonBySVD, shape, i, **kw), tol=1e-10)

@pytest.mark.skipif(not hasattr(torch.optim, 'Muon'), reason='PyTorch has Muon from version 2.9 on')
def test_muon_takes_the_steps_of_pytorch():
    "With the iterations in bfloat16, as PyTorch's are; a filter moves as PyTorch moves its matrix"
    for i,(g,shape) in enumerate(muon_shapes(2)):
        kw = muon_settings(g)
        flat = (shape[0], math.prod(shape[1:]))
        near(muon_steps(Muon, shape, i, **kw), muon_steps(torch.optim.Muon, flat, i, **kw), tol=1e-10)

def test_muon_refuses_what_it_cannot_use():
    w,b = torch.zeros(3,2),torch.zeros(3)
    with pytest.raises(ValueError, match=r'Muon: got a parameter of shape \(3,\), wanted \(r,c,...\)'): Muon([w, b])
    with pytest.raises(ValueError, match='got momentum=1.0, wanted a number from 0 to below 1'): Muon([w], momentum=1.0)
    with pytest.raises(ValueError, match='got ns_steps=0'): Muon([w], ns_steps=0)
    with pytest.raises(ValueError, match='wanted at least two with two or more dimensions'): MuonSGD([w, b])
    with pytest.raises(TypeError, match='split_params: got groups'): MuonSGD([{'params': [w, b]}])
    with pytest.raises(TypeError, match='got a torch.optim.sgd.SGD, wanted optimizers of fastfound'):
        MultiOptimizer(torch.optim.SGD([w.requires_grad_()], 0.1))
    with pytest.raises(ValueError, match='got the same parameter twice'): MultiOptimizer(SGD([w], 0.1), Adam([b, w]))
    with pytest.raises(RuntimeError, match='no parameter has a gradient'): MultiOptimizer(SGD([w], 0.1), Adam([b])).step()

def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(1,4,3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4,6,3), nn.ReLU(), nn.Flatten(),
                         nn.Linear(6*16,5), nn.ReLU(), nn.Linear(5,2))

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
    both,muon,sgd = MuonSGD(one.parameters(), 0.05, 0.02, wd=0.1),Muon(hidden, 0.05, wd=0.1, dtype=None),SGD(rest, 0.02, momentum=0.9)
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

# In PyTorch's place

TWINS = [(SGD, torch.optim.SGD, {}), (SGD, torch.optim.SGD, dict(momentum=0.9, nesterov=True, weight_decay=0.1)),
         (RMSProp, torch.optim.RMSprop, {}), (RMSProp, torch.optim.RMSprop, dict(momentum=0.5, weight_decay=0.1)),
         (Adam, torch.optim.Adam, dict(weight_decay=0.1)), (AdamW, torch.optim.AdamW, {})]
if hasattr(torch.optim, 'Muon'): TWINS.append((Muon, torch.optim.Muon, {}))  # from PyTorch 2.9 on
twins = pytest.mark.parametrize('ours, theirs, kw', TWINS, ids=lambda o: o.__module__.split('.')[0] if isinstance(o, type) else None)

def matrices(dtype=torch.float64):
    "Two matrices, always the same"
    return [torch.randn(s, dtype=torch.float64, generator=torch.Generator().manual_seed(i)).to(dtype).requires_grad_()
            for i,s in enumerate(((4,3), (3,5)))]

def go(opt, n, first=0, hooks=lambda i: None):
    "`n` steps of `opt` with two matrices, and the matrices then"
    a,b = [p for o in opt.param_groups for p in o['params']]
    for i in range(first, first+n):
        x = torch.randn(6,4, dtype=torch.float64, generator=torch.Generator().manual_seed(i)).to(a.dtype)
        (x@a@b).sin().pow(2).mean().backward()
        opt.step()
        opt.zero_grad()
        hooks(i)
    return [a.detach().clone(), b.detach().clone()]

def all_near(ours, theirs, tol=1e-12):
    for a,b in zip(ours, theirs, strict=True): near(a, b, tol=tol)

@twins
def test_they_are_optimizers_of_pytorch(ours, theirs, kw):
    "With its defaults, in its order, its groups and its state, and a repr that tells the settings"
    one,two = ours(matrices(), **kw),theirs(matrices(), **kw)
    assert isinstance(one, torch.optim.Optimizer) and two.defaults.items()<=one.defaults.items()
    assert {k: v for k,v in two.param_groups[0].items() if k!='params'}.items()<=one.param_groups[0].items()
    names = [o.name for o in inspect.signature(theirs).parameters.values() if o.kind==o.POSITIONAL_OR_KEYWORD]
    own = [o.name for o in inspect.signature(ours).parameters.values() if o.kind==o.POSITIONAL_OR_KEYWORD and o.name!='dtype']
    assert [o for o in names if o in own]==own
    assert all(f'\n    {k}: ' in repr(one) for k in two.defaults) and repr(one).startswith(f'{ours.__name__} (\n')
    all_near(go(one, 5), go(two, 5))
    saved,theirs = one.state_dict(),two.state_dict()
    assert saved['state'].keys()==theirs['state'].keys() and saved['param_groups'][0]['params']==theirs['param_groups'][0]['params']
    for i,state in theirs['state'].items():
        assert saved['state'][i].keys()>={k for k,v in state.items() if v is not None}
        for k,v in saved['state'][i].items(): assert v.dtype==state[k].dtype and v.shape==state[k].shape

@twins
@pytest.mark.parametrize('back', [False, True], ids=['to PyTorch', 'from PyTorch'])
def test_one_continues_what_the_other_began(ours, theirs, kw, back):
    first,second = (theirs, ours) if back else (ours, theirs)
    begun = first(matrices(), **kw)
    ps = [p.requires_grad_() for p in go(begun, 4)]
    other = second(ps, lr=0.5)
    other.load_state_dict(begun.state_dict())
    all_near(go(other, 4, 4), go(theirs(matrices(), **kw), 8))

@twins
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float32, torch.float64])
def test_state_takes_the_precision_of_the_parameters(ours, theirs, kw, dtype):
    "And is a copy: further steps leave what was saved as it is. The count of steps stays in float32"
    saved = ours(matrices(torch.float32), **kw)
    go(saved, 2)
    saved = saved.state_dict()
    before = copy.deepcopy(saved)
    one,two = ours(matrices(dtype), **kw),theirs(matrices(dtype), **kw)
    one.load_state_dict(saved)
    for state in one.state.values(): assert {v.dtype for k,v in state.items() if k!='step'}<={dtype}
    for state in one.state.values(): assert 'step' not in state or state['step'].dtype==torch.float32
    go(one, 2)
    for i,state in before['state'].items(): assert all(torch.equal(v, saved['state'][i][k]) for k,v in state.items())

def changed(saved, **new): return {**saved, 'state': {**saved['state'], 0: {**saved['state'][0], **new}}}

def of(opt_func):
    "The state of a fresh optimizer of the same parameters, after a step"
    opt = opt_func(matrices())
    go(opt, 1)
    return opt.state_dict()

@pytest.mark.parametrize('make, spoil, says', [
    (Adam, lambda s: of(partial(SGD, momentum=0.9)), 'Adam: got settings without betas'),
    (Adam, lambda s: of(SGD), 'Adam: got settings without betas'),
    (SGD, lambda s: of(Adam), 'SGD: got settings without momentum'), (SGD, lambda s: of(RMSProp), 'SGD: got settings without dampening'),
    (RMSProp, lambda s: of(SGD), 'RMSProp: got settings without alpha'), (Muon, lambda s: of(SGD), 'Muon: got settings without eps'),
    (Adam, lambda s: of(AdamW), 'Adam: got decoupled_weight_decay=True'),
    (Adam, lambda s: of(partial(torch.optim.Adam, amsgrad=True)), 'Adam: got amsgrad=True'),
    (Adam, lambda s: changed(s, momentum_buffer=torch.zeros(4,3)), 'got state with .*momentum_buffer, wanted step and exp_avg and'),
    (Adam, lambda s: changed(s, exp_avg=torch.zeros(3,4)), r'got exp_avg of shape \(3, 4\).*wanted numbers of shape \(4, 3\)'),
    (Adam, lambda s: changed(s, exp_avg=torch.zeros(1)), r'got exp_avg of shape \(1,\)'),
    (Adam, lambda s: changed(s, exp_avg=torch.zeros(4,3).long()), 'got exp_avg of dtype int64, wanted float'),
    (Adam, lambda s: changed(s, exp_avg=torch.zeros(4,3)*1j), 'got exp_avg of dtype complex64, wanted float'),
    (Adam, lambda s: changed(s, exp_avg=torch.zeros(4,3).to_sparse()), 'got exp_avg .*sparse'),
    (Adam, lambda s: changed(s, exp_avg=torch.zeros(4,3, device='meta')), 'got exp_avg .*meta'),
    (Adam, lambda s: changed(s, exp_avg=[0.]), 'got exp_avg of type list, wanted a tensor'),
    (Adam, lambda s: changed(s, step=nan), 'got step=nan'), (Adam, lambda s: changed(s, step=torch.zeros(2)), 'got step=tensor'),
    (Adam, lambda s: changed(s, step=-1), 'got step=-1'), (Adam, lambda s: changed(s, step='3'), "got step='3'"),
    (Adam, lambda s: {**s, 'state': {0: {k: v for k,v in s['state'][0].items() if k!='step'}}}, 'got state with exp_avg and .*, wanted'),
    (Adam, lambda s: {**s, 'state': {**s['state'], 7: s['state'][0]}}, r'got the state of \[0, 1, 7\]'),
    (Adam, lambda s: {**s, 'state': {**s['state'], 0: 3}}, 'got a int as the state of a parameter'),
    (Adam, lambda s: {**s, 'param_groups': s['param_groups']*2}, 'got the state of 4 parameters in 2 groups, wanted 2 in 1'),
    (Adam, lambda s: {**s, 'param_groups': [{**s['param_groups'][0], 'lr': nan}]}, 'got lr=nan'),
    (Adam, lambda s: {**s, 'param_groups': [{**s['param_groups'][0], 'betas': 0.9}]}, 'got betas=0.9'),
    (Adam, lambda s: {**s, 'param_groups': [{**s['param_groups'][0], 'params': [0,0]}]}, 'wanted each parameter once'),
    (Adam, lambda s: {**s, 'param_groups': [{'lr': 0.1}]}, 'wanted what `state_dict` returns'),
    (Adam, lambda s: {'state': s['state']}, 'wanted what `state_dict` returns'), (Adam, lambda s: [s], 'got what has'),
    (Adam, lambda s: {**s, 'state': [*s['state'].values()]}, 'wanted what `state_dict` returns')])
def test_state_of_another_kind_is_refused(make, spoil, says):
    "In words, and nothing has changed: not by half"
    opt = make(matrices())
    go(opt, 2)
    before = copy.deepcopy(opt.state_dict())
    with pytest.raises((TypeError,ValueError), match=says): opt.load_state_dict(spoil(copy.deepcopy(before)))
    after = opt.state_dict()
    assert after['param_groups']==before['param_groups'] and after['state'].keys()==before['state'].keys()
    for i,state in before['state'].items(): assert all(torch.equal(v, after['state'][i][k]) for k,v in state.items())

def test_state_that_hooks_mend():
    "Hooks of others come before the check, and a count that is no tensor becomes one, as in PyTorch"
    begun,opt = Adam(matrices()),Adam(matrices())
    go(begun, 3)
    saved = begun.state_dict()
    old = {'optimizer': {**saved, 'state': {i: {**o, 'step': 3} for i,o in saved['state'].items()}}}
    with pytest.raises(ValueError, match='wanted what `state_dict` returns'): opt.load_state_dict(old)
    opt.register_load_state_dict_pre_hook(lambda opt, saved: saved['optimizer'])
    opt.load_state_dict(old)
    assert all(torch.equal(o['step'], torch.tensor(3.)) for o in opt.state.values())
    with pytest.raises(ValueError, match='got settings without betas'): opt.load_state_dict({'optimizer': SGD(matrices()).state_dict()})

def test_unused_momentum_of_old_versions():
    "They saved None for it"
    opt = SGD(matrices(), momentum=0.9)
    opt.load_state_dict({**opt.state_dict(), 'state': {i: {'momentum_buffer': None} for i in range(2)}})
    all_near(go(opt, 3), go(torch.optim.SGD(matrices(), momentum=0.9), 3))

S = torch.optim.lr_scheduler
SCHEDULERS = {
    'step': lambda o: S.StepLR(o, 2), 'cosine': lambda o: S.CosineAnnealingLR(o, 6), 'cycle': lambda o: S.OneCycleLR(o, 0.1, total_steps=8),
    'lambda': lambda o: S.LambdaLR(o, lambda i: 0.9**i), 'restarts': lambda o: S.CosineAnnealingWarmRestarts(o, 3),
    'sequential': lambda o: S.SequentialLR(o, [S.LinearLR(o), S.ExponentialLR(o, 0.9)], [3]),
    'plateau': lambda o: S.ReduceLROnPlateau(o, patience=0), 'cyclic': lambda o: S.CyclicLR(o, 0.01, 0.1, 3)}

@pytest.mark.parametrize('schedule', SCHEDULERS.values(), ids=SCHEDULERS)
@pytest.mark.parametrize('ours, theirs', [(partial(SGD, momentum=0.9), partial(torch.optim.SGD, momentum=0.9)), (Adam, torch.optim.Adam)],
                         ids=['SGD', 'Adam'])
def test_schedulers_of_pytorch(ours, theirs, schedule):
    def run(opt_func):
        opt,seen = opt_func([{'params': [a], 'lr': 0.05} if i else {'params': [a]} for i,a in enumerate(matrices())], lr=0.1),[]
        scheduler = schedule(opt)
        def after(i):
            scheduler.step(*[1.]*isinstance(scheduler, S.ReduceLROnPlateau))
            seen.append([{k: o[k] for k in ('lr','momentum','betas') if k in o} for o in opt.param_groups])
        return seen,go(opt, 6, hooks=after)
    (rates,ps),(wanted,theirs_ps) = run(ours),run(theirs)
    assert rates==wanted and len({str(o) for o in rates})>1
    all_near(ps, theirs_ps)

def test_a_schedule_for_several_optimizers():
    opt = MuonSGD(matrices(), lr=0.1)
    scheduler,start = S.OneCycleLR(opt, 0.3, total_steps=5),[o['momentum'] for o in opt.param_groups]
    go(opt, 3, hooks=lambda i: scheduler.step())
    after = [o['momentum'] for o in opt.param_groups]
    assert isinstance(opt, torch.optim.Optimizer) and start!=after==[g['momentum'] for o in opt.opts for g in o.param_groups]
    with pytest.raises(ValueError, match='MuonSGD: got one more group'): opt.add_param_group({'params': [torch.zeros(2,2)]})
    with pytest.raises(ValueError, match='optimizer must support momentum'):
        S.OneCycleLR(MultiOptimizer(Muon(matrices()[:1]), Adam(matrices()[1:])), 0.3, total_steps=5)

@twins
def test_step_with_a_closure(ours, theirs, kw):
    def run(opt_func):
        a,b = matrices()
        opt,x = opt_func([a, b], **kw),torch.ones(2,4, dtype=torch.float64)
        def closure():
            opt.zero_grad()
            loss = (x@a@b).sin().pow(2).mean()
            loss.backward()
            return loss
        return [opt.step(closure).item() for _ in range(4)]
    near(run(ours), run(theirs), tol=1e-12)

def test_hooks_and_profiles_see_each_step_once():
    "Those of an optimizer, those of all, before and after; and they may be taken away"
    opt,seen = SGD(matrices()),[]
    def hook(name): return lambda opt, args, kwargs: seen.append(name)
    go(opt, 1)
    handles = [opt.register_step_pre_hook(hook('pre')), opt.register_step_post_hook(hook('post')),
               register_optimizer_step_pre_hook(hook('all pre')), register_optimizer_step_post_hook(hook('all post'))]
    try: go(opt, 1)
    finally:
        for o in handles: o.remove()
    go(opt, 1)
    assert seen==['all pre', 'pre', 'post', 'all post']
    with torch.profiler.profile() as p: go(opt, 1)
    assert [o.count for o in p.key_averages() if o.key=='Optimizer.step#SGD.step']==[1]

@pytest.mark.parametrize('ours, theirs', [(SGD, torch.optim.SGD), (AdamW, torch.optim.AdamW)])
def test_gradients_that_are_scaled_and_clipped(ours, theirs):
    "By PyTorch: a step is left out when a gradient is infinite"
    def run(opt_func):
        a,b = matrices(torch.float32)
        opt,scaler,seen = opt_func([a, b], lr=0.1),torch.amp.GradScaler('cpu', init_scale=4.),[]
        for factor in (1., inf, 3.):
            loss = (torch.ones(2,4)@a@b).sin().sum()*factor
            scaler.scale(loss).backward()
            scaler.unscale_(opt)
            seen.append(nn.utils.clip_grad_norm_([a, b], 0.5).item())
            scaler.step(opt)
            scaler.update()
            opt.zero_grad()
        return seen,[a.detach(), b.detach()]
    (norms,ps),(theirs_norms,theirs_ps) = run(ours),run(theirs)
    near(norms[::2], theirs_norms[::2])
    all_near(ps, theirs_ps, tol=1e-6)

@pytest.mark.parametrize('make', [SGD, Adam, lambda ps: MultiOptimizer(SGD(ps[:1]), Adam(ps[1:]))])
def test_a_scaler_that_does_not_see_the_gradients_is_refused(make):
    "Those of our own layers; before, the step was taken with what the scaler had left as it was"
    ps = [torch.ones(2), torch.ones(3)]
    opt,scaler = make(ps),torch.amp.GradScaler('cpu')
    scaler.scale(torch.ones(1))
    for p in ps: p.g = torch.ones_like(p)
    with pytest.raises(RuntimeError, match='got gradients in `.g`, wanted them in `.grad`, since a GradScaler'): scaler.step(opt)
    assert ps[0][0]==1

def test_all_gradients_are_cleared():
    p = torch.ones(2, requires_grad=True)
    opt = SGD([p])
    p.grad,p.g = torch.ones(2),torch.ones(2)
    grad,g = p.grad,p.g
    opt.zero_grad(set_to_none=False)
    assert p.grad is grad and p.g is g and not grad.any() and not g.any()
    opt.zero_grad()
    assert p.grad is p.g is None

@twins
@pytest.mark.parametrize('copied', [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=['deepcopy', 'pickle'])
def test_copies_go_on_like_the_original(ours, theirs, kw, copied):
    "With a scheduler and a hook, which stay with the original as in PyTorch, and attributes of a class of one's own"
    class_of = type('Own', (ours,), {'__module__': __name__})
    globals()['Own'] = class_of
    opt = class_of(matrices(), **kw)
    opt.note = 'mine'
    S.StepLR(opt, 1)
    opt.register_step_pre_hook(lambda *args: None)
    go(opt, 2)
    other = copied(opt)
    assert other.note=='mine' and other.param_groups[0]['params'][0] is not opt.param_groups[0]['params'][0]
    all_near(go(other, 3, 2), go(opt, 3, 2), tol=0)

def test_a_compiled_step():
    "Takes the same steps, also with another rate"
    one,two = Adam(matrices()),Adam(matrices())
    torch._dynamo.reset()
    compiled = torch.compile(lambda: one.step(), backend='eager')
    two_step,one_step = two.step,one.step
    for i in range(3):
        for opt,step in ((one, compiled), (two, two_step)):
            for p in opt.params(): p.grad = torch.full_like(p, i+1.)
            opt.param_groups[0]['lr'] = 0.1/(i+1)
            step()
    all_near(one.params(), two.params())

@pytest.mark.skipif(importlib.util.find_spec('accelerate') is None, reason='accelerate is not among the requirements')
def test_accelerate():
    from accelerate import Accelerator
    opt = Accelerator(cpu=True).prepare(AdamW(matrices()))
    all_near(go(opt, 3), go(torch.optim.AdamW(matrices()), 3))

# Rules

def test_tensors_act_like_one():
    torch.manual_seed(0)
    a,b = [[torch.rand(s)+0.5 for s in ((2,3), (4,), ())] for _ in range(2)]
    for f in (lambda x,y: x+y, lambda x,y: 2+x-y*3, lambda x,y: 2*x/y, lambda x,y: -x**2, lambda x,y: x.add(y, alpha=0.5).sqrt(),
              lambda x,y: x.clone().mul_(0.9).addcmul_(y, y, value=0.1), lambda x,y: x.clone().addcdiv_(x, y, value=-2.).lerp_(y, 0.3),
              lambda x,y: x.clone().sub_(y, alpha=2.).abs_().div_(y).sign().neg_()):
        got = f(Tensors(a), Tensors(b))
        assert isinstance(got, Tensors) and all(torch.equal(o, f(x, y)) for o,x,y in zip(got, a, b, strict=True))
    x = y = Tensors([o.clone() for o in a])
    x += 1
    x *= Tensors(b)
    x -= b
    x /= 2
    assert x is y and all(torch.equal(o, ((p+1)*q-q)/2) for o,p,q in zip(x, a, b))
    assert Tensors([torch.tensor(3.)]*2).item()==3

@pytest.mark.parametrize('make, kw', [(SGD, dict(momentum=0.9, dampening=0.5, wd=0.1)), (RMSProp, dict(momentum=0.5)), (RMSProp, {}),
                                      (Adam, dict(wd=0.1)), (AdamW, {})])
def test_all_at_once_is_one_by_one(make, kw):
    "To the last bit, for parameters of different age, size and precision"
    def run(opt_func):
        torch.manual_seed(0)
        ps = [torch.randn(3,2), torch.randn(5, dtype=torch.float64), torch.randn(2**18+1), torch.randn(4).bfloat16(), torch.randn(())]
        opt = opt_func([{'params': ps[:2], 'lr': 0.1}, {'params': ps[2:]}], **kw)
        for i in range(6):
            for j,p in enumerate(ps): p.grad = None if j in (1,4) and i in (0,3) else torch.randn_like(p)
            opt.step()
        return ps,opt.state_dict()['state']
    (ps,states),(one_by_one,theirs) = run(make),run(type('OneByOne', (make,), {'foreach': False}))
    for a,b in zip(ps, one_by_one): assert torch.equal(a, b)
    for i,state in states.items(): assert all(torch.equal(v, theirs[i][k]) for k,v in state.items())
    if make is Adam: assert [states[i]['step'].item() for i in range(5)]==[6, 4, 6, 6, 4]

class Called(TorchDispatchMode):
    "Collects the names of the operations of PyTorch in a block"
    def __init__(self):
        super().__init__()
        self.names = set()
    def __torch_dispatch__(self, f, types, args=(), kwargs=None):
        self.names.add(f.overloadpacket.__name__.strip('_').removeprefix('foreach_'))
        return f(*args, **kwargs or {})

@pytest.mark.parametrize('ours, theirs', [(RMSProp, torch.optim.RMSprop), (Adam, torch.optim.Adam), (AdamW, torch.optim.AdamW)])
def test_roots_of_zeros_and_of_the_smallest_numbers(ours, theirs):
    "The steps of PyTorch, without its `sqrt`, which takes up to thirty times as long for them"
    scales,called = torch.tensor([0., 1e-30, 1e-22, 1e-19, 1e-8, 1., 1e18]),Called()
    for eps in (1e-8, 1e-30):
        torch.manual_seed(0)
        grads = [torch.randn(len(scales))*scales for _ in range(5)]
        ps = [[torch.ones(len(scales)), torch.ones(2)] for _ in range(2)]
        for opt,(p,q) in zip((ours(ps[0], 0.1, eps=eps), theirs(ps[1], 0.1, eps=eps)), ps):
            for g in grads:
                p.grad,q.grad = g.clone(),g[4:6].clone()
                with called if opt.__class__ is ours else nullcontext(): opt.step()
        for a,b in zip(*ps): near(a, b, tol=3e-6)
    assert 'addcdiv' in called.names and 'sqrt' not in called.names

@twins
def test_steps_are_taken_in_place(ours, theirs, kw):
    "Parameters and state stay where they are in memory"
    opt = ours(matrices(), **kw)
    go(opt, 1)
    def places(): return [o.data_ptr() for p in opt.params() for o in (p, *opt.state[p].values())]
    before = places()
    go(opt, 2)
    assert places()==before

def test_a_rule_of_ones_own():
    "In the style of old: weight decay by its short name, state that is made anew, one parameter at a time; or all at once"
    class Old(Optimizer):
        def update(self, p, g, state, lr, wd=0.):
            m = state['m'] = 0.9*state.get('m', 0) + g + wd*p
            p -= lr*m
    class AtOnce(Old):
        foreach,kept = True,('m',)
        def update(self, p, g, state, lr, wd=0.):
            m = state['m'] = 0.9*state['m'] + g + wd*p
            p -= lr*m
    wanted = go(torch.optim.SGD(matrices(), 0.1, momentum=0.9, weight_decay=0.2), 4)
    for cls in (Old, AtOnce):
        for name in ('wd','weight_decay'): all_near(go(cls(matrices(), lr=0.1, **{name: 0.2}), 4), wanted)
    assert not type('Again', (AtOnce,), {'update': Old.update}).foreach and type('Same', (AtOnce,), {}).foreach
    one,two = Old(matrices(), lr=0.1),Old(matrices(), lr=0.1)
    go(one, 2)
    two.load_state_dict(one.state_dict())
    assert torch.equal(two.state[two.params()[0]]['m'], one.state[one.params()[0]]['m'])

@pytest.mark.parametrize('value, name', [
    (nan, 'lr'), (-0.1, 'lr'), (inf, 'lr'), (torch.tensor(nan), 'lr'), (nan, 'weight_decay'), ((0.9,1.), 'betas')])
def test_settings_that_go_wrong_later_are_refused(value, name):
    "Before any parameter or state is changed: also those of an earlier group and of an earlier optimizer"
    for make in (lambda ps: Adam([{'params': ps[:1]}, {'params': ps[1:]}]), lambda ps: MultiOptimizer(SGD(ps[:1]), Adam(ps[1:]))):
        opt = make(matrices())
        before = go(opt, 2)
        for p in opt.params(): p.grad = torch.ones_like(p)
        state = copy.deepcopy(opt.state_dict()['state'])
        opt.param_groups[1][name] = value
        for _ in range(2):
            with pytest.raises(ValueError, match=f'Adam: got {name}='): opt.step()
        assert all(torch.equal(a, b) for a,b in zip(opt.params(), before))
        assert all(torch.equal(v, opt.state_dict()['state'][i][k]) for i,o in state.items() for k,v in o.items())

def test_a_rate_in_a_tensor_may_change():
    "In place, and it is looked at again"
    rate = torch.tensor(0.1)
    one,two = SGD(matrices(), lr=rate),torch.optim.SGD(matrices(), lr=rate.clone())
    all_near(go(one, 2), go(two, 2))
    for o in (rate, two.param_groups[0]['lr']): o.fill_(0.03)
    all_near(go(one, 2), go(two, 2))
    rate.fill_(nan)
    with pytest.raises(ValueError, match='SGD: got lr=tensor'): go(one, 1)

@pytest.mark.parametrize('make', [RMSProp, Adam, AdamW, Muon])
def test_complex_parameters_are_refused(make):
    "Their squares are not those of two real numbers"
    for dtype in (torch.complex64, torch.complex128):
        opt,p = make([torch.zeros(3,2)]),torch.zeros(3,2, dtype=dtype)
        with pytest.raises(TypeError, match=f'{make.__name__}: got a parameter of dtype complex.*wanted float'): make([p])
        with pytest.raises(TypeError, match='wanted float'): opt.add_param_group({'params': [p]})

def test_complex_parameters_of_sgd():
    def run(opt_func):
        p = torch.tensor([1+2j,3-1j], dtype=torch.complex128, requires_grad=True)
        opt = opt_func([p], lr=0.1, momentum=0.9, weight_decay=0.1)
        for _ in range(4):
            (p*p.conj()).real.sum().backward()
            opt.step()
            opt.zero_grad()
        return torch.view_as_real(p.detach()),opt.state_dict()
    (ours,saved),(theirs,other) = run(SGD),run(torch.optim.SGD)
    near(ours, theirs, tol=1e-12)
    SGD([torch.ones(2, dtype=torch.complex128)]).load_state_dict(other)
    real = SGD([torch.ones(2)])
    with pytest.raises(TypeError, match='got momentum_buffer of dtype complex128, wanted float'): real.load_state_dict(saved)

@pytest.mark.parametrize('make', [SGD, RMSProp, Adam, AdamW, Muon])
def test_gradients_that_no_rule_can_use(make):
    "Sparse ones, and those in `.g` that would be broadcast; the other parameter stays as it is"
    embedding = nn.Embedding(4, 3, sparse=True)
    other = torch.ones(2,2, requires_grad=True)
    opt = make([other, embedding.weight])
    (embedding(torch.tensor([1,2])).sum()+other.sum()).backward()
    with pytest.raises(ValueError, match=f'{make.__name__}: got a gradient .*sparse.*wanted a dense one'): opt.step()
    embedding.weight.g = torch.ones(1,3)
    with pytest.raises(ValueError, match=r'got a gradient of shape \(1, 3\).*wanted a dense one of shape \(4, 3\)'): opt.step()
    assert torch.equal(other.detach(), torch.ones(2,2)) and not opt.state_dict()['state']

@pytest.mark.parametrize('make, kw', [
    (Adam, dict(amsgrad=True)), (AdamW, dict(amsgrad=True)), (AdamW, dict(decoupled_weight_decay=False)), (RMSProp, dict(centered=True)),
    (Muon, dict(ns_coefficients=(3.,-4.,2.))), (Muon, dict(adjust_lr_fn='match_rms_adamw')), (SGD, dict(differentiable=True)),
    (Adam, dict(capturable=True)), (SGD, dict(nesterov=True)), (SGD, dict(nesterov=True, momentum=0.9, dampening=0.1)),
    (SGD, dict(maximize='yes')), (SGD, dict(dampening=-1)),
    (Muon, dict(ns_steps=2.5)), (Muon, dict(ns_steps=100)), (Muon, dict(dtype='half'))])
def test_options_that_are_not_here(make, kw):
    "Refused when given, in a group and in a group that is added; what says the default is taken"
    for params,more in ((matrices(), kw), ([{'params': matrices(), **kw}], {})):
        with pytest.raises(ValueError, match=f'{make.__name__}: got .*wanted'): make(params, **more)
    opt = make(matrices())
    with pytest.raises(ValueError, match=f'{make.__name__}: got .*wanted'): opt.add_param_group({'params': [torch.zeros(2,2)], **kw})
    assert len(opt.param_groups)==1 and len(opt.params())==2
    make(matrices(), foreach=True, fused=False, differentiable=False, maximize=False)

@twins
def test_a_group_that_comes_later(ours, theirs, kw):
    def run(opt_func):
        a,b = matrices()
        opt = opt_func([a], **kw)
        for i in range(4):
            if i==2: opt.add_param_group({'params': b, 'lr': 0.05})
            (torch.ones(2,4, dtype=torch.float64)@a@b).sin().sum().backward()
            opt.step()
            opt.zero_grad()
        return [a.detach(), b.detach()]
    all_near(run(ours), run(theirs))
    opt = ours(matrices(), **kw)
    with pytest.raises(ValueError, match='got the same parameter twice'): opt.add_param_group({'params': opt.params()[:1]})
    with pytest.raises(ValueError, match="got groups without 'params'"): opt.add_param_group({'lr': 1.})
    assert len(opt.param_groups)==1

def test_parameters_with_names():
    "As PyTorch takes them from 2.6 on"
    model = nn.Linear(3,2)
    ours,theirs = [f(model.named_parameters(), lr=0.1) for f in (SGD, torch.optim.SGD)]
    assert ours.state_dict()['param_groups'][0]['param_names']==theirs.param_groups[0]['param_names']==['weight', 'bias']
    model(torch.ones(1,3)).sum().backward()
    ours.step()
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())

@pytest.mark.parametrize('ours, theirs', [(o, t) for o,t,kw in TWINS if not kw and o is not Muon] + [(Adam, torch.optim.Adam)])
def test_they_climb_with_maximize(ours, theirs):
    all_near(*[go(f(matrices(), maximize=True), 4) for f in (ours, theirs)])

def test_several_optimizers_have_one_state():
    "Also what they had before they were put together; it is loaded into each"
    def make(ps):
        sgd,adam = SGD(ps[:1], 0.1, momentum=0.9),Adam(ps[1:])
        return sgd,adam,MultiOptimizer(sgd, adam)
    ps = matrices()
    adam = Adam(ps[1:])
    for p in ps: p.grad = torch.ones_like(p)
    adam.step()
    assert ps[1] in MultiOptimizer(SGD(ps[:1], momentum=0.9), adam).state
    *_,opt = make(matrices())
    ps = [p.requires_grad_() for p in go(opt, 2)]
    sgd,adam,other = make(ps)
    other.load_state_dict(opt.state_dict())
    assert sgd.state is adam.state is other.state and other.param_groups[1] is adam.param_groups[0] and len(other.state)==2
    all_near(go(other, 3, 2), go(opt, 3, 2), tol=0)
    with pytest.raises(ValueError, match='SGD: got settings without momentum'):
        other.load_state_dict(MultiOptimizer(Adam(matrices()[:1]), Adam(matrices()[1:])).state_dict())

def test_the_compiler_of_pytorch_is_not_imported():
    "Which takes a second or more, and which PyTorch's own methods would do"
    code = '''if True:
        import sys, torch
        from fastfound.optimizers import Adam, MuonSGD
        for make in (Adam, MuonSGD):
            ps = [torch.nn.Parameter(torch.ones(2,2)) for _ in range(3)]
            opt = make(ps)
            for p in ps: p.grad = torch.ones(2,2)
            opt.step()
            opt.zero_grad()
            opt.load_state_dict(opt.state_dict())
        opt = Adam(ps[:1])
        opt.add_param_group({'params': ps[1:]})
        sys.exit('torch._dynamo' in sys.modules)'''
    assert subprocess.run([sys.executable, '-c', code]).returncode==0
