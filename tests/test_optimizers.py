"SGD, the other optimizers and their base class against torch.optim, and what they refuse."
import copy, inspect, math, pickle, random
import pytest, torch
from torch import nn
from fastfound.backprop import CrossEntropy, Model
from fastfound.basics import test_near as near
from fastfound.fully_connected import kaiming
from fastfound.optimizers import SGD, Adam, AdamW, MultiOptimizer, Muon, MuonSGD, Optimizer, RMSProp, orthogonalize, split_params
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
    assert str(inspect.signature(SGD)).startswith('(params, lr=0.001, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, *, maximize')
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

