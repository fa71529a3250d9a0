"The exercises of chapter 6: more rules and a schedule, what is left of Adam, counts of steps, and two optimizers in one."
# mypy: ignore-errors
import importlib, math
from functools import cache
import torch
from .spec import check, exercise, made, randn
from .update_rules import NOT_IN_PLACE, UP, WITHOUT, faded, path, rule, rule_names, steps_of, summed, use_rule

OPTIMIZERS = tuple(o for o in WITHOUT if o!='numpy')

# 1: look ahead

def at_its_rate(p, g, state, lr, beta=0.9):
    state['m'] = beta*state.get('m', 0) - lr*g
    return p + beta*state['m'] - lr*g

def ahead(direction):
    "A mistake that knows `beta`, from the sum before and after a step, the gradient and `beta`"
    def update(p, g, state, lr, beta=0.9):
        old = state.get('m', torch.zeros_like(g))
        m = state['m'] = beta*old+g
        return p-lr*direction(old, m, g, beta)
    return rule(update)

check('06.1', '06', steps_of({'beta': 0.5}, {'beta': 0.}, {'beta': 0.99}, lrs=(0.1,0.01)), use=use_rule, names=rule_names,
      without=OPTIMIZERS, near=1e-9, same=('SGD',), mistakes={
    'each gradient is summed with the rate of its own step, which shows when a schedule changes the rate; sum the gradients alone, and '
    'multiply by `lr` in the step': rule(at_its_rate),
    'this is plain momentum; the step is the gradient plus `beta` times the new sum': ahead(lambda old, m, g, b: m),
    'the new sum is added whole; it is multiplied by `beta` in the step, too': ahead(lambda old, m, g, b: g+m),
    'the gradient is missing in the step: `g + beta*m`': ahead(lambda old, m, g, b: b*m),
    '`beta` multiplies both; the gradient is added as it is: `g + beta*m`': ahead(lambda old, m, g, b: b*(g+m)),
    '`beta` multiplies the gradient; it belongs to the sum: `g + beta*m`': ahead(lambda old, m, g, b: b*g+m),
    'the two are averaged; here the gradient counts whole: `g + beta*m`': ahead(lambda old, m, g, b: (1-b)*g+b*m),
    'the sum is a moving average, in which the new gradient counts 1-beta; keep the sum of `basic_momentum`':
        rule(lambda p, g, s, lr, beta=0.9: p-lr*(g+beta*s.setdefault('m', torch.zeros_like(g)).mul_(beta).add_(g, alpha=1-beta))),
    '`beta` makes no difference; it is the setting of the rule, 0.9 only by default':
        summed(lambda m, g, b: b*m+g, step=lambda p, m, g, lr: p-lr*(g+0.9*m), settings=False),
    'only the gradient is used; the sum must be kept in `state`': rule(lambda p, g, s, lr, beta=0.9: p-lr*(g+beta*g)),
    UP: ahead(lambda old, m, g, b: -(g+b*m)),
    NOT_IN_PLACE: rule(lambda p, g, s, lr, beta=0.9: p)})(path(lambda g, beta=0.9: g+beta*faded(g, beta)))

# 2: a first step without bias correction

exercise('06.2', near=1e-3, mistakes={
    'the root is missing: Adam divides by the root of the average of the squares': lambda: (1-0.9)/(1-0.999),
    'this is the fraction of Adam\'s step in the one without correction; it was asked the other way round': lambda: 0.001**0.5/(1-0.9),
    'only the first average is there; divide by the root of the second': lambda: 1-0.9,
    'the average of the gradients is only 0.1 of the first gradient, since it begins at 0': lambda: 1/math.sqrt(0.001),
    'this is the fraction of the old average that is kept; after one step the new gradient counts 1-beta':
        lambda: 0.9/math.sqrt(0.999)})(lambda: math.sqrt(10.))

# 3: Adam with both factors 0

def signs(direction): return rule(lambda p, g, s, lr: p-lr*direction(p, g))

def sign_steps():
    "As for the other rules, and a gradient with zeros"
    yield torch.tensor([1.,2.], dtype=torch.float64),torch.tensor([[2.,-3.]], dtype=torch.float64),0.3,{}
    yield torch.tensor([1.,2.,3.], dtype=torch.float64),torch.tensor([[2.,0.,-0.5], [0.,1.,1.]], dtype=torch.float64),0.3,{}
    yield from steps_of(lrs=(0.3,0.1))()

check('06.3', '06', sign_steps, use=use_rule, names=rule_names, without=('sgd', 'adam', 'adamw'), near=1e-5,
      same=('basic_adam', 'Adam'), mistakes={
    'the size of the gradient is left in the step; g over the root of its square is only its sign': signs(lambda p, g: g),
    'the gradient is divided by the norm of all of it; each number is divided by its own size':
        signs(lambda p, g: g/g.norm().clamp_min(1e-12)),
    'where the gradient is 0, g/√g² is 0/0 = nan; `sign` gives 0 there': signs(lambda p, g: g/(g**2).sqrt()),
    'this is the sign of the parameter; take that of the gradient': signs(lambda p, g: p.sign()),
    'every number goes down; it goes against the sign of its gradient': signs(lambda p, g: torch.ones_like(g)),
    'each step is 1 long, as the rate is missing': rule(lambda p, g, s, lr: p-g.sign()),
    UP: signs(lambda p, g: -g.sign()), NOT_IN_PLACE: rule(lambda p, g, s, lr: p)})(path(lambda g: g.sign()))

# 4: a rotated ellipse

def rotation(degrees):
    a = math.radians(degrees)
    return (math.cos(a),-math.sin(a)),(math.sin(a),math.cos(a))

@cache
def adam_steps(stretch, of_matrix, of_start, rate=0.3, n=2000):
    "After how many steps Adam stays within 0.1 of the minimum, -1 if never; without tensors"
    r,s = rotation(of_matrix),rotation(of_start)
    h = [[r[i][0]*r[j][0] + stretch*r[i][1]*r[j][1] for j in (0,1)] for i in (0,1)]
    p,m,v,last = [-10*s[i][0] + 2*s[i][1] for i in (0,1)],[0.,0.],[0.,0.],0
    for t in range(1, n+1):
        g = [h[i][0]*p[0] + h[i][1]*p[1] for i in (0,1)]
        m,v = [0.9*a + 0.1*b for a,b in zip(m, g)],[0.999*a + 0.001*b*b for a,b in zip(v, g)]
        p = [p[i] - rate*m[i]/(1-0.9**t)/(math.sqrt(v[i]/(1-0.999**t))+1e-8) for i in (0,1)]
        if math.hypot(*p)>=0.1: last = t
    return last+1 if last<n else -1

COUNTED = [f'the steps for {k}, {what}' for what in ('along the axes', 'rotated') for k in (25,1000)]

def counts(of_matrix, of_start, along=(0,0)):
    return lambda: dict(zip(COUNTED, [float(adam_steps(k, *o)) for o in (along, (of_matrix,of_start)) for k in (25.,1000.)]))

def in_order(*order): return lambda: dict(zip(COUNTED, [[*counts(45, 45)().values()][i] for i in order]))

def use_counts(answer):
    sides = [o.tolist() if hasattr(o, 'tolist') else o for o in answer]
    flat = [o for side in sides for o in (side if isinstance(side, (tuple, list)) else [side])]
    return dict(zip(COUNTED, [-1. if o is None else float(o) for o in flat]))

exercise('06.4', use=use_counts, facts=True, near=0.03, mistakes={
    'the start is rotated, but not the ellipse; its gradient at `p` is `R@torch.diag(stretch)@R.T@p`': counts(0, 45),
    'the start is not rotated as the ellipse is: it is `R@tensor([-10.,2.])`, and the gradient `R@torch.diag(stretch)@R.T@p`, `R.T` last':
        counts(45, 0),
    'these are the counts of the ellipses along the axes, twice': counts(0, 0),
    'those along the axes and the rotated ones are swapped': in_order(2, 3, 0, 1),
    'the counts for 25 and for 1000 are swapped, or listed by ellipse; first come both along the axes, then both rotated':
        in_order(0, 2, 1, 3)})(counts(45, 45))

# 5: a warm-up, and a fall at the end

def positions():
    "Along the whole training, and close together where it begins"
    for o in (0., 0.5, 1., 0.05, 0.75, 0.1, 0.02, 0.08, 0.15, 0.3, 0.45, 0.55, 0.9, 0.99, 0.01, 1e-3, 1e-9): yield o,

def jumps(pos):
    "At 0.5 either half may count"
    return ... if pos==0.5 else pos/0.1 if pos<0.1 else 1. if pos<0.5 else 1-pos

def trapeze(rise=lambda pos: pos/0.1, fall=lambda pos: (1-pos)/0.5, among=min, top=1.): return lambda pos: among(rise(pos), top, fall(pos))

check('06.5', '06', positions, near=1e-6, names=('pos',), mistakes={
    'at 0.5 it jumps to 0.5; during the last half it goes from 1 down to 0, so divide by 0.5': jumps,
    'during the first tenth it is 0; there it rises from 0 to 1': trapeze(rise=lambda pos: 0. if pos<0.1 else 1.),
    'it falls from the start; the fall begins at 0.5': trapeze(fall=lambda pos: 1-pos),
    'it rises from 0 to 1 in the first tenth, so divide by 0.1': trapeze(rise=lambda pos: pos),
    'it rises during half of the training; the first tenth was asked for': trapeze(rise=lambda pos: pos/0.5),
    'it never falls: during the last half it goes down to 0': trapeze(fall=lambda pos: 1.),
    'there is no warm-up: during the first tenth it rises from 0': trapeze(rise=lambda pos: 1.),
    'it rises above 1: take the lowest of the three lines': trapeze(top=math.inf),
    'this is the highest of the three lines; take the lowest': trapeze(among=max),
    'the fall is too slow: it goes from 1 to 0 in half of the training, so divide by 0.5': lambda pos: min(pos/0.1, 1., 1.5-pos),
    'it falls with the last tenth, not the last half': trapeze(fall=lambda pos: (1-pos)/0.1)})(
    lambda pos: 10*pos if pos<0.1 else 1. if pos<=0.5 else 2-2*pos)

# 6: the largest momentum that does not overshoot

@cache
def curvatures(factor=2/20):
    "Of the mean squared error of parabolas at the times 0 to 19: the reciprocals of the eigenvalues of the inverse"
    time = torch.arange(20, dtype=torch.float64)
    x = torch.stack([time**2, time, torch.ones_like(time)], 1)
    return (1/torch.linalg.eigvalsh(torch.linalg.inv(factor*x.T@x))).tolist()  # the largest first

def critical(curvature, rate=3e-5): return (1-math.sqrt(rate*curvature))**2

exercise('06.6', near=1e-4, mistakes={
    'this is for the largest curvature; the floor of the valley has the smallest': lambda: critical(curvatures()[0]),
    'the curvatures are those of the mean squared error: the eigenvalues of `2/20*features.T@features`':
        lambda: critical(curvatures(1.)[-1]),
    'the factor 2 is missing in the second derivatives, `2/20*features.T@features`': lambda: critical(curvatures(1/20)[-1]),
    'the root is missing: it is (1-√(ηλ))²': lambda: (1-3e-5*curvatures()[-1])**2,
    'the square is missing: it is (1-√(ηλ))²': lambda: 1-math.sqrt(3e-5*curvatures()[-1]),
    'the learning rate is missing under the root: it is (1-√(ηλ))², and η is 3e-5': lambda: critical(curvatures()[-1], 1.),
    'this is the second curvature; the floor has the smallest of the three': lambda: critical(curvatures()[1]),
    'this momentum is from the table, and overshoots a little; compute the one at which that begins': lambda: 0.995})(
    lambda: critical(curvatures()[-1]))

# 7: Muon with AdamW for the rest

def optimizers(): return importlib.import_module('fastfound.optimizers')

def models():
    "The sizes of the layers, and Muon's rate"
    for o in (((4,4,3), 0.05), ((6,4,10), 0.02), ((5,5,5,2), 0.1)): yield o

def between(o, low, high): return bool(((o>low) & (o<high)).all())

def use_two(f, sizes, lr):
    "The rates of the parameters, which are 0 at first, and how they move in a step"
    params = [torch.zeros(o, requires_grad=True) for a,b in zip(sizes, sizes[1:]) for o in ((b,a), (b,))]
    opt = f(params, lr=lr)
    rate = {id(p): float(group['lr']) for group in opt.param_groups for p in group['params']}
    for i,p in enumerate(params): p.grad = (randn(*p.shape, seed=i+1)+0.001).float()*10**(i%3-1)
    opt.step()
    moved = [p.detach().double()/rate.get(id(p), 1.) for p in params]
    hidden = [i for i,p in enumerate(params) if p.ndim==2][:-1]
    rest = [i for i in range(len(params)) if i not in hidden]
    def rates(which): return ' '.join(sorted({f'{rate.get(id(params[i]), 0.):.4g}' for i in which}))
    return {'the rates of the hidden weights': rates(hidden), 'the rates of all other parameters': rates(rest),
            'hidden weights move alike in all directions': all(between(torch.linalg.svdvals(moved[i]), 0.5, 1.5) for i in hidden),
            'each other number first moves by its rate': all(between(moved[i].abs(), 0.98, 1.02) for i in rest)}

def two(for_rest=lambda rest, lr: optimizers().AdamW(rest, lr/10), for_hidden=lambda hidden, lr: optimizers().Muon(hidden, lr), split=None):
    def wrong(params, lr):
        hidden,rest = (split or optimizers().split_params)(list(params))
        return optimizers().MultiOptimizer(for_hidden(hidden, lr), for_rest(rest, lr))
    return made(use_two, wrong)

def by_axes(params): return [p for p in params if p.ndim==2],[p for p in params if p.ndim!=2]

def adamw_for_all(params, lr): return optimizers().AdamW(params, lr)

check('06.7', '06', models, use=use_two, facts=True, names=('sizes of the layers', 'lr'), mistakes={
    'both have the same rate; AdamW gets a tenth of it': two(lambda rest, lr: optimizers().AdamW(rest, lr)),
    'AdamW has ten times the rate of Muon; a tenth was asked for': two(lambda rest, lr: optimizers().AdamW(rest, 10*lr)),
    'the tenth is Muon\'s; `lr` is the rate of Muon, and AdamW gets a tenth of it':
        two(lambda rest, lr: optimizers().AdamW(rest, lr), lambda hidden, lr: optimizers().Muon(hidden, lr/10)),
    'the rest is moved by plain gradients, as in `MuonSGD`; let AdamW do it': two(lambda rest, lr: optimizers().SGD(rest, lr/10)),
    'Muon moves the output layer, too; `split_params` leaves it to the rest': two(split=by_axes),
    'Muon moves the output layer, and AdamW the hidden weights; it is the other way round':
        two(split=lambda params: ([params[-2]], [p for p in params if p is not params[-2]])),
    'AdamW moves all parameters; the hidden weights belong to Muon': made(use_two, adamw_for_all)})(
    lambda sizes, lr: {'the rates of the hidden weights': f'{lr:.4g}', 'the rates of all other parameters': f'{lr/10:.4g}',
                       'hidden weights move alike in all directions': True, 'each other number first moves by its rate': True})
