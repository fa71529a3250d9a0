"Chapter 6: update rules, wanted as sums over all gradients so far, schedules, and the orthogonal matrices of Muon by singular values."
# mypy: ignore-errors
import math
import torch
from .spec import check, made, randn

WITHOUT = ('numpy', 'sgd', 'rmsprop', 'adam', 'adamw', 'muon', 'autograd')  # the functions of torch.optim

# rules: a parameter, the gradients of several steps, the rate, settings, and perhaps a second parameter that takes its steps in between

def steps_of(*settings, lrs=(0.1,), matrix=False, default=False):
    "A parameter and gradients for `settings`, of all shapes; those of a matrix for `matrix`, and where `default` also without a rate"
    def inputs():
        def whole(*o): return torch.tensor(o, dtype=torch.float64)
        if matrix:
            yield whole([1.,2.],[3.,4.]),whole([[2.,0.],[0.,1.]]),lrs[0],{}
            yield whole([1.,2.],[3.,4.]),whole([[2.,0.],[0.,1.]], [[0.,1.],[3.,0.]]),lrs[0],{}
            shapes = [(1,1), (2,3), (3,2), (4,4), (1,5), (5,1), (8,6)]
        else:
            yield whole(1.),whole([2.]),lrs[0],{}
            yield whole(1.,2.),whole([2.,-3.]),lrs[0],{}
            yield whole(1.,2.),whole([2.,-3.], [1.,1.]),lrs[0],{}
            yield whole(1.,2.),whole([2.,-3.], [1.,1.], [4.,0.5]),lrs[0],{}
            shapes = [(), (3,), (1,), (2,3), (0,), (2,2,2), (40,)]
        for i,shape in enumerate(shapes):
            for dtype in (torch.float64, torch.float32)[:1+(i in (1,3))]:
                yield randn(*shape, seed=i, dtype=dtype),randn(3+2*i, *shape, seed=i+50, dtype=dtype),lrs[i%len(lrs)],{}
        some = (3,4) if matrix else (3,)
        for i,o in enumerate(settings): yield randn(*some, seed=i+20),randn(5, *some, seed=i+70),lrs[0],o
        yield randn(*some, seed=1).mT if matrix else randn(6, seed=1)[::2],randn(4, *(some[::-1] if matrix else some), seed=2),lrs[0],{}
        yield randn(*some, seed=3),randn(4, *some, seed=4),(0.1,0.3,0.2,0.05),{}  # as a schedule has it
        yield randn(*some, seed=5),randn(4, *some, seed=6),lrs[0],{},randn(2,2, seed=7)
        yield randn(*some, seed=8),randn(30, *some, seed=9),lrs[-1],{}
        if default: yield randn(*some, seed=10),randn(3, *some, seed=11),'left out',{}
    return inputs

rule_names = 'p','gradients','lr','settings','another parameter'

def rates(lr, n): return lr if isinstance(lr, tuple) else (lr,)*n

def use_rule(f, p, gradients, lr, settings, other=None):
    "The parameter after each step of the rule `f`, and that of another one, which has a state of its own"
    p,state,points = p.clone(),{},[]
    q,other_state,other_points = None if other is None else other.clone(),{},[]
    for i,(g,rate) in enumerate(zip(gradients, rates(lr, len(gradients)))):
        f(p, g, state, *(() if rate=='left out' else (rate,)), **settings)
        points.append(p.clone())
        if other is None: continue
        f(q, other*(i-1.5), other_state, rate, **settings)
        other_points.append(q.clone())
    told = {'p after each step': torch.stack(points)}
    return told if other is None else told | {'another parameter after each step': torch.stack(other_points)}

def faded(values, beta):
    "For each step the sum of `values` so far, each of them times `beta` to the power of its age"
    age = torch.arange(len(values)).unsqueeze(1)-torch.arange(len(values))
    weights = (torch.tensor(beta, dtype=torch.float64)**age.clamp_min(0))*(age>=0)
    return (weights@values.reshape(len(values), math.prod(values.shape[1:]))).view(values.shape)

def path(direction, decay=0., default=None):
    "An oracle from `direction`, which has the directions of all steps from all gradients and settings"
    def of(p, gradients, lr, wd=decay, **settings):
        d,points,at = direction(gradients.double(), **settings),[],p.double()
        for o,rate in zip(d, rates(default if lr=='left out' else lr, len(d))):
            at = (1-rate*wd)*at - rate*o
            points.append(at)
        return torch.stack(points).to(p.dtype)
    def want(p, gradients, lr, settings, other=None):
        told = {'p after each step': of(p, gradients, lr, **settings)}
        if other is None: return told
        gs = torch.stack([other*(i-1.5) for i in range(len(gradients))])
        return told | {'another parameter after each step': of(other, gs, lr, **settings)}
    return want

def rule(update, default=1e-3):
    "The mistake of a rule that makes `update` of a parameter, its gradient, its state and the rate"
    def wrong(p, g, state, lr=default, **settings):
        new = update(p, g, state, lr, **settings)
        if new is not None: p.copy_(new)
    return made(use_rule, wrong)

NOT_IN_PLACE = 'the parameter stays as it was: `p = p - ...` makes a new tensor, and only `p -= ...` changes the one that the model has'
UP = 'the step has the wrong sign: it goes against the gradient, so subtract'

check('basic_sgd', '06', steps_of(), use=use_rule, names=rule_names, without=WITHOUT, near=1e-9, same=('basic_sgd', 'SGD'), hints=(
    'In which direction does the loss fall, and how far does a step go? The parameter `p` itself must change: nothing is returned.',
    'Subtract the rate times the gradient from `p`, with an operator that changes a tensor in place.'), mistakes={
    UP: rule(lambda p, g, s, lr: p+lr*g),
    NOT_IN_PLACE: rule(lambda p, g, s, lr: p),
    'the learning rate is missing': rule(lambda p, g, s, lr: p-g),
    'the gradient replaces the parameter; subtract it, times `lr`': rule(lambda p, g, s, lr: -lr*g),
    'the steps grow, because gradients are added up; this rule keeps nothing from one step to the next':
        rule(lambda p, g, s, lr: p-lr*s.setdefault('m', torch.zeros_like(g)).add_(g))})(path(lambda g: g))

def summed(new, start=lambda g: 0, step=lambda p, m, g, lr: p-lr*m, settings=True):
    "A rule with a sum `m`, and a mistake in how it becomes `new`, or in the step"
    def update(p, g, state, lr, beta=0.9):
        m = state['m'] = new(state.get('m', start(g)), g, beta if settings else 0.9)
        return step(p, m, g, lr)
    return rule(update)

def rate_inside(p, g, state, lr, beta=0.9):
    m = state['m'] = beta*state.get('m', 0) + lr*g
    return p-m

def twice(p, g, state, lr, beta=0.9):
    m = state['m'] = beta*state.get('m', 0) + lr*g
    return p-lr*m

def nesterov(p, g, state, lr, beta=0.9):
    m = state['m'] = beta*state.get('m', 0) + g
    return p-lr*(g+beta*m)

check('basic_momentum', '06', steps_of({'beta': 0.5}, {'beta': 0.}, {'beta': 0.99}, {'beta': 1.}, lrs=(0.1,0.01)),
      use=use_rule, names=rule_names,
      without=WITHOUT, near=1e-9, same=('basic_momentum', 'SGD'), hints=(
    'What has to be remembered from one step to the next? Keep it in the dict `state` under a name of your own; `state.get(name, 0)` is 0 '
    'before the first step.',
    'The new sum is `beta` times the old one plus the gradient. Store it in `state`, and subtract the rate times this sum from `p`, '
    'in place.'), mistakes={
    'the step is made with the gradient alone, so this is plain gradient descent; '
    'keep a sum of the gradients in `state`, and subtract that':
        rule(lambda p, g, s, lr, beta=0.9: p-lr*g),
    'this is a moving average, in which the new gradient counts 1-beta; momentum adds it as it is': summed(lambda m, g, b: b*m+(1-b)*g),
    'the old gradients do not fade: multiply the sum by `beta` before the new one is added': summed(lambda m, g, b: m+g),
    '`beta` multiplies the new gradient; it is the old sum that fades': summed(lambda m, g, b: m+b*g),
    '`beta` multiplies both; the new gradient is added as it is': summed(lambda m, g, b: b*(m+g)),
    'the old sum is multiplied by 1-beta; `beta` is the fraction that is kept': summed(lambda m, g, b: (1-b)*m+g),
    'the first gradient counts twice: the sum is 0 before the first step': summed(lambda m, g, b: b*m+g, start=lambda g: g),
    UP: summed(lambda m, g, b: b*m+g, step=lambda p, m, g, lr: p+lr*m),
    NOT_IN_PLACE: summed(lambda m, g, b: b*m+g, step=lambda p, m, g, lr: p),
    'the rate is missing in the step': summed(lambda m, g, b: b*m+g, step=lambda p, m, g, lr: p-m),
    'each gradient is summed with the rate of its own step, which shows when a schedule changes the rate; sum the gradients alone, '
    'and multiply the sum by `lr`': rule(rate_inside),
    'this is Nesterov momentum, which adds the gradient once more; move by the sum alone': rule(nesterov),
    'the gradient is added to the sum once more in the step; it is in there already':
        summed(lambda m, g, b: b*m+g, step=lambda p, m, g, lr: p-lr*(m+g)),
    'the rate is there twice, in the sum and in the step; sum the gradients alone':
        rule(twice),
    'the sum is divided by 1-beta; it is not an average, so subtract it as it is, times `lr`':
        summed(lambda m, g, b: b*m+g, step=lambda p, m, g, lr: p-lr*m/(1-0.9)),
    '`beta` makes no difference; it is the setting of the rule, 0.9 only by default': summed(lambda m, g, b: b*m+g, settings=False),
    'the sum begins at 1; before the first gradient it is 0': summed(lambda m, g, b: b*m+g, start=torch.ones_like),
    '`beta` is added to the old sum; multiply the sum by it': summed(lambda m, g, b: b+m+g),
    'the rate is added to the sum; multiply the sum by it': summed(lambda m, g, b: b*m+g, step=lambda p, m, g, lr: p-(lr+m)),
    'the parameter becomes the step alone; subtract it from what the parameter was':
        summed(lambda m, g, b: b*m+g, step=lambda p, m, g, lr: lr*m)})(
    path(lambda g, beta=0.9: faded(g, beta)))

def squares(new=lambda v, g, a: a*v+(1-a)*g**2, root=lambda v, eps: v.sqrt()+eps, sign=-1, start=lambda g: 0):
    def update(p, g, state, lr, alpha=0.99, eps=1e-8):
        v = state['v'] = new(state.get('v', start(g)), g, alpha)
        return p+sign*lr*g/root(v, eps)
    return rule(update, 0.01)

check('basic_rmsprop', '06', steps_of({'alpha': 0.5}, {'eps': 0.5}, {'alpha': 0.9, 'eps': 0.1}, lrs=(0.1,0.01), default=True),
      use=use_rule, names=rule_names,
      without=WITHOUT, near=1e-9, same=('basic_rmsprop', 'RMSProp'), hints=(
    'This keeps an average in `state`, of what? It begins at 0, and `alpha` of it is left after a step, as in `moving_average` above.',
    'The new average is `alpha` times the old one plus `1-alpha` times the square of the gradient. The step is the rate times '
    'the gradient, '
    'divided by the root of this average plus `eps`, where `eps` is added to the root.'), mistakes={
    'the root is missing: divide by the root of the average of the squares': squares(root=lambda v, eps: v+eps),
    'the gradients are averaged, not their squares': squares(new=lambda v, g, a: a*v+(1-a)*g),
    '`eps` stands under the root; add it to the root': squares(root=lambda v, eps: (v+eps).sqrt()),
    'the squares are added up and never fade; take a moving average, `alpha` of the old one and 1-alpha of the new square':
        squares(new=lambda v, g, a: v+g**2),
    '`alpha` multiplies the new square; it is the fraction of the old average that is kept': squares(new=lambda v, g, a: (1-a)*v+a*g**2),
    'the new square is not multiplied by 1-alpha; an average gives it that weight': squares(new=lambda v, g, a: a*v+g**2),
    'the average begins with the first square; here it begins at 0': squares(start=lambda g: g**2),
    'the average is not kept: store it in `state`': squares(new=lambda v, g, a: (1-a)*g**2),
    UP: squares(sign=1)})(path(lambda g, alpha=0.99, eps=1e-8: g/(((1-alpha)*faded(g**2, alpha)).sqrt()+eps), default=0.01))

def over(x, c): return x/torch.tensor(1-c, dtype=torch.float64).to(x.dtype)

def adam(m=lambda m, g, b: b*m+(1-b)*g, v=lambda v, g, b: b*v+(1-b)*g**2, correct_m=over, correct_v=over,
         root=lambda v, eps: v.sqrt()+eps, sign=-1,
         t=lambda state: state.get('t', 0)+1, keep_t=True, start_m=torch.zeros_like, start_v=torch.zeros_like,
         swap=False, wd=lambda p, g, lr, wd: (p, g, 0.), default=0.01, ignores=False,
         step=lambda a, g, lr: lr*a, powers=lambda b1, b2, n: (b1**n, b2**n), keep_corrected=False, rate=None):
    "Adam and AdamW with a mistake in one of their parts"
    def update(p, g, state, lr, wd_=default, beta1=0.9, beta2=0.999, eps=1e-8):
        if ignores: beta1,beta2,eps = 0.9,0.999,1e-8
        if swap: beta1,beta2 = beta2,beta1
        p,g,after = wd(p, g, lr, wd_)
        n = t(state)
        if keep_t: state['t'] = state.get('t', 0)+1
        a = state['m'] = m(state.get('m', start_m(g)), g, beta1)
        b = state['v'] = v(state.get('v', start_v(g)), g, beta2)
        c1,c2 = powers(beta1, beta2, n)
        if correct_m: a = correct_m(a, c1)
        if correct_v: b = correct_v(b, c2)
        if keep_corrected: state['m'],state['v'] = a,b
        new = p+sign*step(a, g, rate or lr)/root(b, eps)
        return new-after*new
    def wrong(p, g, state, lr=1e-3, wd=default, **settings): p.copy_(update(p, g, state, lr, wd, **settings))
    return made(use_rule, wrong)

def corrected(g, beta1=0.9, beta2=0.999, eps=1e-8):
    "The directions of Adam: averages whose weights sum to 1"
    def average(values, beta):
        return faded(values, beta)/faded(torch.ones(len(values), 1, dtype=torch.float64), beta).view(-1, *[1]*(values.ndim-1))
    return average(g, beta1)/(average(g**2, beta2).sqrt()+eps)

ADAM = {
    'there is no bias correction: both averages begin at 0, so divide them by 1-beta1**t and 1-beta2**t':
        dict(correct_m=False, correct_v=False),
    'the average of the gradients is not corrected: divide it by 1-beta1**t': dict(correct_m=False),
    'the average of the squares is not corrected: divide it by 1-beta2**t': dict(correct_v=False),
    'the steps are counted from 0, so that the correction divides by 0 in the first; count the step before':
        dict(t=lambda s: s.get('t', 0)),
    'the count of steps is always 1: store it in `state`, too': dict(t=lambda s: 1),
    'the root is missing: divide by the root of the average of the squares': dict(root=lambda v, eps: v+eps),
    '`eps` stands under the root; add it to the root': dict(root=lambda v, eps: (v+eps).sqrt()),
    'the gradients are averaged where their squares should be': dict(v=lambda v, g, b: b*v+(1-b)*g),
    'the two betas are swapped: `beta1` is for the gradients, `beta2` for their squares': dict(swap=True),
    'the new gradient is not multiplied by 1-beta1; this is a sum, and Adam takes an average': dict(m=lambda m, g, b: b*m+g),
    'the new square is not multiplied by 1-beta2; this is a sum, and Adam takes an average': dict(v=lambda v, g, b: b*v+g**2),
    'the average of the gradients is not kept: store it in `state`': dict(m=lambda m, g, b: (1-b)*g),
    'the average of the squares is not kept: store it in `state`': dict(v=lambda v, g, b: (1-b)*g**2),
    '`beta1` multiplies the new gradient; it is the fraction of the old average that is kept': dict(m=lambda m, g, b: (1-b)*m+b*g),
    'absolute values are averaged where the squares of the gradients should be': dict(v=lambda v, g, b: b*v+(1-b)*g.abs()),
    'the squares of all numbers are added up; each number of the parameter has an average of its own':
        dict(v=lambda v, g, b: b*v+(1-b)*(g**2).sum()),
    'the average of the gradients is corrected with `beta2`; it takes 1-beta1**t': dict(powers=lambda b1, b2, n: (b2**n, b2**n)),
    'the average of the squares is corrected with `beta1`; it takes 1-beta2**t': dict(powers=lambda b1, b2, n: (b1**n, b1**n)),
    'the correction multiplies beta by t; it takes the power, 1-beta**t': dict(powers=lambda b1, b2, n: (b1*n, b2*n)),
    'the steps are counted from 2; the first is step 1': dict(t=lambda s: s.get('t', 0)+2),
    'the gradient is divided by the root, and the average of the gradients is not used; that is RMSProp': dict(step=lambda a, g, lr: lr*g),
    'the rate is missing': dict(step=lambda a, g, lr: a),
    'the corrected averages are stored, and corrected again in the next step; store them as they were before': dict(keep_corrected=True),
    'the step is multiplied by the root; divide by it': dict(root=lambda v, eps: 1/(v.sqrt()+eps)),
    'the average of the gradients is multiplied by 1-beta1**t; divide by it': dict(correct_m=lambda x, c: x*(1-c)),
    'the average of the squares is multiplied by 1-beta2**t; divide by it': dict(correct_v=lambda x, c: x*(1-c)),
    'the correction of the average of the squares is upside down': dict(correct_v=lambda x, c: (1-c)/x),
    'the average of the gradients is divided by 1+beta1**t; the weights of its values add up to 1-beta1**t':
        dict(correct_m=lambda x, c: x/(1+c)),
    'the average of the squares is divided by 1+beta2**t; the weights of its values add up to 1-beta2**t':
        dict(correct_v=lambda x, c: x/(1+c)),
    'the average of the squares is corrected after the root; correct it first': dict(correct_v=lambda x, c: x/(1-c)**2),
    'the average of the gradients begins at 1; before the first step it is 0': dict(start_m=torch.ones_like),
    'the average of the squares begins at 1; before the first step it is 0': dict(start_v=torch.ones_like),
    'the average of the gradients begins with the first gradient; it begins at 0, and is corrected': dict(start_m=lambda g: g),
    'the new gradient has the weight 1+beta1; it is 1-beta1': dict(m=lambda m, g, b: b*m+(1+b)*g),
    'the new square has the weight 1+beta2; it is 1-beta2': dict(v=lambda v, g, b: b*v+(1+b)*g**2),
    '1-beta1 is added to the new gradient; multiply them': dict(m=lambda m, g, b: b*m+(1-b+g)),
    '1-beta2 is added to the new square; multiply them': dict(v=lambda v, g, b: b*v+(1-b+g**2)),
    '`beta1` is added to the old average; multiply it': dict(m=lambda m, g, b: b+m+(1-b)*g),
    '`beta2` is added to the old average; multiply it': dict(v=lambda v, g, b: b+v+(1-b)*g**2),
    '`2**g` is 2 to the power of g; the square is `g**2`': dict(v=lambda v, g, b: b*v+(1-b)*2**g),
    '`2*g` is twice the gradient; the square is `g**2`': dict(v=lambda v, g, b: b*v+(1-b)*2*g),
    '`eps` is subtracted from the root; add it': dict(root=lambda v, eps: v.sqrt()-eps),
    'the rate is added to the average of the gradients; multiply it': dict(step=lambda a, g, lr: lr+a)}

check('basic_adam', '06', steps_of({'beta1': 0.5}, {'beta2': 0.9}, {'eps': 0.5}, {'beta1': 0., 'beta2': 0.5, 'eps': 0.1},
      lrs=(0.1,0.01), default=True), use=use_rule, names=rule_names, without=WITHOUT, near=1e-9, same=('basic_adam', 'Adam', 'AdamW'),
      hints=('Three things go into `state`: the number of steps, and two averages. Write the three formulas above the cell as '
             'three or four '
             'lines; what is `t` in the first step?',
             'Count the step first, so that `t` is 1 in the first. `m` and `v` are moving averages of `g` and `g**2` that begin '
             'at 0. Store '
             'them as they are, and correct them only in the last line: `m` over `1-beta1**t`, divided by the root of `v` over '
             '`1-beta2**t` '
             'plus `eps`.'),
      mistakes={k: adam(**v) for k,v in ADAM.items()} | {UP: adam(sign=1), NOT_IN_PLACE: rule(lambda p, g, s, lr, **kw: p)})(
    path(corrected, default=1e-3))

check('basic_adamw', '06', steps_of({'wd': 0.5}, {'wd': 0.}, {'wd': 2.}, {'wd': 0.1, 'beta1': 0.5, 'eps': 0.1}, {'beta2': 0.9},
      lrs=(0.1,0.01), default=True), use=use_rule, names=rule_names, without=WITHOUT, near=1e-9, same=('basic_adamw', 'Adam', 'AdamW'),
      hints=('Shrink the parameter first, and leave its gradient alone. The rest is there already, in `basic_adam`.',
             'Subtract `lr*wd` times the parameter from it, in place. Then call `basic_adam` with the same parameter, gradient, '
             'state and rate, '
             'and hand the other settings on with `**settings`.'),
      mistakes={
    'the decay is added to the gradient, and so is divided by the root, too; AdamW shrinks the parameter itself: `p -= lr*wd*p`':
        adam(wd=lambda p, g, lr, wd: (p, g+wd*p, 0.)),
    'the decay is not multiplied by the rate: `p -= lr*wd*p`': adam(wd=lambda p, g, lr, wd: (p-wd*p, g, 0.)),
    'the parameter grows where it should shrink: subtract `lr*wd*p`': adam(wd=lambda p, g, lr, wd: (p+lr*wd*p, g, 0.)),
    'there is no decay; this is Adam': adam(),
    'the decay comes after the step, and takes its part of the new parameter; shrink the parameter first':
        adam(wd=lambda p, g, lr, wd: (p, g, lr*wd)),
    'the parameter decays, but the step of Adam is missing': rule(lambda p, g, s, lr, wd=0.01, **kw: p-lr*wd*p),
    'a number is subtracted from every parameter; decay takes a fraction of each: `lr*wd*p`':
        adam(wd=lambda p, g, lr, wd: (p-lr*wd, g, 0.)),
    'the settings are not handed on to Adam: pass `**settings`': adam(wd=lambda p, g, lr, wd: (p-lr*wd*p, g, 0.), ignores=True),
    'the decay takes a part of the gradient; take one of the parameter': adam(wd=lambda p, g, lr, wd: (p-lr*wd*g, g, 0.)),
    'the rate is there twice in the decay': adam(wd=lambda p, g, lr, wd: (p-lr*lr*wd*p, g, 0.)),
    'the rate is not handed on to Adam, which takes its default, 0.001': adam(wd=lambda p, g, lr, wd: (p-lr*wd*p, g, 0.), rate=1e-3),
    NOT_IN_PLACE: rule(lambda p, g, s, lr, **kw: p),
    'the decay is there, but Adam has no bias correction':
        adam(wd=lambda p, g, lr, wd: (p-lr*wd*p, g, 0.), correct_m=False, correct_v=False)})(path(corrected, decay=0.01, default=1e-3))

# schedules: from the progress, 0 to 1, to a fraction of the highest rate

POSITIONS = 0.,1.,0.5,0.25,0.75,0.1,0.9,0.125,1/3,0.999,1e-9,0.6

def positions():
    for o in POSITIONS: yield o,

def half_cosine(pos): return math.cos(math.pi*pos/2)**2

check('basic_cosine', '06', positions, near=1e-6, names=('pos',), same=('basic_cosine', 'cosine_schedule'), hints=(
    'The cosine goes from 1 to -1 while its argument goes from 0 to π. How do you bring that to 1 and 0?',
    'Take `math.cos` of π times the progress, add 1, and halve it.'), mistakes={
    'the cosine goes from 1 to -1; add 1 and divide by 2, and it goes from 1 to 0': lambda pos: math.cos(math.pi*pos),
    'this is a quarter of a cosine, flat at the beginning only; half of one, from 0 to π, is flat at both ends':
        lambda pos: math.cos(math.pi*pos/2),
    'this rises from 0 to 1; the rate falls from 1 to 0': lambda pos: (1-math.cos(math.pi*pos))/2,
    'this falls from 2; divide by 2': lambda pos: 1+math.cos(math.pi*pos),
    'this is a whole cosine, which comes back to 1; half of one ends at π': lambda pos: (1+math.cos(2*math.pi*pos))/2,
    'the cosine is that of `pos`; at the end of training its argument should be π': lambda pos: (1+math.cos(pos))/2})(half_cosine)

def cycles():
    for o in POSITIONS: yield o,
    for o in POSITIONS: yield o,0.5
    for pos,peak,low in ((0.,0.25,0.1), (0.05,0.1,0.), (0.1,0.1,0.5), (0.2,0.1,0.5), (0.,0.,0.1), (0.5,0.,0.1),
                         (1.,0.9,0.2), (0.85,0.9,0.2), (0.3,1.,0.04)):
        yield pos,peak,low

def cycle(rise=lambda pos, peak, low: low+(1-low)*half_cosine(1-pos/peak), fall=lambda pos, peak, low: half_cosine((pos-peak)/(1-peak))):
    def f(pos, peak=0.25, low=1/25): return rise(pos, peak, low) if pos<peak else fall(pos, peak, low)
    return f

check('basic_one_cycle', '06', cycles, near=1e-6, names=('pos', 'peak', 'low'), same=('basic_one_cycle', 'one_cycle'), hints=(
    'Write the two parts separately, one for `pos<peak`. In each, what fraction of *this part* is over? `basic_cosine` falls '
    'from 1 to 0; how '
    'do you make it rise?',
    'In the first part `pos/peak` goes from 0 to 1, so `basic_cosine(1-pos/peak)` rises from 0 to 1; stretch that to go from '
    '`low` to 1. In the '
    'second, `pos-peak` over `1-peak` goes from 0 to 1.'), mistakes={
    'the rate rises from 0; it begins at `low`': cycle(lambda pos, peak, low: half_cosine(1-pos/peak)),
    'the rate rises to 1+low; between `low` and 1 there is only 1-low, so multiply by it':
        cycle(lambda pos, peak, low: low+half_cosine(1-pos/peak)),
    'the first part falls: a cosine of `pos/peak` begins at its top, so take `1-pos/peak`':
        cycle(lambda pos, peak, low: low+(1-low)*half_cosine(pos/peak)),
    'the first part rises in a straight line; it should follow half a cosine': cycle(lambda pos, peak, low: low+(1-low)*pos/peak),
    'the second part falls in a straight line; it should follow half a cosine': cycle(fall=lambda pos, peak, low: (1-pos)/(1-peak)),
    'both parts are straight lines; both should follow half a cosine':
        cycle(lambda pos, peak, low: low+(1-low)*pos/peak, lambda pos, peak, low: (1-pos)/(1-peak)),
    'the second part begins below 1, because the progress in it is not that of the whole training: subtract `peak`, and divide by `1-peak`':
        cycle(fall=lambda pos, peak, low: half_cosine(pos)),
    'the second part does not come down to 0: it has `1-peak` of the training, so divide by that':
        cycle(fall=lambda pos, peak, low: half_cosine(pos-peak)),
    'the second part falls to `low`; the rate ends at 0': cycle(fall=lambda pos, peak, low: low+(1-low)*half_cosine((pos-peak)/(1-peak))),
    'the first part does not come up to 1: it has `peak` of the training, so divide by that':
        cycle(lambda pos, peak, low: low+(1-low)*half_cosine(1-pos)),
    'the first part rises from 0 to 1-low; add `low`': cycle(lambda pos, peak, low: (1-low)*half_cosine(1-pos/peak)),
    'the two parts are swapped: the rate rises where `pos` is below `peak`':
        lambda pos, peak=0.25, low=1/25: low+(1-low)*half_cosine(1-pos/peak) if pos>peak else half_cosine((pos-peak)/(1-peak)),
    'the progress in the second part is divided by `peak`; it has `1-peak` of the training':
        cycle(fall=lambda pos, peak, low: half_cosine((pos-peak)/peak)),
    'there is no rise: before `peak` the rate goes up from `low` to 1':
        cycle(lambda pos, peak, low: half_cosine(pos), lambda pos, peak, low: half_cosine(pos)),
    'the rate is `low` until `peak`; it rises from there': cycle(lambda pos, peak, low: low),
    '`peak` makes no difference; it is where the rate is highest, 0.25 only by default':
        lambda pos, peak=0.25, low=1/25: cycle()(pos, 0.25, low),
    '`low` makes no difference; it is where the rate begins, 1/25 only by default': lambda pos, peak=0.25, low=1/25: cycle()(pos, peak)})(
    lambda pos, peak=0.25, low=1/25: low+(1-low)*math.sin(math.pi*pos/(2*peak))**2 if pos<peak
                                     else math.cos(math.pi*(pos-peak)/(2*(1-peak)))**2)

# Muon

NUMBERS = 3.4445,-4.7750,2.0315
SINGULAR = 'svd linalg_svd svdvals linalg_svdvals eigh linalg_eigh pinverse linalg_pinv qr linalg_qr svd_lowrank inverse linalg_inv'.split()

def by_singular_values(m, n=5, a=NUMBERS[0], b=NUMBERS[1], c=NUMBERS[2]):
    "What the polynomial makes of each singular value, with the directions as they are"
    u,s,vh = torch.linalg.svd(m.double(), full_matrices=False)
    s = s/s.square().sum().sqrt()
    for _ in range(n): s = a*s + b*s**3 + c*s**5
    return (u@torch.diag(s)@vh).to(m.dtype)

def matrices():
    yield torch.tensor([[2.,0.],[0.,1.]], dtype=torch.float64),
    yield torch.tensor([[3.]], dtype=torch.float64),
    yield torch.tensor([[2.,0.],[0.,1.]], dtype=torch.float64),1
    yield torch.tensor([[2.,0.],[0.,1.]], dtype=torch.float64),0
    for i,shape in enumerate([(2,2), (3,3), (2,3), (3,2), (1,4), (4,1), (6,9), (9,6)]):
        for n in (5,1,2)[:1+(i<5)*2]: yield randn(*shape, seed=i),n
    yield randn(2,3, seed=1, dtype=torch.float32),
    yield randn(5,5, seed=2, dtype=torch.float32),3
    yield randn(3,4, seed=3).t(),
    yield randn(3,8, seed=4)[:,::2],2
    yield 1e4*randn(3,3, seed=5),
    yield 1e-4*randn(3,3, seed=6),
    yield randn(3,4, seed=7),5,2.,-1.5,0.5
    yield randn(3,4, seed=8),3,1.5,-0.5,0.

def rounds(start=lambda m: m/m.norm(), new=lambda x, s, a, b, c: a*x+(b*s+c*s@s)@x, product=lambda x: x@x.T, times=lambda n: n):
    def f(m, n=5, a=NUMBERS[0], b=NUMBERS[1], c=NUMBERS[2]):
        x = start(m)
        for _ in range(times(n)): x = new(x, product(x), a, b, c)
        return x
    return f

check('newton_schulz', '06', matrices, near=2e-4, names=('m', 'n', 'a', 'b', 'c'), without=('numpy', *SINGULAR),
      same=('newton_schulz', 'orthogonalize'), hints=(
    'First divide the matrix by its norm. Then put it `n` times into the polynomial of the text; which product appears in it twice?',
    'In each round let `s` be `x@x.T`. The new `x` is `a*x` plus the matrix `b*s + c*s@s` times `x`; all products are matrix products.'),
      mistakes={
    'the matrix is not divided by its norm first, so its singular values are too large and explode': rounds(start=lambda m: m),
    'there is one round only; make `n` of them': rounds(times=lambda n: 1),
    'there is a round too few': rounds(times=lambda n: n-1),
    'the number of rounds is always 5; make `n` of them': rounds(times=lambda n: 5),
    '`s*s` multiplies element by element; the polynomial needs the matrix product `s@s`':
        rounds(new=lambda x, s, a, b, c: a*x+(b*s+c*s*s)@x),
    'each row is divided by its norm; divide by that of the whole matrix': rounds(start=lambda m: m/m.norm(dim=1, keepdim=True)),
    'the matrix is divided by its largest number; divide by its norm': rounds(start=lambda m: m/m.abs().max()),
    'the term with the fifth power is missing': rounds(new=lambda x, s, a, b, c: a*x+b*s@x),
    'the second and the third number are swapped': rounds(new=lambda x, s, a, b, c: a*x+(c*s+b*s@s)@x)})(by_singular_values)

def muon(new=lambda m, g, b: b*m+(1-b)*g, step=lambda p, m, g, lr: p-lr*by_singular_values(m), keep=lambda m: m):
    def update(p, g, state, lr, beta=0.95):
        m = new(state.get('m', 0), g, beta)
        state['m'] = keep(m)
        return step(p, m, g, lr)
    return rule(update)

check('basic_muon', '06', steps_of({'beta': 0.5}, {'beta': 0.}, lrs=(0.1,0.02), matrix=True), use=use_rule, names=rule_names, near=5e-4,
      without=WITHOUT, same=('basic_muon', 'Muon'), hints=(
    'Keep a moving average of the gradients in `state`. What is done to it before the step?',
    'The average is `beta` times the old one plus `1-beta` times the gradient, stored as it is. The step is the rate times '
    '`newton_schulz` of it.'),
      mistakes={
    'the gradient is made orthogonal, not the momentum': muon(step=lambda p, m, g, lr: p-lr*by_singular_values(g)),
    'the step is the momentum itself; make it orthogonal first': muon(step=lambda p, m, g, lr: p-lr*m),
    'the orthogonal matrix is stored; keep the average of the gradients': muon(keep=by_singular_values),
    UP: muon(step=lambda p, m, g, lr: p+lr*by_singular_values(m)),
    NOT_IN_PLACE: rule(lambda p, g, s, lr, beta=0.95: p)})(
    path(lambda g, beta=0.95: torch.stack([by_singular_values(o) for o in faded(g, beta)])))
